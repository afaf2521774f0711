#include "base/parquet/metadata.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "base/parquet/thrift_compact.h"
#include "base/status.h"

namespace gannet::base::parquet {
namespace {

constexpr std::string_view kMagic = "PAR1";
constexpr std::string_view kEncryptedMagic = "PARE";
constexpr size_t kTailBytes = 8;  // Length of the footer and magic.
constexpr size_t kMaxFooterBytes = 256 << 20;
constexpr size_t kMaxSchemaElements = 1 << 16;

// The ids of ConvertedType, which the logical type replaced.
void TakeConvertedType(int64_t converted, SchemaElement& element) {
  using enum LogicalType;
  switch (converted) {
    case 0:   // UTF8
    case 4:   // ENUM
    case 19:  // JSON
      element.logical_type = kString;
      break;
    case 1:  // MAP
    case 2:  // MAP_KEY_VALUE
      element.logical_type = kMap;
      break;
    case 3:
      element.logical_type = kList;
      break;
    case 5:
      element.logical_type = kDecimal;
      break;
    case 6:
      element.logical_type = kDate;
      break;
    case 7:
    case 8:
      element.logical_type = kTime;
      element.unit = converted == 7 ? TimeUnit::kMilliseconds : TimeUnit::kMicroseconds;
      break;
    case 9:
    case 10:
      element.logical_type = kTimestamp;
      element.unit = converted == 9 ? TimeUnit::kMilliseconds : TimeUnit::kMicroseconds;
      element.is_utc = true;
      break;
    case 11:
    case 12:
    case 13:
    case 14:
      element.logical_type = kUnsigned;
      break;
    case 15:
    case 16:
    case 17:
    case 18:
      element.logical_type = kSigned;
      break;
    default:
      element.logical_type = kOther;
      element.logical_name = converted == 20   ? "BSON"
                             : converted == 21 ? "INTERVAL"
                                               : fmt::format("converted type {}", converted);
  }
}

// TimeType and TimestampType: {1: isAdjustedToUTC, 2: unit}, the unit a union of empty structs.
void TakeTime(ThriftCompactReader& reader, SchemaElement& element) {
  reader.Struct([&](int id) {
    if (id == 1) element.is_utc = reader.Bool();
    if (id != 2) return;
    reader.Struct([&](int unit) {
      element.unit = unit == 1   ? TimeUnit::kMilliseconds
                     : unit == 2 ? TimeUnit::kMicroseconds
                                 : TimeUnit::kNanoseconds;
    });
  });
}

// DecimalType: {1: scale, 2: precision}.
void TakeDecimal(ThriftCompactReader& reader, SchemaElement& element) {
  reader.Struct([&](int id) {
    if (id == 1) element.scale = reader.Integer();
  });
}

// IntType: {1: bitWidth, 2: isSigned}.
void TakeInteger(ThriftCompactReader& reader, SchemaElement& element) {
  element.logical_type = LogicalType::kSigned;
  reader.Struct([&](int id) {
    if (id == 2 && !reader.Bool()) element.logical_type = LogicalType::kUnsigned;
  });
}

// The union LogicalType: the id of its one field says which.
void TakeLogicalType(ThriftCompactReader& reader, SchemaElement& element) {
  using enum LogicalType;
  reader.Struct([&](int id) {
    static constexpr std::array<LogicalType, 16> kById = {kOther,
                                                          kString,
                                                          kMap,
                                                          kList,
                                                          kString /* ENUM */,
                                                          kDecimal,
                                                          kDate,
                                                          kTime,
                                                          kTimestamp,
                                                          kOther,
                                                          kSigned,
                                                          kNull,
                                                          kString /* JSON */,
                                                          kOther /* BSON */,
                                                          kUuid,
                                                          kFloat16};
    const bool known = id > 0 && id < static_cast<int>(kById.size());
    element.logical_type = known ? kById[static_cast<size_t>(id)] : kOther;
    if (element.logical_type == kOther) {
      element.logical_name = id == 13 ? "BSON" : fmt::format("logical type {}", id);
    }
    if (element.logical_type == kTime || element.logical_type == kTimestamp) {
      TakeTime(reader, element);
    }
    if (element.logical_type == kDecimal) TakeDecimal(reader, element);
    if (element.logical_type == kSigned) TakeInteger(reader, element);
  });
}

SchemaElement TakeSchemaElement(ThriftCompactReader& reader) {
  SchemaElement element;
  bool has_logical_type = false;
  reader.Struct([&](int id) {
    switch (id) {
      case 1:
        element.physical_type = reader.Integer();
        break;
      case 2:
        element.type_length = reader.Integer();
        break;
      case 3:
        element.repetition = reader.Integer();
        break;
      case 4:
        element.name = std::string(reader.Binary());
        break;
      case 5:
        element.children = reader.Integer();
        break;
      case 6:
        if (!has_logical_type) TakeConvertedType(reader.Integer(), element);
        break;
      case 7:
        element.scale = reader.Integer();
        break;
      case 10:
        has_logical_type = true;
        TakeLogicalType(reader, element);
        break;
      default:
        break;
    }
  });
  return element;
}

// ColumnMetaData.
void TakeColumnMetadata(ThriftCompactReader& reader, ColumnChunk& column) {
  reader.Struct([&](int id) {
    switch (id) {
      case 1:
        column.physical_type = reader.Integer();
        break;
      case 4:
        column.codec = static_cast<Codec>(reader.Integer());
        break;
      case 5:
        column.num_values = reader.Integer();
        break;
      case 7:
        column.compressed_bytes = reader.Integer();
        break;
      case 9:
        column.data_page_offset = reader.Integer();
        break;
      case 11:
        column.dictionary_page_offset = reader.Integer();
        break;
      default:
        break;
    }
  });
}

ColumnChunk TakeColumnChunk(ThriftCompactReader& reader) {
  ColumnChunk column;
  reader.Struct([&](int id) {
    if (id == 1) column.other_file = reader.Binary();
    if (id == 3) TakeColumnMetadata(reader, column);
    if (id == 8 || id == 9) column.is_encrypted = true;
  });
  return column;
}

// DataPageHeader: {1: num_values, 2: encoding, 3: definition levels', 4: repetition levels'}.
void TakeDataPageHeader(ThriftCompactReader& reader, PageHeader& header) {
  reader.Struct([&](int id) {
    if (id == 1) header.num_values = reader.Integer();
    if (id == 2) header.encoding = static_cast<Encoding>(reader.Integer());
    if (id == 3) header.definition_encoding = static_cast<Encoding>(reader.Integer());
    if (id == 4) header.repetition_encoding = static_cast<Encoding>(reader.Integer());
  });
}

// DictionaryPageHeader: {1: num_values, 2: encoding}.
void TakeDictionaryPageHeader(ThriftCompactReader& reader, PageHeader& header) {
  reader.Struct([&](int id) {
    if (id == 1) header.num_values = reader.Integer();
    if (id == 2) header.encoding = static_cast<Encoding>(reader.Integer());
  });
}

// DataPageHeaderV2: {1: num_values, 2: num_nulls, 3: num_rows, 4: encoding, 5: bytes of definition
// levels, 6: of repetition levels, 7: is_compressed}.
void TakeDataPageHeaderV2(ThriftCompactReader& reader, PageHeader& header) {
  reader.Struct([&](int id) {
    if (id == 1) header.num_values = reader.Integer();
    if (id == 4) header.encoding = static_cast<Encoding>(reader.Integer());
    if (id == 5) header.definition_bytes = reader.Integer();
    if (id == 6) header.repetition_bytes = reader.Integer();
    if (id == 7) header.is_compressed = reader.Bool();
  });
}

// The Thrift struct between the pages and the end.
absl::StatusOr<std::string_view> FooterBytes(std::string_view file) {
  if (file.substr(0, kMagic.size()) == kEncryptedMagic) {
    return absl::UnimplementedError("encrypted Parquet, which is not read");
  }
  if (!file.starts_with(kMagic)) {
    return absl::DataLossError("no Parquet file: it does not begin with \"PAR1\"");
  }
  if (file.size() < kMagic.size() + kTailBytes || !file.ends_with(kMagic)) {
    return absl::DataLossError(fmt::format(
        "Parquet cut short or damaged: its {} bytes do not end with \"PAR1\"", file.size()));
  }
  uint32_t size = 0;
  std::memcpy(&size, file.data() + file.size() - kTailBytes, sizeof size);
  const size_t most = file.size() - kMagic.size() - kTailBytes;
  if (size > most || size > kMaxFooterBytes) {
    return absl::DataLossError(
        fmt::format("a footer of {} bytes in a file of {}", size, file.size()));
  }
  return file.substr(file.size() - kTailBytes - size, size);
}

}  // namespace

std::string CodecName(Codec codec) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"};
  const auto id = static_cast<size_t>(codec);
  return id < kNames.size() ? std::string(kNames[id]) : fmt::format("codec {}", int(codec));
}

