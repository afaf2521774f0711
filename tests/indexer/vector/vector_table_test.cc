#include "indexer/vector/vector_table.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>

#include "base/status.h"
#include "indexer/vector/score_kernels.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

std::vector<float> RandomValues(size_t count, unsigned seed, float deviation = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(count);
  for (float& v : values) v = normal(generator);
  return values;
}

std::vector<float> DecodedRow(const VectorTable& table, size_t row) {
  std::vector<float> values(table.shape().dimension);
  table.Decode(row, values);
  return values;
}

double ReferenceScore(Metric metric, std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    sum += metric == Metric::kInnerProduct ? static_cast<double>(a[i]) * b[i]
                                           : -difference * difference;
  }
  return sum;
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

constexpr VectorFormat kFormats[] = {VectorFormat::kFp32, VectorFormat::kFp16, VectorFormat::kInt8};
constexpr Metric kMetrics[] = {Metric::kInnerProduct, Metric::kL2};

TEST_P(EveryTarget, IntegerProductsAreExact) {
  for (const size_t values : {size_t{64}, size_t{128}, size_t{384}, kernels::kMaxDimension}) {
    std::mt19937 generator(5);
    std::vector<int8_t> narrow(values);
    std::vector<int16_t> wide(values);
    constexpr size_t kRows = 9;
    std::vector<std::byte> rows(kRows * values + 1);
    for (size_t i = 0; i < values; ++i) {
      narrow[i] = static_cast<int8_t>(i % 3 == 0 ? 127 : static_cast<int>(generator() % 255) - 127);
      wide[i] = narrow[i];
    }
    for (std::byte& b : rows) b = static_cast<std::byte>(generator() % 3 == 0 ? 255 : generator());
    const std::vector<uint32_t> numbers = {8, 0, 3, 3, 7, 1, 2};
    std::vector<int32_t> got(numbers.size());
    const std::byte* table = rows.data() + 1;  // Unaligned.
    kernels::ProductsInt8({narrow.data(), wide.data()},
                          {table, values, numbers.data(), numbers.size()}, values, got.data());
    for (size_t r = 0; r < numbers.size(); ++r) {
      int64_t want = 0;
      for (size_t i = 0; i < values; ++i) {
        want += int64_t{narrow[i]} * std::to_integer<int>(table[numbers[r] * values + i]);
      }
      ASSERT_EQ(got[r], want) << values << " values, row " << r;
    }
  }
}

TEST_P(EveryTarget, FloatKernelsTakeUnalignedRowsAndAgreeWithPlainLoops) {
  constexpr size_t kValues = 96, kRows = 6;
  std::vector<float> floats = RandomValues(kRows * kValues + 1, 3);
  const auto query = RandomValues(kValues + 1, 4);
  const std::vector<uint32_t> numbers = {5, 1, 0, 2, 4, 5};
  std::vector<float> products(numbers.size()), distances(numbers.size());
  const kernels::PickedRows picked = {reinterpret_cast<const std::byte*>(floats.data() + 1),
                                      kValues * sizeof(float), numbers.data(), numbers.size()};
  kernels::ProductsFp32(query.data() + 1, picked, kValues, products.data());
  kernels::SquaredDistancesFp32(query.data() + 1, picked, kValues, distances.data());
  for (size_t r = 0; r < numbers.size(); ++r) {
    const auto row = std::span(floats).subspan(1 + numbers[r] * kValues, kValues);
    const auto q = std::span(query).subspan(1, kValues);
    EXPECT_NEAR(products[r], ReferenceScore(Metric::kInnerProduct, q, row), 1e-4);
    EXPECT_NEAR(distances[r], -ReferenceScore(Metric::kL2, q, row), 1e-3);
  }
}

TEST_P(EveryTarget, ScoresAreThoseOfTheStoredValuesInEveryDimension) {
  for (const VectorFormat format : kFormats) {
    for (const Metric metric : kMetrics) {
      for (const size_t dimension : {1, 2, 3, 31, 32, 33, 63, 65, 100, 384, 770}) {
        ASSERT_OK_AND_ASSIGN(VectorTable table, VectorTable::Create({format, metric, dimension}));
        constexpr size_t kRows = 11;
        auto vectors = RandomValues(kRows * dimension, 7);
        std::fill_n(vectors.begin(), dimension, 0.0F);  // Row 0 is zero.
        ASSERT_OK(table.Append(vectors));
        VectorScorer scorer(table);
        std::vector<uint32_t> rows(kRows);
        std::iota(rows.begin(), rows.end(), 0);
        std::vector<float> scores(kRows);
        for (uint32_t q = 0; q < kRows; ++q) {
          scorer.SetQueryToRow(q);
          scorer.Score(rows, scores.data());
          for (uint32_t r = 0; r < kRows; ++r) {
            const double want = ReferenceScore(metric, DecodedRow(table, q), DecodedRow(table, r));
            ASSERT_NEAR(scores[r], want, 1e-5 * static_cast<double>(dimension + 4))
                << VectorFormatName(format) << ", dimension " << dimension;
          }
        }
      }
    }
  }
}

