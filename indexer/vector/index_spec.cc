#include "indexer/vector/index_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/status.h"

namespace gannet::indexer {
namespace {

constexpr size_t kMostLists = size_t{1} << 24;

// Takes fixed text and numbers off the front of a name.
class NameReader {
 public:
  explicit NameReader(std::string_view rest) : rest_(rest) {}

  bool done() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  bool Take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  // Takes `text` where it is all that is left.
  bool TakeLast(std::string_view text) { return rest_ == text && Take(text); }

  std::optional<size_t> TakeNumber() {
    size_t number = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error != std::errc()) return std::nullopt;
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return number;
  }

 private:
  std::string_view rest_;
};

absl::Status Unexpected(const NameReader& reader, std::string_view expected) {
  return absl::InvalidArgumentError(
      fmt::format("expected {}, found \"{}\"", expected, reader.rest()));
}

absl::StatusOr<size_t> TakeCount(NameReader& reader, std::string_view what, size_t most) {
  const NameReader before = reader;
  const std::optional<size_t> number = reader.TakeNumber();
  if (!number.has_value() || *number == 0 || *number > most) {
    return Unexpected(before, fmt::format("{} (1 to {})", what, most));
  }
  return *number;
}

absl::StatusOr<IndexSpec> ParseHnsw(NameReader& reader) {
  IndexSpec spec;
  spec.kind = IndexKind::kHnsw;
  if (const std::optional<size_t> links = reader.TakeNumber()) spec.hnsw.links = *links;
  GANNET_RETURN_IF_ERROR(CheckHnswOptions(spec.hnsw));
  if (!reader.Take(",") && !reader.Take("_")) return spec;
  if (reader.Take("SQfp16")) {
    spec.format = VectorFormat::kFp16;
  } else if (reader.Take("SQ8")) {
    spec.format = VectorFormat::kInt8;
  } else if (!reader.Take("Flat")) {
    return Unexpected(reader, "the storage Flat, SQfp16 or SQ8");
  }
  return spec;
}

absl::StatusOr<IndexSpec> ParseIvfPq(NameReader& reader) {
  constexpr size_t kMost = 65536;
  IndexSpec spec;
  spec.kind = IndexKind::kIvfPq;
  IvfPqOptions& options = spec.ivf_pq;
  if (reader.Take("OPQ")) {
    GANNET_ASSIGN_OR_RETURN(options.opq_blocks, TakeCount(reader, "blocks of OPQ", kMost));
    if (reader.Take("_")) {
      GANNET_ASSIGN_OR_RETURN(options.opq_dimension, TakeCount(reader, "a dimension", kMost));
    }
    if (!reader.Take(",")) return Unexpected(reader, "\",IVF\" after OPQ");
  }
  if (!reader.Take("IVF")) return Unexpected(reader, "Flat, HNSW, IVF or OPQ");
  GANNET_ASSIGN_OR_RETURN(options.lists, TakeCount(reader, "lists of IVF", kMostLists));
  if (!reader.Take(",PQ")) return Unexpected(reader, "\",PQ\" after IVF");
  GANNET_ASSIGN_OR_RETURN(options.code_bytes, TakeCount(reader, "blocks of PQ", kMost));
  reader.Take("x8");
  return spec;
}

absl::StatusOr<IndexSpec> ParseWhole(std::string_view name) {
  NameReader reader(name);
  absl::StatusOr<IndexSpec> spec = IndexSpec();
  if (reader.Take("HNSW")) {
    spec = ParseHnsw(reader);
  } else if (!reader.Take("Flat")) {
    spec = ParseIvfPq(reader);
  }
  if (!spec.ok()) return spec;
  reader.TakeLast(",RFlat");
  if (!reader.done()) return Unexpected(reader, "the end");
  return spec;
}

}  // namespace

absl::StatusOr<IndexSpec> IndexSpec::Parse(std::string_view name) {
  absl::StatusOr<IndexSpec> spec = ParseWhole(name);
  if (!spec.ok()) return base::Annotate(spec.status(), fmt::format("index \"{}\"", name));
  return spec;
}

absl::Status IndexSpec::CheckDimension(size_t dimension) const {
  if (kind != IndexKind::kIvfPq) return absl::OkStatus();
  const size_t coded = ivf_pq.opq_dimension != 0 ? ivf_pq.opq_dimension : dimension;
  if (ivf_pq.opq_blocks != 0 && coded % ivf_pq.opq_blocks != 0) {
    return absl::InvalidArgumentError(
        fmt::format("OPQ of {} blocks does not divide dimension {}", ivf_pq.opq_blocks, coded));
  }
  if (coded > dimension) {
    return absl::InvalidArgumentError(
        fmt::format("OPQ from dimension {} to {}: it can only reduce", dimension, coded));
  }
  if (coded % ivf_pq.code_bytes != 0) {
    return absl::InvalidArgumentError(
        fmt::format("PQ of {} blocks does not divide dimension {}", ivf_pq.code_bytes, coded));
  }
  return absl::OkStatus();
}

size_t IndexSpec::FewestRows() const {
  constexpr size_t kCodewords = 256;  // Of each block of a product quantiser.
  return kind == IndexKind::kIvfPq ? std::max(kCodewords, ivf_pq.lists) : 1;
}

std::string IndexSpec::Name() const {
  switch (kind) {
    case IndexKind::kFlat:
      return "Flat";
    case IndexKind::kHnsw:
      return fmt::format("HNSW{},{}", hnsw.links,
                         format == VectorFormat::kFp32   ? "Flat"
                         : format == VectorFormat::kFp16 ? "SQfp16"
                                                         : "SQ8");
    case IndexKind::kIvfPq: {
      std::string rotation;
      if (ivf_pq.opq_blocks != 0) {
        rotation = fmt::format("OPQ{}", ivf_pq.opq_blocks);
        if (ivf_pq.opq_dimension != 0) rotation += fmt::format("_{}", ivf_pq.opq_dimension);
        rotation += ',';
      }
      return fmt::format("{}IVF{},PQ{}", rotation, ivf_pq.lists, ivf_pq.code_bytes);
    }
  }
  return "";
}

}  // namespace gannet::indexer
