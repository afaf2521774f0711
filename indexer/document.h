#ifndef GANNET_INDEXER_DOCUMENT_H_
#define GANNET_INDEXER_DOCUMENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "encoder/embed/long_text.h"

namespace gannet::indexer {

// A document's number inside its collection: given once, in the order of insertion, never reused.
using DocumentKey = uint64_t;
inline constexpr DocumentKey kMaxDocumentKey = (uint64_t{1} << 48) - 1;

// A passage's number: its document's key << 16, plus its ordinal in the document.
using PassageKey = uint64_t;
inline constexpr size_t kMaxPassages = encoder::kMaxTextWindows;  // Of one document: 65,536.

constexpr PassageKey MakePassageKey(DocumentKey document, size_t ordinal) {
  return document << 16 | ordinal;
}
constexpr DocumentKey DocumentOf(PassageKey passage) { return passage >> 16; }
constexpr uint32_t OrdinalOf(PassageKey passage) {
  return static_cast<uint32_t>(passage % kMaxPassages);
}

struct Document {
  std::string id;  // External id, unique in the collection; not empty.
  std::string title;
  std::string text;
  std::string metadata_json;  // A JSON object of every other field of the input; "{}" when none.

  friend bool operator==(const Document&, const Document&) = default;
};

// A window of a document that has a vector of its own: where it lies in the text that was embedded
// (EmbeddedText of the document), in bytes and in the model's tokens.
using Passage = encoder::TextSpan;

// A document as it goes into a collection.
struct EmbeddedDocument {
  Document document;
  std::vector<Passage> passages;  // 1 to kMaxPassages.
  std::vector<float> vectors;     // [passages, dimension], row-major.
  // The key it shall have, if it is stored under a new one; nullopt for the next one.
  std::optional<DocumentKey> key = std::nullopt;
  uint64_t ordinal = 0;  // Number of its record in the input that it came from.
};

// A document as it lies in a collection.
struct StoredDocument {
  DocumentKey key = 0;
  Document document;
  std::vector<Passage> passages;
  std::string vectors;  // One record after another, as VectorTable::Record writes them.
  uint64_t ordinal = 0;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_DOCUMENT_H_
