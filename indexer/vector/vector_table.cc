#include "indexer/vector/vector_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "base/status.h"
#include "indexer/vector/score_kernels.h"

namespace gannet::indexer {
namespace {

// Squares of differences of 65,536 such values still add up to a finite fp32.
constexpr float kMaxMagnitude = 1e15F;
constexpr float kMaxFp16 = 65504.0F;

using kernels::kInt8Offset;

size_t RoundUp(size_t value, size_t step) { return (value + step - 1) / step * step; }

size_t PaddedDimension(const VectorShape& shape) {
  return RoundUp(shape.dimension,
                 shape.format == VectorFormat::kInt8 ? kernels::kInt8Step : kernels::kFloatStep);
}

size_t BytesPerValue(VectorFormat format) {
  switch (format) {
    case VectorFormat::kFp32:
      return 4;
    case VectorFormat::kFp16:
      return 2;
    case VectorFormat::kInt8:
      return 1;
  }
  return 0;
}

// Rounds to nearest, ties to even. Requires |value| <= 65,504.
uint16_t Fp16FromFp32(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000U;
  const float magnitude = std::abs(value);
  if (magnitude < 0x1p-14F) {  // Subnormal: a whole number of 2^-24, rounded by the addition.
    const float shifted = magnitude + 0.5F;
    return static_cast<uint16_t>(
        sign | (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5F)));
  }
  const uint32_t rest = bits & 0x7FFFFFFFU;
  const uint32_t rounded = rest + 0xFFFU + ((rest >> 13) & 1U);
  return static_cast<uint16_t>(sign | ((rounded - (112U << 23)) >> 13));
}

float Fp32FromFp16(uint16_t half) {
  const uint32_t exponent = (half >> 10) & 0x1FU;
  const uint32_t fraction = half & 0x3FFU;
  const float magnitude = exponent == 0
                              ? static_cast<float>(fraction) * 0x1p-24F
                              : std::bit_cast<float>(((exponent + 112U) << 23) | (fraction << 13));
  return (half & 0x8000U) != 0 ? -magnitude : magnitude;
}

// The scale that brings the greatest magnitude to 127; 0 for vectors too small to have one.
float ScaleOf(std::span<const float> vector) {
  float most = 0;
  for (const float v : vector) most = std::max(most, std::abs(v));
  const float scale = most / 127.0F;
  return scale < std::numeric_limits<float>::min() ? 0.0F : scale;
}

float SquaredNorm(int64_t squares, float scale) {
  return static_cast<float>(static_cast<double>(squares) * scale * scale);
}

// Calls store(i, integer) for every value, and returns what the integers stand for.
template <typename Store>
Int8Scale Quantize(std::span<const float> vector, const Store& store) {
  const float scale = ScaleOf(vector);
  int64_t squares = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    const int integer = scale == 0 ? 0 : static_cast<int>(std::nearbyint(vector[i] / scale));
    store(i, integer);
    squares += int64_t{integer} * integer;
  }
  return {scale, SquaredNorm(squares, scale)};
}

}  // namespace

absl::Status CheckVectors(const VectorShape& shape, std::span<const float> vectors) {
  if (vectors.size() % shape.dimension != 0) {
    return absl::InvalidArgumentError(fmt::format("{} values are no whole vectors of dimension {}",
                                                  vectors.size(), shape.dimension));
  }
  const float limit = shape.format == VectorFormat::kFp16 ? kMaxFp16 : kMaxMagnitude;
  for (size_t i = 0; i < vectors.size(); ++i) {
    if (std::abs(vectors[i]) <= limit) continue;  // False for NaN.
    return absl::InvalidArgumentError(
        fmt::format("vector {}: value {} is {}, beyond {} ({})", i / shape.dimension,
                    i % shape.dimension, vectors[i], limit, VectorFormatName(shape.format)));
  }
  return absl::OkStatus();
}

size_t VectorRecordBytes(const VectorShape& shape) {
  return shape.dimension * BytesPerValue(shape.format) +
         (shape.format == VectorFormat::kInt8 ? sizeof(float) : 0);
}

