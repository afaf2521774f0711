#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "encoder/kernels/aligned_vector.h"
#include "encoder/kernels/attention.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/kernels/packed_linear_internal.h"
#include "encoder/kernels/panels_internal.h"
#include "encoder/kernels/quantize.h"
#include "encoder/kernels/reference.h"
#include "encoder/kernels/row_ops.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder::kernels {
namespace {

std::vector<float> RandomVector(size_t size, unsigned seed, float deviation = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(size);
  for (float& v : values) v = normal(generator);
  return values;
}

// How far `got` is from `want`, relative to values of size 1 and above.
double MaxError(std::span<const float> got, std::span<const float> want) {
  double error = got.size() == want.size() ? 0 : INFINITY;
  for (size_t i = 0; i < got.size() && i < want.size(); ++i) {
    const double scale = std::max(1.0, std::abs(static_cast<double>(want[i])));
    const double difference = std::abs(static_cast<double>(got[i]) - want[i]) / scale;
    if (!(difference <= error)) error = difference;  // NaN counts as an error.
  }
  return error;
}

bool SameBytes(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// Every instruction set of this machine that the kernels were compiled for, one after another.
class EveryTarget : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

std::vector<int64_t> CompiledTargets() {
  std::vector<int64_t> targets;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) targets.push_back(target);
  return targets;
}

INSTANTIATE_TEST_SUITE_P(Targets, EveryTarget, ::testing::ValuesIn(CompiledTargets()),
                         [](const auto& target) { return hwy::TargetName(target.param); });

TEST_P(EveryTarget, GeluEqualsTheFormula) {
  std::vector<float> x;
  for (float v = -12; v <= 12; v += 0.001F) x.push_back(v);
  std::vector<float> want = x;
  reference::Gelu(want);
  std::vector<float> got = x;
  Gelu(got);
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], 2.5e-7 * std::max(1.0F, std::abs(x[i]))) << x[i];
  }
}

TEST_P(EveryTarget, RoundedGeluIsNearTheFormula) {
  std::vector<float> x;
  for (float v = -12; v <= 12; v += 0.001F) x.push_back(v);
  std::vector<float> want = x;
  reference::Gelu(want);
  std::vector<float> got = x;
  RoundedGelu(got);
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], 2.5e-4 * std::max(1.0F, std::abs(x[i]))) << x[i];
  }
  float bad[] = {NAN, INFINITY, -INFINITY};
  RoundedGelu(bad);
  for (const float v : bad) EXPECT_FALSE(std::isfinite(v) && v != 0) << v;
  EXPECT_TRUE(std::isnan(bad[0]));
}

TEST(ActivationTest, OnlyTheExactGeluHasARoundedForm) {
  EXPECT_EQ(ActivationFor(Precision::kFp32, Gelu), Gelu);
  EXPECT_EQ(ActivationFor(Precision::kBf16, Gelu), RoundedGelu);
  EXPECT_EQ(ActivationFor(Precision::kInt8, Gelu), RoundedGelu);
  EXPECT_EQ(ActivationFor(Precision::kInt8, GeluTanh), GeluTanh);
}

TEST_P(EveryTarget, GeluTanhEqualsTheFormula) {
  std::vector<float> x;
  for (float v = -12; v <= 12; v += 0.001F) x.push_back(v);
  std::vector<float> want = x;
  reference::GeluTanh(want);
  GeluTanh(x);
  EXPECT_LT(MaxError(x, want), 1e-6);
}

TEST_P(EveryTarget, ElementwiseResultsDoNotDependOnThePosition) {
  const std::vector<float> x = RandomVector(137, 1);
  std::vector<float> whole = x;
  Gelu(whole);
  for (size_t i = 0; i < x.size(); ++i) {
    float alone = x[i];
    Gelu(std::span(&alone, 1));
    EXPECT_TRUE(SameBytes(std::span(&alone, 1), std::span(&whole[i], 1))) << i;
  }
}

TEST_P(EveryTarget, LayerNormEqualsTheFormula) {
  for (const size_t size : {1, 7, 16, 32, 100, 384, 768, 1000}) {
    const std::vector<float> gamma = RandomVector(size, 2), beta = RandomVector(size, 3);
    const LayerNormParameters parameters{gamma, beta, 1e-12F};
    std::vector<float> x = RandomVector(3 * size, 4, 2);
    const std::vector<float> residual = RandomVector(3 * size, 5);
    if (size == 1) continue;  // One value has no variance to divide by.
    std::vector<float> want(3 * size), got(3 * size);
    reference::AddLayerNorm(x.data(), residual.data(), 3, parameters, want.data());
    AddLayerNorm(x.data(), residual.data(), 3, parameters, got.data());
    EXPECT_LT(MaxError(got, want), 3e-6) << size;
    AddLayerNorm(x.data(), residual.data(), 3, parameters, x.data());
    EXPECT_TRUE(SameBytes(x, got)) << "in place, size " << size;
  }
}

TEST_P(EveryTarget, SiluEqualsTheFormula) {
  std::vector<float> x;
  for (float v = -12; v <= 12; v += 0.001F) x.push_back(v);
  for (const float far : {-1e30F, -200.0F, -88.5F, 88.5F, 200.0F, 1e30F}) x.push_back(far);
  std::vector<float> want = x;
  reference::Silu(want);
  Silu(x);
  EXPECT_LT(MaxError(x, want), 3e-7);
}

