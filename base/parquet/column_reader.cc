#include "base/parquet/column_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace gannet::base::parquet {
namespace {

// What Arrow writes in a row group at most; a page of more only claims to hold them.
constexpr int64_t kMaxValuesOfPage = int64_t{64} << 20;

absl::Status OfColumn(const absl::Status& status, const Leaf& leaf) {
  return status.ok() ? status : Annotate(status, fmt::format("column {}", leaf.path));
}

// The bytes of a chunk's pages, which lie between the mark at the file's beginning and its footer.
absl::StatusOr<std::string_view> ChunkBytes(const ColumnChunk& chunk, std::string_view file,
                                            size_t pages_end) {
  constexpr int64_t kPagesBegin = 4;
  const int64_t begin = chunk.dictionary_page_offset > 0
                            ? std::min(chunk.dictionary_page_offset, chunk.data_page_offset)
                            : chunk.data_page_offset;
  const auto end = static_cast<int64_t>(pages_end);
  if (begin < kPagesBegin || begin > end || chunk.compressed_bytes < 0 ||
      chunk.compressed_bytes > end - begin) {
    return absl::DataLossError(
        fmt::format("its pages are {} bytes from byte {} on, the file's pages end at byte {}",
                    chunk.compressed_bytes, begin, end));
  }
  return file.substr(static_cast<size_t>(begin), static_cast<size_t>(chunk.compressed_bytes));
}

absl::Status CheckChunk(const Leaf& leaf, const ColumnChunk& chunk) {
  if (chunk.is_encrypted) return absl::UnimplementedError("encrypted, which is not read");
  if (!chunk.other_file.empty()) {
    return absl::UnimplementedError(
        fmt::format("its pages are in another file, {}", chunk.other_file.substr(0, 100)));
  }
  if (chunk.physical_type != static_cast<int64_t>(leaf.type)) {
    return absl::DataLossError(fmt::format("physical type {} in the row group, {} in the schema",
                                           chunk.physical_type, static_cast<int>(leaf.type)));
  }
  if (chunk.num_values < 0) {
    return absl::DataLossError(fmt::format("{} values", chunk.num_values));
  }
  return absl::OkStatus();
}

}  // namespace

ColumnReader::ColumnReader(const Leaf& leaf, const ColumnChunk& chunk, std::string_view bytes,
                           size_t max_page_bytes)
    : leaf_(&leaf),
      codec_(chunk.codec),
      max_page_bytes_(max_page_bytes),
      chunk_bytes_(bytes.size()),
      rest_(bytes),
      left_in_chunk_(static_cast<uint64_t>(chunk.num_values)) {}

absl::StatusOr<ColumnReader> ColumnReader::Open(const Leaf& leaf, const ColumnChunk& chunk,
                                                std::string_view file, size_t pages_end,
                                                size_t max_page_bytes) {
  GANNET_RETURN_IF_ERROR(OfColumn(CheckChunk(leaf, chunk), leaf));
  // Of a chunk without values there may be no page to find.
  absl::StatusOr<std::string_view> bytes = std::string_view();
  if (chunk.num_values > 0) bytes = ChunkBytes(chunk, file, pages_end);
  GANNET_RETURN_IF_ERROR(OfColumn(bytes.status(), leaf));
  ColumnReader column(leaf, chunk, *bytes, max_page_bytes);
  GANNET_RETURN_IF_ERROR(column.Advance());
  return column;
}

absl::Status ColumnReader::Advance() { return OfColumn(Step(), *leaf_); }

absl::Status ColumnReader::Step() {
  if (at_end_) return absl::DataLossError("it has less values than the columns beside it");
  while (left_in_page_ == 0 && left_in_chunk_ > 0) GANNET_RETURN_IF_ERROR(NextDataPage());
  if (left_in_page_ == 0) {
    at_end_ = true;
    ++rows_;
    repetition_ = definition_ = 0;
    return absl::OkStatus();
  }
  --left_in_page_;
  if (leaf_->max_repetition > 0) GANNET_RETURN_IF_ERROR(page_.repetition.Next(repetition_));
  if (leaf_->max_definition > 0) GANNET_RETURN_IF_ERROR(page_.definition.Next(definition_));
  if (repetition_ > leaf_->max_repetition || definition_ > leaf_->max_definition) {
    return absl::DataLossError(fmt::format("repetition level {} of {}, definition level {} of {}",
                                           repetition_, leaf_->max_repetition, definition_,
                                           leaf_->max_definition));
  }
  if (repetition_ == 0) ++rows_;
  return definition_ == leaf_->max_definition ? values_->Next(value_) : absl::OkStatus();
}

absl::Status ColumnReader::NextDataPage() {
  GANNET_ASSIGN_OR_RETURN(const Page page, TakePage(rest_, max_page_bytes_));
  switch (page.header.type) {
    case PageType::kDictionary:
      return TakeDictionary(page);
    case PageType::kData:
    case PageType::kDataV2:
      return TakeDataPage(page);
    case PageType::kIndex:
      return absl::OkStatus();
  }
  return absl::OkStatus();  // Of a kind that came later: to be passed over, says the format.
}

absl::Status ColumnReader::TakeDictionary(const Page& page) {
  const Encoding encoding = page.header.encoding;
  if (std::exchange(has_dictionary_, true)) return absl::DataLossError("a second dictionary");
  if (encoding != Encoding::kPlain && encoding != Encoding::kPlainDictionary) {
    return absl::UnimplementedError(
        fmt::format("a dictionary in {} is not read", EncodingName(encoding)));
  }
  GANNET_ASSIGN_OR_RETURN(const std::string_view bytes,
                          DictionaryBytes(page, codec_, dictionary_buffer_));
  // A text takes 4 bytes at least, its length; a truth value has no dictionary.
  const size_t least = leaf_->value_bytes > 0 ? leaf_->value_bytes : 4;
  const int64_t count = page.header.num_values;
  if (count < 0 || static_cast<uint64_t>(count) > bytes.size() / least ||
      leaf_->type == PhysicalType::kBoolean) {
    return absl::DataLossError(
        fmt::format("a dictionary of {} values in {} bytes", count, bytes.size()));
  }
  GANNET_ASSIGN_OR_RETURN(
      const auto values,
      MakeValueDecoder(Encoding::kPlain, {leaf_->type, leaf_->value_bytes}, bytes, {}));
  dictionary_.resize(static_cast<size_t>(count));
  for (std::string_view& value : dictionary_) GANNET_RETURN_IF_ERROR(values->Next(value));
  return absl::OkStatus();
}

absl::Status ColumnReader::TakeDataPage(const Page& page) {
  const int64_t count = page.header.num_values;
  if (count < 0 || count > kMaxValuesOfPage || static_cast<uint64_t>(count) > left_in_chunk_) {
    return absl::DataLossError(
        fmt::format("a page of {} values, {} are left of the column", count, left_in_chunk_));
  }
  GANNET_ASSIGN_OR_RETURN(page_, OpenDataPage(page, codec_, leaf_->max_repetition,
                                              leaf_->max_definition, page_buffer_));
  GANNET_ASSIGN_OR_RETURN(values_,
                          MakeValueDecoder(page.header.encoding, {leaf_->type, leaf_->value_bytes},
                                           page_.values, dictionary_));
  left_in_page_ = static_cast<uint64_t>(count);
  left_in_chunk_ -= left_in_page_;
  return absl::OkStatus();
}

}  // namespace gannet::base::parquet
