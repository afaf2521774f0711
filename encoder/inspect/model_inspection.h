#ifndef GANNET_ENCODER_INSPECT_MODEL_INSPECTION_H_
#define GANNET_ENCODER_INSPECT_MODEL_INSPECTION_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/layers/model_options.h"
#include "encoder/run/model_facts.h"

namespace gannet::encoder {

// What there is to know about a model before it is used.
struct ModelInspection {
  std::string name;
  std::filesystem::path folder;
  std::string kind;    // "embedder" or "cross-encoder".
  std::string family;  // Empty for tables of token vectors.
  ModelFacts facts;    // Assumptions include that of the family.

  uint64_t parameters = 0;    // Values of all tensors in the weights' files.
  uint64_t weight_bytes = 0;  // Of these files.
  std::string tokenizer;      // "WordPiece"
  size_t vocabulary = 0;

  size_t outputs = 0;      // Values of a vector, or labels.
  size_t max_tokens = 0;   // Longest input; 0 for any.
  std::string similarity;  // Of an embedder's vectors.
  std::string precision;
  std::string compute_path;
  uint64_t memory_bytes = 0;  // That opening took and the open model holds, without mapped files.
  std::string fingerprint;
};

// Opens the model (see OpenModel) and describes it. Errors are those of opening it.
absl::StatusOr<ModelInspection> InspectModel(const std::filesystem::path& path,
                                             const ModelOptions& options);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_INSPECT_MODEL_INSPECTION_H_
