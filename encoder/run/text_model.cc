#include "encoder/run/text_model.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/status.h"
#include "encoder/run/calibration.h"

namespace gannet::encoder {

// What is rounded in int8, so that vectors rounded otherwise are not taken for the model's.
constexpr std::string_view kInt8Rounding = "balanced by the calibration text";

std::string FingerprintWith(std::string folder, const ModelOptions& options) {
  if (options.precision == Precision::kFp32 && options.temperature == 1) return folder;
  base::Fingerprinter fingerprint;
  fingerprint.UpdateField(folder);
  fingerprint.UpdateField(PrecisionName(options.precision));
  fingerprint.UpdateField(fmt::format("{}", options.temperature));
  if (options.precision == Precision::kInt8) fingerprint.UpdateField(kInt8Rounding);
  for (const std::string& layer : options.bf16_layers.value_or(std::vector<std::string>())) {
    fingerprint.UpdateField(layer);
  }
  return fingerprint.HexDigest();
}

std::string DescribePaths(const LoadNotes& notes) {
  std::vector<std::string> parts;
  for (const auto& [path, count] : notes.paths) {
    parts.push_back(fmt::format("{} linear layers: {}", count, path));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

absl::StatusOr<TextModel> TextModel::Load(ModelFolder folder, const ModelOptions& asked) {
  TextModel loaded{.folder = std::move(folder), .options = asked};
  const std::filesystem::path& path = loaded.folder.transformer;
  GANNET_ASSIGN_OR_RETURN(loaded.tokenizer, Tokenizer::Open(path));
  LoadNotes notes;
  GANNET_ASSIGN_OR_RETURN(loaded.model,
                          LoadCalibrated(path, *loaded.tokenizer, loaded.options, notes));
  loaded.compute_path = DescribePaths(notes);
  const ModelDimensions& dimensions = loaded.model->dimensions();
  if (loaded.tokenizer->vocabulary_size() > dimensions.vocabulary) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: vocab_size: {}, but the tokenizer has {} entries", (path / "config.json").string(),
        dimensions.vocabulary, loaded.tokenizer->vocabulary_size()));
  }
  size_t& max_tokens = loaded.folder.max_tokens;
  if (max_tokens == 0 || (dimensions.positions != 0 && dimensions.positions < max_tokens)) {
    max_tokens = dimensions.positions;
  }
  GANNET_ASSIGN_OR_RETURN(std::string fingerprint, FingerprintOf(loaded.folder));
  loaded.fingerprint = FingerprintWith(std::move(fingerprint), loaded.options);
  return loaded;
}

}  // namespace gannet::encoder
