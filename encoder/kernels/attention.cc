#include "encoder/kernels/attention.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "encoder/kernels/bf16_pairs_internal.h"
#include "encoder/kernels/quantize.h"
#include "encoder/kernels/round_up.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "encoder/kernels/attention.cc"
#include <hwy/foreach_target.h>
// Highway's own headers must come after foreach_target.h.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#ifndef GANNET_ENCODER_KERNELS_ATTENTION_ONCE
#define GANNET_ENCODER_KERNELS_ATTENTION_ONCE
namespace gannet::encoder::kernels {

// Rows of a head lie far apart, which no prefetcher of the processor follows: rows [first, last)
// that are read soon.
inline void PrefetchRows(HeadRows rows, size_t first, size_t last, size_t head_dim) {
  constexpr size_t kLineFloats = 64 / sizeof(float);
  for (size_t r = first; r < last; ++r) {
    for (size_t i = 0; i < head_dim; i += kLineFloats) {
      __builtin_prefetch(rows.data + r * rows.stride + i);
    }
  }
}

constexpr size_t kRowsAhead = 8;

// Query rows that share the loads of keys and values: of a tile of fp32, and the most of any.
constexpr size_t kRowTile = 8;
constexpr size_t kMostTileRows = Bf16Pairs::kMostRows;
// Keys whose pairs are as many as products may want to see at a time.
constexpr size_t kPairedKeys = 2 * Bf16Pairs::kMostDepthMultiple;

// Keys from `begin` up to `end`, none when begin >= end.
struct KeyRange {
  size_t begin = 0;
  size_t end = 0;

  bool empty() const { return begin >= end; }
};

inline KeyRange Intersection(KeyRange a, KeyRange b) {
  return {std::max(a.begin, b.begin), std::min(a.end, b.end)};
}

// The keys, of `length`, that the query at `position` sees.
inline KeyRange VisibleKeys(const AttentionOptions& options, size_t position, size_t length) {
  KeyRange range{0, length};
  if (position > options.left) range.begin = position - options.left;
  if (options.right < length && position < length - options.right) {
    range.end = position + options.right + 1;
  }
  return range;
}

// What one tile of query rows carries from key block to key block. Matrices are as wide as the
// head.
struct RowTile {
  size_t rows;      // Queries; products run on whole tiles, the rows beyond are not used.
  size_t position;  // Of the first row.
  KeyRange visible[kMostTileRows];
  bool started;                                            // Whether a block was added.
  alignas(64) float queries[kMostTileRows * kMaxHeadDim];  // Already scaled.
  alignas(64) float scores[kMostTileRows][PackedHead::kBlockKeys];
  alignas(64) float sums[kMostTileRows * kMaxHeadDim];   // Σ exp(score − max) v
  alignas(64) float added[kMostTileRows * kMaxHeadDim];  // The sums of one block.
  alignas(64) uint32_t query_pairs[kMostTileRows * kMaxHeadDim / 2];
  alignas(64) uint32_t score_pairs[kMostTileRows][PackedHead::kBlockKeys / 2];
  float max[kMostTileRows];
  float weight[kMostTileRows];  // Σ exp(score − max)
};

}  // namespace gannet::encoder::kernels
#endif  // GANNET_ENCODER_KERNELS_ATTENTION_ONCE

HWY_BEFORE_NAMESPACE();
namespace gannet::encoder::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
// At most kPadding lanes, so that padded rows are whole vectors on every target.
using D = hn::CappedTag<float, PackedHead::kPadding>;
using V = hn::Vec<D>;

// accumulator[r][c] += a[r][k] b[k][c] over k < depth, for kRows rows and kVectors vectors of
// columns: b is read once for all rows. `a` has a row stride, `b` a stride per k. The loops over
// constants are unrolled at every level of optimisation: the sums must stay in registers.
template <size_t kRows, size_t kVectors>
HWY_INLINE void MultiplyTile(const float* HWY_RESTRICT a, size_t a_stride,
                             const float* HWY_RESTRICT b, size_t b_stride, size_t depth,
                             float* HWY_RESTRICT out, size_t out_stride) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V sum[kRows][kVectors];
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (size_t c = 0; c < kVectors; ++c) sum[r][c] = hn::Zero(d);
  }
  for (size_t k = 0; k < depth; ++k) {
    V row[kVectors];
#pragma GCC unroll 16
    for (size_t c = 0; c < kVectors; ++c) row[c] = hn::LoadU(d, b + k * b_stride + c * lanes);
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
      const V factor = hn::Set(d, a[r * a_stride + k]);
#pragma GCC unroll 16
      for (size_t c = 0; c < kVectors; ++c) sum[r][c] = hn::MulAdd(factor, row[c], sum[r][c]);
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (size_t c = 0; c < kVectors; ++c)
      hn::StoreU(sum[r][c], d, out + r * out_stride + c * lanes);
  }
}