TEST_P(EveryTarget, ReluEqualsTheFormula) {
  std::vector<float> x = RandomVector(137, 20);
  x[3] = INFINITY;
  x[4] = -INFINITY;
  std::vector<float> want = x;
  reference::Relu(want);
  x[5] = NAN;
  Relu(x);
  EXPECT_TRUE(std::isnan(x[5]));
  x[5] = want[5];
  EXPECT_EQ(x, want);
}

TEST_P(EveryTarget, GatedRowsAreTheActivatedFirstHalfTimesTheSecond) {
  for (const size_t size : {1, 16, 80, 133}) {
    const std::vector<float> x = RandomVector(3 * 2 * size, 20, 2);
    std::vector<float> want(3 * size), got(3 * size), alone(size);
    using Pair = std::pair<Activation, Activation>;
    for (const auto& [fast, plain] :
         {Pair{Silu, reference::Silu}, {Gelu, reference::Gelu}, {GeluTanh, reference::GeluTanh}}) {
      GatedRows(fast, x.data(), 3, size, got.data());
      for (size_t r = 0; r < 3; ++r) {
        const std::span<float> row = std::span(want).subspan(r * size, size);
        std::copy_n(&x[r * 2 * size], size, row.begin());
        plain(row);
        for (size_t i = 0; i < size; ++i) row[i] *= x[r * 2 * size + size + i];
        GatedRows(fast, &x[r * 2 * size], 1, size, alone.data());
        EXPECT_TRUE(SameBytes(alone, std::span(got).subspan(r * size, size))) << r;
      }
      EXPECT_LT(MaxError(got, want), 2e-6) << size;
    }
  }
}

TEST_P(EveryTarget, RmsNormEqualsTheFormula) {
  for (const size_t size : {1, 7, 12, 16, 48, 100, 128, 1000, 1024}) {
    const std::vector<float> gamma = RandomVector(size, 21);
    std::vector<float> x = RandomVector(3 * size, 22, 2);
    std::vector<float> want(3 * size), got(3 * size);
    reference::RmsNorm(x.data(), 3, gamma, 1e-6F, want.data());
    RmsNorm(x.data(), 3, gamma, 1e-6F, got.data());
    EXPECT_LT(MaxError(got, want), 1e-6) << size;
    RmsNorm(x.data(), 3, gamma, 1e-6F, x.data());
    EXPECT_TRUE(SameBytes(x, got)) << "in place, size " << size;
  }
}

TEST_P(EveryTarget, OneValueThatIsNotFiniteIsSeenWhereverItStands) {
  for (const size_t size : {0, 1, 16, 37, 100}) {
    std::vector<float> x = RandomVector(size, 40, 1e37F);
    EXPECT_TRUE(AllFinite(x));
    for (float& v : x) {
      for (const float bad : {INFINITY, -INFINITY, NAN}) {
        const float before = std::exchange(v, bad);
        EXPECT_FALSE(AllFinite(x));
        v = before;
      }
    }
  }
}

TEST_P(EveryTarget, ARowWhoseSquaresOverflowDoesNotTurnIntoAPlausibleOne) {
  for (const size_t size : {7, 64}) {
    std::vector<float> x(2 * size, 1), out(2 * size), clean(2 * size);
    const std::vector<float> gamma = RandomVector(size, 41), beta = RandomVector(size, 42);
    for (size_t i = 0; i < size; ++i) x[size + i] = i % 2 == 0 ? 1e25F : -1e25F;
    RmsNorm(x.data(), 2, gamma, 1e-6F, out.data());
    RmsNorm(x.data(), 1, gamma, 1e-6F, clean.data());
    EXPECT_TRUE(SameBytes(std::span(out).first(size), std::span(clean).first(size)));
    for (size_t i = size; i < 2 * size; ++i) EXPECT_TRUE(std::isnan(out[i])) << i;
    AddLayerNorm(x.data(), nullptr, 2, {gamma, beta, 1e-12F}, out.data());
    AddLayerNorm(x.data(), nullptr, 1, {gamma, beta, 1e-12F}, clean.data());
    EXPECT_TRUE(SameBytes(std::span(out).first(size), std::span(clean).first(size)));
    for (size_t i = size; i < 2 * size; ++i) EXPECT_TRUE(std::isnan(out[i])) << i;
  }
}

