#ifndef GANNET_ENCODER_CHECKPOINT_SORTED_TABLE_H_
#define GANNET_ENCODER_CHECKPOINT_SORTED_TABLE_H_

#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace gannet::encoder {

// Calls see(key, value) for each entry of a sorted string table as LevelDB and TensorFlow write it,
// in the order of the keys; `key` lives as long as the call. An error of `see` ends the reading.
//
// The footer, every block's place and CRC32C, the lengths of every entry and the order of the keys
// are checked; keys are at most 4096 bytes long, and nothing else is allocated. Errors name the
// byte of the block. Blocks must be uncompressed, as TensorFlow writes them.
// (github.com/google/leveldb, doc/table_format.md; tensorflow/core/lib/io/format.h)
absl::Status ReadSortedTable(
    std::string_view bytes,
    absl::FunctionRef<absl::Status(std::string_view key, std::string_view value)> see);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_SORTED_TABLE_H_