// out[r][c] = Σ_k a[r][k] b[k][c] for `columns` columns, a multiple of kPadding.
template <size_t kRows>
HWY_INLINE void Multiply(const float* a, size_t a_stride, const float* b, size_t b_stride,
                         size_t depth, size_t columns, float* out, size_t out_stride) {
  const size_t lanes = hn::Lanes(D());
  // 16 sums fill half of 32 registers; targets with 16 registers take 8 at once.
  constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3;
  if constexpr (!kManyRegisters && kRows > 4) {
    Multiply<4>(a, a_stride, b, b_stride, depth, columns, out, out_stride);
    Multiply<kRows - 4>(a + 4 * a_stride, a_stride, b, b_stride, depth, columns,
                        out + 4 * out_stride, out_stride);
    return;
  }
  constexpr size_t kVectors = (kManyRegisters ? 16 : 8) / kRows;
  size_t c = 0;
  for (; c + kVectors * lanes <= columns; c += kVectors * lanes) {
    MultiplyTile<kRows, kVectors>(a, a_stride, b + c, b_stride, depth, out + c, out_stride);
  }
  for (; c < columns; c += lanes) {
    MultiplyTile<kRows, 1>(a, a_stride, b + c, b_stride, depth, out + c, out_stride);
  }
}

// s := c tanh(s/c)
HWY_INLINE void CapRow(float* HWY_RESTRICT scores, size_t padded, float cap) {
  const D d;
  const V high = hn::Set(d, cap);
  const V inverse = hn::Set(d, 1.0F / cap);
  for (size_t i = 0; i < padded; i += hn::Lanes(d)) {
    const V s = hn::LoadU(d, scores + i);
    hn::StoreU(hn::Mul(high, hn::Tanh(d, hn::Mul(s, inverse))), d, scores + i);
  }
}

// exp(x) for x <= 0, within 2 units in the last place; exactly 0 below −87. NaN stays NaN.
HWY_INLINE V ExpOfNegative(V x) {
  const D d;
  const hn::RebindToSigned<D> di;
  // x = n ln 2 + r: adding and taking off 1.5 · 2²³ rounds to the nearest integer.
  const V magic = hn::Set(d, 12582912.0F);
  const V low = hn::Set(d, -87.0F);
  const V shifted = hn::MulAdd(hn::Max(x, low), hn::Set(d, 1.44269504088896341F), magic);
  const V n = hn::Sub(shifted, magic);
  // ln 2 in two parts, the first with few enough bits that n times it is exact.
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375F), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), r);
  // exp(r) by its Taylor series: |r| <= 0.347, the first term left out is 1.2e-7 exp(r) at most.
  V e = hn::Set(d, 1.0F / 720);
  e = hn::MulAdd(e, r, hn::Set(d, 1.0F / 120));
  e = hn::MulAdd(e, r, hn::Set(d, 1.0F / 24));
  e = hn::MulAdd(e, r, hn::Set(d, 1.0F / 6));
  e = hn::MulAdd(e, r, hn::Set(d, 0.5F));
  e = hn::MulAdd(e, r, hn::Set(d, 1.0F));
  e = hn::MulAdd(e, r, hn::Set(d, 1.0F));
  // The lowest bits of the shifted value hold n.
  const auto exponent = hn::Add(hn::BitCast(di, shifted), hn::Set(di, 127));
  const V power = hn::BitCast(d, hn::ShiftLeft<23>(exponent));
  return hn::IfThenZeroElse(hn::Lt(x, low), hn::Mul(e, power));
}

