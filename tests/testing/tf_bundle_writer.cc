#include "tests/testing/tf_bundle_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "base/checksum.h"

namespace gannet::testing {
namespace {

template <typename Integer>
std::string Fixed(Integer value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

uint32_t MaskedCrc(std::string_view bytes) { return base::MaskCrc32c(base::Crc32c(bytes)); }

void WriteFile(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

}  // namespace

std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string ProtoVarint(uint64_t number, uint64_t value) {
  return Varint(number << 3) + Varint(value);
}
std::string ProtoBytes(uint64_t number, std::string_view bytes) {
  return Varint(number << 3 | 2) + Varint(bytes.size()) + std::string(bytes);
}
std::string ProtoFixed32(uint64_t number, uint32_t value) {
  return Varint(number << 3 | 5) + Fixed(value);
}

std::string BundleHeader(uint64_t shards) {
  return ProtoVarint(1, shards) + ProtoBytes(3, ProtoVarint(1, 1));
}

BundleEntry BundleEntryOf(std::vector<uint64_t> shape, std::string_view bytes, uint64_t offset) {
  return {.shape = std::move(shape),
          .offset = offset,
          .size = bytes.size(),
          .masked_crc = MaskedCrc(bytes)};
}

std::string Serialized(const BundleEntry& entry) {
  std::string shape;
  for (const uint64_t extent : entry.shape) shape += ProtoBytes(2, ProtoVarint(1, extent));
  return ProtoVarint(1, entry.dtype) + ProtoBytes(2, shape) + ProtoVarint(3, entry.shard) +
         ProtoVarint(4, entry.offset) + ProtoVarint(5, entry.size) +
         ProtoFixed32(6, entry.masked_crc) + entry.more;
}

std::string TableBlock(const TableEntries& entries) {
  constexpr size_t kRestart = 16;
  std::string block, restarts;
  uint32_t count = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto& [key, value] = entries[i];
    size_t shared = 0;
    if (i % kRestart == 0) {
      restarts += Fixed(static_cast<uint32_t>(block.size()));
      ++count;
    } else {
      const std::string& last = entries[i - 1].first;
      while (shared < std::min(key.size(), last.size()) && key[shared] == last[shared]) ++shared;
    }
    block += Varint(shared) + Varint(key.size() - shared) + Varint(value.size()) +
             key.substr(shared) + value;
  }
  if (entries.empty()) {
    restarts = Fixed(uint32_t{0});
    count = 1;
  }
  return block + restarts + Fixed(count);
}

std::string TableBlockWithTrailer(std::string_view block, uint8_t compression) {
  std::string content = std::string(block) + static_cast<char>(compression);
  return content + Fixed(MaskedCrc(content));
}

std::string BlockPlace(uint64_t offset, uint64_t size) { return Varint(offset) + Varint(size); }

std::string TableFooter(std::string_view meta_place, std::string_view index_place) {
  std::string footer = std::string(meta_place) + std::string(index_place);
  footer.resize(40);
  return footer + Fixed(uint64_t{0xdb4775248b80fb57});
}

std::string SortedTable(const TableEntries& entries, size_t entries_per_block) {
  std::string table;
  const auto add = [&](const TableEntries& of_block) {
    const std::string block = TableBlock(of_block);
    const std::string place = BlockPlace(table.size(), block.size());
    table += TableBlockWithTrailer(block);
    return place;
  };
  TableEntries index;
  for (size_t i = 0; i < entries.size(); i += entries_per_block) {
    const size_t end = std::min(i + entries_per_block, entries.size());
    const auto first = entries.begin();
    const std::string place =
        add({first + static_cast<ptrdiff_t>(i), first + static_cast<ptrdiff_t>(end)});
    index.emplace_back(entries[end - 1].first, place);
  }
  const std::string meta_place = add({}), index_place = add(index);
  return table + TableFooter(meta_place, index_place);
}

void WriteBundle(const std::filesystem::path& prefix, const FloatTensors& tensors, size_t shards) {
  TableEntries entries = {{"", BundleHeader(shards)}};
  std::vector<std::string> data(shards);
  size_t number = 0;
  for (const auto& [name, tensor] : tensors) {
    const size_t shard = number++ % shards;
    const std::string bytes(reinterpret_cast<const char*>(tensor.values.data()),
                            tensor.values.size() * sizeof(float));
    BundleEntry entry =
        BundleEntryOf({tensor.shape.begin(), tensor.shape.end()}, bytes, data[shard].size());
    entry.shard = shard;
    data[shard] += bytes;
    entries.emplace_back(name, Serialized(entry));
  }
  WriteFile(prefix.string() + ".index", SortedTable(entries));
  for (size_t i = 0; i < shards; ++i) {
    WriteFile(fmt::format("{}.data-{:05}-of-{:05}", prefix.string(), i, shards), data[i]);
  }
}

}  // namespace gannet::testing
