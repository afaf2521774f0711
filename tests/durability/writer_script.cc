#include "tests/durability/writer_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <random>
#include <utility>

#include "base/status.h"
#include "indexer/filter/filter.h"
#include "tests/indexer/collection/made_documents.h"

namespace gannet::testing {
namespace {

using indexer::Collection;

constexpr uint64_t kIds = 40;  // Of a writer.
constexpr uint64_t kNumbers = 12;

std::string Metadata(size_t writer, uint64_t number) {
  return fmt::format(R"({{"number":{},"writer":{}}})", number, writer);
}

std::string IdOf(size_t writer, uint64_t document) {
  return fmt::format("w{}-{}", writer, document);
}

}  // namespace

indexer::CollectionSchema ScriptSchema() {
  indexer::CollectionSchema schema =
      indexer::MadeSchema(kScriptDimension, indexer::VectorFormat::kFp32, "HNSW4");
  schema.similarity = encoder::Similarity::kDot;  // Vectors stay as they are.
  schema.terms = indexer::MadeTermSchema();
  return schema;
}

ScriptOperation DrawOperation(const ScriptPlace& place) {
  std::seed_seq seeds = {place.seed, place.round, uint64_t{place.writer}, place.operation};
  std::mt19937 random(seeds);
  ScriptOperation operation{.ids = {}, .contents = {}, .writer = place.writer};
  operation.number = random() % kNumbers;
  const size_t draw = random() % 100;
  operation.kind = draw < 55   ? ScriptOperation::Kind::kPut
                   : draw < 70 ? ScriptOperation::Kind::kDelete
                   : draw < 75 ? ScriptOperation::Kind::kDeleteWhere
                               : ScriptOperation::Kind::kUpdate;
  for (size_t i = 0, count = 1 + random() % 4; i < count; ++i) {
    operation.ids.push_back(IdOf(place.writer, random() % kIds));
    if (operation.kind != ScriptOperation::Kind::kPut) continue;
    const uint64_t number = random() % kNumbers;
    const size_t passages = 1 + random() % 3;
    operation.contents.push_back(
        {.text = fmt::format("round {} operation {} {}", place.round, place.operation,
                             std::string(random() % 300, 'x')),
         .number = number,
         .metadata_json = Metadata(place.writer, number),
         .vectors = indexer::RandomVector(random, passages * kScriptDimension),
         .terms = {}});
    if (random() % 2 == 0) {
      operation.contents.back().terms = indexer::MadeTerms(random, 1 + random() % 50);
    }
  }
  return operation;
}

void ScriptOperation::Apply(ScriptState& state) const {
  switch (kind) {
    case Kind::kPut:
      for (size_t i = 0; i < ids.size(); ++i) state[ids[i]] = contents[i];
      return;
    case Kind::kDelete:
      for (const std::string& id : ids) state.erase(id);
      return;
    case Kind::kDeleteWhere:
      std::erase_if(state, [&](const auto& entry) { return entry.second.number == number; });
      return;
    case Kind::kUpdate:
      if (const auto entry = state.find(ids.front()); entry != state.end()) {
        entry->second.number = number;
        entry->second.metadata_json = Metadata(writer, number);
      }
  }
}

absl::Status ScriptOperation::Apply(Collection& collection) const {
  switch (kind) {
    case Kind::kPut: {
      std::vector<indexer::EmbeddedDocument> documents;
      for (size_t i = 0; i < ids.size(); ++i) {
        documents.push_back(indexer::MadeDocument(ids[i], contents[i].text,
                                                  contents[i].metadata_json, contents[i].vectors,
                                                  kScriptDimension));
        documents.back().terms = contents[i].terms;
      }
      return collection.Put(documents);
    }
    case Kind::kDelete:
      return collection.Delete(ids).status();
    case Kind::kDeleteWhere: {
      GANNET_ASSIGN_OR_RETURN(
          const indexer::Filter filter,
          indexer::Filter::Parse(fmt::format(
              R"({{"and":[{{"field":"writer","equals":{}}},{{"field":"number","equals":{}}}]}})",
              writer, number)));
      return collection.DeleteWhere(filter).status();
    }
    case Kind::kUpdate: {
      const absl::Status updated =
          collection.UpdateMetadata(ids.front(), fmt::format(R"({{"number":{}}})", number));
      return absl::IsNotFound(updated) ? absl::OkStatus() : updated;
    }
  }
  return absl::InternalError("no such operation");
}

absl::StatusOr<ScriptState> ReadState(const Collection& collection, size_t writer) {
  ScriptState state;
  GANNET_ASSIGN_OR_RETURN(const auto scanned, collection.Scan(std::nullopt, ~size_t{0}));
  for (const Collection::ScannedDocument& document : scanned) {
    const std::string& id = document.document.id;
    if (!id.starts_with(fmt::format("w{}-", writer))) continue;
    GANNET_ASSIGN_OR_RETURN(const auto key, collection.FindKey(id));
    if (key != document.key) return absl::DataLossError(fmt::format("{}: another key", id));
    GANNET_ASSIGN_OR_RETURN(const auto stored, collection.GetStored(document.key));
    ScriptContent& content = state[id];
    content.text = document.document.text;
    content.metadata_json = document.document.metadata_json;
    for (uint64_t n = 0; n < kNumbers; ++n) {
      if (content.metadata_json == Metadata(writer, n)) content.number = n;
    }
    content.vectors.resize(stored.passages.size() * kScriptDimension);
    if (stored.vectors.size() != content.vectors.size() * sizeof(float)) {
      return absl::DataLossError(fmt::format("{}: {} bytes of vectors", id, stored.vectors.size()));
    }
    std::memcpy(content.vectors.data(), stored.vectors.data(), stored.vectors.size());
    content.terms = stored.terms;
  }
  return state;
}

}  // namespace gannet::testing