// Replaces scores, padded with -∞ to whole vectors, by exp(score − max); returns their sum.
HWY_INLINE float Exponentiate(float* HWY_RESTRICT scores, size_t padded, float max) {
  const D d;
  const V shift = hn::Set(d, max);
  V sum = hn::Zero(d);
  for (size_t i = 0; i < padded; i += hn::Lanes(d)) {
    const V e = ExpOfNegative(hn::Sub(hn::LoadU(d, scores + i), shift));
    sum = hn::Add(sum, e);
    hn::StoreU(e, d, scores + i);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// Turns a row of scores, padded with -∞ to whole vectors, into exp(score − running max), in place
// or, with `rounded`, there in pairs of bfloat16; updates the running maximum and weight, and
// returns the factor that brings what was summed before to the new maximum.
HWY_INLINE float ExponentiateRow(float* HWY_RESTRICT scores, size_t padded, const Bf16Pairs* pairs,
                                 uint32_t* rounded, float& max, float& weight) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V highest = hn::LoadU(d, scores);
  for (size_t i = lanes; i < padded; i += lanes) {
    highest = hn::Max(highest, hn::LoadU(d, scores + i));
  }
  const float new_max = std::max(max, hn::GetLane(hn::MaxOfLanes(d, highest)));
  const float sum = pairs != nullptr ? pairs->exponentiate(scores, padded, new_max, rounded)
                                     : Exponentiate(scores, padded, new_max);
  const bool started = weight != 0;
  const float factor =
      started ? hn::GetLane(ExpOfNegative(hn::Sub(hn::Set(d, max), hn::Set(d, new_max)))) : 0.0F;
  max = new_max;
  weight = weight * factor + sum;
  return factor;
}

// Scores of a tile's rows for `columns` keys from `begin` on.
template <size_t kRows>
HWY_INLINE void ScoreKeys(const PackedHead& head, size_t block, size_t begin, size_t columns,
                          RowTile& tile) {
  const size_t first = block * PackedHead::kBlockKeys;
  const size_t block_keys = std::min(PackedHead::kBlockKeys, head.length() - first);
  const size_t stride = RoundUp(block_keys, PackedHead::kPadding);
  if (head.pairs() != nullptr) {
    const size_t depth = head.padded_dim() / 2;
    head.pairs()->multiply(tile.query_pairs, depth, kRows,
                           head.KeyPairBlock(block) + (begin - first), stride, depth, columns,
                           tile.scores[0], PackedHead::kBlockKeys);
  } else {
    Multiply<kRows>(tile.queries, head.padded_dim(), head.KeyBlock(block) + (begin - first), stride,
                    head.head_dim(), columns, tile.scores[0], PackedHead::kBlockKeys);
  }
}

// out = Σ of the values of `keys` keys from `begin` on, weighted by the tile's scores.
template <size_t kRows>
HWY_INLINE void SumValues(const PackedHead& head, size_t begin, size_t keys, RowTile& tile,
                          float* out) {
  const size_t width = head.padded_dim();
  if (head.pairs() != nullptr) {
    head.pairs()->multiply(
        tile.score_pairs[0], PackedHead::kBlockKeys / 2, kRows, head.ValuePairRow(begin), width,
        RoundUp((keys + 1) / 2, head.pairs()->depth_multiple), width, out, width);
  } else {
    Multiply<kRows>(tile.scores[0], PackedHead::kBlockKeys, head.ValueRow(begin), width, keys,
                    width, out, width);
  }
}

// Adds the keys of one block to the running sums of a tile. Only `span` is computed, which begins
// where vectors of scores begin, and groups of keys whose products are summed before they are added
// to the others, and covers what the rows see of the block: a key then has the same place for every
// tile, and the keys that a row does not see add exact zeros to it.
template <size_t kRows>
void AttendBlock(const PackedHead& head, const AttentionOptions& options, size_t block,
                 KeyRange span, RowTile& tile) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const size_t keys = span.end - span.begin;
  const size_t padded_keys = RoundUp(keys, PackedHead::kPadding);
  ScoreKeys<kRows>(head, block, span.begin, padded_keys, tile);
  float factor[kRows];
  for (size_t r = 0; r < tile.rows; ++r) {
    float* scores = tile.scores[r];
    const KeyRange seen = Intersection(tile.visible[r], span);
    if (seen.empty()) {
      std::fill_n(scores, padded_keys, 0.0F);
      std::fill_n(tile.score_pairs[r], RoundUp(padded_keys, kPairedKeys) / 2, 0U);
      factor[r] = 1;
      continue;
    }
    if (options.soft_cap != 0) CapRow(scores, padded_keys, options.soft_cap);
    if (options.bias) options.bias(tile.position + r, span.begin, {scores, keys});
    constexpr float kHidden = -std::numeric_limits<float>::infinity();
    std::fill(scores, scores + (seen.begin - span.begin), kHidden);
    std::fill(scores + (seen.end - span.begin), scores + padded_keys, kHidden);
    factor[r] = ExponentiateRow(scores, padded_keys, head.pairs(), tile.score_pairs[r], tile.max[r],
                                tile.weight[r]);
    std::fill(tile.score_pairs[r] + padded_keys / 2,
              tile.score_pairs[r] + RoundUp(padded_keys, kPairedKeys) / 2, 0U);
  }
  if (!tile.started) {
    SumValues<kRows>(head, span.begin, keys, tile, tile.sums);
    tile.started = true;
    return;
  }
  SumValues<kRows>(head, span.begin, keys, tile, tile.added);
  const size_t width = head.padded_dim();
  for (size_t r = 0; r < tile.rows; ++r) {
    const V scale = hn::Set(d, factor[r]);
    for (size_t c = r * width; c < (r + 1) * width; c += lanes) {
      const V sum = hn::Load(d, tile.sums + c);
      hn::Store(hn::MulAdd(sum, scale, hn::Load(d, tile.added + c)), d, tile.sums + c);
    }
  }
}

