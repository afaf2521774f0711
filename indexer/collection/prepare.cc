#include "indexer/collection/prepare.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>

#include "base/status.h"
#include "encoder/embed/pooling.h"
#include "indexer/collection/segment_files.h"
#include "indexer/filter/field_value.h"
#include "indexer/store/record.h"

namespace gannet::indexer {
namespace {

constexpr size_t kMostIdBytes = 65'536;

absl::Status CheckPassages(const Document& document, size_t passages) {
  if (document.id.empty()) return absl::InvalidArgumentError("a document with an empty id");
  if (document.id.size() > kMostIdBytes) {
    return absl::InvalidArgumentError(
        fmt::format("document \"{}...\": an id of {} bytes, at most {}", document.id.substr(0, 60),
                    document.id.size(), kMostIdBytes));
  }
  if (passages == 0 || passages > kMaxPassages) {
    return absl::InvalidArgumentError(fmt::format("document \"{}\": {} passages, expected 1 to {}",
                                                  document.id, passages, kMaxPassages));
  }
  return absl::OkStatus();
}

// The records of a document's vectors.
absl::StatusOr<VectorTable> EncodeVectors(const CollectionSchema& schema,
                                          const EmbeddedDocument& document) {
  const VectorShape shape = ShapeOf(schema);
  if (document.vectors.size() != document.passages.size() * shape.dimension) {
    return absl::InvalidArgumentError(fmt::format("{} passages with {} vector values, expected {}",
                                                  document.passages.size(), document.vectors.size(),
                                                  document.passages.size() * shape.dimension));
  }
  GANNET_RETURN_IF_ERROR(CheckVectors(shape, document.vectors));
  std::vector<float> vectors = document.vectors;
  if (schema.similarity == encoder::Similarity::kCosine) {
    for (size_t i = 0; i < document.passages.size(); ++i) {
      BringToUnitLength(std::span(vectors).subspan(i * shape.dimension, shape.dimension));
    }
  }
  GANNET_ASSIGN_OR_RETURN(VectorTable table, VectorTable::Create(shape));
  GANNET_RETURN_IF_ERROR(table.Append(vectors));
  return table;
}

absl::StatusOr<PreparedDocument> PrepareOne(const CollectionSchema& schema,
                                            const StoredDocument& stored) {
  const VectorShape shape = ShapeOf(schema);
  const size_t record_bytes = VectorRecordBytes(shape);
  PreparedDocument prepared{.key = std::nullopt,
                            .id = stored.document.id,
                            .fingerprint = ContentFingerprint(stored),
                            .document = {},
                            .metadata = stored.document.metadata_json,
                            .passages = EncodePassages(stored.passages),
                            .vectors = {},
                            .fields = {},
                            .terms = {}};
  GANNET_ASSIGN_OR_RETURN(prepared.fields, ExtractFields(prepared.metadata));
  prepared.document = EncodeDocument({.id = stored.document.id,
                                      .title = stored.document.title,
                                      .text = stored.document.text,
                                      .fingerprint = prepared.fingerprint,
                                      .ordinal = stored.ordinal});
  for (size_t i = 0; i < stored.passages.size(); ++i) {
    prepared.vectors.push_back(stored.vectors.substr(i * record_bytes, record_bytes));
  }
  return prepared;
}

// Records that came from elsewhere may not be vectors at all.
absl::Status CheckRecords(const CollectionSchema& schema, const StoredDocument& document) {
  const VectorShape shape = ShapeOf(schema);
  const size_t record_bytes = VectorRecordBytes(shape);
  if (document.vectors.size() != document.passages.size() * record_bytes) {
    return absl::InvalidArgumentError(
        fmt::format("{} passages with {} bytes of vectors, expected {}", document.passages.size(),
                    document.vectors.size(), document.passages.size() * record_bytes));
  }
  GANNET_ASSIGN_OR_RETURN(VectorTable table, VectorTable::Create(shape));
  for (size_t at = 0; at < document.vectors.size(); at += record_bytes) {
    const absl::Status added =
        table.AppendRecord(std::string_view(document.vectors).substr(at, record_bytes));
    if (!added.ok()) return absl::InvalidArgumentError(added.message());
  }
  return absl::OkStatus();
}

absl::Status NameDocument(const absl::Status& status, const Document& document) {
  return base::Annotate(status, fmt::format("document \"{}\"", document.id));
}

}  // namespace

void BringToUnitLength(std::span<float> vector) {
  double squares = 0;
  for (const float v : vector) squares += static_cast<double>(v) * v;
  if (std::abs(squares - 1) > 1e-5) encoder::NormalizeL2(vector);
}

absl::StatusOr<PreparedTerms> PrepareTerms(const CollectionSchema& schema,
                                           std::string_view packed) {
  if (packed.empty()) return PreparedTerms();
  if (!schema.terms) {
    return absl::InvalidArgumentError("terms, and the collection keeps none");
  }
  const absl::StatusOr<encoder::TermsOutline> outline =
      encoder::OutlineTerms(packed, schema.terms->width);
  if (!outline.ok()) return absl::InvalidArgumentError(outline.status().message());
  if (outline->format != schema.terms->format) {
    return absl::InvalidArgumentError(fmt::format("terms as {}, and the collection keeps {}",
                                                  encoder::TermFormatName(outline->format),
                                                  encoder::TermFormatName(schema.terms->format)));
  }
  return PreparedTerms{.count = outline->rows, .packed = packed};
}

absl::StatusOr<std::vector<PreparedDocument>> Prepare(const CollectionSchema& schema,
                                                      std::span<const EmbeddedDocument> documents) {
  std::vector<PreparedDocument> prepared;
  prepared.reserve(documents.size());
  for (const EmbeddedDocument& embedded : documents) {
    GANNET_RETURN_IF_ERROR(CheckPassages(embedded.document, embedded.passages.size()));
    const absl::StatusOr<VectorTable> table = EncodeVectors(schema, embedded);
    if (!table.ok()) return NameDocument(table.status(), embedded.document);
    StoredDocument stored{.key = 0,
                          .document = embedded.document,
                          .passages = embedded.passages,
                          .vectors = {},
                          .ordinal = embedded.ordinal};
    for (size_t i = 0; i < table->size(); ++i) stored.vectors += table->Record(i);
    absl::StatusOr<PreparedDocument> one = PrepareOne(schema, stored);
    if (!one.ok()) return NameDocument(one.status(), embedded.document);
    absl::StatusOr<PreparedTerms> terms = PrepareTerms(schema, embedded.terms);
    if (!terms.ok()) return NameDocument(terms.status(), embedded.document);
    one->key = embedded.key;
    one->terms = *terms;
    prepared.push_back(*std::move(one));
  }
  return prepared;
}

absl::StatusOr<std::vector<PreparedDocument>> PrepareStored(
    const CollectionSchema& schema, std::span<const StoredDocument> documents) {
  std::vector<PreparedDocument> prepared;
  prepared.reserve(documents.size());
  for (const StoredDocument& stored : documents) {
    GANNET_RETURN_IF_ERROR(CheckPassages(stored.document, stored.passages.size()));
    const absl::Status valid = CheckRecords(schema, stored);
    if (!valid.ok()) return NameDocument(valid, stored.document);
    absl::StatusOr<PreparedDocument> one = PrepareOne(schema, stored);
    if (!one.ok()) return NameDocument(one.status(), stored.document);
    absl::StatusOr<PreparedTerms> terms = PrepareTerms(schema, stored.terms);
    if (!terms.ok()) return NameDocument(terms.status(), stored.document);
    one->key = stored.key;
    one->terms = *terms;
    prepared.push_back(*std::move(one));
  }
  return prepared;
}

}  // namespace gannet::indexer