std::string EncodingName(Encoding encoding) {
  static constexpr std::array<std::string_view, 10> kNames = {
      "PLAIN",          "GROUP_VAR_INT",       "PLAIN_DICTIONARY",        "RLE",
      "BIT_PACKED",     "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
      "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"};
  const auto id = static_cast<size_t>(encoding);
  return id < kNames.size() ? std::string(kNames[id]) : fmt::format("encoding {}", int(encoding));
}

absl::StatusOr<Footer> ParseFooter(std::string_view file) {
  GANNET_ASSIGN_OR_RETURN(const std::string_view bytes, FooterBytes(file));
  Footer footer;
  footer.position = static_cast<size_t>(bytes.data() - file.data());
  ThriftCompactReader reader(bytes);
  bool too_many = false;
  reader.Struct([&](int id) {
    if (id == 2) {
      reader.List([&] {
        too_many = too_many || footer.schema.size() == kMaxSchemaElements;
        if (!too_many) footer.schema.push_back(TakeSchemaElement(reader));
      });
    }
    if (id == 4) {
      reader.List([&] {
        const size_t begin = reader.position();
        reader.Skip();
        footer.row_groups.push_back(bytes.substr(begin, reader.position() - begin));
      });
    }
  });
  if (!reader.ok()) return Annotate(reader.status(), "Parquet footer");
  if (too_many) {
    return absl::UnimplementedError(
        fmt::format("a Parquet schema of more than {} fields", kMaxSchemaElements));
  }
  return footer;
}