// out = x · factor. Adding 0 turns −0, which can hinge on zeros that were added to a sum, into 0.
HWY_INLINE void ScaleRow(const float* HWY_RESTRICT x, size_t count, float factor,
                         float* HWY_RESTRICT out) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V scale = hn::Set(d, factor);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::Add(hn::Mul(hn::LoadU(d, x + i), scale), hn::Zero(d)), d, out + i);
  }
  for (; i < count; ++i) out[i] = x[i] * factor + 0.0F;
}

// Reads `rows` queries into a tile of kRows.
template <size_t kRows>
HWY_INLINE void StartTile(const PackedHead& head, HeadRows queries, size_t rows,
                          const AttentionOptions& options, size_t position, RowTile& tile) {
  const size_t width = head.padded_dim();
  tile.rows = rows;
  tile.position = position;
  tile.started = false;
  for (size_t r = 0; r < rows; ++r) {
    tile.visible[r] = VisibleKeys(options, position + r, head.length());
    tile.max[r] = std::numeric_limits<float>::lowest();
    tile.weight[r] = 0;
    if (head.head_dim() < width) {
      std::fill(tile.queries + r * width + head.head_dim(), tile.queries + (r + 1) * width, 0.0F);
    }
    ScaleRow(queries.data + r * queries.stride, head.head_dim(), options.scale,
             tile.queries + r * width);
  }
  // What is computed for the rows beyond must not be slow, as denormal numbers can be.
  std::fill(tile.queries + rows * width, tile.queries + kRows * width, 0.0F);
  for (size_t r = rows; r < kRows; ++r) {
    std::fill_n(tile.scores[r], PackedHead::kBlockKeys, 0.0F);
    std::fill_n(tile.score_pairs[r], PackedHead::kBlockKeys / 2, 0U);
  }
  if (head.pairs() != nullptr) head.pairs()->round(tile.queries, kRows * width, tile.query_pairs);
}

