#ifndef GANNET_ENCODER_CHECKPOINT_GGUF_MODEL_H_
#define GANNET_ENCODER_CHECKPOINT_GGUF_MODEL_H_

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/gguf.h"

namespace gannet::encoder {

// What brings the values of a GGUF tensor back to what transformers stores.
struct GgufRearrangement {
  enum class Kind {
    kNone,
    // Rows of each of `heads` heads: 2 i + s back to i + s · (rows of a head) / 2. Llama's kind
    // keeps the two values that rotate together as neighbours.
    kPairsToHalves,
    // Rows [q of all heads | k | v] back to [q k v] of each of `heads` heads (GPT-NeoX).
    kKindsToHeads,
    // Less 1: Gemma's norms are stored as the whole scale.
    kMinusOne,
  };
  Kind kind = Kind::kNone;
  size_t heads = 1;

  // Of a tensor that has so many rows.
  void Apply(std::vector<float>& values, size_t rows) const;
};

// A tensor of a GGUF file under the name that transformers gives it.
struct GgufTensor {
  std::string name;
  const TensorView* tensor = nullptr;  // Of the file.
  GgufRearrangement rearrangement;
};

// The decoder in a GGUF file as transformers would have it: config.json's fields, and the tensors.
// Architectures llama (also Mistral), qwen2, qwen3, gemma2, gemma3, phi3, smollm3 and gptneox; a
// value that asks for other mathematics is refused. Errors name the file, the key and the value.
absl::StatusOr<ConfigFile> ReadGgufConfig(const GgufFile& file);
absl::StatusOr<std::vector<GgufTensor>> ListGgufTensors(const GgufFile& file);

// The configuration of a model: config.json of a folder, or what a GGUF file says that is the
// path, or that a folder without config.json has.
absl::StatusOr<ConfigFile> ReadModelConfig(const std::filesystem::path& path);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_GGUF_MODEL_H_
