#include "indexer/job/corpus_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/input_stream.h"
#include "base/parquet/parquet_reader.h"
#include "base/status.h"
#include "base/utf8.h"
#include "indexer/filter/field_value.h"
#include "indexer/job/corpus_files.h"
#include "indexer/job/line_reader.h"
#include "indexer/job/markup.h"
#include "indexer/job/record_reader.h"

namespace gannet::indexer {
namespace {

constexpr std::string_view kFormatsRead =
    "what is read: jsonl, tsv, trec, loco, text, each also compressed by gzip, xz or zstd; rows of "
    "jsonl and loco also in Parquet";

// The part of a name that tells the format: its extension in lower case, past that of a
// compression.
std::string Extension(const std::filesystem::path& path) {
  const auto lower = [](std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    return text;
  };
  std::string extension = lower(path.extension().string());
  if (extension == ".gz" || extension == ".xz" || extension == ".zst") {
    extension = lower(path.stem().extension().string());
  }
  return extension;
}

std::optional<CorpusFormat> FormatOfName(std::string_view extension) {
  using enum CorpusFormat;
  static constexpr std::array<std::pair<std::string_view, CorpusFormat>, 10> kExtensions = {
      {{".jsonl", kJsonl},
       {".ndjson", kJsonl},
       {".json", kJsonl},
       {".parquet", kJsonl},
       {".tsv", kTsv},
       {".tab", kTsv},
       {".trec", kTrec},
       {".trectext", kTrec},
       {".trecweb", kTrec},
       {".sgml", kTrec}}};
  const auto found =
      std::ranges::find(kExtensions, extension, &std::pair<std::string_view, CorpusFormat>::first);
  return found != kExtensions.end() ? std::optional(found->second) : std::nullopt;
}

std::optional<CorpusFormat> FormatOfContent(std::string_view beginning,
                                            std::string_view extension) {
  constexpr size_t kLookedAt = 64 << 10;
  const std::string_view text = beginning.substr(0, kLookedAt);
  const size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first != std::string_view::npos && text[first] == '{') return CorpusFormat::kJsonl;
  if (first != std::string_view::npos && text[first] == '<' && FindTag(text, "doc").found()) {
    return CorpusFormat::kTrec;
  }
  if (extension == ".txt" || extension == ".text" || extension == ".md") return CorpusFormat::kText;
  if (base::IsParquet(beginning)) return CorpusFormat::kJsonl;
  if (text.substr(0, text.find('\n')).find('\t') != std::string_view::npos) {
    return CorpusFormat::kTsv;
  }
  return std::nullopt;
}

}  // namespace

std::string_view CorpusFormatName(CorpusFormat format) {
  switch (format) {
    case CorpusFormat::kJsonl:
      return "jsonl";
    case CorpusFormat::kTsv:
      return "tsv";
    case CorpusFormat::kTrec:
      return "trec";
    case CorpusFormat::kLoco:
      return "loco";
    case CorpusFormat::kText:
      return "text";
  }
  return "";
}

absl::StatusOr<CorpusFormat> ParseCorpusFormat(std::string_view name) {
  for (const CorpusFormat format : {CorpusFormat::kJsonl, CorpusFormat::kTsv, CorpusFormat::kTrec,
                                    CorpusFormat::kLoco, CorpusFormat::kText}) {
    if (name == CorpusFormatName(format)) return format;
  }
  return absl::InvalidArgumentError(
      fmt::format("format \"{}\" is not known; {}", name, kFormatsRead));
}

struct CorpusReader::State {
  // One file of the corpus, being read.
  struct OpenFile {
    OpenFile(CorpusFiles::File file_in, base::InputStream stream, size_t max_record_bytes)
        : file(std::move(file_in)), lines(std::move(stream), max_record_bytes) {}

    uint64_t bytes_read() const {
      return rows.has_value() ? rows->bytes_read() : lines.stream().file_bytes_read();
    }

    const CorpusFiles::File file;
    LineReader lines;
    std::optional<base::ParquetReader> rows;  // Of a file of Parquet.
    std::unique_ptr<RecordReader> records;
  };