absl::StatusOr<RowGroup> ParseRowGroup(std::string_view bytes, size_t num_leaves) {
  RowGroup group;
  ThriftCompactReader reader(bytes);
  size_t columns = 0;
  reader.Struct([&](int id) {
    if (id == 1) {
      reader.List([&] {
        if (columns++ < num_leaves) group.columns.push_back(TakeColumnChunk(reader));
      });
    }
    if (id == 3) group.num_rows = reader.Integer();
  });
  GANNET_RETURN_IF_ERROR(reader.status());
  if (columns != num_leaves) {
    return absl::DataLossError(
        fmt::format("{} column chunks for the {} columns of the schema", columns, num_leaves));
  }
  if (group.num_rows < 0) return absl::DataLossError(fmt::format("{} rows", group.num_rows));
  return group;
}

absl::StatusOr<PageHeader> TakePageHeader(std::string_view& bytes) {
  PageHeader header;
  ThriftCompactReader reader(bytes);
  reader.Struct([&](int id) {
    switch (id) {
      case 1:
        header.type = static_cast<PageType>(reader.Integer());
        break;
      case 2:
        header.uncompressed_bytes = reader.Integer();
        break;
      case 3:
        header.compressed_bytes = reader.Integer();
        break;
      case 4:
        header.has_crc = true;
        header.crc = static_cast<uint32_t>(reader.Integer());
        break;
      case 5:
        TakeDataPageHeader(reader, header);
        break;
      case 7:
        TakeDictionaryPageHeader(reader, header);
        break;
      case 8:
        TakeDataPageHeaderV2(reader, header);
        break;
      default:
        break;
    }
  });
  GANNET_RETURN_IF_ERROR(reader.status());
  bytes.remove_prefix(reader.position());
  return header;
}

}  // namespace gannet::base::parquet