VectorTable::VectorTable(const VectorShape& shape)
    : shape_(shape),
      row_lines_(RoundUp(PaddedDimension(shape) * BytesPerValue(shape.format), sizeof(Line)) /
                 sizeof(Line)) {}

absl::StatusOr<VectorTable> VectorTable::Create(const VectorShape& shape) {
  if (shape.dimension == 0 || shape.dimension > kernels::kMaxDimension) {
    return absl::InvalidArgumentError(fmt::format("vectors of dimension {}: expected 1 to {}",
                                                  shape.dimension, kernels::kMaxDimension));
  }
  return VectorTable(shape);
}

absl::StatusOr<VectorTable> VectorTable::View(const VectorShape& shape, size_t size,
                                              std::span<const Line> lines,
                                              std::span<const Int8Scale> scales,
                                              std::shared_ptr<const void> owner) {
  GANNET_ASSIGN_OR_RETURN(VectorTable table, Create(shape));
  const size_t scales_expected = shape.format == VectorFormat::kInt8 ? size : 0;
  if (lines.size() % table.row_lines_ != 0 || lines.size() / table.row_lines_ != size ||
      scales.size() != scales_expected) {
    return absl::DataLossError(fmt::format(
        "{} vectors of dimension {} ({}) in {} bytes with {} scales", size, shape.dimension,
        VectorFormatName(shape.format), lines.size_bytes(), scales.size()));
  }
  table.size_ = size;
  table.viewed_lines_ = lines.data();
  table.viewed_scales_ = scales;
  table.owner_ = std::move(owner);
  return table;
}

absl::StatusOr<VectorTable> VectorTable::InMemory() const {
  VectorTable table(shape_);
  try {
    table.own_lines_.assign(lines().begin(), lines().end());
    table.own_scales_.assign(scales().begin(), scales().end());
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        fmt::format("no memory for {} vectors of {} bytes", size_, row_bytes()));
  }
  table.size_ = size_;
  return table;
}

absl::StatusOr<VectorTable> VectorTable::InFormat(VectorFormat format) const {
  VectorShape shape = shape_;
  shape.format = format;
  VectorTable table(shape);
  GANNET_RETURN_IF_ERROR(table.Reserve(size_));
  std::vector<float> row(shape.dimension);
  for (size_t i = 0; i < size_; ++i) {
    Decode(i, row);
    GANNET_RETURN_IF_ERROR(table.Append(row));
  }
  return table;
}

size_t VectorTable::bytes_per_vector() const {
  return row_bytes() + (shape_.format == VectorFormat::kInt8 ? sizeof(Int8Scale) : 0);
}

// Rows of zeros at the end; size_ stays until they are filled.
absl::Status VectorTable::AddRows(size_t added) {
  if (owner_ != nullptr) return absl::FailedPreconditionError("a table mapped for reading");
  if (size_ + added > std::numeric_limits<uint32_t>::max()) {
    return absl::ResourceExhaustedError(fmt::format("a table of {} vectors", size_ + added));
  }
  try {
    own_lines_.resize((size_ + added) * row_lines_);
    if (shape_.format == VectorFormat::kInt8) own_scales_.resize(size_ + added);
  } catch (const std::bad_alloc&) {
    own_lines_.resize(size_ * row_lines_);
    return absl::ResourceExhaustedError(
        fmt::format("no memory for {} vectors of {} bytes", size_ + added, row_bytes()));
  }
  return absl::OkStatus();
}

absl::Status VectorTable::Reserve(size_t rows) {
  try {
    own_lines_.reserve(rows * row_lines_);
    if (shape_.format == VectorFormat::kInt8) own_scales_.reserve(rows);
  } catch (const std::exception&) {  // bad_alloc or length_error.
    return absl::ResourceExhaustedError(
        fmt::format("no memory for {} vectors of {} bytes", rows, row_bytes()));
  }
  return absl::OkStatus();
}

absl::Status VectorTable::Append(std::span<const float> vectors) {
  GANNET_RETURN_IF_ERROR(CheckVectors(shape_, vectors));
  const size_t added = vectors.size() / shape_.dimension;
  GANNET_RETURN_IF_ERROR(AddRows(added));
  for (size_t i = 0; i < added; ++i) {
    Encode(size_ + i, vectors.subspan(i * shape_.dimension, shape_.dimension));
  }
  size_ += added;
  return absl::OkStatus();
}

