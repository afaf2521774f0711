#include <algorithm>
#include <cassert>

#include "encoder/kernels/aligned_vector.h"
#include "encoder/kernels/bf16_pairs_internal.h"
#include "encoder/kernels/panels_internal.h"
#include "encoder/kernels/precision.h"

// Products by tiles (Intel AMX): registers of 16 rows of 64 bytes, multiplied whole. No library
// offers them: plain intrinsics, for x86-64 alone.
#if defined(__x86_64__)
#include <immintrin.h>

// GCC 12 takes the undefined operands inside its own intrinsics for ours (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#define GANNET_AMX \
  __attribute__((  \
      target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-int8,amx-bf16")))

namespace gannet::encoder::kernels {
namespace {

constexpr size_t kTileRows = 16;
constexpr size_t kTileBytes = 64;    // Of a row.
constexpr size_t kTileColumns = 16;  // Sums, or groups of four bytes, in a row.
constexpr size_t kBlockRows = 2 * kTileRows;
// Weights come from the third cache, which is slow beside the products: once for all rows.
constexpr size_t kPanelsAtATime = 1;
constexpr size_t kPanelRowBytes = kPanelColumns * kGroupBytes;
// Of one tile of every column of a panel.
constexpr size_t kPanelTileBytes = kTileRows * kPanelRowBytes;

// All eight tiles are whole: 0 to 3 hold sums, 4 and 5 rows, 6 and 7 columns, unless said
// otherwise.
struct alignas(64) TileShapes {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {kTileBytes, kTileBytes, kTileBytes, kTileBytes,
                            kTileBytes, kTileBytes, kTileBytes, kTileBytes};
  uint8_t rows[16] = {kTileRows, kTileRows, kTileRows, kTileRows,
                      kTileRows, kTileRows, kTileRows, kTileRows};
};
static_assert(sizeof(TileShapes) == 64);
constexpr TileShapes kTileShapes;

// Tiles belong to the thread, and other libraries shape them too: they are shaped anew for each run
// (a twentieth of a microsecond), and left empty.
GANNET_AMX void OpenTiles() { _tile_loadconfig(&kTileShapes); }
GANNET_AMX void CloseTiles() { _tile_release(); }

class Tiles {
 public:
  Tiles() { OpenTiles(); }
  ~Tiles() { CloseTiles(); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

// Rows of bytes.
struct ByteRows {
  const char* data;
  size_t stride;

  const char* operator+(size_t bytes) const { return data + bytes; }
};

template <typename T>
ByteRows BytesOf(const T* rows, size_t stride) {
  return {reinterpret_cast<const char*>(rows), stride * sizeof(T)};
}

// Two tiles of columns, the second 16 columns after the first.
GANNET_AMX inline void LoadColumns(const char* at) {
  _tile_loadd(6, at, kPanelRowBytes);
  _tile_loadd(7, at + kTileBytes, kPanelRowBytes);
}

// ---- Integers -----------------------------------------------------------------------------------

// Sums of 32 rows of x by 32 columns; `sums` has a panel's row stride. Here and below a tile is
// loaded as soon as its last product is under way, and those after it hide the load.
GANNET_AMX void SumBlock(ByteRows x, const char* columns, size_t tiles, int32_t* sums) {
  const ByteRows below{x + kTileRows * x.stride, x.stride};
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (size_t k = 0; k < tiles; ++k) {
    const char* const at = columns + k * kPanelTileBytes;
    _tile_loadd(6, at, kPanelRowBytes);
    _tile_loadd(4, x + k * kTileBytes, x.stride);
    _tile_dpbusd(0, 4, 6);
    _tile_loadd(7, at + kTileBytes, kPanelRowBytes);
    _tile_dpbusd(1, 4, 7);
    _tile_loadd(5, below + k * kTileBytes, x.stride);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  int32_t* const lower = sums + kTileRows * kPanelColumns;
  _tile_stored(0, sums, kPanelColumns * sizeof(int32_t));
  _tile_stored(1, sums + kTileColumns, kPanelColumns * sizeof(int32_t));
  _tile_stored(2, lower, kPanelColumns * sizeof(int32_t));
  _tile_stored(3, lower + kTileColumns, kPanelColumns * sizeof(int32_t));
}

// Sums of 16 rows of x by all columns of a panel.
GANNET_AMX void SumRow(ByteRows x, const char* panel, size_t tiles, int32_t* sums) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (size_t k = 0; k < tiles; ++k) {
    const char* const at = panel + k * kPanelTileBytes;
    _tile_loadd(4, x + k * kTileBytes, x.stride);
    LoadColumns(at);
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    LoadColumns(at + 2 * kTileBytes);
    _tile_dpbusd(2, 4, 6);
    _tile_dpbusd(3, 4, 7);
  }
  _tile_stored(0, sums, kPanelColumns * sizeof(int32_t));
  _tile_stored(1, sums + kTileColumns, kPanelColumns * sizeof(int32_t));
  _tile_stored(2, sums + 2 * kTileColumns, kPanelColumns * sizeof(int32_t));
  _tile_stored(3, sums + 3 * kTileColumns, kPanelColumns * sizeof(int32_t));
}

void MultiplyInt8(const Int8Weights& weights, const ColumnScales& columns, const uint8_t* x,
                  const RowScale* scales, const PanelRun& run) {
  const Tiles tiles;
  const size_t depth = weights.groups() / kTileRows;
  ForEachBlock<kBlockRows>(
      run, weights.outputs(), kPanelsAtATime,
      [&](size_t row, size_t rows, size_t panel, size_t count, float* y) {
        alignas(64) int32_t sums[kBlockRows * kPanelColumns];
        const ByteRows block = BytesOf(x + row * weights.inputs(), weights.inputs());
        const char* at = BytesOf(weights.panel(panel), 0).data;
        if (rows > kTileRows) {
          SumBlock(block, at, depth, sums);
          SumBlock(block, at + 2 * kTileBytes, depth, sums + 2 * kTileColumns);
        } else {
          SumRow(block, at, depth, sums);
        }
        Dequantize(sums, kPanelColumns, {scales + row, rows},
                   columns.subspan(panel * kPanelColumns, count), y, run.stride);
      });
}

// ---- bfloat16 -----------------------------------------------------------------------------------

// Where sums of a block go. Its last tiles may reach beyond its rows or columns.
struct Place {
  Place(size_t rows_in, size_t columns_in, float* y_in, size_t stride_in)
      : rows(rows_in),
        columns(columns_in),
        y(y_in),
        stride(stride_in),
        on_lines(reinterpret_cast<uintptr_t>(y) % kTileBytes == 0 && stride % kTileColumns == 0) {}

  size_t rows;
  size_t columns;
  float* y;
  size_t stride;
  bool on_lines;  // Whether its rows begin on lines of the cache, as tiles are best stored.

  bool Holds(size_t row, size_t column) const {
    return row + kTileRows <= rows && column + kTileColumns <= columns && on_lines;
  }
};

// What of a tile lies within the block.
void CopyPart(const float* tile, const Place& place, size_t row, size_t column) {
  const size_t columns = std::min(kTileColumns, place.columns - std::min(column, place.columns));
  for (size_t r = row; r < std::min(place.rows, row + kTileRows); ++r) {
    std::copy_n(tile + (r - row) * kTileColumns, columns, place.y + r * place.stride + column);
  }
}

// The number of the tile must be a literal.
#define GANNET_STORE_TILE(number, place, row, column)                     \
  do {                                                                    \
    if ((place).Holds(row, column)) {                                     \
      _tile_stored(number, (place).y + (row) * (place).stride + (column), \
                   (place).stride * sizeof(float));                       \
    } else {                                                              \
      alignas(64) float whole[kTileRows * kTileColumns];                  \
      _tile_stored(number, whole, kTileBytes);                            \
      CopyPart(whole, place, row, column);                                \
    }                                                                     \
  } while (false)

// 32 rows by 32 columns. `bias` is of the columns; a load of stride 0 repeats it in every row.
GANNET_AMX void MultiplyBlock(ByteRows x, const char* columns, size_t tiles, const float* bias,
                              const Place& place, size_t column) {
  const ByteRows below{x + kTileRows * x.stride, x.stride};
  _tile_loadd(0, bias, 0);
  _tile_loadd(1, bias + kTileColumns, 0);
  _tile_loadd(2, bias, 0);
  _tile_loadd(3, bias + kTileColumns, 0);
  for (size_t k = 0; k < tiles; ++k) {
    const char* const at = columns + k * kPanelTileBytes;
    _tile_loadd(6, at, kPanelRowBytes);
    _tile_loadd(4, x + k * kTileBytes, x.stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, at + kTileBytes, kPanelRowBytes);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, below + k * kTileBytes, x.stride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  GANNET_STORE_TILE(0, place, 0, column);
  GANNET_STORE_TILE(1, place, 0, column + kTileColumns);
  GANNET_STORE_TILE(2, place, kTileRows, column);
  GANNET_STORE_TILE(3, place, kTileRows, column + kTileColumns);
}

// Adds to all columns of a panel the products of tile 4, which holds a part of 16 rows.
#define GANNET_ADD_ROW(at)              \
  do {                                  \
    LoadColumns(at);                    \
    _tile_dpbf16ps(0, 4, 6);            \
    _tile_dpbf16ps(1, 4, 7);            \
    LoadColumns((at) + 2 * kTileBytes); \
    _tile_dpbf16ps(2, 4, 6);            \
    _tile_dpbf16ps(3, 4, 7);            \
  } while (false)

// 16 rows by all columns of a panel.
GANNET_AMX void MultiplyRow(ByteRows x, const char* panel, size_t tiles, const float* bias,
                            const Place& place) {
  _tile_loadd(0, bias, 0);
  _tile_loadd(1, bias + kTileColumns, 0);
  _tile_loadd(2, bias + 2 * kTileColumns, 0);
  _tile_loadd(3, bias + 3 * kTileColumns, 0);
  for (size_t k = 0; k < tiles; ++k) {
    _tile_loadd(4, x + k * kTileBytes, x.stride);
    GANNET_ADD_ROW(panel + k * kPanelTileBytes);
  }
  GANNET_STORE_TILE(0, place, 0, 0);
  GANNET_STORE_TILE(1, place, 0, kTileColumns);
  GANNET_STORE_TILE(2, place, 0, 2 * kTileColumns);
  GANNET_STORE_TILE(3, place, 0, 3 * kTileColumns);
}

void MultiplyBf16(const Bf16Weights& weights, std::span<const float> bias,
                  std::span<const uint16_t* const> x, const PanelRun& run) {
  assert(x.size() == 1);
  const Tiles open;
  const size_t tiles = weights.groups() / kTileRows;
  ForEachBlock<kBlockRows>(run, weights.outputs(), kPanelsAtATime,
                           [&](size_t row, size_t rows, size_t panel, size_t count, float* y) {
                             const ByteRows block =
                                 BytesOf(x[0] + row * weights.inputs(), weights.inputs());
                             const Place place(rows, count, y, run.stride);
                             const char* at = BytesOf(weights.panel(panel), 0).data;
                             const float* of_panel = bias.data() + panel * kPanelColumns;
                             if (rows > kTileRows) {
                               for (const size_t column : {size_t{0}, 2 * kTileColumns}) {
                                 MultiplyBlock(block, at + column * kGroupBytes, tiles,
                                               of_panel + column, place, column);
                               }
                             } else {
                               MultiplyRow(block, at, tiles, of_panel, place);
                             }
                           });
}

// ---- fp32 as three parts of bfloat16 ------------------------------------------------------------

constexpr size_t kParts = Bf16Panels::kFp32Parts;
constexpr size_t kLanes = 16;

// Takes off each value of v its nearest bfloat16, which are the lanes of `rounded`.
GANNET_AMX inline __m512 Rest(__m512 v, __m256i rounded) {
  const __m512i bits = _mm512_slli_epi32(_mm512_cvtepu16_epi32(rounded), 16);
  return _mm512_sub_ps(v, _mm512_castsi512_ps(bits));
}

// `tiles` times 16 groups of a panel as parts, those of 16 groups after one another.
GANNET_AMX void SplitGroups(const float* groups, size_t tiles, char* parts) {
  constexpr size_t kValues = kTileRows * kPanelColumns * Fp32PairWeights::kGroup;
  for (size_t tile = 0; tile < tiles; ++tile) {
    for (size_t i = 0; i < kValues; i += 2 * kLanes) {
      const float* const at = groups + tile * kValues + i;
      char* const out = parts + (tile * kParts * kValues + i) * sizeof(uint16_t);
      __m512 first = _mm512_loadu_ps(at), second = _mm512_loadu_ps(at + kLanes);
      for (size_t part = 0; part < kParts; ++part) {
        const auto rounded = (__m512i)_mm512_cvtne2ps_pbh(second, first);
        _mm512_store_si512(out + part * kPanelTileBytes, rounded);
        first = Rest(first, _mm512_castsi512_si256(rounded));
        second = Rest(second, _mm512_extracti64x4_epi64(rounded, 1));
      }
    }
  }
}

// Rows as parts: high, middle and low.
struct PartRows {
  ByteRows part[kParts];

  PartRows From(size_t row, size_t byte) const {
    PartRows from = *this;
    for (ByteRows& p : from.part) p.data += row * p.stride + byte;
    return from;
  }
};

// Sums of some rows with a panel's columns, or what they begin with: the same row again and again.
struct Sums {
  const float* at;
  size_t stride;
};

// Adds to sums of 32 rows and 32 columns, which begin with `before`: of each tile of inputs the
// products high high, high middle, middle middle, middle high, low high, high low. `sums` has a
// panel's row stride.
GANNET_AMX void AddPartsToBlock(const PartRows& x, const char* columns, size_t tiles, Sums before,
                                float* sums) {
  const size_t before_bytes = before.stride * sizeof(float), stride = x.part[0].stride;
  const char *const high = x.part[0].data, *const high_below = high + kTileRows * stride,
                    *const middle = x.part[1].data,
                    *const middle_below = middle + kTileRows * stride, *const low = x.part[2].data,
                    *const low_below = low + kTileRows * stride;
  _tile_loadd(0, before.at, before_bytes);
  _tile_loadd(1, before.at + kTileColumns, before_bytes);
  _tile_loadd(2, before.at + kTileRows * before.stride, before_bytes);
  _tile_loadd(3, before.at + kTileRows * before.stride + kTileColumns, before_bytes);
  for (size_t k = 0; k < tiles; ++k) {
    const char* const at = columns + k * kParts * kPanelTileBytes;
    const char* const at_middle = at + kPanelTileBytes;
    const char* const at_low = at_middle + kPanelTileBytes;
    const size_t byte = k * kTileBytes;
    // high high
    _tile_loadd(6, at, kPanelRowBytes);
    _tile_loadd(4, high + byte, stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, high_below + byte, stride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_loadd(7, at + kTileBytes, kPanelRowBytes);
    _tile_loadd(6, at_middle, kPanelRowBytes);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(7, at_middle + kTileBytes, kPanelRowBytes);
    // high middle
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(4, middle + byte, stride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(5, middle_below + byte, stride);
    // middle middle
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(2, 5, 6);
    _tile_loadd(6, at, kPanelRowBytes);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(7, at + kTileBytes, kPanelRowBytes);
    // middle high
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(4, low + byte, stride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(5, low_below + byte, stride);
    // low high
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(4, high + byte, stride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_loadd(6, at_low, kPanelRowBytes);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(5, high_below + byte, stride);
    _tile_loadd(7, at_low + kTileBytes, kPanelRowBytes);
    // high low
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
  }
  constexpr size_t kSumBytes = kPanelColumns * sizeof(float);
  _tile_stored(0, sums, kSumBytes);
  _tile_stored(1, sums + kTileColumns, kSumBytes);
  _tile_stored(2, sums + kTileRows * kPanelColumns, kSumBytes);
  _tile_stored(3, sums + kTileRows * kPanelColumns + kTileColumns, kSumBytes);
}

// The same, products in the same order, for 16 rows and all columns of a panel.
GANNET_AMX void AddPartsToRow(const PartRows& x, const char* panel, size_t tiles, Sums before,
                              float* sums) {
  const size_t before_bytes = before.stride * sizeof(float), stride = x.part[0].stride;
  _tile_loadd(0, before.at, before_bytes);
  _tile_loadd(1, before.at + kTileColumns, before_bytes);
  _tile_loadd(2, before.at + 2 * kTileColumns, before_bytes);
  _tile_loadd(3, before.at + 3 * kTileColumns, before_bytes);
  for (size_t k = 0; k < tiles; ++k) {
    const char* const high = panel + k * kParts * kPanelTileBytes;
    const char* const middle = high + kPanelTileBytes;
    const char* const low = middle + kPanelTileBytes;
    const size_t byte = k * kTileBytes;
    _tile_loadd(4, x.part[0] + byte, stride);
    GANNET_ADD_ROW(high);
    GANNET_ADD_ROW(middle);
    _tile_loadd(4, x.part[1] + byte, stride);
    GANNET_ADD_ROW(middle);
    GANNET_ADD_ROW(high);
    _tile_loadd(4, x.part[2] + byte, stride);
    GANNET_ADD_ROW(high);
    _tile_loadd(4, x.part[0] + byte, stride);
    GANNET_ADD_ROW(low);
  }
  constexpr size_t kSumBytes = kPanelColumns * sizeof(float);
  _tile_stored(0, sums, kSumBytes);
  _tile_stored(1, sums + kTileColumns, kSumBytes);
  _tile_stored(2, sums + 2 * kTileColumns, kSumBytes);
  _tile_stored(3, sums + 3 * kTileColumns, kSumBytes);
}

// Weights are read as fp32, half again as small as their parts, and split into the second cache, a
// stretch of inputs at a time for all rows.
void MultiplyFp32(const Fp32PairWeights& weights, std::span<const float> bias,
                  std::span<const uint16_t* const> x, const PanelRun& run) {
  assert(x.size() == kParts && run.rows <= PackedLinear::kMaxRows);
  constexpr size_t kStretchTiles = 12;
  const Tiles open;
  PartRows all;
  for (size_t part = 0; part < kParts; ++part) all.part[part] = BytesOf(x[part], weights.inputs());
  thread_local AlignedVector<char> kept(kStretchTiles * kParts * kPanelTileBytes);
  char* const parts = kept.data();
  alignas(64) float sums[PackedLinear::kMaxRows * kPanelColumns];
  const size_t tiles = weights.groups() / kTileRows;
  for (size_t panel = run.first; panel < run.first + run.count; ++panel) {
    for (size_t tile = 0; tile < tiles; tile += kStretchTiles) {
      const size_t stretch = std::min(kStretchTiles, tiles - tile);
      constexpr size_t kTileValues = kTileRows * kPanelColumns * Fp32PairWeights::kGroup;
      SplitGroups(weights.panel(panel) + tile * kTileValues, stretch, parts);
      for (size_t row = 0; row < run.rows; row += kBlockRows) {
        const PartRows block = all.From(row, tile * kTileBytes);
        float* const of_block = sums + row * kPanelColumns;
        const Sums before = tile == 0 ? Sums{bias.data() + panel * kPanelColumns, 0}
                                      : Sums{of_block, kPanelColumns};
        if (run.rows - row > kTileRows) {
          for (const size_t column : {size_t{0}, 2 * kTileColumns}) {
            AddPartsToBlock(block, parts + column * kGroupBytes, stretch,
                            {before.at + column, before.stride}, of_block + column);
          }
        } else {
          AddPartsToRow(block, parts, stretch, before, of_block);
        }
      }
    }
    const size_t count = std::min(kPanelColumns, weights.outputs() - panel * kPanelColumns);
    for (size_t row = 0; row < run.rows; ++row) {
      float* const y = run.y + row * run.stride + (panel - run.first) * kPanelColumns;
      std::copy_n(sums + row * kPanelColumns, count, y);
      run.epilogue({y, count});
    }
  }
}

GANNET_AMX void Split(const float* x, size_t count, std::span<uint16_t* const> parts) {
  for (size_t i = 0; i < count; i += kLanes) {
    const auto mask =
        static_cast<__mmask16>(count - i < kLanes ? (1U << (count - i)) - 1 : 0xFFFFU);
    __m512 rest = _mm512_maskz_loadu_ps(mask, x + i);
    for (uint16_t* part : parts) {
      const auto rounded = (__m256i)_mm512_cvtneps_pbh(rest);
      _mm256_mask_storeu_epi16(part + i, mask, rounded);
      rest = Rest(rest, rounded);
    }
  }
}

// ---- Attention ----------------------------------------------------------------------------------

// out[16][columns] = a[16][depth] b[depth][columns] in pairs of bfloat16; strides in pairs and
// values, depth and columns multiples of 16.
GANNET_AMX void MultiplyPairs(const uint32_t* a, size_t a_stride, [[maybe_unused]] size_t rows,
                              const uint32_t* b, size_t b_stride, size_t depth, size_t columns,
                              float* out, size_t out_stride) {
  assert(rows == kTileRows && depth % kTileRows == 0 && columns % kTileColumns == 0);
  const size_t a_bytes = a_stride * sizeof(uint32_t), b_bytes = b_stride * sizeof(uint32_t),
               out_bytes = out_stride * sizeof(float);
  size_t c = 0;
  for (; c + 2 * kTileColumns <= columns; c += 2 * kTileColumns) {
    _tile_zero(0);
    _tile_zero(1);
    for (size_t k = 0; k < depth; k += kTileRows) {
      _tile_loadd(4, a + k, a_bytes);
      _tile_loadd(6, b + k * b_stride + c, b_bytes);
      _tile_loadd(7, b + k * b_stride + c + kTileColumns, b_bytes);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
    }
    _tile_stored(0, out + c, out_bytes);
    _tile_stored(1, out + c + kTileColumns, out_bytes);
  }
  if (c == columns) return;
  _tile_zero(0);
  for (size_t k = 0; k < depth; k += kTileRows) {
    _tile_loadd(4, a + k, a_bytes);
    _tile_loadd(6, b + k * b_stride + c, b_bytes);
    _tile_dpbf16ps(0, 4, 6);
  }
  _tile_stored(0, out + c, out_bytes);
}

constexpr Int8Panels kAmxInt8{.name = "amx_int8",
                              .group_multiple = kTileRows,
                              .row_multiple = kTileRows,
                              .multiply = MultiplyInt8};
constexpr Bf16Panels kAmxBf16{.name = "amx_bf16",
                              .group_multiple = kTileRows,
                              .row_multiple = kTileRows,
                              .split = Split,
                              .multiply = MultiplyBf16,
                              .multiply_fp32 = MultiplyFp32};

}  // namespace
}  // namespace gannet::encoder::kernels

#undef GANNET_STORE_TILE
#undef GANNET_ADD_ROW
#undef GANNET_AMX
#pragma GCC diagnostic pop
#endif  // defined(__x86_64__)

namespace gannet::encoder::kernels {

const Int8Panels* AmxInt8Panels() {
#if defined(__x86_64__)
  return HasAmx() ? &kAmxInt8 : nullptr;
#else
  return nullptr;
#endif
}

const Bf16Panels* AmxBf16Panels() {
#if defined(__x86_64__)
  return HasAmx() ? &kAmxBf16 : nullptr;
#else
  return nullptr;
#endif
}

const Bf16Pairs* AmxBf16Pairs() {
#if defined(__x86_64__)
  if (!HasAmx()) return nullptr;
  static const Bf16Pairs pairs = [] {
    Bf16Pairs with_tiles = *Avx512Bf16Pairs();
    with_tiles.rows = kTileRows;
    with_tiles.fewest_rows = kTileRows;
    with_tiles.depth_multiple = kTileRows;
    with_tiles.open = OpenTiles;
    with_tiles.close = CloseTiles;
    with_tiles.multiply = MultiplyPairs;
    return with_tiles;
  }();
  return &pairs;
#else
  return nullptr;
#endif
}

}  // namespace gannet::encoder::kernels
