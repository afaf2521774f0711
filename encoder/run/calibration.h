#ifndef GANNET_ENCODER_RUN_CALIBRATION_H_
#define GANNET_ENCODER_RUN_CALIBRATION_H_

#include <filesystem>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status.h"
#include "encoder/layers/load_notes.h"
#include "encoder/models/model.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// Prose, names, numbers, code and another language: tokens of many kinds.
inline constexpr std::string_view kCalibrationText =
    "The gannet folds its wings and dives from thirty metres; it strikes the sea at 100 km/h. "
    "In 1953, Dr. E. Nakamura (Kyoto) measured 4.7% less salt than was expected - why? "
    "for (int i = 0; i < n; ++i) sum += weight[i] * x[i]; // O(n) "
    "Der Vogel taucht tief, und niemand weiss, was er dort unten sieht.";

// Loads a model with `load`. An int8 model is loaded twice: in bf16, to see what its layers are
// given when `run` runs it on the calibration text, and then in int8, rounding shared out between
// inputs and weights by that. Where its options do not say which of its linear layers stay in bf16,
// those do whose outputs int8 would spoil; `options` then names them. `notes` says what was done.
template <typename Loaded>
absl::StatusOr<Loaded> LoadWithCalibration(
    absl::FunctionRef<absl::StatusOr<Loaded>(const ModelOptions&)> load,
    absl::FunctionRef<absl::Status(const Loaded&)> run, ModelOptions& options, LoadNotes& notes) {
  const bool calibrated = options.precision == Precision::kInt8;
  ModelOptions noting = options;
  noting.notes = &notes;
  if (calibrated) {
    ModelOptions sampling = noting;
    sampling.precision = Precision::kBf16;
    notes.sampling = true;
    GANNET_ASSIGN_OR_RETURN(const Loaded sampled, load(sampling));
    GANNET_RETURN_IF_ERROR(run(sampled));
    notes.sampling = false;
    notes.paths.clear();
  }
  GANNET_ASSIGN_OR_RETURN(Loaded loaded, load(noting));
  notes.samples.clear();
  if (calibrated && !options.bf16_layers) options.bf16_layers = notes.kept_in_bf16;
  return loaded;
}

// The same for the model of a folder.
absl::StatusOr<std::unique_ptr<const Model>> LoadCalibrated(const std::filesystem::path& folder,
                                                            const Tokenizer& tokenizer,
                                                            ModelOptions& options,
                                                            LoadNotes& notes);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_RUN_CALIBRATION_H_
