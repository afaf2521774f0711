#ifndef GANNET_BASE_HUGE_PAGE_ALLOCATOR_H_
#define GANNET_BASE_HUGE_PAGE_ALLOCATOR_H_

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace gannet::base {

// For large tables: asks the kernel for pages of 2 MiB, so that reading them does not spend its
// time looking pages up. Where the kernel has none the memory is as any other.
template <typename T>
struct HugePageAllocator {
  using value_type = T;

  HugePageAllocator() = default;
  template <typename U>
  HugePageAllocator(const HugePageAllocator<U>&) {}  // NOLINT(google-explicit-constructor)

  static constexpr size_t kPage = size_t{2} << 20;

  // Small tables stay on ordinary pages: rounding them up would waste more than it saves.
  static std::align_val_t Alignment(size_t count) {
    return std::align_val_t(count * sizeof(T) < 2 * kPage ? alignof(std::max_align_t) * 4 : kPage);
  }

  T* allocate(size_t count) {
    void* memory = ::operator new(count * sizeof(T), Alignment(count));
    // Only advice: what it returns changes nothing.
    if (count * sizeof(T) >= 2 * kPage) ::madvise(memory, count * sizeof(T), MADV_HUGEPAGE);
    return static_cast<T*>(memory);
  }

  void deallocate(T* memory, size_t count) { ::operator delete(memory, Alignment(count)); }

  friend bool operator==(const HugePageAllocator&, const HugePageAllocator&) { return true; }
};

}  // namespace gannet::base

#endif  // GANNET_BASE_HUGE_PAGE_ALLOCATOR_H_
