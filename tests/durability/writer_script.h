#ifndef GANNET_TESTS_DURABILITY_WRITER_SCRIPT_H_
#define GANNET_TESTS_DURABILITY_WRITER_SCRIPT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "indexer/collection.h"

// What writers do to a collection in rounds that each end with a crash, and what must be there
// afterwards. Each writer has documents of its own: its operations follow from the seed, the round
// and their number alone, so that whoever counts acknowledgements knows what was written.
namespace gannet::testing {

inline constexpr size_t kScriptDimension = 8;
inline constexpr size_t kScriptWriters = 3;

indexer::CollectionSchema ScriptSchema();

// One document of a writer, by what can be asked of it.
struct ScriptContent {
  std::string text;
  uint64_t number = 0;
  std::string metadata_json;
  std::vector<float> vectors;
  std::string terms;  // Packed; empty for none.

  friend bool operator==(const ScriptContent&, const ScriptContent&) = default;
};
using ScriptState = std::map<std::string, ScriptContent>;  // By id.

struct ScriptOperation {
  enum class Kind { kPut, kDelete, kDeleteWhere, kUpdate } kind = Kind::kPut;
  std::vector<std::string> ids;         // Put, deleted or (the first) updated.
  std::vector<ScriptContent> contents;  // What is put.
  size_t writer = 0;
  uint64_t number = 0;  // In metadata: what documents to delete have, or what the update sets.

  // What the operation makes of its writer's documents.
  void Apply(ScriptState& state) const;
  // An operation on what is not there is none; that is no error.
  absl::Status Apply(indexer::Collection& collection) const;
};

struct ScriptPlace {
  uint64_t seed = 0;
  uint64_t round = 0;
  size_t writer = 0;
  uint64_t operation = 0;
};

ScriptOperation DrawOperation(const ScriptPlace& place);

// The documents of a collection whose ids are of this writer.
absl::StatusOr<ScriptState> ReadState(const indexer::Collection& collection, size_t writer);

}  // namespace gannet::testing

#endif  // GANNET_TESTS_DURABILITY_WRITER_SCRIPT_H_
