#include "encoder/kernels/weight_memory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace gannet::encoder::kernels {
namespace {

// Makes and drops vectors of all sizes in random order; returns how many did not keep what was
// written to them, or did not begin on a line of the cache.
int FaultsOfMakingAndDropping(unsigned seed) {
  std::mt19937 random(seed);
  int faults = 0;
  std::vector<WeightVector<uint8_t>> kept;
  for (int step = 0; step < 200; ++step) {
    if (kept.size() > 20 || (!kept.empty() && random() % 3 == 0)) {
      const size_t place = random() % kept.size();
      const WeightVector<uint8_t>& chosen = kept[place];
      const bool same = std::memcmp(chosen.data(), chosen.data() + 1, chosen.size() - 1) == 0;
      if (!same) ++faults;
      kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(place));
      continue;
    }
    // Now and then one that has pages of its own, or only just has not.
    const size_t size =
        step % 100 == 99 ? (size_t{8} << 20) + random() % 2 : 1 + random() % 200'000;
    const auto& made = kept.emplace_back(size, static_cast<uint8_t>(random()));
    if (reinterpret_cast<uintptr_t>(made.data()) % 64 != 0) ++faults;
  }
  return faults;
}

TEST(WeightMemoryTest, KeepsMatricesApart) { EXPECT_EQ(FaultsOfMakingAndDropping(1), 0); }

TEST(WeightMemoryTest, ServesSeveralThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> faults = 0;
  for (unsigned i = 0; i < 4; ++i) {
    threads.emplace_back([&faults, i] { faults += FaultsOfMakingAndDropping(2 + i); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(faults, 0);
}

TEST(WeightMemoryTest, SmallMatricesLieOneAfterAnother) {
  const WeightVector<float> first(1000), second(1000);
  const auto distance =
      reinterpret_cast<uintptr_t>(second.data()) - reinterpret_cast<uintptr_t>(first.data());
  EXPECT_EQ(distance, 4032u);  // 4,000 bytes up to the next line of the cache.
}

}  // namespace
}  // namespace gannet::encoder::kernels