TEST_P(EveryTarget, RotationEqualsTheFormula) {
  for (const size_t half : {1, 6, 16, 37, 64}) {
    const std::vector<float> angles = RandomVector(half, 23, 3);
    std::vector<float> cosines, sines;
    for (const float angle : angles) {
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
    std::vector<float> x = RandomVector(2 * half, 24), want = x;
    reference::RotateHalves(want, cosines.data(), sines.data());
    RotateHalves(x, cosines.data(), sines.data());
    EXPECT_LT(MaxError(x, want), 5e-7) << half;
  }
}

TEST_P(EveryTarget, AdditionIsElementwise) {
  const std::vector<float> y = RandomVector(137, 25);
  std::vector<float> x = RandomVector(137, 26), want = x;
  for (size_t i = 0; i < x.size(); ++i) want[i] += y[i];
  Add(y, x.data());
  EXPECT_TRUE(SameBytes(x, want));
}

struct AttentionCase {
  size_t length;
  size_t head_dim;
};

TEST_P(EveryTarget, AttentionEqualsTheFormula) {
  for (const AttentionCase c : {AttentionCase{1, 32},
                                {2, 8},
                                {15, 32},
                                {16, 64},
                                {100, 33},
                                {256, 32},
                                {257, 32},
                                {600, 40},
                                {1025, 128}}) {
    const size_t stride = 3 * c.head_dim + 5;
    const std::vector<float> qkv = RandomVector(c.length * stride, 6);
    const HeadRows q{qkv.data(), stride}, k{qkv.data() + c.head_dim, stride},
        v{qkv.data() + 2 * c.head_dim, stride};
    const float scale = 1.0F / std::sqrt(static_cast<float>(c.head_dim));
    std::vector<float> want(c.length * c.head_dim), got(c.length * c.head_dim);
    reference::Attend(q, k, v, c.length, c.length, c.head_dim, {.scale = scale}, want.data(),
                      c.head_dim);
    PackedHead head;
    head.Pack(k, v, c.length, c.head_dim);
    Attend(head, q, c.length, {.scale = scale}, got.data(), c.head_dim);
    EXPECT_LT(MaxError(got, want), 2e-6) << c.length << " x " << c.head_dim;
  }
}

// A bias that differs for every pair of positions.
void AddTestBias(size_t i, size_t first_key, std::span<float> scores) {
  for (size_t c = 0; c < scores.size(); ++c) {
    const auto distance = static_cast<float>(i) - static_cast<float>(first_key + c);
    scores[c] += std::sin(0.1F * distance) + 0.01F * static_cast<float>(i % 7);
  }
}

// Every option alone and together, with windows that begin and end inside and between blocks.
std::vector<AttentionOptions> EveryAttentionOption() {
  constexpr size_t kUnlimited = AttentionOptions::kUnlimited;
  return {{.scale = 0.3F},
          {.scale = 0.3F, .right = 0},
          {.scale = 0.3F, .left = 0, .right = 0},
          {.scale = 0.3F, .left = 63, .right = 0},
          {.scale = 0.3F, .left = 64, .right = 64},
          {.scale = 0.3F, .left = 300, .right = 5},
          {.scale = 0.3F, .left = 2, .right = kUnlimited},
          {.scale = 0.3F, .soft_cap = 1.5F},
          {.scale = 0.3F, .bias = AddTestBias},
          {.scale = 1, .soft_cap = 5, .bias = AddTestBias, .left = 16, .right = 31},
          {.scale = 1, .soft_cap = 5, .bias = AddTestBias, .right = 0}};
}

struct RandomAttention {
  RandomAttention(size_t rows, size_t dim, Precision precision = Precision::kFp32)
      : head_dim(dim),
        length(rows),
        q(RandomVector(rows * dim, 7)),
        k(RandomVector(rows * dim, 8)),
        v(RandomVector(rows * dim, 9)) {
    head.Pack({k.data(), dim}, {v.data(), dim}, rows, dim, precision);
  }

  // `rows` queries at positions from `first` on: rows of q from first mod length on.
  std::vector<float> Run(AttentionOptions options, size_t first, size_t rows) const {
    std::vector<float> out(rows * head_dim);
    options.first_query = first;
    Attend(head, {&q[first % length * head_dim], head_dim}, rows, options, out.data(), head_dim);
    return out;
  }
  std::vector<float> Reference(AttentionOptions options, size_t first, size_t rows) const {
    std::vector<float> out(rows * head_dim);
    options.first_query = first;
    reference::Attend({&q[first % length * head_dim], head_dim}, {k.data(), head_dim},
                      {v.data(), head_dim}, rows, length, head_dim, options, out.data(), head_dim);
    return out;
  }

  size_t head_dim, length;
  std::vector<float> q, k, v;
  PackedHead head;
};

TEST_P(EveryTarget, MaskedCappedAndBiasedAttentionEqualsTheFormula) {
  const std::vector<AttentionOptions> every = EveryAttentionOption();
  for (const size_t length : {1, 2, 17, 255, 257, 530}) {
    const RandomAttention attention(length, 24);
    for (size_t i = 0; i < every.size(); ++i) {
      EXPECT_LT(
          MaxError(attention.Run(every[i], 0, length), attention.Reference(every[i], 0, length)),
          3e-6)
          << "length " << length << ", options " << i;
    }
  }
}

TEST_P(EveryTarget, Bf16AttentionIsTheFormulaWithinItsRounding) {
  const std::vector<AttentionOptions> every = EveryAttentionOption();
  for (const size_t head_dim : {16, 24, 33, 64}) {
    for (const size_t length : {1, 2, 17, 255, 257, 530}) {
      const RandomAttention attention(length, head_dim, Precision::kBf16);
      for (size_t i = 0; i < every.size(); ++i) {
        // Scores of size 5 with products rounded to 8 bits, weights and values (below 1) likewise.
        EXPECT_LT(
            MaxError(attention.Run(every[i], 0, length), attention.Reference(every[i], 0, length)),
            0.03)
            << "length " << length << " of " << head_dim << ", options " << i;
      }
    }
  }
}

TEST_P(EveryTarget, ABf16AttentionRowDoesNotDependOnTheRowsBesideIt) {
  const RandomAttention attention(301, 32, Precision::kBf16);
  for (const AttentionOptions& options : EveryAttentionOption()) {
    const std::vector<float> together = attention.Run(options, 0, attention.length);
    for (size_t i = 0; i < attention.length; ++i) {
      ASSERT_TRUE(SameBytes(attention.Run(options, i, 1), std::span(together).subspan(i * 32, 32)))
          << "row " << i;
    }
  }
}

TEST_P(EveryTarget, AnAttentionRowDoesNotDependOnTheRowsBesideIt) {
  const std::vector<AttentionOptions> every = EveryAttentionOption();
  const RandomAttention attention(301, 32);
  for (size_t o = 0; o < every.size(); ++o) {
    const std::vector<float> together = attention.Run(every[o], 0, attention.length);
    for (size_t i = 0; i < attention.length; ++i) {
      ASSERT_TRUE(SameBytes(attention.Run(every[o], i, 1), std::span(together).subspan(i * 32, 32)))
          << "options " << o << ", row " << i;
    }
  }
}

// What Attend weighs the values with: the weights times the values are what it gives.
TEST_P(EveryTarget, AttentionWeightsAreThoseThatTheValuesGet) {
  for (const size_t length : {1, 17, 300}) {
    const RandomAttention attention(length, 24);
    for (const AttentionOptions& options : EveryAttentionOption()) {
      std::vector<float> weights(length * length), alone(length);
      AttentionWeights(attention.head, {attention.q.data(), 24}, length, options, weights.data());
      const std::vector<float> want = attention.Reference(options, 0, length);
      for (size_t i = 0; i < length; ++i) {
        const std::span<const float> row = std::span(weights).subspan(i * length, length);
        std::vector<float> got(24);
        double sum = 0;
        for (size_t j = 0; j < length; ++j) {
          const bool seen = (j >= i || i - j <= options.left) && (j <= i || j - i <= options.right);
          if (!seen) {
            ASSERT_EQ(row[j], 0);
          }
          sum += row[j];
          for (size_t c = 0; c < 24; ++c) got[c] += row[j] * attention.v[j * 24 + c];
        }
        ASSERT_NEAR(sum, 1, 1e-5);
        ASSERT_LT(MaxError(got, std::span(want).subspan(i * 24, 24)), 5e-6) << i;
        AttentionOptions at = options;
        at.first_query = i;
        AttentionWeights(attention.head, {&attention.q[i * 24], 24}, 1, at, alone.data());
        ASSERT_TRUE(SameBytes(alone, row)) << i;
      }
    }
  }
}

TEST_P(EveryTarget, AQueryThatSeesNoKeyGetsZeros) {
  // Positions 300 and 301 of a window of one, over 290 keys.
  const RandomAttention attention(290, 16);
  EXPECT_EQ(attention.Run({.left = 1, .right = 0}, 300, 2), std::vector<float>(32));
  EXPECT_EQ(attention.Reference({.left = 1, .right = 0}, 300, 2), std::vector<float>(32));
  std::vector<float> weights(2 * 290, 1);
  AttentionWeights(attention.head, {attention.q.data(), 16}, 2,
                   {.first_query = 300, .left = 1, .right = 0}, weights.data());
  EXPECT_EQ(weights, std::vector<float>(2 * 290));
}

TEST_P(EveryTarget, KeysOutsideTheWindowAreNotLookedAt) {
  RandomAttention attention(600, 16);
  const AttentionOptions window{.scale = 0.3F, .left = 10, .right = 10};
  const std::vector<float> want = attention.Run(window, 300, 4);
  std::fill_n(attention.v.begin(), 250 * 16, INFINITY);
  std::fill_n(attention.k.begin(), 250 * 16, INFINITY);
  attention.head.Pack({attention.k.data(), 16}, {attention.v.data(), 16}, 600, 16);
  EXPECT_EQ(attention.Run(window, 300, 4), want);
}

TEST_P(EveryTarget, AttentionBearsScoresFarApart) {
  // One key scores 10,000 above the rest: its value must come out, without overflow.
  constexpr size_t kLength = 300, kDim = 16;
  std::vector<float> q(kDim, 10), k(kLength * kDim, -31.25F), v(kLength * kDim, 1);
  std::fill_n(&k[277 * kDim], kDim, 31.25F);
  std::fill_n(&v[277 * kDim], kDim, 5.0F);
  PackedHead head;
  head.Pack({k.data(), kDim}, {v.data(), kDim}, kLength, kDim);
  std::vector<float> out(kDim);
  Attend(head, {q.data(), kDim}, 1, {}, out.data(), kDim);
  for (const float value : out) EXPECT_EQ(value, 5.0F);
}

TEST_P(EveryTarget, AScoreThatIsNotANumberReachesTheRowsThatSeeItAndNoOther) {
  constexpr size_t kDim = 16, kKey = 277;
  RandomAttention attention(300, kDim);
  for (const float soft_cap : {0.0F, 5.0F}) {
    const AttentionOptions causal{.scale = 0.3F, .soft_cap = soft_cap, .right = 0};
    attention.k[kKey * kDim] = 1;
    attention.head.Pack({attention.k.data(), kDim}, {attention.v.data(), kDim}, 300, kDim);
    const std::vector<float> clean = attention.Run(causal, 272, 12);
    attention.k[kKey * kDim] = NAN;
    attention.head.Pack({attention.k.data(), kDim}, {attention.v.data(), kDim}, 300, kDim);
    const std::vector<float> got = attention.Run(causal, 272, 12);
    for (size_t r = 0; r < 12; ++r) {
      const auto row = std::span(got).subspan(r * kDim, kDim);
      if (272 + r < kKey) {
        EXPECT_TRUE(SameBytes(row, std::span(clean).subspan(r * kDim, kDim))) << r;
      } else {
        EXPECT_TRUE(std::ranges::all_of(row, [](float v) { return std::isnan(v); })) << r;
      }
    }
  }
}

TEST_P(EveryTarget, Bf16IsTheNearestWithTiesToEven) {
  const std::vector<float> x = {0.0F,
                                -0.0F,
                                1.0F,
                                1.00390625F,  // Half way: to even, down.
                                1.01171875F,  // Half way: to even, up.
                                -3.14159F,
                                1e-40F,
                                3.3895314e38F,
                                0x1.fffffep127F,  // Rounds to infinity.
                                65535.0F};
  const std::vector<float> want = {0.0F,       -0.0F,       1.0F,          1.0F,     1.015625F,
                                   -3.140625F, FromBf16(1), 3.3895314e38F, INFINITY, 65536.0F};
  std::vector<float> padded(x);
  for (int i = 0; i < 61; ++i) padded.push_back(static_cast<float>(i));
  std::vector<uint16_t> rounded(padded.size());
  RoundToBf16(padded, rounded.data());
  for (size_t i = 0; i < x.size(); ++i) {
    if (i == 6) continue;  // A denormal; see below.
    EXPECT_EQ(FromBf16(rounded[i]), want[i]) << x[i];
  }
  EXPECT_LE(std::abs(FromBf16(rounded[6]) - x[6]), 5e-41F);
  for (int i = 0; i < 61; ++i) {
    EXPECT_EQ(FromBf16(rounded[x.size() + static_cast<size_t>(i)]), static_cast<float>(i));
  }
}

TEST_P(EveryTarget, AQuantisedRowStandsForTheRow) {
  for (const int levels : {128, 256}) {
    for (const size_t size : {1, 5, 16, 33, 384}) {
      std::vector<float> x = RandomVector(size, 20, 3);
      for (float& v : x) v += 2;  // Not centred.
      std::vector<uint8_t> q(size);
      const RowScale row = QuantizeRow(x, {}, levels, q.data());
      for (size_t i = 0; i < size; ++i) {
        EXPECT_LT(q[i], levels);
        const float stands_for = row.scale * static_cast<float>(q[i] - row.zero);
        EXPECT_LE(std::abs(stands_for - x[i]), 1.01F * row.scale) << i << " of " << size;
      }
    }
  }
  const std::vector<float> zeros(7, 0.0F);
  std::vector<uint8_t> q(7, 9);
  EXPECT_EQ(QuantizeRow(zeros, {}, 256, q.data()).zero, 0);
  EXPECT_EQ(q, std::vector<uint8_t>(7, 0));
}

TEST_P(EveryTarget, ARowTimesFactorsIsQuantisedAsTheirProduct) {
  for (const size_t size : {1, 5, 16, 33, 384}) {
    const std::vector<float> x = RandomVector(size, 25, 3), factors = RandomVector(size, 26, 2);
    std::vector<float> product(size);
    std::ranges::transform(x, factors, product.begin(), std::multiplies<>());
    std::vector<uint8_t> q(size), want(size);
    const RowScale got = QuantizeRow(x, factors, 256, q.data());
    const RowScale plain = QuantizeRow(product, {}, 256, want.data());
    EXPECT_EQ(got.scale, plain.scale);
    EXPECT_EQ(got.zero, plain.zero);
    EXPECT_EQ(q, want);
  }
}

TEST_P(EveryTarget, ARowThatIsNotFiniteStandsForNaN) {
  const std::vector<float> scale(40, 0.5F), bias(40, 1);
  const std::vector<int32_t> sums(40, 7), column_sums(40, 3);
  for (const size_t size : {1, 16, 37}) {
    for (size_t place = 0; place < size; place += 4) {
      for (const float bad : {INFINITY, -INFINITY, NAN}) {
        std::vector<float> x = RandomVector(size, 43);
        x[place] = bad;
        std::vector<uint8_t> q(size, 9);
        const RowScale row = QuantizeRow(x, {}, 256, q.data());
        EXPECT_EQ(q, std::vector<uint8_t>(size, 0));
        std::vector<float> y(40);
        Dequantize(sums.data(), 40, std::span(&row, 1), {scale, column_sums, bias}, y.data(), 40);
        for (const float v : y) EXPECT_TRUE(std::isnan(v));
      }
    }
  }
  std::vector<uint8_t> q(2);
  EXPECT_TRUE(std::isnan(QuantizeRow(std::vector<float>{3e38F, -3e38F}, {}, 256, q.data()).scale));
}

TEST_P(EveryTarget, AWideRangeOfTinyValuesIsAsGoodAsZeros) {
  std::vector<uint8_t> q(20, 9);
  const RowScale row = QuantizeRow(std::vector<float>(20, 1e-38F), {}, 256, q.data());
  EXPECT_TRUE(std::isfinite(row.scale));
  EXPECT_EQ(q, std::vector<uint8_t>(20, static_cast<uint8_t>(row.zero)));
  std::vector<int8_t> w(3);
  EXPECT_GT(QuantizeSymmetric(std::vector<float>{0x1p-149F, -0x1p-149F, 0}, w.data()), 0);
  EXPECT_EQ(w, std::vector<int8_t>(3, 0));
}

TEST_P(EveryTarget, NaNOfArithmeticStaysNaNInBf16) {
  volatile float zero = 0;
  const float made = zero / zero;
  for (const float bad : {made, -made, NAN, -NAN}) {
    for (const size_t size : {1, 16, 37}) {
      std::vector<uint16_t> rounded(size);
      RoundToBf16(std::vector<float>(size, bad), rounded.data());
      for (const uint16_t bits : rounded) EXPECT_TRUE(std::isnan(FromBf16(bits)));
    }
  }
}

TEST_P(EveryTarget, DequantisedSumsEqualTheFormula) {
  constexpr size_t kRows = 5, kBetween = 3;
  for (const size_t size : {1, 15, 16, 100}) {
    std::vector<int32_t> sums(kRows * size), column_sums(size);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = static_cast<int32_t>(i * 7919) - 40000;
    for (size_t i = 0; i < size; ++i) column_sums[i] = static_cast<int32_t>(i * 31) - 900;
    const std::vector<float> scale = RandomVector(size, 21), bias = RandomVector(size, 22);
    const std::vector<RowScale> rows = {{0.01F, 77}, {0.5F, 0}, {1, 255}, {0.25F, 1}, {2, 128}};
    std::vector<float> y(kRows * (size + kBetween), 7);
    Dequantize(sums.data(), size, rows, {scale, column_sums, bias}, y.data(), size + kBetween);
    for (size_t r = 0; r < kRows; ++r) {
      const float* row = &y[r * (size + kBetween)];
      for (size_t i = 0; i < size; ++i) {
        const double want = static_cast<double>(rows[r].scale) * scale[i] *
                                (sums[r * size + i] - rows[r].zero * column_sums[i]) +
                            bias[i];
        EXPECT_NEAR(row[i], want, 1e-6 * std::max(1.0, std::abs(want)));
      }
      EXPECT_EQ(row[size], 7);
    }
  }
}

// Kernels for the panels of a machine that has their instructions.
class Int8PanelsTest : public ::testing::TestWithParam<const Int8Panels* (*)()> {};

INSTANTIATE_TEST_SUITE_P(Instructions, Int8PanelsTest,
                         ::testing::Values(Avx512Int8Panels, AmxInt8Panels),
                         [](const auto& panels) {
                           return panels.param == Avx512Int8Panels ? "Avx512" : "Amx";
                         });

// Σ_k x_rk w_kc by plain loops, scaled back by Dequantize, is what they promise byte for byte.
TEST_P(Int8PanelsTest, HaveTheBytesOfPlainIntegerSums) {
  const Int8Panels* kernel = GetParam()();
  if (kernel == nullptr) GTEST_SKIP() << "this machine does not have the instructions";
  constexpr size_t kRows = 40, kBetween = 3;
  for (const auto& [inputs, outputs] : {std::pair<size_t, size_t>{1, 1}, {70, 65}, {384, 192}}) {
    std::mt19937 generator(static_cast<unsigned>(inputs));
    std::vector<int8_t> weight(outputs * inputs);
    for (int8_t& v : weight) v = static_cast<int8_t>(generator());
    const Int8Weights panels(weight, inputs, outputs, kernel->group_multiple);
    const size_t columns = panels.count() * kPanelColumns, width = panels.inputs();
    AlignedVector<uint8_t> x(RoundUp(kRows, kernel->row_multiple) * width);
    for (uint8_t& v : x) v = static_cast<uint8_t>(generator());
    std::vector<RowScale> scales;
    for (size_t r = 0; r < kRows; ++r) {
      scales.push_back(
          {0.01F * static_cast<float>(r + 1), static_cast<int32_t>(generator() % 256)});
    }
    const std::vector<float> scale = RandomVector(columns, 23), bias = RandomVector(columns, 24);
    std::vector<int32_t> sum(columns), products(kRows * columns);
    for (size_t o = 0; o < outputs; ++o) {
      for (size_t i = 0; i < inputs; ++i) {
        sum[o] += weight[o * inputs + i];
        for (size_t r = 0; r < kRows; ++r) {
          products[r * columns + o] += x[r * width + i] * weight[o * inputs + i];
        }
      }
    }
    const ColumnScales all{scale, sum, bias};
    const size_t stride = outputs + kBetween;
    std::vector<float> want(kRows * stride, -1.0F);
    Dequantize(products.data(), columns, scales, all.subspan(0, outputs), want.data(), stride);
    for (const size_t rows : {size_t{1}, size_t{6}, size_t{16}, size_t{17}, size_t{32}, kRows}) {
      std::vector<float> got(rows * stride, -1.0F);
      kernel->multiply(panels, all, x.data(), scales.data(),
                       {rows, 0, panels.count(), got.data(), stride, PackedLinear::KeepOutputs});
      EXPECT_TRUE(SameBytes(got, std::span(want).first(got.size())))
          << inputs << " -> " << outputs << ", rows " << rows;
    }
  }
}

TEST(Bf16PanelsTest, ThreePartsAddUpToTheNumber) {
  const Bf16Panels* kernel = AmxBf16Panels();
  if (kernel == nullptr) GTEST_SKIP() << "this machine has no tiles";
  std::vector<float> x = RandomVector(1001, 61);
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::ldexp(x[i], static_cast<int>(i % 150) - 80);
  std::vector<uint16_t> high(x.size()), middle(x.size()), low(x.size());
  kernel->split(x.data(), x.size(), std::vector<uint16_t*>{high.data(), middle.data(), low.data()});
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(FromBf16(high[i]) + (FromBf16(middle[i]) + FromBf16(low[i])), x[i]);
  }
}