TEST_P(EveryTarget, AScoreDoesNotDependOnItsCompany) {
  for (const VectorFormat format : kFormats) {
    for (const Metric metric : kMetrics) {
      ASSERT_OK_AND_ASSIGN(VectorTable table, VectorTable::Create({format, metric, 77}));
      ASSERT_OK(table.Append(RandomValues(200 * 77, 1)));
      VectorScorer scorer(table);
      scorer.SetQuery(RandomValues(77, 2));
      std::vector<uint32_t> rows(200);
      std::iota(rows.begin(), rows.end(), 0);
      std::vector<float> scores(rows.size());
      scorer.Score(rows, scores.data());
      for (const uint32_t row : rows) ASSERT_EQ(scorer.Score(row), scores[row]);
      std::vector<float> range(150);
      scorer.ScoreRange(37, range.size(), range.data());
      for (size_t i = 0; i < range.size(); ++i) ASSERT_EQ(range[i], scores[37 + i]);
    }
  }
}

TEST_P(EveryTarget, AStoredVectorAsQueryScoresAsItselfGiven) {
  for (const VectorFormat format : {VectorFormat::kFp32, VectorFormat::kInt8}) {
    ASSERT_OK_AND_ASSIGN(VectorTable table,
                         VectorTable::Create({format, Metric::kInnerProduct, 45}));
    const auto vectors = RandomValues(20 * 45, 1);
    ASSERT_OK(table.Append(vectors));
    VectorScorer given(table), stored(table);
    for (uint32_t row = 0; row < 20; ++row) {
      given.SetQuery(std::span(vectors).subspan(row * 45, 45));
      stored.SetQueryToRow(row);
      for (uint32_t other = 0; other < 20; ++other) {
        ASSERT_EQ(given.Score(other), stored.Score(other));
      }
    }
  }
}

TEST(VectorTableTest, FormatsKeepWhatTheyPromise) {
  const auto vectors = RandomValues(50 * 100, 9, 0.05F);
  for (const VectorFormat format : kFormats) {
    ASSERT_OK_AND_ASSIGN(VectorTable table,
                         VectorTable::Create({format, Metric::kInnerProduct, 100}));
    ASSERT_OK(table.Append(vectors));
    for (size_t row = 0; row < 50; ++row) {
      const auto decoded = DecodedRow(table, row);
      float most = 0;
      for (size_t i = 0; i < 100; ++i) most = std::max(most, std::abs(vectors[row * 100 + i]));
      for (size_t i = 0; i < 100; ++i) {
        const float v = vectors[row * 100 + i];
        const float bound = format == VectorFormat::kFp32   ? 0
                            : format == VectorFormat::kFp16 ? std::abs(v) / 2048 + 0x1p-25F
                                                            : most / 127 * 0.5001F;
        ASSERT_LE(std::abs(decoded[i] - v), bound) << VectorFormatName(format);
      }
    }
  }
}

TEST(VectorTableTest, Fp16RoundsToNearestEvenWithSubnormals) {
  ASSERT_OK_AND_ASSIGN(VectorTable table,
                       VectorTable::Create({VectorFormat::kFp16, Metric::kInnerProduct, 1}));
  const std::pair<float, float> cases[] = {{1.0F, 1.0F},
                                           {-2.5F, -2.5F},
                                           {65504.0F, 65504.0F},
                                           {0x1p-24F, 0x1p-24F},
                                           {0x1p-25F, 0.0F},
                                           {0x1.8p-24F, 0x1p-23F},
                                           {0x1p-14F, 0x1p-14F},
                                           {0x1.ff8p-15F, 0x1.ff8p-15F},
                                           {1.0F + 0x1p-11F, 1.0F},
                                           {1.0F + 0x1.8p-10F, 1.0F + 0x1p-9F},
                                           {-0.0F, -0.0F}};
  for (const auto& [given, stored] : cases) {
    ASSERT_OK(table.Append(std::span(&given, 1)));
    const float got = DecodedRow(table, table.size() - 1)[0];
    EXPECT_EQ(got, stored) << given;
    EXPECT_EQ(std::signbit(got), std::signbit(stored)) << given;
  }
}

TEST(VectorTableTest, TinyAndHugeVectorsHaveFiniteScores) {
  for (const VectorFormat format : kFormats) {
    for (const Metric metric : kMetrics) {
      ASSERT_OK_AND_ASSIGN(VectorTable table, VectorTable::Create({format, metric, 500}));
      const float big = format == VectorFormat::kFp16 ? 65504.0F : 1e15F;
      for (const float v : {0.0F, 1e-45F, 1e-38F, big, -big}) {
        ASSERT_OK(table.Append(std::vector<float>(500, v)));
      }
      VectorScorer scorer(table);
      for (uint32_t q = 0; q < table.size(); ++q) {
        scorer.SetQueryToRow(q);
        for (uint32_t r = 0; r < table.size(); ++r) {
          EXPECT_TRUE(std::isfinite(scorer.Score(r))) << VectorFormatName(format) << q << r;
        }
      }
    }
  }
}

