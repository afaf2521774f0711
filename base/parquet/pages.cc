#include "base/parquet/pages.h"

#include <fmt/format.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <bit>
#include <cstring>
#include <utility>

#include "base/format.h"
#include "base/status.h"

namespace gannet::base::parquet {
namespace {

absl::Status Damaged(std::string_view problem) {
  return absl::DataLossError(fmt::format("damaged page: {}", problem));
}

absl::Status Unsnappy(std::string_view in, std::span<char> out) {
  // The length that the data begins with is what is written, so it has to be that of the room.
  size_t size = 0;
  if (!snappy::GetUncompressedLength(in.data(), in.size(), &size) || size != out.size() ||
      !snappy::RawUncompress(in.data(), in.size(), out.data())) {
    return Damaged("its Snappy data");
  }
  return absl::OkStatus();
}

absl::Status Unzstd(std::string_view in, std::span<char> out) {
  const size_t size = ZSTD_decompress(out.data(), out.size(), in.data(), in.size());
  if (ZSTD_isError(size) != 0) {
    return Damaged(fmt::format("its zstd data ({})", ZSTD_getErrorName(size)));
  }
  return size == out.size() ? absl::OkStatus() : Damaged("its zstd data is too short");
}

// One gzip member after another.
absl::Status Gunzip(std::string_view in, std::span<char> out) {
  constexpr int kGzipOrZlib = 15 + 32;  // zlib's sign that the header tells.
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipOrZlib) != Z_OK) {
    return absl::ResourceExhaustedError("gzip: no memory");
  }
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int result = inflate(&stream, Z_FINISH);
  while (result == Z_STREAM_END && stream.avail_in > 0 && stream.avail_out > 0) {
    inflateReset(&stream);
    result = inflate(&stream, Z_FINISH);
  }
  const bool full = result == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  return full ? absl::OkStatus() : Damaged("its gzip data");
}

// A part of a page: where it is when it is not compressed, else in the buffer.
absl::StatusOr<std::string_view> Plain(Codec codec, std::string_view bytes, size_t size,
                                       PageBuffer& buffer) {
  if (codec == Codec::kUncompressed) {
    if (bytes.size() == size) return bytes;
    return Damaged(
        fmt::format("{} bytes, not compressed, that claim to be {}", bytes.size(), size));
  }
  if (size == 0) return std::string_view();  // Some writers compress nothing to nothing.
  const std::span<char> room = buffer.Room(size);
  GANNET_RETURN_IF_ERROR(Decompress(codec, bytes, room));
  return std::string_view(room.data(), room.size());
}

absl::Status CheckLevelEncoding(Encoding encoding) {
  if (encoding == Encoding::kRle) return absl::OkStatus();
  return absl::UnimplementedError(fmt::format("levels in {} are not read", EncodingName(encoding)));
}

unsigned LevelBits(uint32_t max_level) { return static_cast<unsigned>(std::bit_width(max_level)); }

// Levels that say their length first, as version 1 has them; none where there is but one level.
absl::StatusOr<HybridDecoder> TakeLevels(uint32_t max_level, Encoding encoding,
                                         std::string_view& bytes) {
  if (max_level == 0) return HybridDecoder();
  GANNET_RETURN_IF_ERROR(CheckLevelEncoding(encoding));
  uint32_t size = 0;
  if (bytes.size() < sizeof size) return Damaged("it ends before its levels");
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes.remove_prefix(sizeof size);
  if (size > bytes.size()) {
    return Damaged(fmt::format("{} bytes of levels, {} are left", size, bytes.size()));
  }
  const HybridDecoder levels(bytes.substr(0, size), LevelBits(max_level));
  bytes.remove_prefix(size);
  return levels;
}

absl::StatusOr<DataPage> OpenVersion1(const Page& page, Codec codec, uint32_t max_repetition,
                                      uint32_t max_definition, PageBuffer& buffer) {
  const PageHeader& header = page.header;
  GANNET_ASSIGN_OR_RETURN(
      std::string_view rest,
      Plain(codec, page.bytes, static_cast<size_t>(header.uncompressed_bytes), buffer));
  DataPage data;
  GANNET_ASSIGN_OR_RETURN(data.repetition,
                          TakeLevels(max_repetition, header.repetition_encoding, rest));
  GANNET_ASSIGN_OR_RETURN(data.definition,
                          TakeLevels(max_definition, header.definition_encoding, rest));
  data.values = rest;
  return data;
}

