#include "encoder/checkpoint/zip_archive.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "base/status.h"

namespace gannet::encoder {
namespace {

template <typename... Args>
absl::Status Corrupt(fmt::format_string<Args...> format, Args&&... args) {
  return absl::DataLossError(fmt::format(format, std::forward<Args>(args)...));
}

// A little-endian number at `offset`, which the caller has checked.
template <typename Integer>
Integer At(std::string_view bytes, size_t offset) {
  Integer value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

constexpr uint32_t kEndSignature = 0x06054b50, kEnd64LocatorSignature = 0x07064b50;
constexpr uint32_t kEnd64Signature = 0x06064b50, kEntrySignature = 0x02014b50;
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr size_t kEndSize = 22, kEnd64LocatorSize = 20, kEnd64Size = 56, kEntrySize = 46;
constexpr size_t kLocalSize = 30, kMostComment = 65535;
constexpr uint16_t kZip64Field = 1;
constexpr uint32_t kIn64 = 0xFFFFFFFF;  // The number is in the zip64 field instead.

// Where the list of entries lies.
struct Directory {
  uint64_t entries = 0;
  uint64_t size = 0;
  uint64_t offset = 0;
};

// The end record is the last thing in the file but for a comment of its own length.
std::optional<size_t> FindEnd(std::string_view bytes) {
  if (bytes.size() < kEndSize) return std::nullopt;
  for (size_t comment = 0; comment <= kMostComment && kEndSize + comment <= bytes.size();
       ++comment) {
    const size_t end = bytes.size() - kEndSize - comment;
    if (At<uint32_t>(bytes, end) == kEndSignature && At<uint16_t>(bytes, end + 20) == comment) {
      return end;
    }
  }
  return std::nullopt;
}

absl::StatusOr<Directory> FindDirectory(std::string_view bytes) {
  const std::optional<size_t> end = FindEnd(bytes);
  if (!end) return Corrupt("not a zip archive: no end of its directory");
  Directory directory{At<uint16_t>(bytes, *end + 10), At<uint32_t>(bytes, *end + 12),
                      At<uint32_t>(bytes, *end + 16)};
  if (*end >= kEnd64LocatorSize &&
      At<uint32_t>(bytes, *end - kEnd64LocatorSize) == kEnd64LocatorSignature) {
    const auto end64 = At<uint64_t>(bytes, *end - kEnd64LocatorSize + 8);
    if (end64 > bytes.size() || bytes.size() - end64 < kEnd64Size ||
        At<uint32_t>(bytes, end64) != kEnd64Signature) {
      return Corrupt("the zip64 end of the directory is not at byte {}", end64);
    }
    directory = {At<uint64_t>(bytes, end64 + 32), At<uint64_t>(bytes, end64 + 40),
                 At<uint64_t>(bytes, end64 + 48)};
  }
  if (directory.offset > bytes.size() || directory.size > bytes.size() - directory.offset) {
    return Corrupt("the directory of {} bytes at byte {} lies outside the file's {}",
                   directory.size, directory.offset, bytes.size());
  }
  return directory;
}

struct Entry {
  std::string name;
  uint64_t stored = 0;
  uint64_t size = 0;
  uint64_t offset = 0;
  uint16_t flags = 0;
  uint16_t method = 0;
};

// Takes what does not fit 32 bits from the zip64 field among the extra ones.
absl::Status ReadZip64(std::string_view extra, Entry& entry) {
  uint64_t* const numbers[] = {&entry.size, &entry.stored, &entry.offset};
  for (size_t at = 0; at + 4 <= extra.size();) {
    const size_t size = At<uint16_t>(extra, at + 2);
    if (size > extra.size() - at - 4) break;
    if (At<uint16_t>(extra, at) == kZip64Field) {
      std::string_view field = extra.substr(at + 4, size);
      for (uint64_t* number : numbers) {
        if (*number != kIn64) continue;
        if (field.size() < sizeof(uint64_t)) {
          return Corrupt("entry {}: its zip64 field is too short", entry.name);
        }
        *number = At<uint64_t>(field, 0);
        field.remove_prefix(sizeof(uint64_t));
      }
      return absl::OkStatus();
    }
    at += 4 + size;
  }
  for (const uint64_t* number : numbers) {
    if (*number == kIn64) return Corrupt("entry {}: no zip64 field", entry.name);
  }
  return absl::OkStatus();
}

// The next entry of the directory, which loses it.
absl::StatusOr<Entry> TakeEntry(std::string_view& directory) {
  if (directory.size() < kEntrySize || At<uint32_t>(directory, 0) != kEntrySignature) {
    return Corrupt("the directory ends within its entries");
  }
  const size_t name = At<uint16_t>(directory, 28), extra = At<uint16_t>(directory, 30);
  const size_t whole = kEntrySize + name + extra + At<uint16_t>(directory, 32);
  if (whole > directory.size()) return Corrupt("the directory ends within an entry");
  Entry entry{.name = std::string(directory.substr(kEntrySize, name)),
              .stored = At<uint32_t>(directory, 20),
              .size = At<uint32_t>(directory, 24),
              .offset = At<uint32_t>(directory, 42),
              .flags = At<uint16_t>(directory, 8),
              .method = At<uint16_t>(directory, 10)};
  GANNET_RETURN_IF_ERROR(ReadZip64(directory.substr(kEntrySize + name, extra), entry));
  directory.remove_prefix(whole);
  return entry;
}

absl::StatusOr<std::string_view> ContentOf(const Entry& entry, std::string_view bytes) {
  if ((entry.flags & 1) != 0) return Corrupt("entry {}: encrypted", entry.name);
  if (entry.method != 0 || entry.stored != entry.size) {
    return Corrupt("entry {}: compressed by method {}, expected it stored", entry.name,
                   entry.method);
  }
  if (entry.offset > bytes.size() || bytes.size() - entry.offset < kLocalSize ||
      At<uint32_t>(bytes, entry.offset) != kLocalSignature) {
    return Corrupt("entry {}: does not begin at byte {}", entry.name, entry.offset);
  }
  const uint64_t begin = entry.offset + kLocalSize + At<uint16_t>(bytes, entry.offset + 26) +
                         At<uint16_t>(bytes, entry.offset + 28);
  if (begin > bytes.size() || entry.size > bytes.size() - begin) {
    return Corrupt("entry {}: its {} bytes reach beyond the file", entry.name, entry.size);
  }
  return bytes.substr(begin, entry.size);
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string_view, std::less<>>> ReadStoredZip(
    std::string_view bytes) {
  GANNET_ASSIGN_OR_RETURN(const Directory directory, FindDirectory(bytes));
  std::string_view rest = bytes.substr(directory.offset, directory.size);
  std::map<std::string, std::string_view, std::less<>> entries;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    GANNET_ASSIGN_OR_RETURN(Entry entry, TakeEntry(rest));
    GANNET_ASSIGN_OR_RETURN(const std::string_view content, ContentOf(entry, bytes));
    if (!entries.emplace(entry.name, content).second) {
      return Corrupt("entry {} is there twice", entry.name);
    }
  }
  return entries;
}

}  // namespace gannet::encoder
