#ifndef GANNET_INDEXER_VECTOR_SCORE_KERNELS_H_
#define GANNET_INDEXER_VECTOR_SCORE_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace gannet::indexer::kernels {

// One query against rows of a table picked by number, with the best instructions of the machine
// (Highway). What a row gives depends on the query and that row alone, byte for byte. Of rows
// picked here and there four are computed at a time while the next four are on their way from
// memory.

// Queries and rows are padded with zeros to whole steps of this many values, so that no kernel has
// a remainder.
inline constexpr size_t kFloatStep = 32;  // fp32 and fp16
inline constexpr size_t kInt8Step = 64;

// Above this the integer sums of ProductsInt8 would overflow.
inline constexpr size_t kMaxDimension = 65536;

// Whole numbers in [-127, 127] are stored this much higher, as unsigned bytes.
inline constexpr int kInt8Offset = 128;

struct PickedRows {
  const std::byte* table = nullptr;
  size_t row_bytes = 0;               // From one row to the next.
  const uint32_t* numbers = nullptr;  // Null for the first `count` rows of the table, in order.
  size_t count = 0;
};

// out[i] = Σ q x over `values` (a multiple of kFloatStep) values of the i-th picked row.
void ProductsFp32(const float* query, const PickedRows& rows, size_t values, float* out);
void ProductsFp16(const float* query, const PickedRows& rows, size_t values, float* out);

// out[i] = Σ (q − x)²
void SquaredDistancesFp32(const float* query, const PickedRows& rows, size_t values, float* out);
void SquaredDistancesFp16(const float* query, const PickedRows& rows, size_t values, float* out);

// A query of integers in [-127, 127], in the two widths that instruction sets ask for.
struct Int8Query {
  const int8_t* narrow = nullptr;
  const int16_t* wide = nullptr;
};

// out[i] = Σ q u over `values` (a multiple of kInt8Step) unsigned bytes u of the row; exact.
void ProductsInt8(const Int8Query& query, const PickedRows& rows, size_t values, int32_t* out);

// The same numbers as a query: narrow[i] = u − 128, widened in wide[i]; returns their sum.
int32_t QueryFromInt8Row(const std::byte* row, size_t values, int8_t* narrow, int16_t* wide);

// out[i] = value i of a row of fp16.
void WidenFp16(const std::byte* row, size_t values, float* out);

}  // namespace gannet::indexer::kernels

#endif  // GANNET_INDEXER_VECTOR_SCORE_KERNELS_H_