template <size_t kRows>
void AttendTile(const PackedHead& head, HeadRows queries, size_t rows,
                const AttentionOptions& options, size_t position, float* out, size_t out_stride) {
  RowTile tile;
  StartTile<kRows>(head, queries, rows, options, position, tile);
  // Both ends of what a query sees grow with its position.
  const KeyRange seen{tile.visible[0].begin, tile.visible[rows - 1].end};
  constexpr size_t kBlock = PackedHead::kBlockKeys;
  const size_t grain = head.pairs() == nullptr
                           ? PackedHead::kPadding
                           : std::max(PackedHead::kPadding, 2 * head.pairs()->depth_multiple);
  for (size_t block = seen.begin / kBlock; !seen.empty() && block * kBlock < seen.end; ++block) {
    KeyRange span = Intersection(seen, {block * kBlock, (block + 1) * kBlock});
    span.begin -= span.begin % grain;
    AttendBlock<kRows>(head, options, block, span, tile);
  }
  const size_t width = head.padded_dim();
  for (size_t r = 0; r < rows; ++r) {
    float* row = out + r * out_stride;
    if (tile.visible[r].empty()) {
      std::fill_n(row, head.head_dim(), 0.0F);
      continue;
    }
    const float inverse = 1.0F / tile.weight[r];
    ScaleRow(tile.sums + r * width, head.head_dim(), inverse, row);
  }
}

// Calls run(rows_of_tile, first, count), its first argument a constant, for tiles of `rows`
// queries.
template <typename Run>
void ForEachRowTile(const Bf16Pairs* pairs, size_t rows, Run run) {
  constexpr size_t kHalf = kRowTile / 2;
  const size_t most = pairs == nullptr ? kRowTile : pairs->rows,
               fewest = pairs == nullptr ? kHalf : pairs->fewest_rows;
  for (size_t r = 0; r < rows; r += most) {
    const size_t count = std::min(most, rows - r);
    if (fewest == kMostTileRows) {
      run(std::integral_constant<size_t, kMostTileRows>(), r, count);
    } else if (count > kHalf) {
      run(std::integral_constant<size_t, kRowTile>(), r, count);
    } else {
      run(std::integral_constant<size_t, kHalf>(), r, count);
    }
  }
}

void AttendImpl(const PackedHead& head, HeadRows queries, size_t rows,
                const AttentionOptions& options, float* out, size_t out_stride) {
  const OpenPairs open(head.pairs());
  ForEachRowTile(head.pairs(), rows, [&](auto rows_of_tile, size_t first, size_t count) {
    PrefetchRows(queries, first + count, std::min(first + count + rows_of_tile, rows),
                 head.head_dim());
    AttendTile<rows_of_tile>(head, {queries.data + first * queries.stride, queries.stride}, count,
                             options, options.first_query + first, out + first * out_stride,
                             out_stride);
  });
}

// Copies into `out`, rows of `stride`, the scores of a tile for the keys that its rows see.
template <size_t kRows>
void ScoreTile(const PackedHead& head, const AttentionOptions& options, RowTile& tile, float* out,
               size_t stride) {
  const KeyRange seen{tile.visible[0].begin, tile.visible[tile.rows - 1].end};
  constexpr size_t kBlock = PackedHead::kBlockKeys;
  for (size_t block = seen.begin / kBlock; !seen.empty() && block * kBlock < seen.end; ++block) {
    const size_t first = block * kBlock, keys = std::min(kBlock, head.length() - first);
    const size_t padded_keys = RoundUp(keys, PackedHead::kPadding);
    ScoreKeys<kRows>(head, block, first, padded_keys, tile);
    for (size_t r = 0; r < tile.rows; ++r) {
      const KeyRange copied = Intersection(tile.visible[r], {first, first + keys});
      if (copied.empty()) continue;
      float* scores = tile.scores[r];
      if (options.soft_cap != 0) CapRow(scores, padded_keys, options.soft_cap);
      if (options.bias) options.bias(tile.position + r, first, {scores, keys});
      std::copy(scores + (copied.begin - first), scores + (copied.end - first),
                out + r * stride + copied.begin);
    }
  }
}

void AttentionWeightsImpl(const PackedHead& head, HeadRows queries, size_t rows,
                          const AttentionOptions& options, float* weights) {
  const size_t length = head.length(), padded = RoundUp(length, PackedHead::kPadding);
  constexpr float kHidden = -std::numeric_limits<float>::infinity();
  std::vector<float> scores(kMostTileRows * padded);
  RowTile tile;
  const OpenPairs open(head.pairs());
  ForEachRowTile(head.pairs(), rows, [&](auto rows_of_tile, size_t first, size_t count) {
    StartTile<rows_of_tile>(head, {queries.data + first * queries.stride, queries.stride}, count,
                            options, options.first_query + first, tile);
    std::ranges::fill(scores, kHidden);
    ScoreTile<rows_of_tile>(head, options, tile, scores.data(), padded);
    for (size_t r = 0; r < tile.rows; ++r) {
      float* row = scores.data() + r * padded;
      ExponentiateRow(row, padded, /*pairs=*/nullptr, nullptr, tile.max[r], tile.weight[r]);
      const float inverse = tile.visible[r].empty() ? 0.0F : 1.0F / tile.weight[r];
      float* weights_row = weights + (first + r) * length;
      for (size_t j = 0; j < length; ++j) weights_row[j] = row[j] * inverse;
    }
  });
}

}  // namespace gannet::encoder::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gannet::encoder::kernels {

