#include "tests/testing/gguf_writer.h"

#include <utility>

namespace gannet::testing {
namespace {

template <typename T>
std::string Elements(uint32_t type, const std::vector<T>& elements) {
  std::string array = Raw(type) + Raw(uint64_t{elements.size()});
  for (const T& element : elements) array += Raw(element);
  return array;
}

}  // namespace

std::string GgufString(std::string_view text) {
  return Raw(uint64_t{text.size()}) + std::string(text);
}

GgufWriter& GgufWriter::AddRaw(std::string_view key, uint32_t type, std::string_view value) {
  entries_.push_back(GgufString(key) + Raw(type) + std::string(value));
  return *this;
}

GgufWriter& GgufWriter::Add(std::string_view key, const std::vector<std::string>& texts) {
  std::string array = Raw(uint32_t{kString}) + Raw(uint64_t{texts.size()});
  for (const std::string& text : texts) array += GgufString(text);
  return AddRaw(key, kArray, array);
}

GgufWriter& GgufWriter::Add(std::string_view key, const std::vector<float>& numbers) {
  return AddRaw(key, kArray, Elements(kFloat32, numbers));
}

GgufWriter& GgufWriter::Add(std::string_view key, const std::vector<int32_t>& numbers) {
  return AddRaw(key, kArray, Elements(kInt32, numbers));
}

GgufWriter& GgufWriter::AddTensor(Tensor tensor) {
  tensors_.push_back(std::move(tensor));
  return *this;
}

GgufWriter& GgufWriter::AddTensor(std::string_view name, const FloatTensor& tensor) {
  std::string bytes(reinterpret_cast<const char*>(tensor.values.data()),
                    tensor.values.size() * sizeof(float));
  return AddTensor({std::string(name), {tensor.shape.rbegin(), tensor.shape.rend()}, 0, bytes});
}

std::string GgufWriter::Content() const {
  std::string file = "GGUF" + Raw(version) +
                     Raw(tensors_.size() + static_cast<uint64_t>(extra_tensors)) +
                     Raw(entries_.size() + static_cast<uint64_t>(extra_entries));
  for (const std::string& entry : entries_) file += entry;
  std::string data;
  for (const Tensor& tensor : tensors_) {
    data.resize((data.size() + alignment - 1) / alignment * alignment);
    file += GgufString(tensor.name) + Raw(static_cast<uint32_t>(tensor.extents.size()));
    for (const uint64_t extent : tensor.extents) file += Raw(extent);
    file += Raw(tensor.type) + Raw(tensor.offset == ~uint64_t{0} ? data.size() : tensor.offset);
    data += tensor.bytes;
  }
  if (tensors_.empty()) return file;
  file.resize((file.size() + alignment - 1) / alignment * alignment);
  return file + data;
}

}  // namespace gannet::testing
