#ifndef GANNET_INDEXER_STORE_RECORD_H_
#define GANNET_INDEXER_STORE_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "indexer/collection.h"
#include "indexer/document.h"

// How the keys and values of a store are written as bytes. The schema's version is the version of
// all of them. Decoding errors are kDataLoss.
namespace gannet::indexer {

// Keys of documents and passages: big-endian, so that the order of bytes is the order of keys.
std::string EncodeKey(uint64_t key);
absl::StatusOr<uint64_t> DecodeKey(std::string_view bytes);

// Family kDocuments: a version byte; id, title and text, each as a little-endian u32 length and its
// bytes; fingerprint; ordinal.
struct DocumentRecord {
  std::string id;
  std::string title;
  std::string text;
  std::string fingerprint;  // 32 digits, of title, text, passages and vectors (ContentFingerprint).
  uint64_t ordinal = 0;

  friend bool operator==(const DocumentRecord&, const DocumentRecord&) = default;
};
std::string EncodeDocument(const DocumentRecord& record);
absl::StatusOr<DocumentRecord> DecodeDocument(std::string_view bytes);
absl::StatusOr<std::string> DecodeDocumentId(std::string_view bytes);

// What tells one content of a document from another: all but id and metadata.
std::string ContentFingerprint(const StoredDocument& document);

// Family kPassages: a version byte, then four little-endian u64 for each passage.
std::string EncodePassages(const std::vector<Passage>& passages);
absl::StatusOr<std::vector<Passage>> DecodePassages(std::string_view bytes);
absl::StatusOr<uint64_t> CountPassages(std::string_view bytes);

// Family kTerms: a version byte, a little-endian u64 checksum over the key and what follows, the
// number of terms as a little-endian u64, the terms as encoder::PackTerms.
struct TermsRecord {
  uint64_t count = 0;
  std::string_view packed;
};
std::string EncodeTerms(DocumentKey key, const TermsRecord& record);
absl::StatusOr<TermsRecord> DecodeTerms(DocumentKey key, std::string_view bytes);

// Names of entries in family kMeta.
inline constexpr std::string_view kSchemaEntry = "schema";
inline constexpr std::string_view kTotalsEntry = "totals";
inline constexpr std::string_view kSegmentsEntry = "segments";
inline constexpr std::string_view kMeasuredRecallEntry = "recall/measured";
inline constexpr std::string_view kSampledRecallEntry = "recall/sampled";
inline constexpr std::string_view kCheckpointPrefix = "checkpoint/";

// JSON, so that people can read it.
std::string EncodeSchema(const CollectionSchema& schema);
absl::StatusOr<CollectionSchema> DecodeSchema(std::string_view text);

// What every batch brings up to date.
struct Totals {
  uint64_t sequence = 0;
  DocumentKey next_key = 0;
  uint64_t documents = 0;
  uint64_t passages = 0;
  TermTotals terms = {};

  friend bool operator==(const Totals&, const Totals&) = default;
};
std::string EncodeTotals(const Totals& totals);
absl::StatusOr<Totals> DecodeTotals(std::string_view text);

// A segment that belongs to the collection. Together they cover every passage up to the last one's
// last, each a range of its own.
struct SegmentRecord {
  std::string file;      // Its name in segments/.
  std::string index;     // IndexSpec name.
  PassageKey first = 0;  // Of its rows.
  PassageKey last = 0;
  uint64_t rows = 0;
  uint64_t checksum = 0;  // VectorIndex::checksum of the file.

  friend bool operator==(const SegmentRecord&, const SegmentRecord&) = default;
};
std::string EncodeSegments(const std::vector<SegmentRecord>& segments);
absl::StatusOr<std::vector<SegmentRecord>> DecodeSegments(std::string_view text);

std::string EncodeRecall(const RecallFigures& figures);
absl::StatusOr<RecallFigures> DecodeRecall(std::string_view text);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_STORE_RECORD_H_