// Six products of parts leave out less than what fp32 sums round off anyway.
TEST(Bf16PanelsTest, ProductsOfThreePartsAreAsExactAsThoseOfFp32) {
  constexpr size_t kInputs = 1536, kOutputs = 128, kRows = 33;
  const std::vector<float> weight = RandomVector(kInputs * kOutputs, 62), bias(kOutputs),
                           x = RandomVector(kRows * kInputs, 63);
  const LinearLayer layer{weight, bias, kInputs, kOutputs};
  const auto tiled = MakePanelFp32Kernel(layer);
  if (tiled == nullptr) GTEST_SKIP() << "this machine has no tiles";
  std::vector<float> got(kRows * kOutputs), plain(kRows * kOutputs);
  tiled->Apply(x.data(), kRows, got.data(), PackedLinear::KeepOutputs);
  double squares = 0, plain_squares = 0;
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t o = 0; o < kOutputs; ++o) {
      double exact = 0;
      float sum = 0;
      for (size_t i = 0; i < kInputs; ++i) {
        const float a = x[r * kInputs + i], b = weight[o * kInputs + i];
        exact += static_cast<double>(a) * b;
        sum = std::fma(a, b, sum);
      }
      squares += std::pow(got[r * kOutputs + o] - exact, 2);
      plain_squares += std::pow(sum - exact, 2);
    }
  }
  EXPECT_LT(squares, 2 * plain_squares);
}

