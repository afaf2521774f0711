#include "encoder/checkpoint/sorted_table.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/checksum.h"
#include "base/status.h"
#include "encoder/checkpoint/varint.h"

namespace gannet::encoder {
namespace {

constexpr size_t kFooterBytes = 48;  // Two handles, padding, the magic number.
constexpr size_t kTrailerBytes = 5;  // Behind each block: its compression and its CRC32C.
constexpr size_t kMostKeyBytes = 4096;
constexpr uint64_t kMagic = 0xdb4775248b80fb57;

template <typename... Args>
absl::Status Corrupt(fmt::format_string<Args...> format, Args&&... args) {
  return absl::DataLossError(fmt::format(format, std::forward<Args>(args)...));
}

template <typename Integer>
Integer LittleEndian(std::string_view bytes) {
  Integer value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

// Where a block lies in the file, without its trailer.
struct BlockHandle {
  uint64_t offset = 0;
  uint64_t size = 0;
};

std::optional<BlockHandle> TakeHandle(std::string_view& bytes) {
  const auto offset = TakeVarint(bytes), size = TakeVarint(bytes);
  if (!offset || !size) return std::nullopt;
  return BlockHandle{*offset, *size};
}

// The content of a block within the blocks of a file.
absl::StatusOr<std::string_view> ReadBlock(std::string_view blocks, const BlockHandle& handle) {
  if (handle.offset > blocks.size() || handle.size > blocks.size() - handle.offset ||
      blocks.size() - handle.offset - handle.size < kTrailerBytes) {
    return Corrupt("a block of {} bytes at byte {} lies outside the {} bytes of blocks",
                   handle.size, handle.offset, blocks.size());
  }
  const std::string_view content = blocks.substr(handle.offset, handle.size);
  const auto compression = static_cast<uint8_t>(blocks[handle.offset + handle.size]);
  const auto crc = LittleEndian<uint32_t>(blocks.substr(handle.offset + handle.size + 1));
  if (base::MaskCrc32c(base::Crc32c(blocks.substr(handle.offset, handle.size + 1))) != crc) {
    return Corrupt("the block at byte {} does not have its CRC32C", handle.offset);
  }
  if (compression == 1) {
    return absl::UnimplementedError(fmt::format(
        "the block at byte {} is compressed with Snappy, which is not read", handle.offset));
  }
  if (compression != 0) {
    return Corrupt("the block at byte {} has compression {}, expected 0", handle.offset,
                   compression);
  }
  return content;
}

// Calls see(key, value) for the entries of a block, each of which shares the beginning of its key
// with the entry before it. `key` is the last one seen, empty at the beginning of a block.
absl::Status ReadEntries(
    std::string_view block, std::string& key,
    absl::FunctionRef<absl::Status(std::string_view key, std::string_view value)> see) {
  if (block.size() < sizeof(uint32_t)) return Corrupt("{} bytes are no block", block.size());
  const auto restarts = LittleEndian<uint32_t>(block.substr(block.size() - sizeof(uint32_t)));
  block.remove_suffix(sizeof(uint32_t));
  if (restarts > block.size() / sizeof(uint32_t)) {
    return Corrupt("{} restarts in a block of {} bytes", restarts, block.size());
  }
  block.remove_suffix(restarts * sizeof(uint32_t));
  while (!block.empty()) {
    const auto shared = TakeVarint(block), own = TakeVarint(block), length = TakeVarint(block);
    if (!shared || !own || !length) return Corrupt("an entry's lengths are cut off");
    if (*shared > key.size() || *own > block.size() || *length > block.size() - *own) {
      return Corrupt("an entry that shares {} bytes and has {} and {} of its own does not fit",
                     *shared, *own, *length);
    }
    if (*shared + *own > kMostKeyBytes) {
      return Corrupt("a key of {} bytes, expected at most {}", *shared + *own, kMostKeyBytes);
    }
    key.resize(*shared);
    key += block.substr(0, *own);
    GANNET_RETURN_IF_ERROR(see(key, block.substr(*own, *length)));
    block.remove_prefix(*own + *length);
  }
  return absl::OkStatus();
}

// The blocks of entries, in their order, as the index block lists them.
absl::Status ReadBlocks(std::string_view blocks, std::string_view index,
                        absl::FunctionRef<absl::Status(std::string_view block)> see) {
  uint64_t end = 0;  // Of the block before: each is read once.
  std::string key;
  return ReadEntries(index, key, [&](std::string_view, std::string_view value) -> absl::Status {
    const std::optional<BlockHandle> handle = TakeHandle(value);
    if (!handle) return Corrupt("the index block has an entry that is no place of a block");
    if (handle->offset < end) return Corrupt("blocks overlap at byte {}", handle->offset);
    GANNET_ASSIGN_OR_RETURN(const std::string_view block, ReadBlock(blocks, *handle));
    end = handle->offset + handle->size + kTrailerBytes;
    return base::Annotate(see(block), fmt::format("block at byte {}", handle->offset));
  });
}

}  // namespace

absl::Status ReadSortedTable(
    std::string_view bytes,
    absl::FunctionRef<absl::Status(std::string_view key, std::string_view value)> see) {
  if (bytes.size() < kFooterBytes) return Corrupt("only {} bytes long", bytes.size());
  const std::string_view blocks = bytes.substr(0, bytes.size() - kFooterBytes);
  std::string_view footer = bytes.substr(blocks.size());
  if (LittleEndian<uint64_t>(footer.substr(kFooterBytes - sizeof(kMagic))) != kMagic) {
    return Corrupt("does not end as a table does");
  }
  // Of the index of filters, which TensorFlow leaves empty, and of the index of blocks.
  const auto meta = TakeHandle(footer), index_handle = TakeHandle(footer);
  if (!meta || !index_handle) return Corrupt("the footer names no index block");
  GANNET_ASSIGN_OR_RETURN(const std::string_view index, ReadBlock(blocks, *index_handle));

  std::string last;
  bool first = true;
  return ReadBlocks(blocks, index, [&](std::string_view block) {
    std::string key;
    return ReadEntries(block, key, [&](std::string_view entry, std::string_view value) {
      if (!first && entry <= last) return Corrupt("the keys are not in order at \"{}\"", entry);
      first = false;
      last = entry;
      return see(entry, value);
    });
  });
}

}  // namespace gannet::encoder
