#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "encoder/kernels/causal_conv.h"
#include "encoder/kernels/reference.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/kernels/selective_scan.h"

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
    if (!(difference <= error)) error = difference;
  }
  return error;
}

bool SameBytes(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// Every instruction set of this machine that the kernels were compiled for, one after another.
class ScanKernels : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

std::vector<int64_t> CompiledTargets() {
  std::vector<int64_t> targets;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) targets.push_back(target);
  return targets;
}

INSTANTIATE_TEST_SUITE_P(Targets, ScanKernels, ::testing::ValuesIn(CompiledTargets()),
                         [](const auto& target) { return hwy::TargetName(target.param); });

TEST_P(ScanKernels, SoftplusEqualsTheFormula) {
  std::vector<float> x;
  for (float v = -100; v <= 100; v += 0.01F) x.push_back(v);
  std::vector<float> want = x;
  reference::Softplus(want);
  Softplus(x);
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(x[i], want[i], 1e-6 * std::max(want[i], 1e-30F)) << i;
  }
}

TEST_P(ScanKernels, CausalConvEqualsTheFormulaFromAnyRowOn) {
  constexpr size_t kRows = 9, kStride = 50;
  for (const size_t channels : {1, 16, 37}) {
    for (const size_t taps : {1, 3, 4}) {
      const std::vector<float> weight = RandomVector(taps * channels, 1);
      const std::vector<float> bias = RandomVector(channels, 2);
      const std::vector<float> x = RandomVector(kRows * kStride, 3);
      const CausalConvWeights weights{taps, weight, bias};
      std::vector<float> whole(kRows * channels), want(kRows * channels);
      CausalConv(weights, x.data(), kStride, 0, kRows, whole.data());
      reference::CausalConv(weights, x.data(), kStride, 0, kRows, want.data());
      EXPECT_LT(MaxError(whole, want), 1e-6) << channels << " channels, " << taps << " taps";
      // The second half by itself, with what lies before it.
      constexpr size_t kCut = 5;
      std::vector<float> part((kRows - kCut) * channels);
      CausalConv(weights, &x[kCut * kStride], kStride, kCut, kRows - kCut, part.data());
      EXPECT_TRUE(SameBytes(part, std::span(whole).subspan(kCut * channels)));
    }
  }
}

// What a scan is given, with strides wider than its rows.
class ScanCase {
 public:
  ScanCase(size_t channels_in, size_t states_in, size_t rows_in)
      : channels(channels_in),
        states(states_in),
        rows(rows_in),
        x_(RandomVector(rows * (channels + 3), 1)),
        delta_(RandomVector(rows * channels, 2)),
        bc_(RandomVector(rows * 2 * states, 3)),
        gate_(RandomVector(rows * (channels + 5), 4)),
        d(RandomVector(channels, 5)) {
    Softplus(delta_);
  }

  ScanInput Input(size_t from = 0) const {
    const auto at = [&](const std::vector<float>& m, size_t stride, size_t column = 0) {
      return StridedRows{&m[from * stride + column], stride};
    };
    return {.rows = rows - from,
            .x = at(x_, channels + 3),
            .delta = at(delta_, channels),
            .b = at(bc_, 2 * states),
            .c = at(bc_, 2 * states, states),
            .gate = at(gate_, channels + 5)};
  }

  const size_t channels, states, rows;

 private:
  std::vector<float> x_, delta_, bc_, gate_;

 public:
  const std::vector<float> d;
};

std::vector<float> Decays(size_t count) {
  std::vector<float> a = RandomVector(count, 6);
  for (float& v : a) v = -std::exp(v);
  return a;
}

TEST_P(ScanKernels, TheScanEqualsTheRecurrence) {
  for (const auto& [channels, states] : {std::pair<size_t, size_t>{16, 16}, {37, 8}, {5, 1}}) {
    const ScanCase scan(channels, states, 65);
    for (const bool per_state : {true, false}) {
      const std::vector<float> a = Decays(per_state ? channels * states : channels);
      const ScanParameters parameters = per_state ? ScanParameters::OfStates(a, scan.d, states)
                                                  : ScanParameters::OfChannels(a, scan.d, states);
      for (const bool gated : {true, false}) {
        ScanInput input = scan.Input();
        if (!gated) input.gate = {};
        std::vector<float> state(parameters.state_size()), y(scan.rows * channels),
            want(scan.rows * channels);
        std::vector<double> want_state(channels * states);
        SelectiveScan(parameters, input, 0, parameters.blocks(), state.data(), y.data(), channels);
        reference::SelectiveScan(a, scan.d, states, input, want_state, want.data(), channels);
        EXPECT_LT(MaxError(y, want), 5e-6) << channels << " x " << states;
        for (size_t c = 0; c < channels; ++c) {
          for (size_t n = 0; n < states; ++n) {
            EXPECT_NEAR(state[(c / 16 * states + n) * 16 + c % 16], want_state[c * states + n],
                        1e-5);
          }
        }
      }
    }
  }
}

TEST_P(ScanKernels, CuttingASequenceOrItsChannelsLeavesTheBytes) {
  const ScanCase scan(37, 8, 40);
  const std::vector<float> a = Decays(37 * 8);
  const auto parameters = ScanParameters::OfStates(a, scan.d, 8);
  std::vector<float> state(parameters.state_size()), whole(40 * 37);
  SelectiveScan(parameters, scan.Input(), 0, 3, state.data(), whole.data(), 37);

  std::vector<float> cut_state(parameters.state_size()), cut(40 * 37);
  constexpr size_t kCut = 13;
  ScanInput first = scan.Input();
  first.rows = kCut;
  for (const size_t block : {2, 0, 1}) {
    SelectiveScan(parameters, first, block, block + 1, cut_state.data(), cut.data(), 37);
  }
  SelectiveScan(parameters, scan.Input(kCut), 0, 3, cut_state.data(), &cut[kCut * 37], 37);
  EXPECT_TRUE(SameBytes(cut, whole));
  EXPECT_TRUE(SameBytes(cut_state, state));
}

TEST_P(ScanKernels, LongStepsForgetAndNotANumberStays) {
  const std::vector<float> a(16, -1.0F), d(16, 0.0F), ones(16, 1.0F), one(1, 1.0F);
  const auto parameters = ScanParameters::OfChannels(a, d, 1);
  std::vector<float> delta(16, 1e30F), state(parameters.state_size(), 5.0F), y(16);
  std::vector<float> x(16, 0.0F);
  x[3] = NAN;
  SelectiveScan(parameters,
                {.rows = 1,
                 .x = {x.data(), 16},
                 .delta = {delta.data(), 16},
                 .b = {one.data(), 1},
                 .c = {one.data(), 1},
                 .gate = {}},
                0, 1, state.data(), y.data(), 16);
  for (size_t c = 0; c < 16; ++c) {
    if (c == 3) {
      EXPECT_TRUE(std::isnan(y[c]));
    } else {
      EXPECT_LT(std::abs(y[c]), 1e-30F) << c;
    }
  }
}

}  // namespace
}  // namespace gannet::encoder::kernels