std::string VectorTable::Record(size_t number) const {
  assert(number < size_);
  std::string record(VectorRecordBytes(shape_), '\0');
  const size_t values = shape_.dimension * BytesPerValue(shape_.format);
  std::memcpy(record.data(), row(number), values);
  if (shape_.format == VectorFormat::kInt8) {
    std::memcpy(record.data() + values, &scales()[number].scale, sizeof(float));
  }
  return record;
}

absl::Status VectorTable::AppendRecord(std::string_view record) {
  if (record.size() != VectorRecordBytes(shape_)) {
    return absl::DataLossError(
        fmt::format("a vector of {} bytes, expected {}", record.size(), VectorRecordBytes(shape_)));
  }
  GANNET_RETURN_IF_ERROR(AddRows(1));
  std::byte* row = own_lines_[size_ * row_lines_].bytes;
  const size_t values = shape_.dimension * BytesPerValue(shape_.format);
  std::memcpy(row, record.data(), values);
  if (shape_.format == VectorFormat::kInt8) {
    std::fill(row + values, row + row_bytes(), std::byte{kInt8Offset});
    Int8Scale& scale = own_scales_[size_];
    std::memcpy(&scale.scale, record.data() + values, sizeof(float));
    int64_t squares = 0;
    for (size_t i = 0; i < values; ++i) {
      const int integer = std::to_integer<int>(row[i]) - kInt8Offset;
      squares += int64_t{integer} * integer;
    }
    scale.squared_norm = SquaredNorm(squares, scale.scale);
  }
  ++size_;
  return CheckLastRow();
}

absl::Status VectorTable::AppendRow(const VectorTable& table, size_t number) {
  assert(table.shape_ == shape_ && number < table.size_);
  GANNET_RETURN_IF_ERROR(AddRows(1));
  std::memcpy(own_lines_[size_ * row_lines_].bytes, table.row(number), row_bytes());
  if (shape_.format == VectorFormat::kInt8) own_scales_[size_] = table.scales()[number];
  ++size_;
  return absl::OkStatus();
}

// A row that no vector is stored as would make scores that are no numbers.
absl::Status VectorTable::CheckLastRow() {
  std::vector<float> values(shape_.dimension);
  Decode(size_ - 1, values);
  const absl::Status valid = CheckVectors(shape_, values);
  if (valid.ok()) return valid;
  --size_;
  return absl::Status(absl::StatusCode::kDataLoss, valid.message());
}

void VectorTable::Encode(size_t number, std::span<const float> vector) {
  std::byte* row = own_lines_[number * row_lines_].bytes;
  switch (shape_.format) {
    case VectorFormat::kFp32:
      std::memcpy(row, vector.data(), vector.size_bytes());
      break;
    case VectorFormat::kFp16: {
      auto* halves = reinterpret_cast<uint16_t*>(row);
      std::transform(vector.begin(), vector.end(), halves, Fp16FromFp32);
      break;
    }
    case VectorFormat::kInt8:
      // Padding stands for zeros too: a row may become a query.
      std::fill(row + vector.size(), row + row_bytes(), std::byte{kInt8Offset});
      own_scales_[number] = Quantize(vector, [row](size_t i, int integer) {
        row[i] = static_cast<std::byte>(integer + kInt8Offset);
      });
      break;
  }
}

void VectorTable::Decode(size_t number, std::span<float> out) const {
  assert(number < size_ && out.size() == shape_.dimension);
  const std::byte* values = row(number);
  switch (shape_.format) {
    case VectorFormat::kFp32:
      std::memcpy(out.data(), values, out.size_bytes());
      break;
    case VectorFormat::kFp16: {
      const auto* halves = reinterpret_cast<const uint16_t*>(values);
      std::transform(halves, halves + out.size(), out.begin(), Fp32FromFp16);
      break;
    }
    case VectorFormat::kInt8:
      for (size_t i = 0; i < out.size(); ++i) {
        const int integer = std::to_integer<int>(values[i]) - kInt8Offset;
        out[i] = static_cast<float>(integer) * scales()[number].scale;
      }
      break;
  }
}

