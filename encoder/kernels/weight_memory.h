#ifndef GANNET_ENCODER_KERNELS_WEIGHT_MEMORY_H_
#define GANNET_ENCODER_KERNELS_WEIGHT_MEMORY_H_

#include <cstddef>
#include <vector>

namespace gannet::encoder::kernels {

// Memory for packed weights, which are read from end to end for every tile of rows: on pages of
// 2 MiB, where the kernel has some, that takes little looking up. Matrices begin on lines of the
// cache, and smaller ones share pages, which are given back with the last matrix of some 16 MiB.
// Safe to call from several threads.
void* AllocateWeights(size_t bytes);
void FreeWeights(void* weights, size_t bytes);

template <typename T>
struct WeightAllocator {
  using value_type = T;

  WeightAllocator() = default;
  template <typename U>
  WeightAllocator(const WeightAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor)

  T* allocate(size_t count) { return static_cast<T*>(AllocateWeights(count * sizeof(T))); }
  void deallocate(T* values, size_t count) { FreeWeights(values, count * sizeof(T)); }

  friend bool operator==(WeightAllocator, WeightAllocator) { return true; }
};

template <typename T>
using WeightVector = std::vector<T, WeightAllocator<T>>;

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_WEIGHT_MEMORY_H_
