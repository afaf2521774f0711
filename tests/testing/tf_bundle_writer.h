#ifndef GANNET_TESTS_TESTING_TF_BUNDLE_WRITER_H_
#define GANNET_TESTS_TESTING_TF_BUNDLE_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/testing/tensor_writer.h"

namespace gannet::testing {

// Pieces of a TensorFlow checkpoint, so that tests can put them together rightly or wrongly.

std::string Varint(uint64_t value);

// Fields of a protocol buffer.
std::string ProtoVarint(uint64_t number, uint64_t value);
std::string ProtoBytes(uint64_t number, std::string_view bytes);
std::string ProtoFixed32(uint64_t number, uint32_t value);

// A header as TensorFlow writes it.
std::string BundleHeader(uint64_t shards = 1);

// What an index says of a variable.
struct BundleEntry {
  uint64_t dtype = 1;  // DT_FLOAT
  std::vector<uint64_t> shape = {};
  uint64_t shard = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
  uint32_t masked_crc = 0;
  std::string more = {};  // Further fields.
};
// The entry of a variable whose elements are these bytes.
BundleEntry BundleEntryOf(std::vector<uint64_t> shape, std::string_view bytes, uint64_t offset);
std::string Serialized(const BundleEntry& entry);

using TableEntries = std::vector<std::pair<std::string, std::string>>;

// A block of a sorted table, keys shared with the one before but at every 16th; without and with
// the compression and the CRC32C behind it.
std::string TableBlock(const TableEntries& entries);
std::string TableBlockWithTrailer(std::string_view block, uint8_t compression = 0);

// A table of blocks of this many entries; `entries` are in the order of their keys.
std::string SortedTable(const TableEntries& entries, size_t entries_per_block = 64);

// The place of a block, and the end of a table.
std::string BlockPlace(uint64_t offset, uint64_t size);
std::string TableFooter(std::string_view meta_place, std::string_view index_place);

// Writes PREFIX.index and its data files of these tensors, spread over `shards`.
void WriteBundle(const std::filesystem::path& prefix, const FloatTensors& tensors,
                 size_t shards = 1);

}  // namespace gannet::testing

#endif  // GANNET_TESTS_TESTING_TF_BUNDLE_WRITER_H_
