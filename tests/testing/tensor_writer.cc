#include "tests/testing/tensor_writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <functional>
#include <numeric>
#include <random>
#include <utility>

namespace gannet::testing {

FloatTensor RandomTensor(std::vector<size_t> shape, unsigned seed, float deviation) {
  const size_t elements =
      std::accumulate(shape.begin(), shape.end(), size_t{1}, std::multiplies<>());
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, deviation);
  FloatTensor tensor{std::move(shape), std::vector<float>(elements)};
  for (float& v : tensor.values) v = normal(generator);
  return tensor;
}

std::string SafetensorsContent(const FloatTensors& tensors) {
  std::string header, data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor.values.data()),
                tensor.values.size() * sizeof(float));
    header += fmt::format(R"({}"{}":{{"dtype":"F32","shape":[{}],"data_offsets":[{},{}]}})",
                          header.empty() ? "{" : ",", name, fmt::join(tensor.shape, ","), begin,
                          data.size());
  }
  header += header.empty() ? "{}" : "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof(size)) + header + data;
}

}  // namespace gannet::testing
