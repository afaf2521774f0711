#include "encoder/run/calibration.h"

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace gannet::encoder {
namespace {

// Prose, names, numbers, code and another language: tokens of many kinds.
constexpr std::string_view kCalibrationText =
    "The gannet folds its wings and dives from thirty metres; it strikes the sea at 100 km/h. "
    "In 1953, Dr. E. Nakamura (Kyoto) measured 4.7% less salt than was expected - why? "
    "for (int i = 0; i < n; ++i) sum += weight[i] * x[i]; // O(n) "
    "Der Vogel taucht tief, und niemand weiss, was er dort unten sieht.";

// Few positions are enough, and every model has them.
constexpr size_t kCalibrationTokens = 64;

absl::Status Sample(const std::filesystem::path& folder, const Tokenizer& tokenizer,
                    ModelOptions options, LoadNotes& notes) {
  options.precision = Precision::kBf16;
  options.notes = &notes;
  notes.sampling = true;
  GANNET_ASSIGN_OR_RETURN(const auto model, Model::Load(folder, options));
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(
      tokenizer.Encode(kCalibrationText, {.max_tokens = kCalibrationTokens}, encoding));
  GANNET_RETURN_IF_ERROR(model->Check(encoding.ids, encoding.type_ids));
  PackedBatch batch;
  batch.Append(encoding.ids, encoding.type_ids);
  std::vector<float> hidden;
  model->Forward(batch, nullptr, hidden, nullptr);
  notes.sampling = false;
  notes.paths.clear();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadCalibrated(const std::filesystem::path& folder,
                                                            const Tokenizer& tokenizer,
                                                            ModelOptions& options,
                                                            LoadNotes& notes) {
  if (options.precision == Precision::kInt8 && !options.bf16_layers) {
    GANNET_RETURN_IF_ERROR(Sample(folder, tokenizer, options, notes));
  }
  ModelOptions noting = options;
  noting.notes = &notes;
  GANNET_ASSIGN_OR_RETURN(auto model, Model::Load(folder, noting));
  notes.samples.clear();
  if (options.precision == Precision::kInt8 && !options.bf16_layers) {
    options.bf16_layers = notes.kept_in_bf16;
  }
  return model;
}

}  // namespace gannet::encoder
