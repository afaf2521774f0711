#include "encoder/run/calibration.h"

#include <cstddef>
#include <vector>

namespace gannet::encoder {
namespace {

// Few positions are enough, and every model has them.
constexpr size_t kCalibrationTokens = 64;

absl::Status RunCalibrationText(const Tokenizer& tokenizer, const Model& model) {
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(
      tokenizer.Encode(kCalibrationText, {.max_tokens = kCalibrationTokens}, encoding));
  GANNET_RETURN_IF_ERROR(model.Check(encoding.ids, encoding.type_ids));
  PackedBatch batch;
  batch.Append(encoding.ids, encoding.type_ids);
  std::vector<float> hidden;
  model.Forward(batch, nullptr, hidden, nullptr);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadCalibrated(const std::filesystem::path& folder,
                                                            const Tokenizer& tokenizer,
                                                            ModelOptions& options,
                                                            LoadNotes& notes) {
  using Loaded = std::unique_ptr<const Model>;
  return LoadWithCalibration<Loaded>(
      [&](const ModelOptions& asked) { return Model::Load(folder, asked); },
      [&](const Loaded& model) { return RunCalibrationText(tokenizer, *model); }, options, notes);
}

}  // namespace gannet::encoder
