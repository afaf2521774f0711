#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection/segment_files.h"
#include "indexer/collection_files.h"

namespace gannet::indexer {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kScanned = 256;  // Documents read at a time.

// Fields of the metadata may be called as those of the document are: these win, as when indexing.
absl::StatusOr<Json> DocumentLine(const Document& document) {
  Json line = {{"_id", document.id}, {"title", document.title}, {"text", document.text}};
  try {
    const Json metadata = Json::parse(document.metadata_json);
    for (const auto& [name, value] : metadata.items()) {
      if (!line.contains(name)) line[name] = value;
    }
  } catch (const Json::exception& error) {
    return absl::DataLossError(
        fmt::format("document \"{}\": its metadata is damaged: {}", document.id, error.what()));
  }
  return line;
}

absl::StatusOr<Json> PassageList(const Collection& collection, DocumentKey key) {
  GANNET_ASSIGN_OR_RETURN(const StoredDocument stored, collection.GetStored(key));
  const VectorShape shape = ShapeOf(collection.schema());
  GANNET_ASSIGN_OR_RETURN(VectorTable table, VectorTable::Create(shape));
  const size_t record_bytes = VectorRecordBytes(shape);
  Json list = Json::array();
  std::vector<float> vector(shape.dimension);
  for (size_t i = 0; i < stored.passages.size(); ++i) {
    GANNET_RETURN_IF_ERROR(table.AppendRecord(
        std::string_view(stored.vectors).substr(i * record_bytes, record_bytes)));
    table.Decode(i, vector);
    const Passage& passage = stored.passages[i];
    list.push_back({{"first_byte", passage.first_byte},
                    {"bytes", passage.bytes},
                    {"first_token", passage.first_token},
                    {"tokens", passage.tokens},
                    {"vector", vector}});
  }
  return list;
}

}  // namespace

absl::Status Export(const std::filesystem::path& folder, ExportVectors vectors,
                    absl::FunctionRef<absl::Status(std::string_view line)> write) {
  GANNET_ASSIGN_OR_RETURN(const auto collection, Collection::Open(folder));
  std::optional<DocumentKey> after;
  for (;;) {
    GANNET_ASSIGN_OR_RETURN(const auto documents, collection->Scan(after, kScanned));
    if (documents.empty()) return absl::OkStatus();
    for (const Collection::ScannedDocument& scanned : documents) {
      GANNET_ASSIGN_OR_RETURN(Json line, DocumentLine(scanned.document));
      if (vectors == ExportVectors::kInclude) {
        GANNET_ASSIGN_OR_RETURN(line["passages"], PassageList(*collection, scanned.key));
      }
      GANNET_RETURN_IF_ERROR(
          write(line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"));
      after = scanned.key;
    }
  }
}

}  // namespace gannet::indexer
