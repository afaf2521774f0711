#ifndef GANNET_TESTS_TESTING_GGUF_WRITER_H_
#define GANNET_TESTS_TESTING_GGUF_WRITER_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/testing/tensor_writer.h"

namespace gannet::testing {

template <typename T>
std::string Raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

std::string GgufString(std::string_view text);

// Builds a GGUF file of version 3 byte by byte, so that a test can make each part wrong.
class GgufWriter {
 public:
  // GGUF's numbers for types of values.
  enum : uint32_t { kUint32 = 4, kInt32 = 5, kFloat32 = 6, kBool = 7, kString = 8, kArray = 9 };

  // A key with a value of a type, given by its bytes.
  GgufWriter& AddRaw(std::string_view key, uint32_t type, std::string_view value);
  GgufWriter& Add(std::string_view key, uint32_t value) { return AddRaw(key, kUint32, Raw(value)); }
  GgufWriter& Add(std::string_view key, float value) { return AddRaw(key, kFloat32, Raw(value)); }
  GgufWriter& Add(std::string_view key, std::string_view text) {
    return AddRaw(key, kString, GgufString(text));
  }
  GgufWriter& Add(std::string_view key, const std::vector<std::string>& texts);
  GgufWriter& Add(std::string_view key, const std::vector<float>& numbers);
  GgufWriter& Add(std::string_view key, const std::vector<int32_t>& numbers);

  struct Tensor {
    std::string name;
    std::vector<uint64_t> extents;  // The innermost first.
    uint32_t type = 0;
    std::string bytes;
    uint64_t offset = ~uint64_t{0};  // Where the format wants it, unless set.
  };
  GgufWriter& AddTensor(Tensor tensor);
  // fp32, of a row-major shape.
  GgufWriter& AddTensor(std::string_view name, const FloatTensor& tensor);

  std::string Content() const;

  uint32_t version = 3;
  uint64_t alignment = 32;                       // Of what is written; the key is the caller's.
  int64_t extra_entries = 0, extra_tensors = 0;  // Added to the counts in the header.

 private:
  std::vector<std::string> entries_;
  std::vector<Tensor> tensors_;
};

}  // namespace gannet::testing

#endif  // GANNET_TESTS_TESTING_GGUF_WRITER_H_
