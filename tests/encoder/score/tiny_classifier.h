#ifndef GANNET_TESTS_ENCODER_SCORE_TINY_CLASSIFIER_H_
#define GANNET_TESTS_ENCODER_SCORE_TINY_CLASSIFIER_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>

#include "base/file.h"
#include "encoder/checkpoint/safetensors.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::testing {

// tests/data/tiny_bert, whose checkpoint has a classifier of one label.
inline const std::filesystem::path kTinyBert = testing::TestData("tiny_bert");

// A copy of it with some files replaced or added.
class ChangedTinyBert {
 public:
  ChangedTinyBert(std::initializer_list<std::pair<const char*, std::string>> files) {
    std::filesystem::copy(kTinyBert, path(), std::filesystem::copy_options::recursive);
    for (const auto& [name, content] : files) folder_.Write(std::string("model/") + name, content);
  }
  std::filesystem::path path() const { return folder_.path() / "model"; }

 private:
  TemporaryFolder folder_;
};

// Its config.json with more fields, or other values where one is there twice.
inline std::string TinyBertConfig(const std::string& fields) {
  const auto text = base::ReadFile(kTinyBert / "config.json");
  EXPECT_TRUE(text.ok());
  return text->substr(0, text->rfind('}')) + ", " + fields + "}";
}

// Its tensors with a random classifier of `labels` labels (none for 0), and more random ones.
inline std::string TinyBertTensors(size_t labels, const FloatTensors& more = {}) {
  const auto file = encoder::SafetensorsFile::Open(kTinyBert / "model.safetensors");
  EXPECT_TRUE(file.ok());
  FloatTensors tensors = more;
  for (const auto& [name, view] : file->tensors()) {
    if (name.starts_with("classifier.")) continue;
    tensors.try_emplace(name, FloatTensor{view.shape, encoder::ToFloats(view)});
  }
  if (labels > 0) {
    tensors["classifier.weight"] = RandomTensor({labels, 32}, 7);
    tensors["classifier.bias"] = RandomTensor({labels}, 8);
  }
  return SafetensorsContent(tensors);
}

}  // namespace gannet::testing

#endif  // GANNET_TESTS_ENCODER_SCORE_TINY_CLASSIFIER_H_