class PackedLinearTest : public ::testing::TestWithParam<Precision> {
 protected:
  // How far a product of random values may be from the exact one, relative to its size.
  double Tolerance() const {
    switch (GetParam()) {
      case Precision::kFp32:
        return 5e-6;
      case Precision::kBf16:
        return 0.02;
      case Precision::kInt8:
        return 0.12;
    }
    return 0;
  }
};

INSTANTIATE_TEST_SUITE_P(Precisions, PackedLinearTest,
                         ::testing::Values(Precision::kFp32, Precision::kBf16, Precision::kInt8),
                         [](const auto& precision) {
                           return std::string(PrecisionName(precision.param));
                         });

TEST_P(PackedLinearTest, EqualsTheFormula) {
  for (const auto& [inputs, outputs] :
       {std::pair<size_t, size_t>{1, 1}, {32, 64}, {33, 17}, {384, 1152}, {1536, 384}}) {
    const float deviation = 1.0F / std::sqrt(static_cast<float>(inputs));
    const std::vector<float> weight = RandomVector(inputs * outputs, 10, deviation),
                             bias = RandomVector(outputs, 11);
    ASSERT_OK_AND_ASSIGN(const PackedLinear linear,
                         PackedLinear::Pack(weight, bias, inputs, outputs, GetParam()));
    EXPECT_EQ(linear.inputs(), inputs);
    EXPECT_EQ(linear.outputs(), outputs);
    EXPECT_TRUE(linear.path().starts_with(PrecisionName(GetParam()))) << linear.path();
    for (const size_t rows : {1, 5, 64}) {
      const std::vector<float> x = RandomVector(rows * inputs, 12);
      std::vector<float> want(rows * outputs), got(rows * outputs);
      reference::Linear(x, weight, bias, want);
      linear.Apply(x.data(), rows, got.data());
      EXPECT_LT(MaxError(got, want), Tolerance())
          << inputs << " -> " << outputs << ", rows " << rows << ", " << linear.path();
    }
  }
}

