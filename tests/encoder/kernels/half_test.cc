#include "encoder/kernels/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gannet::encoder::kernels {
namespace {

TEST(HalfTest, EveryValueOfFp16ComesBackFromFp32) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = FromFp16(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(FromFp16(ToFp16(value)))) << bits;
    } else {
      EXPECT_EQ(ToFp16(value), half) << bits;
    }
  }
}

// Between two neighbours the nearer one wins, in the middle the even one.
TEST(HalfTest, RoundsToTheNearestAndTiesToEven) {
  for (uint16_t low = 0; low < 0x7BFF; ++low) {
    const auto high = static_cast<uint16_t>(low + 1);
    const float below = FromFp16(low), above = FromFp16(high), middle = (below + above) / 2;
    ASSERT_LT(below, above) << low;
    EXPECT_EQ(ToFp16(middle), low % 2 == 0 ? low : high) << low;
    EXPECT_EQ(ToFp16(std::nextafter(middle, 0.0F)), low) << low;
    EXPECT_EQ(ToFp16(std::nextafter(middle, 1e9F)), high) << low;
    EXPECT_EQ(ToFp16(-middle), ToFp16(middle) | 0x8000) << low;
  }
}

TEST(HalfTest, KnownValues) {
  EXPECT_EQ(ToFp16(1), 0x3C00);
  EXPECT_EQ(ToFp16(-2), 0xC000);
  EXPECT_EQ(ToFp16(65504), 0x7BFF);
  EXPECT_EQ(ToFp16(65519.99F), 0x7BFF);
  EXPECT_EQ(ToFp16(65520), 0x7C00);
  EXPECT_EQ(ToFp16(std::numeric_limits<float>::infinity()), 0x7C00);
  EXPECT_EQ(ToFp16(0x1p-24F), 1);
  EXPECT_EQ(ToFp16(-0.0F), 0x8000);
  EXPECT_EQ(FromFp16(0x3555), 0x1.554p-2F);
}

}  // namespace
}  // namespace gannet::encoder::kernels
