#ifndef GANNET_TESTS_INDEXER_VECTOR_CLUSTERED_VECTORS_H_
#define GANNET_TESTS_INDEXER_VECTOR_CLUSTERED_VECTORS_H_

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

namespace gannet::indexer {

// Vectors as encoders make them: of unit length, in clusters, of fewer degrees of freedom than
// dimensions. The same space for every seed, so that one seed may give the queries for another.
inline std::vector<float> ClusteredVectors(size_t count, size_t dimension, unsigned seed) {
  constexpr size_t kFreedom = 16, kClusters = 20;
  std::mt19937 generator(42);
  std::normal_distribution<float> normal;
  std::vector<float> space(kFreedom * dimension), centres(kClusters * kFreedom);
  for (float& v : space) v = normal(generator);
  for (float& v : centres) v = normal(generator);
  generator.seed(seed);
  std::vector<float> vectors(count * dimension);
  for (size_t i = 0; i < count; ++i) {
    float* vector = &vectors[i * dimension];
    const size_t cluster = generator() % kClusters;
    for (size_t f = 0; f < kFreedom; ++f) {
      const float coordinate = centres[cluster * kFreedom + f] + normal(generator);
      for (size_t d = 0; d < dimension; ++d) vector[d] += coordinate * space[f * dimension + d];
    }
    double squares = 0;
    for (size_t d = 0; d < dimension; ++d) squares += static_cast<double>(vector[d]) * vector[d];
    const auto length = static_cast<float>(std::sqrt(squares));
    for (size_t d = 0; d < dimension; ++d) vector[d] /= length;
  }
  return vectors;
}

}  // namespace gannet::indexer

#endif  // GANNET_TESTS_INDEXER_VECTOR_CLUSTERED_VECTORS_H_