absl::StatusOr<DataPage> OpenVersion2(const Page& page, Codec codec, uint32_t max_repetition,
                                      uint32_t max_definition, PageBuffer& buffer) {
  const PageHeader& header = page.header;
  const auto size = static_cast<int64_t>(page.bytes.size());
  if (header.repetition_bytes < 0 || header.definition_bytes < 0 ||
      header.repetition_bytes > size || header.definition_bytes > size - header.repetition_bytes ||
      header.repetition_bytes + header.definition_bytes > header.uncompressed_bytes) {
    return Damaged(fmt::format("{} and {} bytes of levels in {}", header.repetition_bytes,
                               header.definition_bytes, size));
  }
  const auto repetition = static_cast<size_t>(header.repetition_bytes);
  const auto definition = static_cast<size_t>(header.definition_bytes);
  DataPage data;
  data.repetition = HybridDecoder(page.bytes.substr(0, repetition), LevelBits(max_repetition));
  data.definition =
      HybridDecoder(page.bytes.substr(repetition, definition), LevelBits(max_definition));
  const size_t values = static_cast<size_t>(header.uncompressed_bytes) - repetition - definition;
  GANNET_ASSIGN_OR_RETURN(data.values,
                          Plain(header.is_compressed ? codec : Codec::kUncompressed,
                                page.bytes.substr(repetition + definition), values, buffer));
  return data;
}

}  // namespace

std::span<char> PageBuffer::Room(size_t size) {
  if (size > capacity_) {
    bytes_ = nullptr;  // Before the new one: not both at once.
    bytes_ = std::make_unique_for_overwrite<char[]>(size);
    capacity_ = size;
  }
  return {bytes_.get(), size};
}

absl::Status Decompress(Codec codec, std::string_view in, std::span<char> out) {
  switch (codec) {
    case Codec::kSnappy:
      return Unsnappy(in, out);
    case Codec::kGzip:
      return Gunzip(in, out);
    case Codec::kZstd:
      return Unzstd(in, out);
    case Codec::kUncompressed:
      break;
  }
  return absl::UnimplementedError(
      fmt::format("pages compressed by {} are not read", CodecName(codec)));
}

absl::StatusOr<Page> TakePage(std::string_view& chunk, size_t max_page_bytes) {
  Page page;
  GANNET_ASSIGN_OR_RETURN(page.header, TakePageHeader(chunk));
  const PageHeader& header = page.header;
  if (header.compressed_bytes < 0 || header.uncompressed_bytes < 0 ||
      static_cast<uint64_t>(header.compressed_bytes) > chunk.size()) {
    return Damaged(fmt::format("{} bytes, decompressed {}, of {} that are left of its column",
                               header.compressed_bytes, header.uncompressed_bytes, chunk.size()));
  }
  if (static_cast<uint64_t>(header.uncompressed_bytes) > max_page_bytes) {
    return absl::UnimplementedError(
        fmt::format("a page of {}, at most {} are read",
                    FormatBytes(static_cast<uint64_t>(header.uncompressed_bytes)),
                    FormatBytes(max_page_bytes)));
  }
  page.bytes = chunk.substr(0, static_cast<size_t>(header.compressed_bytes));
  chunk.remove_prefix(page.bytes.size());
  if (header.has_crc) {
    const auto crc = crc32(0, reinterpret_cast<const Bytef*>(page.bytes.data()),
                           static_cast<uInt>(page.bytes.size()));
    if (crc != header.crc) return Damaged("its checksum does not match");
  }
  return page;
}

absl::StatusOr<std::string_view> DictionaryBytes(const Page& page, Codec codec,
                                                 PageBuffer& buffer) {
  return Plain(codec, page.bytes, static_cast<size_t>(page.header.uncompressed_bytes), buffer);
}

absl::StatusOr<DataPage> OpenDataPage(const Page& page, Codec codec, uint32_t max_repetition,
                                      uint32_t max_definition, PageBuffer& buffer) {
  return page.header.type == PageType::kDataV2
             ? OpenVersion2(page, codec, max_repetition, max_definition, buffer)
             : OpenVersion1(page, codec, max_repetition, max_definition, buffer);
}

}  // namespace gannet::base::parquet
