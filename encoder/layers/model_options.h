#ifndef GANNET_ENCODER_LAYERS_MODEL_OPTIONS_H_
#define GANNET_ENCODER_LAYERS_MODEL_OPTIONS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/kernels/packed_linear.h"

namespace gannet::encoder {

using kernels::Precision;
using kernels::PrecisionName;

// "fp32", "bf16", "int8", or "auto": bf16 on machines that multiply in it, else fp32.
absl::StatusOr<Precision> ParsePrecision(std::string_view name);

// What is done to a vector whose first values are kept (Matryoshka representations, Kusupati et al.
// 2022, arXiv:2205.13147).
enum class Truncation {
  kPlain,                  // Nothing more, as sentence-transformers' truncate_dim.
  kNormalize,              // The kept values are brought to length 1.
  kLayerNormAndNormalize,  // LayerNorm without weights (epsilon 1e-5) over the full vector before,
                           // length 1 after, as nomic-embed-text-v1.5 asks for.
};

// "plain", "unit", "layer-norm"
std::string_view TruncationName(Truncation truncation);
absl::StatusOr<Truncation> ParseTruncation(std::string_view name);

struct LoadNotes;

// Chosen when a model is loaded.
struct ModelOptions {
  Precision precision = Precision::kFp32;  // Of the linear layers.
  float temperature = 1;  // τ: scores are divided by it before the softmax (TempScale).
  // Linear layers of an int8 model that stay in bf16, by the names of their tensors; nullopt for
  // those that suffer on a calibration text.
  std::optional<std::vector<std::string>> bf16_layers = std::nullopt;
  // Of embedders: how many values of a vector are kept, and how; 0 for all.
  size_t dimension = 0;
  Truncation truncation = Truncation::kNormalize;
  LoadNotes* notes = nullptr;  // Where loading says what it did; null for nowhere.
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_MODEL_OPTIONS_H_
