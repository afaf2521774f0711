#include "encoder/kernels/long_conv.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "encoder/kernels/quantize.h"
#include "encoder/kernels/reference.h"

namespace gannet::encoder::kernels {
namespace {

std::vector<float> RandomVector(size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(size);
  for (float& v : values) v = normal(generator);
  return values;
}

// Every instruction set of this machine that the kernels were compiled for, one after another.
class LongConvTest : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

std::vector<int64_t> CompiledTargets() {
  std::vector<int64_t> targets;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) targets.push_back(target);
  return targets;
}

INSTANTIATE_TEST_SUITE_P(Targets, LongConvTest, ::testing::ValuesIn(CompiledTargets()),
                         [](const auto& target) { return hwy::TargetName(target.param); });

// Filters and input of a few channels, side by side in rows of kStride values.
struct Case {
  static constexpr size_t kStride = 19;

  Case(size_t length_in, size_t channels_in)
      : length(length_in),
        channels(channels_in),
        plan(length),
        forward(RandomVector(length * kStride, 1)),
        backward(RandomVector(length * kStride, 2)),
        u(RandomVector(length * kStride, 3)),
        skip(RandomVector(channels, 4)),
        scratch(plan.scratch_size()),
        spectrum(plan.spectrum_size()) {
    TransformFilters(plan, forward.data(), backward.data(), kStride, channels, scratch.data(),
                     spectrum.data());
  }

  std::vector<float> Convolved(const BlockSpectrum& spectra, ConvOutput output, float before) {
    std::vector<float> y(length * kStride, before);
    LongConv(plan, spectra, skip.data(), u.data(), kStride, channels, output, scratch.data(),
             y.data());
    return y;
  }

  // Root mean square of the differences of a channel from the sums, over that of the sums.
  double RelativeError(size_t channel, const std::vector<float>& y, float offset) const {
    const auto column = [&](const std::vector<float>& m) {
      std::vector<float> values(length);
      for (size_t t = 0; t < length; ++t) values[t] = m[t * kStride + channel];
      return values;
    };
    std::vector<double> want(length);
    reference::LongConv(column(forward), column(backward), skip[channel], column(u), want);
    double error = 0, signal = 0;
    for (size_t t = 0; t < length; ++t) {
      error += std::pow(y[t * kStride + channel] - offset - want[t], 2);
      signal += want[t] * want[t];
    }
    return std::sqrt(error / signal);
  }

  const size_t length, channels;
  const LongConvPlan plan;
  const std::vector<float> forward, backward, u, skip;
  std::vector<float> scratch, spectrum;
};

TEST_P(LongConvTest, EqualsTheSumsForAnyLength) {
  for (const size_t length : {1, 2, 3, 4, 7, 8, 16, 31, 32, 33, 64, 100, 128, 500, 512, 1000}) {
    for (const size_t channels : {1, 5, 16}) {
      Case conv(length, channels);
      const auto sum = conv.Convolved({.fp32 = conv.spectrum.data()}, ConvOutput::kAdd, 0);
      const auto product = conv.Convolved({.fp32 = conv.spectrum.data()}, ConvOutput::kMultiply, 1);
      for (size_t c = 0; c < channels; ++c) {
        EXPECT_LT(conv.RelativeError(c, sum, 0), 1e-6) << length << ", channel " << c;
        EXPECT_LT(conv.RelativeError(c, product, 0), 1e-6) << length << ", channel " << c;
      }
      // Channels beside the block keep what they hold.
      for (size_t t = 0; t < length; ++t) {
        for (size_t c = channels; c < Case::kStride; ++c) {
          ASSERT_EQ(product[t * Case::kStride + c], 1);
        }
      }
    }
  }
}

TEST_P(LongConvTest, TheResultMultipliesOrIsAdded) {
  Case conv(64, 16);
  const auto sum = conv.Convolved({.fp32 = conv.spectrum.data()}, ConvOutput::kAdd, 2);
  const auto product = conv.Convolved({.fp32 = conv.spectrum.data()}, ConvOutput::kMultiply, 2);
  for (size_t t = 0; t < 64; ++t) {
    for (size_t c = 0; c < 16; ++c) {
      const size_t i = t * Case::kStride + c;
      EXPECT_NEAR(product[i], 2 * (sum[i] - 2), 1e-4);
    }
  }
}

TEST_P(LongConvTest, SpectraInBf16AreWithinTheirRounding) {
  Case conv(512, 16);
  std::vector<uint16_t> narrow(conv.spectrum.size());
  RoundToBf16(conv.spectrum, narrow.data());
  const auto y = conv.Convolved({.bf16 = narrow.data()}, ConvOutput::kAdd, 0);
  for (size_t c = 0; c < 16; ++c) {
    const double error = conv.RelativeError(c, y, 0);
    EXPECT_GT(error, 1e-4) << c;
    EXPECT_LT(error, 3e-3) << c;
  }
}

TEST_P(LongConvTest, AChannelDoesNotDependOnTheOthers) {
  Case conv(100, 16);
  const auto together = conv.Convolved({.fp32 = conv.spectrum.data()}, ConvOutput::kAdd, 0);
  Case fewer(100, 3);
  const auto alone = fewer.Convolved({.fp32 = fewer.spectrum.data()}, ConvOutput::kAdd, 0);
  for (size_t t = 0; t < 100; ++t) {
    EXPECT_EQ(std::memcmp(&together[t * Case::kStride], &alone[t * Case::kStride], 12), 0) << t;
  }
}

// One of the released lengths: sums of a few rows are enough.
TEST_P(LongConvTest, ThirtyTwoThousandRowsEqualTheSums) {
  constexpr size_t kLength = 32768;
  Case conv(kLength, 2);
  const auto y = conv.Convolved({.fp32 = conv.spectrum.data()}, ConvOutput::kAdd, 0);
  for (const size_t t : {size_t{0}, size_t{1}, size_t{255}, size_t{16384}, kLength - 1}) {
    double want = conv.skip[1] * conv.u[t * Case::kStride + 1];
    for (size_t s = 0; s < kLength; ++s) {
      const auto& filter = s <= t ? conv.forward : conv.backward;
      const size_t lag = s <= t ? t - s : s - t - 1;
      want += static_cast<double>(filter[lag * Case::kStride + 1]) * conv.u[s * Case::kStride + 1];
    }
    EXPECT_NEAR(y[t * Case::kStride + 1], want, 1e-6 * std::sqrt(kLength) * 5) << t;
  }
}

}  // namespace
}  // namespace gannet::encoder::kernels
