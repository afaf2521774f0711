#ifndef GANNET_ENCODER_KERNELS_ALIGNED_VECTOR_H_
#define GANNET_ENCODER_KERNELS_ALIGNED_VECTOR_H_

#include <cstddef>
#include <new>
#include <vector>

namespace gannet::encoder::kernels {

// Memory that begins on a line of the cache. Wide loads that lie across two lines take twice as
// long, and loads of whole tiles (AMX) more than four times.
template <typename T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};

  LineAllocator() = default;
  template <typename U>
  LineAllocator(const LineAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor)

  T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), kLine)); }
  void deallocate(T* values, size_t) { ::operator delete(values, kLine); }

  friend bool operator==(LineAllocator, LineAllocator) { return true; }
};

template <typename T>
using AlignedVector = std::vector<T, LineAllocator<T>>;

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_ALIGNED_VECTOR_H_
