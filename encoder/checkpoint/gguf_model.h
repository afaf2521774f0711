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
#include "encoder/checkpoint/rearrangement.h"

namespace gannet::encoder {

// A tensor of a GGUF file under the name that transformers gives it.
struct GgufTensor {
  std::string name;
  const TensorView* tensor = nullptr;  // Of the file.
  Rearrangement rearrangement;
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
