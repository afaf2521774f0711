#ifndef GANNET_INDEXER_VECTOR_VECTOR_TABLE_H_
#define GANNET_INDEXER_VECTOR_VECTOR_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/huge_page_allocator.h"
#include "indexer/vector/vector_format.h"

namespace gannet::indexer {

// What makes two vectors alike; a higher score is always the better one. kInnerProduct: Σ q x.
// kL2: −Σ (q − x)².
enum class Metric : uint8_t { kInnerProduct, kL2 };

struct VectorShape {
  VectorFormat format = VectorFormat::kFp32;
  Metric metric = Metric::kInnerProduct;
  size_t dimension = 0;  // 1 to 65,536

  friend bool operator==(const VectorShape&, const VectorShape&) = default;
};

// What a row of integers stands for.
struct Int8Scale {
  float scale = 0;         // Of each value.
  float squared_norm = 0;  // Of the values as stored.
};

// OK when all of `vectors` are finite and below 1e15 in magnitude (65,504 for fp16), so that no
// score of theirs overflows; the error names the first row and value that is not.
absl::Status CheckVectors(const VectorShape& shape, std::span<const float> vectors);

// Length of VectorTable::Record.
size_t VectorRecordBytes(const VectorShape& shape);

// Vectors in rows numbered from 0: padded to whole SIMD steps and aligned to cache lines, in memory
// of its own or in a verified file that stays mapped. Reads may run side by side, not beside a
// change.
class VectorTable {
 public:
  struct alignas(64) Line {
    std::byte bytes[64];
  };

  // An empty table. kInvalidArgument for a dimension out of range.
  static absl::StatusOr<VectorTable> Create(const VectorShape& shape);

  // A table of `size` rows over the bytes that another one's lines() and scales() held, without a
  // copy: `owner` keeps them alive. kDataLoss when their lengths do not fit together.
  static absl::StatusOr<VectorTable> View(const VectorShape& shape, size_t size,
                                          std::span<const Line> lines,
                                          std::span<const Int8Scale> scales,
                                          std::shared_ptr<const void> owner);

  // The same rows in memory of their own. kResourceExhausted when that is short.
  absl::StatusOr<VectorTable> InMemory() const;

  // The same vectors in another format.
  absl::StatusOr<VectorTable> InFormat(VectorFormat format) const;

  VectorTable(VectorTable&&) = default;
  VectorTable& operator=(VectorTable&&) = default;

  const VectorShape& shape() const { return shape_; }
  size_t size() const { return size_; }
  size_t row_bytes() const { return row_lines_ * sizeof(Line); }
  size_t bytes_per_vector() const;

  std::span<const Line> lines() const { return {data(), size_ * row_lines_}; }
  std::span<const Int8Scale> scales() const { return owner_ ? viewed_scales_ : own_scales_; }
  const std::byte* row(size_t number) const { return data()[number * row_lines_].bytes; }

  // Adds whole vectors, row-major. kInvalidArgument from CheckVectors, and nothing is changed;
  // kFailedPrecondition on a view; kResourceExhausted when memory is.
  absl::Status Append(std::span<const float> vectors);

  // A row as a store keeps it: its values without padding, then, for kInt8, its scale; in all
  // VectorRecordBytes. AppendRecord adds the same row to a table of the same shape; kDataLoss for
  // another length, or values that Append would not have stored.
  std::string Record(size_t number) const;
  absl::Status AppendRecord(std::string_view record);

  // Adds a row of a table of the same shape.
  absl::Status AppendRow(const VectorTable& table, size_t number);

  // Makes room for `rows` in all, so that appending does not copy. kResourceExhausted when memory
  // is short.
  absl::Status Reserve(size_t rows);

  // The values of a row, as stored. Requires out.size() == dimension.
  void Decode(size_t number, std::span<float> out) const;

 private:
  explicit VectorTable(const VectorShape& shape);

  const Line* data() const { return owner_ ? viewed_lines_ : own_lines_.data(); }
  absl::Status AddRows(size_t added);
  absl::Status CheckLastRow();
  void Encode(size_t number, std::span<const float> vector);

  VectorShape shape_;
  size_t row_lines_ = 0;
  size_t size_ = 0;
  std::vector<Line, base::HugePageAllocator<Line>> own_lines_;
  std::vector<Int8Scale> own_scales_;  // kInt8 only.
  std::shared_ptr<const void> owner_;  // Of a view; else null.
  const Line* viewed_lines_ = nullptr;
  std::span<const Int8Scale> viewed_scales_;
};

// One query prepared for a table; the score of a row depends on the two vectors alone. The table
// must outlive it and not change.
class VectorScorer {
 public:
  explicit VectorScorer(const VectorTable& table);

  // The query is `query` (requires query.size() == dimension), or a row of the table.
  void SetQuery(std::span<const float> query);
  void SetQueryToRow(size_t number);

  // scores[i] = score of rows[i].
  void Score(std::span<const uint32_t> rows, float* scores) const;
  float Score(uint32_t row) const;

  // scores[i] = score of row first + i, for `count` rows one after another.
  void ScoreRange(size_t first, size_t count, float* scores) const;

 private:
  // `first + i` is the i-th row, or numbers[i] where `numbers` is not null.
  struct Rows {
    const uint32_t* numbers = nullptr;
    size_t first = 0;
    size_t count = 0;
  };

  void QuantizeQuery();
  void ScoreRows(const Rows& rows, float* scores) const;
  void ScoreInt8(const Rows& rows, float* scores) const;

  const VectorTable& table_;
  std::vector<float> values_;     // Padded with zeros, as the integers below.
  const float* query_ = nullptr;  // values_, or a row of the table.
  std::vector<int8_t> narrow_;
  std::vector<int16_t> wide_;
  Int8Scale scale_;
  int32_t sum_ = 0;  // Of the integers.
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_VECTOR_TABLE_H_
