#include "base/parquet/parquet_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/format.h"
#include "base/parquet/column_reader.h"
#include "base/parquet/json_text.h"
#include "base/parquet/metadata.h"
#include "base/parquet/schema.h"
#include "base/status.h"

namespace gannet::base {

using parquet::ColumnReader;
using parquet::Field;
using parquet::RowGroup;

struct ParquetReader::State {
  absl::Status Open();
  absl::StatusOr<bool> Next(std::string_view& row);

  absl::Status OpenRowGroup(std::string_view bytes);
  void CloseRowGroup();
  absl::Status SkipRow();
  absl::Status CheckRow() const;

  // The assembly of a row: what the schema says is written, as the levels of the columns say. Every
  // call takes the entries of its field off all columns below it.
  absl::Status AppendField(const Field& field);
  absl::Status AppendValue(ColumnReader& column);
  absl::Status AppendObject(const Field& field);
  absl::Status AppendList(const Field& field);
  absl::Status AppendNothing(const Field& field, std::string_view text);
  absl::Status TooLong() const;
  // Whether a field is there at a definition level, in which all columns below it have to agree.
  absl::StatusOr<bool> IsDefined(const Field& field, uint32_t definition) const;

  std::string name;
  ParquetOptions options;
  std::optional<MappedFile> mapped;
  std::string_view file;
  parquet::Footer footer;
  parquet::Schema schema;
  size_t groups_begun = 0;
  uint64_t rows_of_group = 0;
  uint64_t rows_begun = 0;  // Of the current row group.
  std::vector<ColumnReader> columns;
  std::string row;
  bool row_given_up = false;  // Some columns stand within it.
  uint64_t number = 0;
  uint64_t bytes_done = 0;  // In the row groups before.
  absl::Status end;         // The error after which nothing is read.
};

absl::Status ParquetReader::State::Open() {
  GANNET_ASSIGN_OR_RETURN(footer, parquet::ParseFooter(file));
  GANNET_ASSIGN_OR_RETURN(schema, parquet::BuildSchema(footer.schema, options.columns));
  footer.schema = {};
  return absl::OkStatus();
}

absl::Status ParquetReader::State::OpenRowGroup(std::string_view bytes) {
  GANNET_ASSIGN_OR_RETURN(const RowGroup group, parquet::ParseRowGroup(bytes, schema.num_columns));
  for (const parquet::Leaf& leaf : schema.leaves) {
    GANNET_ASSIGN_OR_RETURN(ColumnReader column,
                            ColumnReader::Open(leaf, group.columns[leaf.column], file,
                                               footer.position, options.max_page_bytes));
    columns.push_back(std::move(column));
  }
  rows_of_group = static_cast<uint64_t>(group.num_rows);
  rows_begun = 0;
  return absl::OkStatus();
}

void ParquetReader::State::CloseRowGroup() {
  for (const ColumnReader& column : columns) bytes_done += column.bytes_read();
  columns.clear();
  rows_of_group = rows_begun = 0;
}

// Passes over what is left of the row last begun.
absl::Status ParquetReader::State::SkipRow() {
  for (ColumnReader& column : columns) {
    while (!column.at_end() && column.row() < rows_begun) {
      GANNET_RETURN_IF_ERROR(column.Advance());
    }
  }
  return absl::OkStatus();
}

// All columns have to stand at the next row, or at their end when there is none.
absl::Status ParquetReader::State::CheckRow() const {
  for (const ColumnReader& column : columns) {
    if (column.row() == rows_begun && column.at_end() == (rows_begun == rows_of_group)) continue;
    return absl::DataLossError(fmt::format("column {} is not at row {} of {}, as others are",
                                           column.leaf().path, rows_begun + 1, rows_of_group));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ParquetReader::State::Next(std::string_view& next) {
  next = {};
  if (std::exchange(row_given_up, false)) GANNET_RETURN_IF_ERROR(SkipRow());
  GANNET_RETURN_IF_ERROR(CheckRow());
  while (rows_begun == rows_of_group) {
    CloseRowGroup();
    if (groups_begun == footer.row_groups.size()) return false;
    GANNET_RETURN_IF_ERROR(OpenRowGroup(footer.row_groups[groups_begun++]));
    GANNET_RETURN_IF_ERROR(CheckRow());
  }
  ++number;
  ++rows_begun;
  row.clear();
  absl::Status status = AppendObject(schema.root);
  if (status.ok() && row.size() > options.max_row_bytes) status = TooLong();
  row_given_up = absl::IsInvalidArgument(status);
  GANNET_RETURN_IF_ERROR(status);
  next = row;
  return true;
}

absl::StatusOr<bool> ParquetReader::State::IsDefined(const Field& field,
                                                     uint32_t definition) const {
  const bool is_defined = columns[field.first_leaf].definition() >= definition;
  for (size_t i = field.first_leaf + 1; i < field.end_leaf; ++i) {
    if ((columns[i].definition() >= definition) != is_defined) {
      return absl::DataLossError(
          fmt::format("columns {} and {} do not agree on where a group of both is null",
                      schema.leaves[field.first_leaf].path, schema.leaves[i].path));
    }
  }
  return is_defined;
}

absl::Status ParquetReader::State::AppendField(const Field& field) {
  GANNET_ASSIGN_OR_RETURN(const bool is_defined, IsDefined(field, field.definition));
  if (!is_defined) return AppendNothing(field, "null");
  switch (field.kind) {
    case Field::Kind::kValue:
      return AppendValue(columns[field.first_leaf]);
    case Field::Kind::kObject:
      return AppendObject(field);
    case Field::Kind::kList:
      return AppendList(field);
  }
  return absl::OkStatus();
}

absl::Status ParquetReader::State::AppendNothing(const Field& field, std::string_view text) {
  row += text;
  for (size_t i = field.first_leaf; i < field.end_leaf; ++i) {
    GANNET_RETURN_IF_ERROR(columns[i].Advance());
  }
  return absl::OkStatus();
}

absl::Status ParquetReader::State::AppendValue(ColumnReader& column) {
  if (row.size() + column.value().size() > options.max_row_bytes) return TooLong();
  const absl::Status status = parquet::AppendJsonValue(column.leaf(), column.value(), row);
  if (!status.ok()) return Annotate(status, fmt::format("column {}", column.leaf().path));
  return row.size() > options.max_row_bytes ? TooLong() : column.Advance();
}

absl::Status ParquetReader::State::TooLong() const {
  return absl::InvalidArgumentError(
      fmt::format("longer than {}", FormatBytes(options.max_row_bytes)));
}

absl::Status ParquetReader::State::AppendObject(const Field& field) {
  row += '{';
  for (const Field& child : field.children) {
    if (&child != &field.children.front()) row += ',';
    row += child.key;
    GANNET_RETURN_IF_ERROR(AppendField(child));
  }
  row += '}';
  return absl::OkStatus();
}

absl::Status ParquetReader::State::AppendList(const Field& field) {
  GANNET_ASSIGN_OR_RETURN(const bool has_elements, IsDefined(field, field.element_definition));
  if (!has_elements) return AppendNothing(field, "[]");
  const ColumnReader& first = columns[field.first_leaf];
  row += '[';
  GANNET_RETURN_IF_ERROR(AppendField(field.children.front()));
  while (first.repetition() == field.element_repetition) {
    if (row.size() > options.max_row_bytes) return TooLong();
    row += ',';
    GANNET_RETURN_IF_ERROR(AppendField(field.children.front()));
  }
  row += ']';
  return absl::OkStatus();
}

bool IsParquet(std::string_view beginning) {
  return beginning.starts_with("PAR1") || beginning.starts_with("PARE");
}

ParquetReader::ParquetReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParquetReader::ParquetReader(ParquetReader&&) noexcept = default;
ParquetReader& ParquetReader::operator=(ParquetReader&&) noexcept = default;
ParquetReader::~ParquetReader() = default;

absl::StatusOr<ParquetReader> ParquetReader::Parse(std::string_view file, std::string name,
                                                   ParquetOptions options) {
  auto state = std::make_unique<State>();
  state->name = std::move(name);
  state->options = std::move(options);
  state->file = file;
  const absl::Status status = state->Open();
  if (!status.ok()) return Annotate(status, state->name);
  return ParquetReader(std::move(state));
}

absl::StatusOr<ParquetReader> ParquetReader::Open(const std::filesystem::path& path,
                                                  ParquetOptions options) {
  GANNET_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::Open(path));
  GANNET_ASSIGN_OR_RETURN(ParquetReader reader,
                          Parse(mapped.bytes(), path.string(), std::move(options)));
  reader.state_->mapped = std::move(mapped);
  return reader;
}

absl::StatusOr<bool> ParquetReader::Next(std::string_view& row) {
  GANNET_RETURN_IF_ERROR(state_->end);
  absl::StatusOr<bool> more = state_->Next(row);
  if (more.ok() || absl::IsInvalidArgument(more.status())) return more;
  state_->end =
      Annotate(more.status(), fmt::format("{}: row group {}", state_->name, state_->groups_begun));
  return state_->end;
}

uint64_t ParquetReader::number() const { return state_->number; }

uint64_t ParquetReader::bytes_read() const {
  const bool at_end =
      state_->columns.empty() && state_->groups_begun == state_->footer.row_groups.size();
  if (at_end) return state_->file.size();
  uint64_t bytes = state_->bytes_done;
  for (const ColumnReader& column : state_->columns) bytes += column.bytes_read();
  return bytes;
}

}  // namespace gannet::base