VectorScorer::VectorScorer(const VectorTable& table)
    : table_(table), values_(PaddedDimension(table.shape())) {
  if (table.shape().format == VectorFormat::kInt8) {
    narrow_.resize(values_.size());
    wide_.resize(values_.size());
  }
}

void VectorScorer::SetQuery(std::span<const float> query) {
  assert(query.size() == table_.shape().dimension);
  std::copy(query.begin(), query.end(), values_.begin());
  query_ = values_.data();
  if (table_.shape().format == VectorFormat::kInt8) QuantizeQuery();
}

void VectorScorer::QuantizeQuery() {
  sum_ = 0;
  scale_ = Quantize(values_, [this](size_t i, int integer) {
    narrow_[i] = static_cast<int8_t>(integer);
    wide_[i] = static_cast<int16_t>(integer);
    sum_ += integer;
  });
}

void VectorScorer::SetQueryToRow(size_t number) {
  const std::byte* row = table_.row(number);
  switch (table_.shape().format) {
    case VectorFormat::kFp32:
      query_ = reinterpret_cast<const float*>(row);
      break;
    case VectorFormat::kFp16:
      kernels::WidenFp16(row, values_.size(), values_.data());
      query_ = values_.data();
      break;
    case VectorFormat::kInt8:
      sum_ = kernels::QueryFromInt8Row(row, values_.size(), narrow_.data(), wide_.data());
      scale_ = table_.scales()[number];
      break;
  }
}

float VectorScorer::Score(uint32_t row) const {
  float score = 0;
  Score({&row, 1}, &score);
  return score;
}

void VectorScorer::Score(std::span<const uint32_t> rows, float* scores) const {
  ScoreRows({.numbers = rows.data(), .first = 0, .count = rows.size()}, scores);
}

void VectorScorer::ScoreRange(size_t first, size_t count, float* scores) const {
  ScoreRows({.numbers = nullptr, .first = first, .count = count}, scores);
}

void VectorScorer::ScoreRows(const Rows& rows, float* scores) const {
  if (rows.count == 0) return;
  const VectorShape& shape = table_.shape();
  if (shape.format == VectorFormat::kInt8) return ScoreInt8(rows, scores);
  const kernels::PickedRows picked = {table_.row(rows.first), table_.row_bytes(), rows.numbers,
                                      rows.count};
  const bool half = shape.format == VectorFormat::kFp16;
  if (shape.metric == Metric::kInnerProduct) {
    const auto products = half ? kernels::ProductsFp16 : kernels::ProductsFp32;
    return products(query_, picked, values_.size(), scores);
  }
  const auto distances = half ? kernels::SquaredDistancesFp16 : kernels::SquaredDistancesFp32;
  distances(query_, picked, values_.size(), scores);
  for (size_t i = 0; i < rows.count; ++i) scores[i] = -scores[i];
}

void VectorScorer::ScoreInt8(const Rows& rows, float* scores) const {
  constexpr size_t kBatch = 64;
  const bool products_only = table_.shape().metric == Metric::kInnerProduct;
  const std::span<const Int8Scale> scales = table_.scales();
  std::array<int32_t, kBatch> sums;
  for (size_t begun = 0; begun < rows.count; begun += kBatch) {
    const size_t first = rows.numbers == nullptr ? rows.first + begun : 0;
    const uint32_t* numbers = rows.numbers == nullptr ? nullptr : rows.numbers + begun;
    const size_t count = std::min(kBatch, rows.count - begun);
    kernels::ProductsInt8({narrow_.data(), wide_.data()},
                          {table_.row(first), table_.row_bytes(), numbers, count}, values_.size(),
                          sums.data());
    for (size_t i = 0; i < count; ++i) {
      const Int8Scale& stored = scales[numbers == nullptr ? first + i : numbers[i]];
      const int32_t product = sums[i] - kInt8Offset * sum_;
      const float score = static_cast<float>(product) * (scale_.scale * stored.scale);
      scores[begun + i] =
          products_only ? score : 2 * score - scale_.squared_norm - stored.squared_norm;
    }
  }
}

}  // namespace gannet::indexer
