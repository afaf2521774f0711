#ifndef GANNET_INDEXER_JOB_CORPUS_READER_H_
#define GANNET_INDEXER_JOB_CORPUS_READER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "indexer/document.h"

namespace gannet::indexer {

enum class CorpusFormat {
  kJsonl,  // BEIR: an object a line with `_id`, `title`, `text`; every other field is metadata.
           // Rows of Parquet are read as such objects, here and in kLoco.
  kTsv,    // MS MARCO: a row a line, "id<TAB>text" or "id<TAB>title<TAB>text".
  kTrec,   // <DOC> elements with <DOCNO>, as TREC's text and web collections have them.
  kLoco,   // LoCo: an object a line with `pid` and `passage`; without a passage it is no document.
  kText,   // A file is a document; its id is its path below the folder that was given.
};

std::string_view CorpusFormatName(CorpusFormat format);  // "jsonl", "tsv", "trec", "loco", "text"
absl::StatusOr<CorpusFormat> ParseCorpusFormat(std::string_view name);

enum class TsvHeader {
  kNone,      // Every row is a document; the first one says whether there are two or three columns.
  kFirstRow,  // The first row of each file names its columns: id, title, text; others are metadata.
};

struct CorpusOptions {
  // Read one after another: files, folders (every regular file below, in the order of paths, but
  // those whose names begin with a dot), "-" for standard input. Files may be compressed.
  std::vector<std::filesystem::path> inputs;
  // nullopt: by the name of each file or, where that says nothing, by its beginning; all have to be
  // of one format.
  std::optional<CorpusFormat> format = std::nullopt;
  TsvHeader tsv_header = TsvHeader::kNone;
  std::string loco_task = {};          // Only rows whose `dataset` this is; empty: all.
  size_t max_record_bytes = 64 << 20;  // Longest line, row, element or text file.
};

// The documents of a corpus, one after another, in memory that does not grow with the corpus.
class CorpusReader {
 public:
  // Errors name the input: one that is not there, a format that cannot be told or is not read.
  static absl::StatusOr<CorpusReader> Open(const CorpusOptions& options);

  CorpusReader(CorpusReader&&) noexcept;
  CorpusReader& operator=(CorpusReader&&) noexcept;
  ~CorpusReader();

  // The next document, or nullopt behind the last. A record that is no document is
  // kInvalidArgument, naming its place; the reader then stands behind it and may go on. After any
  // other error it may not.
  absl::StatusOr<std::optional<Document>> Next();

  // Of the record last read: "corpus.jsonl:12", or the path of a text file.
  std::string place() const;

  CorpusFormat format() const;          // Of the file being read.
  uint64_t bytes_read() const;          // Of the files as they are, compressed or not.
  uint64_t bytes_total() const;         // Of all files; 0 when it cannot be known.
  uint64_t replaced_sequences() const;  // Ill-formed UTF-8 made U+FFFD so far.

 private:
  struct State;
  explicit CorpusReader(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// What is embedded of a document: title and text joined by a space, without leading and trailing
// white space, as BEIR and sentence-transformers do.
std::string EmbeddedText(const Document& document);

// Where in the document's text a byte of its EmbeddedText stands; 0 for a byte of the title.
uint64_t TextByte(const Document& document, uint64_t embedded_byte);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_JOB_CORPUS_READER_H_
