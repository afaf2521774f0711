// Any bytes as the index of a TensorFlow checkpoint whose data file they are, too: refused with a
// message, or variables that lie inside it. Every block is also taken as one whose CRC32C is right,
// because mutation hardly finds those.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "base/checksum.h"
#include "encoder/checkpoint/proto_message.h"
#include "encoder/checkpoint/tf_bundle.h"
#include "encoder/checkpoint/varint.h"

namespace gannet::encoder {
namespace {

// Sets the CRC32C behind `size` bytes at `offset` and the byte that tells their compression.
void SetCrc(std::string& bytes, uint64_t offset, uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset || bytes.size() - offset - size < 5) {
    return;
  }
  const uint32_t crc =
      base::MaskCrc32c(base::Crc32c(std::string_view(bytes).substr(offset, size + 1)));
  std::memcpy(&bytes[offset + size + 1], &crc, sizeof(crc));
}

// The index block, and the block of entries that takes up the file before it: what a small table
// has. A mutation inside either leaves a table that is read to its entries.
std::string WithCrcs(std::string_view file) {
  std::string bytes(file);
  if (bytes.size() < 48) return bytes;
  std::string_view footer = file.substr(file.size() - 48);
  const auto meta = TakeVarint(footer), meta_size = TakeVarint(footer);
  const auto offset = TakeVarint(footer), size = TakeVarint(footer);
  if (!meta || !meta_size || !offset || !size) return bytes;
  SetCrc(bytes, 0, *meta < 5 ? 0 : *meta - 5);
  SetCrc(bytes, *offset, *size);
  return bytes;
}

void Check(std::string_view file) {
  const auto index = TfIndex::Parse(file);
  if (!index.ok()) return;
  size_t names = 0;
  for (const auto& [name, variable] : index->variables) {
    names += name.size();
    if (variable.shard >= index->shards) std::abort();
    const auto tensor = FindTfVariable(variable, file);
    if (!tensor.ok()) continue;
    if (tensor->elements() * DTypeBlockBytes(tensor->dtype) != tensor->bytes.size()) std::abort();
    if (IsFloating(tensor->dtype) && ToFloats(*tensor).size() != tensor->elements()) std::abort();
  }
  if (names > 16 * file.size()) std::abort();
}

}  // namespace
}  // namespace gannet::encoder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gannet::encoder;  // NOLINT(google-build-using-namespace): a fuzzer's only scope.
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  Check(file);
  Check(WithCrcs(file));
  return 0;
}
