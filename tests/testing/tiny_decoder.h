#ifndef GANNET_TESTS_TESTING_TINY_DECODER_H_
#define GANNET_TESTS_TESTING_TINY_DECODER_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "encoder/models/model.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::testing {

// A decoder of two layers with random weights, in a folder of its own: 20 tokens, d = 16, 4 heads
// over 2 key heads.
class TinyDecoder {
 public:
  TinyDecoder();

  // config.json with these fields changed or added; null removes one.
  void Configure(const nlohmann::json& changes = nlohmann::json::object());

  // Fills the vector that a token enters with.
  void SetTokenVector(size_t id, float value);

  // A language-model head of its own.
  void AddHead();

  // Two files and their index instead of one.
  void Shard();

  absl::StatusOr<std::unique_ptr<const encoder::Model>> Load(
      const encoder::ModelOptions& options = {}) const {
    return encoder::Model::Load(folder_.path(), options);
  }

  const std::filesystem::path& path() const { return folder_.path(); }
  const FloatTensors& tensors() const { return tensors_; }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
  FloatTensors tensors_;
};

}  // namespace gannet::testing

#endif  // GANNET_TESTS_TESTING_TINY_DECODER_H_