  State(CorpusOptions options_in, CorpusFiles files_in)
      : options(std::move(options_in)), files(std::move(files_in)), format(options.format) {}

  // Opens the next file with documents in it; open is null behind the last.
  absl::Status OpenNext();
  absl::Status ChooseFormat(const std::filesystem::path& path, std::string_view beginning);
  // Whether a file's records are rows of Parquet, and not lines.
  bool IsOfRows(const std::filesystem::path& path, std::string_view beginning) const;
  absl::Status OpenRows(OpenFile& next) const;
  std::unique_ptr<RecordReader> MakeReader(const RecordSource& source) const;
  absl::StatusOr<std::optional<Document>> NextRecord();

  const CorpusOptions options;
  CorpusFiles files;
  std::optional<CorpusFormat> format;
  std::filesystem::path format_shown_by;  // The first file, which told the format.
  std::unique_ptr<OpenFile> open;
  std::string place;
  uint64_t bytes_done = 0;  // Of files that are closed.
  uint64_t replaced_sequences = 0;
};

// Every file has to be of the format that was asked for or that the first one has: a stray file
// would otherwise become documents that nobody meant.
absl::Status CorpusReader::State::ChooseFormat(const std::filesystem::path& path,
                                               std::string_view beginning) {
  if (options.format.has_value()) return absl::OkStatus();
  const std::string extension = Extension(path);
  std::optional<CorpusFormat> told = FormatOfName(extension);
  if (!told.has_value()) told = FormatOfContent(beginning, extension);
  if (!told.has_value() && base::StripWhiteSpace(beginning).empty()) told = format;
  if (!told.has_value()) {
    return absl::FailedPreconditionError(
        fmt::format("{}: neither name nor content tells the format; say it (--format); {}",
                    path.string(), kFormatsRead));
  }
  if (!format.has_value()) format_shown_by = path;
  if (format.has_value() && *format != *told) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: looks like {}, but {} like {}; say which it is (--format), or leave one out",
        path.string(), CorpusFormatName(*told), format_shown_by.string(),
        CorpusFormatName(*format)));
  }
  format = told;
  return absl::OkStatus();
}

bool CorpusReader::State::IsOfRows(const std::filesystem::path& path,
                                   std::string_view beginning) const {
  const bool of_json = *format == CorpusFormat::kJsonl || *format == CorpusFormat::kLoco;
  return of_json && (base::IsParquet(beginning) || Extension(path) == ".parquet");
}

// Parquet is read from its end on, so it has to be a file; its pages are compressed in themselves.
absl::Status CorpusReader::State::OpenRows(OpenFile& next) const {
  const std::filesystem::path& path = next.file.path;
  std::error_code ignored;
  const bool is_file = path != "-" && std::filesystem::is_regular_file(path, ignored);
  if (!is_file || next.lines.stream().compression() != base::Compression::kNone) {
    return absl::UnimplementedError(
        fmt::format("{}: Parquet is read from files, and not from files compressed as a whole",
                    path == "-" ? "standard input" : path.string()));
  }
  GANNET_ASSIGN_OR_RETURN(
      next.rows, base::ParquetReader::Open(path, {.max_row_bytes = options.max_record_bytes}));
  return absl::OkStatus();
}

std::unique_ptr<RecordReader> CorpusReader::State::MakeReader(const RecordSource& source) const {
  switch (*format) {
    case CorpusFormat::kTsv:
      return MakeTsvReader(source, options.tsv_header);
    case CorpusFormat::kTrec:
      return MakeTrecReader(source);
    case CorpusFormat::kLoco:
      return MakeLocoReader(source, options.loco_task);
    case CorpusFormat::kText:
      return MakeTextReader(source);
    case CorpusFormat::kJsonl:
      break;
  }
  return MakeJsonlReader(source);
}