TEST_P(PackedLinearTest, ARowHasTheSameBytesForAnyNumberOfRows) {
  constexpr size_t kInputs = 384, kOutputs = 1152;
  const std::vector<float> weight = RandomVector(kInputs * kOutputs, 13),
                           bias = RandomVector(kOutputs, 14),
                           x = RandomVector(PackedLinear::kMaxRows * kInputs, 15);
  ASSERT_OK_AND_ASSIGN(const PackedLinear linear,
                       PackedLinear::Pack(weight, bias, kInputs, kOutputs, GetParam()));
  std::vector<float> all(PackedLinear::kMaxRows * kOutputs);
  linear.Apply(x.data(), PackedLinear::kMaxRows, all.data());
  for (size_t rows = 1; rows < PackedLinear::kMaxRows; ++rows) {
    std::vector<float> some(rows * kOutputs);
    linear.Apply(x.data(), rows, some.data());
    ASSERT_TRUE(SameBytes(some, std::span(all).first(some.size()))) << rows;
  }
}

// An input of large values costs all others their precision, unless its weights take it over.
TEST(BalanceTest, SharesOutTheRoundingOfInt8) {
  constexpr size_t kInputs = 100, kOutputs = 70, kRows = 9, kLarge = 31;
  const std::vector<float> weight = RandomVector(kInputs * kOutputs, 64),
                           bias = RandomVector(kOutputs, 65);
  std::vector<float> x = RandomVector(kRows * kInputs, 66), balance(kInputs, 1.0F);
  for (size_t r = 0; r < kRows; ++r) x[r * kInputs + kLarge] *= 60;
  std::vector<float> want(kRows * kOutputs), got(want.size());
  reference::Linear(x, weight, bias, want);
  const auto error = [&](std::span<const float> of_balance) {
    const auto linear =
        PackedLinear::Pack(weight, bias, kInputs, kOutputs, Precision::kInt8, of_balance);
    EXPECT_TRUE(linear.ok());
    linear->Apply(x.data(), kRows, got.data());
    double squares = 0;
    for (size_t i = 0; i < got.size(); ++i) squares += std::pow(got[i] - want[i], 2);
    return std::sqrt(squares);
  };
  const double plain = error({});
  const std::vector<float> unbalanced = got;
  EXPECT_EQ(error(balance), plain);
  EXPECT_TRUE(SameBytes(got, unbalanced));
  balance[kLarge] = 8;
  EXPECT_LT(error(balance), plain / 2);
}