HWY_EXPORT(AttendImpl);
HWY_EXPORT(AttentionWeightsImpl);

void PackedHead::Pack(HeadRows keys, HeadRows values, size_t length, size_t head_dim,
                      Precision precision) {
  length_ = length;
  head_dim_ = head_dim;
  padded_dim_ = RoundUp(head_dim, kPadding);
  pairs_ = precision == Precision::kFp32 ? nullptr : NativeBf16Pairs(padded_dim_);
  before_ = nullptr;
  shared_ = 0;
  PackOwn(keys, values, length);
}

void PackedHead::PackAfter(const PackedHead& before, HeadRows keys, HeadRows values,
                           size_t length) {
  length_ = before.length_ + length;
  head_dim_ = before.head_dim_;
  padded_dim_ = before.padded_dim_;
  pairs_ = before.pairs_;
  before_ = &before;
  shared_ = before.length_ / kBlockKeys * kBlockKeys;
  // The rows that fill no block are packed once more, at the head of the new ones.
  const size_t moved = before.length_ - shared_, own = moved + length;
  joined_keys_.resize(own * head_dim_);
  joined_values_.resize(own * head_dim_);
  for (size_t j = 0; j < moved; ++j) {
    before.ReadKey(shared_ + j, &joined_keys_[j * head_dim_]);
    before.ReadValue(shared_ + j, &joined_values_[j * head_dim_]);
  }
  for (size_t j = 0; j < length; ++j) {
    std::copy_n(keys.data + j * keys.stride, head_dim_, &joined_keys_[(moved + j) * head_dim_]);
    std::copy_n(values.data + j * values.stride, head_dim_,
                &joined_values_[(moved + j) * head_dim_]);
  }
  PackOwn({joined_keys_.data(), head_dim_}, {joined_values_.data(), head_dim_}, own);
}

void PackedHead::PackOwn(HeadRows keys, HeadRows values, size_t own) {
  if (pairs_ == nullptr) {
    PackFp32(keys, values, own);
  } else {
    PackPairs(keys, values, own);
  }
}

size_t PackedHead::BlockStride(size_t first) const {
  return RoundUp(std::min(kBlockKeys, length_ - first), kPadding);
}

void PackedHead::ReadKey(size_t i, float* key) const {
  const size_t block = i / kBlockKeys, place = i % kBlockKeys;
  const PackedHead& owner = i < shared_ ? *before_ : *this;
  const size_t stride = owner.BlockStride(block * kBlockKeys);
  for (size_t c = 0; c < head_dim_; ++c) {
    if (pairs_ == nullptr) {
      key[c] = KeyBlock(block)[c * stride + place];
    } else {
      const uint32_t pair = KeyPairBlock(block)[c / 2 * stride + place];
      key[c] = FromBf16(static_cast<uint16_t>(c % 2 == 0 ? pair : pair >> 16));
    }
  }
}

void PackedHead::ReadValue(size_t i, float* value) const {
  if (pairs_ == nullptr) {
    std::copy_n(ValueRow(i), head_dim_, value);
    return;
  }
  const uint32_t* pairs = ValuePairRow(i);
  for (size_t c = 0; c < head_dim_; ++c) {
    value[c] = FromBf16(static_cast<uint16_t>(i % 2 == 0 ? pairs[c] : pairs[c] >> 16));
  }
}