absl::Status CorpusReader::State::OpenNext() {
  if (open != nullptr) bytes_done += open->bytes_read();
  open = nullptr;
  GANNET_ASSIGN_OR_RETURN(std::optional<CorpusFiles::File> file, files.Next());
  if (!file.has_value()) return absl::OkStatus();
  GANNET_ASSIGN_OR_RETURN(base::InputStream stream, base::InputStream::Open(file->path));
  auto next =
      std::make_unique<OpenFile>(*std::move(file), std::move(stream), options.max_record_bytes);
  GANNET_ASSIGN_OR_RETURN(const std::string_view beginning, next->lines.Peek());
  GANNET_RETURN_IF_ERROR(ChooseFormat(next->file.path, beginning));
  if (IsOfRows(next->file.path, beginning)) GANNET_RETURN_IF_ERROR(OpenRows(*next));
  next->records = MakeReader({.lines = next->lines,
                              .rows = next->rows.has_value() ? &*next->rows : nullptr,
                              .id = next->file.id,
                              .max_record_bytes = options.max_record_bytes,
                              .replaced_sequences = replaced_sequences});
  open = std::move(next);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Document>> CorpusReader::State::NextRecord() {
  while (open != nullptr) {
    absl::StatusOr<std::optional<Document>> document = open->records->Next();
    const std::string path = open->file.path == "-" ? "standard input" : open->file.path.string();
    const uint64_t line = open->records->line();
    place = line == 0 ? path : fmt::format("{}:{}", path, line);
    if (!document.ok() || document->has_value()) return document;
    GANNET_RETURN_IF_ERROR(OpenNext());
  }
  return std::nullopt;
}

CorpusReader::CorpusReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
CorpusReader::CorpusReader(CorpusReader&&) noexcept = default;
CorpusReader& CorpusReader::operator=(CorpusReader&&) noexcept = default;
CorpusReader::~CorpusReader() = default;

absl::StatusOr<CorpusReader> CorpusReader::Open(const CorpusOptions& options) {
  GANNET_ASSIGN_OR_RETURN(CorpusFiles files, CorpusFiles::Open(options.inputs));
  auto state = std::make_unique<State>(options, std::move(files));
  GANNET_RETURN_IF_ERROR(state->OpenNext());
  return CorpusReader(std::move(state));
}

absl::StatusOr<std::optional<Document>> CorpusReader::Next() {
  absl::StatusOr<std::optional<Document>> document = state_->NextRecord();
  absl::Status status = document.status();
  if (status.ok() && document->has_value()) {
    // What a collection would refuse, together with everything beside it.
    status = ExtractFields((*document)->metadata_json).status();
  }
  if (status.ok()) return document;
  // Errors of the stream name the file and the place in it themselves.
  const bool of_record = absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status);
  return of_record && state_->open != nullptr ? base::Annotate(status, state_->place) : status;
}

std::string CorpusReader::place() const { return state_->place; }

CorpusFormat CorpusReader::format() const { return state_->format.value_or(CorpusFormat::kJsonl); }

uint64_t CorpusReader::bytes_read() const {
  return state_->bytes_done + (state_->open != nullptr ? state_->open->bytes_read() : 0);
}

uint64_t CorpusReader::bytes_total() const { return state_->files.bytes(); }

uint64_t CorpusReader::replaced_sequences() const { return state_->replaced_sequences; }

std::string EmbeddedText(const Document& document) {
  const std::string joined = fmt::format("{} {}", document.title, document.text);
  return std::string(base::StripWhiteSpace(joined));
}

uint64_t TextByte(const Document& document, uint64_t embedded_byte) {
  const uint64_t text_begin = document.title.size() + 1;  // In title, space and text.
  const std::string_view title = base::StripWhiteSpace(document.title);
  const std::string_view text = base::StripWhiteSpace(document.text);
  uint64_t stripped = 0;
  if (!title.empty()) {
    stripped = static_cast<uint64_t>(title.data() - document.title.data());
  } else if (!text.empty()) {
    stripped = text_begin + static_cast<uint64_t>(text.data() - document.text.data());
  }
  const uint64_t joined = embedded_byte + stripped;
  return std::min<uint64_t>(joined - std::min(joined, text_begin), document.text.size());
}

}  // namespace gannet::indexer