TEST_P(PackedLinearTest, ARowThatIsNotFiniteLeavesTheOthersTheirBytes) {
  constexpr size_t kInputs = 384, kOutputs = 192, kRows = 5, kBad = 2;
  const std::vector<float> weight = RandomVector(kInputs * kOutputs, 44),
                           bias = RandomVector(kOutputs, 45);
  ASSERT_OK_AND_ASSIGN(const PackedLinear linear,
                       PackedLinear::Pack(weight, bias, kInputs, kOutputs, GetParam()));
  std::vector<float> x = RandomVector(kRows * kInputs, 46), clean(kRows * kOutputs);
  linear.Apply(x.data(), kRows, clean.data());
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    x[kBad * kInputs + 100] = bad;
    std::vector<float> got(kRows * kOutputs);
    linear.Apply(x.data(), kRows, got.data());
    for (size_t r = 0; r < kRows; ++r) {
      const auto row = std::span(got).subspan(r * kOutputs, kOutputs);
      if (r == kBad) {
        EXPECT_TRUE(std::ranges::none_of(row, [](float v) { return std::isfinite(v); }));
      } else {
        EXPECT_TRUE(SameBytes(row, std::span(clean).subspan(r * kOutputs, kOutputs))) << r;
      }
    }
  }
}

TEST_P(PackedLinearTest, PartsOfTheOutputsHaveTheBytesOfTheWhole) {
  for (const auto& [inputs, outputs] :
       {std::pair<size_t, size_t>{384, 1152}, {1536, 384}, {32, 128}, {33, 100}}) {
    const std::vector<float> weight = RandomVector(inputs * outputs, 16),
                             bias = RandomVector(outputs, 17), x = RandomVector(17 * inputs, 18);
    ASSERT_OK_AND_ASSIGN(const PackedLinear linear,
                         PackedLinear::Pack(weight, bias, inputs, outputs, GetParam()));
    const size_t parts = linear.column_parts();
    EXPECT_EQ(outputs % parts, 0u);
    const bool by_blocks = linear.path().find("brg") != std::string::npos ||
                           linear.path().find("avx512") != std::string::npos ||
                           linear.path().find("amx") != std::string::npos;
    if (by_blocks && outputs % 64 == 0) {
      EXPECT_EQ(parts, outputs / 64) << linear.path();
    }
    for (const size_t rows : {1, 7, 17}) {
      std::vector<float> whole(rows * outputs), assembled(rows * outputs);
      linear.Apply(x.data(), rows, whole.data());
      for (const size_t step : {size_t{1}, size_t{2}, parts}) {
        std::fill(assembled.begin(), assembled.end(), -1.0F);
        for (size_t first = 0; first < parts; first += step) {
          linear.ApplyParts(x.data(), rows, first, std::min(step, parts - first), assembled.data());
        }
        ASSERT_TRUE(SameBytes(assembled, whole))
            << inputs << " -> " << outputs << ", rows " << rows << ", " << linear.path();
      }
    }
  }
}

}  // namespace
}  // namespace gannet::encoder::kernels