TEST(VectorTableTest, WhatCannotBeStoredIsRefusedAndChangesNothing) {
  for (const VectorFormat format : kFormats) {
    ASSERT_OK_AND_ASSIGN(VectorTable table,
                         VectorTable::Create({format, Metric::kInnerProduct, 2}));
    ASSERT_OK(table.Append(std::vector<float>{1, 2}));
    for (const float bad : {NAN, INFINITY, -INFINITY, 1.1e15F}) {
      const absl::Status status = table.Append(std::vector<float>{1, 2, 3, bad});
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_NE(base::Message(status).find("vector 1: value 1"), std::string_view::npos) << status;
    }
    EXPECT_EQ(table.Append(std::vector<float>{1, 2, 3}).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(table.size(), 1u);
    EXPECT_NEAR(DecodedRow(table, 0)[0], 1.0F, 0.01F);
  }
  for (const size_t dimension : {size_t{0}, kernels::kMaxDimension + 1}) {
    EXPECT_FALSE(VectorTable::Create({VectorFormat::kFp32, Metric::kInnerProduct, dimension}).ok());
  }
  EXPECT_FALSE(ParseVectorFormat("bf16").ok());
}

TEST(VectorTableTest, ARecordIsTheSameRowInAnotherTable) {
  for (const VectorFormat format :
       {VectorFormat::kFp32, VectorFormat::kFp16, VectorFormat::kInt8}) {
    const VectorShape shape = {format, Metric::kL2, 70};
    ASSERT_OK_AND_ASSIGN(VectorTable table, VectorTable::Create(shape));
    ASSERT_OK(table.Append(RandomValues(70 * 30, 2)));
    ASSERT_OK(table.Append(std::vector<float>(70)));
    ASSERT_OK_AND_ASSIGN(VectorTable copy, VectorTable::Create(shape));
    ASSERT_OK(copy.Reserve(31));
    for (size_t row = 0; row < table.size(); ++row) ASSERT_OK(copy.AppendRecord(table.Record(row)));
    ASSERT_EQ(copy.size(), table.size());
    EXPECT_EQ(std::memcmp(copy.lines().data(), table.lines().data(), table.lines().size_bytes()),
              0);
    for (size_t row = 0; row < table.scales().size(); ++row) {
      EXPECT_EQ(copy.scales()[row].scale, table.scales()[row].scale);
      EXPECT_EQ(copy.scales()[row].squared_norm, table.scales()[row].squared_norm);
    }
    EXPECT_EQ(table.Record(0).size(), VectorRecordBytes(shape));
  }
}

TEST(VectorTableTest, RecordsThatNoVectorIsStoredAsAreRefused) {
  for (const VectorFormat format :
       {VectorFormat::kFp32, VectorFormat::kFp16, VectorFormat::kInt8}) {
    const VectorShape shape = {format, Metric::kInnerProduct, 3};
    ASSERT_OK_AND_ASSIGN(VectorTable table, VectorTable::Create(shape));
    const std::string ones(VectorRecordBytes(shape), '\xFF');
    EXPECT_EQ(table.AppendRecord(ones).code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(table.AppendRecord(ones.substr(1)).code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(table.size(), 0u);
    ASSERT_OK(table.Append(std::vector<float>{1, 2, 3}));
    EXPECT_EQ(table.size(), 1u);
  }
}

TEST(VectorTableTest, AViewEqualsItsTableAndIsReadOnly) {
  for (const VectorFormat format : kFormats) {
    const VectorShape shape = {format, Metric::kL2, 70};
    ASSERT_OK_AND_ASSIGN(VectorTable table, VectorTable::Create(shape));
    ASSERT_OK(table.Append(RandomValues(70 * 30, 2)));
    const auto owner = std::make_shared<int>(0);
    ASSERT_OK_AND_ASSIGN(VectorTable view,
                         VectorTable::View(shape, 30, table.lines(), table.scales(), owner));
    for (size_t row = 0; row < 30; ++row) EXPECT_EQ(DecodedRow(view, row), DecodedRow(table, row));
    ASSERT_OK_AND_ASSIGN(VectorTable copy, view.InMemory());
    for (size_t row = 0; row < 30; ++row) EXPECT_EQ(DecodedRow(copy, row), DecodedRow(table, row));
    ASSERT_OK(copy.Append(std::vector<float>(70)));
    EXPECT_EQ(copy.size(), 31u);
    EXPECT_EQ(view.Append(std::vector<float>(70)).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(VectorTable::View(shape, 29, table.lines(), table.scales(), owner).status().code(),
              absl::StatusCode::kDataLoss);
    EXPECT_EQ(
        VectorTable::View(shape, 30, table.lines().first(1), table.scales(), owner).status().code(),
        absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace gannet::indexer