void PackedHead::PackFp32(HeadRows keys, HeadRows values, size_t own) {
  keys_.resize(RoundUp(own, kPadding) * head_dim_);
  values_.resize(own * padded_dim_);
  for (size_t first = 0; first < own; first += kBlockKeys) {
    const size_t count = std::min(kBlockKeys, own - first);
    const size_t padded = RoundUp(count, kPadding);
    float* block = keys_.data() + first * head_dim_;
    // A few keys at a time: their rows often fall on the same lines of the first cache.
    for (size_t begin = 0; begin < count; begin += kPadding) {
      const size_t end = std::min(begin + kPadding, count);
      PrefetchRows(keys, first + end, std::min(first + end + kPadding, own), head_dim_);
      for (size_t i = 0; i < head_dim_; ++i) {
        for (size_t j = begin; j < end; ++j) {
          block[i * padded + j] = keys.data[(first + j) * keys.stride + i];
        }
      }
    }
    for (size_t i = 0; i < head_dim_; ++i) {
      std::fill(block + i * padded + count, block + (i + 1) * padded, 0.0F);
    }
  }
  for (size_t j = 0; j < own; ++j) {
    PrefetchRows(values, j + kRowsAhead, std::min(j + kRowsAhead + 1, own), head_dim_);
    float* row = values_.data() + j * padded_dim_;
    std::memcpy(row, values.data + j * values.stride, head_dim_ * sizeof(float));
    std::fill(row + head_dim_, row + padded_dim_, 0.0F);
  }
}

void PackedHead::PackPairs(HeadRows keys, HeadRows values, size_t own) {
  const size_t depth = padded_dim_ / 2;
  key_pairs_.resize(RoundUp(own, kPadding) * depth);
  // A product may read pairs up to the next whole tile from any key that begins a padding: zeros.
  value_pairs_.resize((RoundUp(own, kPadding) + kPairedKeys) / 2 * padded_dim_);
  uint32_t pairs[kMaxHeadDim / 2];
  for (size_t first = 0; first < own; first += kBlockKeys) {
    const size_t count = std::min(kBlockKeys, own - first);
    const size_t padded = RoundUp(count, kPadding);
    uint32_t* block = key_pairs_.data() + first * depth;
    for (size_t j = 0; j < count; ++j) {
      PrefetchRows(keys, first + j + kRowsAhead, std::min(first + j + kRowsAhead + 1, own),
                   head_dim_);
      const float* key = keys.data + (first + j) * keys.stride;
      pairs_->round(PaddedRow(key, even_), padded_dim_, pairs);
      for (size_t i = 0; i < depth; ++i) block[i * padded + j] = pairs[i];
    }
    for (size_t i = 0; i < depth; ++i) {
      std::fill(block + i * padded + count, block + (i + 1) * padded, 0U);
    }
  }
  const std::vector<float> zeros(own % 2 == 0 ? 0 : padded_dim_);
  for (size_t j = 0; j < own; j += 2) {
    PrefetchRows(values, j + kRowsAhead, std::min(j + kRowsAhead + 2, own), head_dim_);
    const float* even = values.data + j * values.stride;
    const float* odd = j + 1 < own ? PaddedRow(even + values.stride, odd_) : zeros.data();
    pairs_->interleave(PaddedRow(even, even_), odd, padded_dim_,
                       value_pairs_.data() + j / 2 * padded_dim_);
  }
  std::fill(value_pairs_.begin() + static_cast<ptrdiff_t>(RoundUp(own, 2) / 2 * padded_dim_),
            value_pairs_.end(), 0U);
}

const float* PackedHead::PaddedRow(const float* row, std::vector<float>& padded) const {
  if (head_dim_ == padded_dim_) return row;
  padded.assign(padded_dim_, 0.0F);
  std::copy_n(row, head_dim_, padded.data());
  return padded.data();
}

void Attend(const PackedHead& head, HeadRows queries, size_t rows, const AttentionOptions& options,
            float* out, size_t out_stride) {
  HWY_DYNAMIC_DISPATCH(AttendImpl)(head, queries, rows, options, out, out_stride);
}

void AttentionWeights(const PackedHead& head, HeadRows queries, size_t rows,
                      const AttentionOptions& options, float* weights) {
  HWY_DYNAMIC_DISPATCH(AttentionWeightsImpl)(head, queries, rows, options, weights);
}

}  // namespace gannet::encoder::kernels
#endif  // HWY_ONCE
