#include "encoder/kernels/weight_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <mutex>
#include <new>

#include "base/huge_page_allocator.h"
#include "encoder/kernels/round_up.h"

namespace gannet::encoder::kernels {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kBlockBytes = size_t{16} << 20;
// Larger matrices have pages of their own, of which little is left over.
constexpr size_t kMostInBlock = kBlockBytes / 2;

using OwnPages = base::HugePageAllocator<std::byte>;

// At the beginning of kBlockBytes, at a multiple of them, where any matrix in it finds it. What is
// not used of a block takes no memory.
struct alignas(kLine) Block {
  static constexpr std::align_val_t kAlignment{kBlockBytes};

  size_t used = sizeof(Block);
  size_t matrices = 0;  // That were not freed.

  static Block* Make() {
    void* const memory = ::operator new(kBlockBytes, kAlignment);
    ::madvise(memory, kBlockBytes, MADV_HUGEPAGE);  // Only advice: may fail.
    return new (memory) Block;
  }
  static Block* Of(void* weights) {
    auto* const address = static_cast<std::byte*>(weights);
    return reinterpret_cast<Block*>(address - reinterpret_cast<uintptr_t>(address) % kBlockBytes);
  }
  static void Free(Block* block) { ::operator delete(block, kAlignment); }
};

class Blocks {
 public:
  void* Allocate(size_t bytes) {
    const std::scoped_lock lock(mutex_);
    if (open_ == nullptr || kBlockBytes - open_->used < bytes) open_ = Block::Make();
    std::byte* const weights = reinterpret_cast<std::byte*>(open_) + open_->used;
    open_->used += RoundUp(bytes, kLine);
    ++open_->matrices;
    return weights;
  }

  void Free(void* weights) {
    Block* const block = Block::Of(weights);
    const std::scoped_lock lock(mutex_);
    if (--block->matrices > 0) return;
    if (block == open_) open_ = nullptr;
    Block::Free(block);
  }

 private:
  std::mutex mutex_;
  Block* open_ = nullptr;  // In which there may be room. Every block holds a matrix.
};

// Never destroyed: models may be freed after everything else.
Blocks& TheBlocks() {
  static Blocks& blocks = *new Blocks;
  return blocks;
}

}  // namespace

void* AllocateWeights(size_t bytes) {
  if (bytes > kMostInBlock) return OwnPages().allocate(bytes);
  return TheBlocks().Allocate(bytes);
}

void FreeWeights(void* weights, size_t bytes) {
  if (bytes > kMostInBlock) return OwnPages().deallocate(static_cast<std::byte*>(weights), bytes);
  TheBlocks().Free(weights);
}

}  // namespace gannet::encoder::kernels
