#include "indexer/vector/vector_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/status.h"
#include "indexer/vector/candidate_finder.h"
#include "indexer/vector/vector_file.h"

namespace gannet::indexer {
namespace {

constexpr std::string_view kFileKind = "vector_index";

constexpr std::string_view MetricName(Metric metric) {
  return metric == Metric::kInnerProduct ? "inner_product" : "l2";
}

absl::StatusOr<Metric> ParseMetric(std::string_view name) {
  for (const Metric metric : {Metric::kInnerProduct, Metric::kL2}) {
    if (name == MetricName(metric)) return metric;
  }
  return absl::DataLossError(fmt::format("metric \"{}\"", name));
}

absl::Status CheckKeys(std::span<const PassageKey> keys) {
  for (size_t i = 1; i < keys.size(); ++i) {
    if (keys[i - 1] >= keys[i]) {
      return absl::InvalidArgumentError(fmt::format(
          "key {} is {}, after {}: expected strictly ascending keys", i, keys[i], keys[i - 1]));
    }
  }
  return absl::OkStatus();
}

// The section that says what the others are.
struct About {
  IndexSpec spec;
  VectorShape shape;  // Of the exact vectors.
  size_t size = 0;
};

std::string EncodeAbout(const About& about) {
  return nlohmann::json{{"index", about.spec.Name()},
                        {"build_effort", about.spec.hnsw.build_effort},
                        {"metric", MetricName(about.shape.metric)},
                        {"format", VectorFormatName(about.shape.format)},
                        {"dimension", about.shape.dimension},
                        {"size", about.size}}
      .dump();
}

absl::StatusOr<About> DecodeAbout(std::string_view text) {
  try {
    const nlohmann::json object = nlohmann::json::parse(text);
    About about;
    GANNET_ASSIGN_OR_RETURN(about.spec, IndexSpec::Parse(object.at("index").get<std::string>()));
    object.at("build_effort").get_to(about.spec.hnsw.build_effort);
    GANNET_ASSIGN_OR_RETURN(about.shape.metric,
                            ParseMetric(object.at("metric").get<std::string>()));
    GANNET_ASSIGN_OR_RETURN(about.shape.format,
                            ParseVectorFormat(object.at("format").get<std::string>()));
    object.at("dimension").get_to(about.shape.dimension);
    object.at("size").get_to(about.size);
    return about;
  } catch (const nlohmann::json::exception& error) {
    return absl::DataLossError(fmt::format("section about: {}", error.what()));
  }
}

absl::StatusOr<VectorTable> ReadTable(const VectorShape& shape, size_t size,
                                      std::string_view prefix,
                                      const std::shared_ptr<const VectorFile>& file) {
  std::span<const Int8Scale> scales;
  if (shape.format == VectorFormat::kInt8) {
    GANNET_ASSIGN_OR_RETURN(scales, file->Array<Int8Scale>(fmt::format("{}_scales", prefix)));
  }
  GANNET_ASSIGN_OR_RETURN(const auto lines,
                          file->Array<VectorTable::Line>(fmt::format("{}_rows", prefix)));
  return VectorTable::View(shape, size, lines, scales, file);
}

}  // namespace

VectorIndex::VectorIndex(const IndexSpec& spec, std::vector<PassageKey> keys, VectorTable exact)
    : spec_(spec), keys_(std::move(keys)), exact_(std::move(exact)) {}

VectorIndex::~VectorIndex() = default;

absl::StatusOr<std::unique_ptr<VectorIndex>> VectorIndex::Build(const IndexSpec& spec,
                                                                const VectorRows& rows,
                                                                base::ThreadPool& pool) {
  const VectorShape shape = {VectorFormat::kFp32, rows.metric, rows.dimension};
  GANNET_ASSIGN_OR_RETURN(VectorTable exact, VectorTable::Create(shape));
  if (rows.vectors.size() != rows.keys.size() * rows.dimension) {
    return absl::InvalidArgumentError(fmt::format("{} keys with {} vector values, expected {}",
                                                  rows.keys.size(), rows.vectors.size(),
                                                  rows.keys.size() * rows.dimension));
  }
  GANNET_RETURN_IF_ERROR(exact.Append(rows.vectors));
  return Build(spec, {rows.keys.begin(), rows.keys.end()}, std::move(exact), pool);
}

absl::StatusOr<std::unique_ptr<VectorIndex>> VectorIndex::BuildFlat(std::vector<PassageKey> keys,
                                                                    VectorTable vectors) {
  GANNET_RETURN_IF_ERROR(CheckKeys(keys));
  if (keys.size() != vectors.size()) {
    return absl::InvalidArgumentError(
        fmt::format("{} keys for {} vectors", keys.size(), vectors.size()));
  }
  return std::unique_ptr<VectorIndex>(
      new VectorIndex(IndexSpec(), std::move(keys), std::move(vectors)));
}

absl::StatusOr<std::unique_ptr<VectorIndex>> VectorIndex::Build(const IndexSpec& spec,
                                                                std::vector<PassageKey> keys,
                                                                VectorTable vectors,
                                                                base::ThreadPool& pool) {
  GANNET_ASSIGN_OR_RETURN(std::unique_ptr<VectorIndex> index,
                          BuildFlat(std::move(keys), std::move(vectors)));
  index->spec_ = spec;
  if (spec.kind == IndexKind::kHnsw) {
    if (index->IsShortened()) {
      GANNET_ASSIGN_OR_RETURN(index->shortened_, index->exact_.InFormat(spec.format));
    }
    GANNET_ASSIGN_OR_RETURN(index->finder_, BuildHnswFinder(spec, index->searched(), pool));
  } else if (spec.kind == IndexKind::kIvfPq) {
    GANNET_ASSIGN_OR_RETURN(index->finder_, BuildIvfPqFinder(spec, index->exact_));
  }
  return index;
}

absl::Status VectorIndex::Save(const std::filesystem::path& path,
                               std::string_view model_fingerprint) const {
  const std::string about = EncodeAbout({spec_, exact_.shape(), size()});
  std::vector<FileSection> sections = {{"about", about},
                                       {"keys", BytesOf(std::span<const PassageKey>(keys_))},
                                       {"exact_rows", BytesOf(exact_.lines())}};
  if (!exact_.scales().empty()) sections.push_back({"exact_scales", BytesOf(exact_.scales())});
  if (shortened_) {
    sections.push_back({"searched_rows", BytesOf(shortened_->lines())});
    sections.push_back({"searched_scales", BytesOf(shortened_->scales())});
  }
  std::vector<uint8_t> holder;
  if (finder_ != nullptr) {
    GANNET_ASSIGN_OR_RETURN(const auto own, finder_->Sections(holder));
    sections.insert(sections.end(), own.begin(), own.end());
  }
  return WriteVectorFile(path, kFileKind, model_fingerprint, sections);
}

absl::StatusOr<std::unique_ptr<VectorIndex>> VectorIndex::Open(const std::filesystem::path& path,
                                                               std::string_view model_fingerprint,
                                                               Residence residence) {
  GANNET_ASSIGN_OR_RETURN(const std::shared_ptr<const VectorFile> file,
                          VectorFile::Open(path, kFileKind));
  if (file->fingerprint() != model_fingerprint) {
    return absl::FailedPreconditionError(
        fmt::format("{}: made with the model of fingerprint {}, not {}", path.string(),
                    file->fingerprint(), model_fingerprint));
  }
  absl::StatusOr<std::unique_ptr<VectorIndex>> index = Read(file, residence);
  if (!index.ok()) return base::Annotate(index.status(), path.string());
  (*index)->file_checksum_ = file->checksum();
  (*index)->file_bytes_ = file->bytes();
  return index;
}

absl::StatusOr<std::unique_ptr<VectorIndex>> VectorIndex::Read(
    const std::shared_ptr<const VectorFile>& file, Residence residence) {
  GANNET_ASSIGN_OR_RETURN(const std::string_view text, file->Section("about"));
  GANNET_ASSIGN_OR_RETURN(const About about, DecodeAbout(text));
  GANNET_ASSIGN_OR_RETURN(const auto keys, file->Array<PassageKey>("keys"));
  if (keys.size() != about.size || !CheckKeys(keys).ok()) {
    return absl::DataLossError(
        fmt::format("section keys: {} for {} vectors, or out of order", keys.size(), about.size));
  }
  GANNET_ASSIGN_OR_RETURN(VectorTable exact, ReadTable(about.shape, about.size, "exact", file));
  if (residence == Residence::kMemory) {
    GANNET_ASSIGN_OR_RETURN(exact, exact.InMemory());
  }
  std::unique_ptr<VectorIndex> index(
      new VectorIndex(about.spec, {keys.begin(), keys.end()}, std::move(exact)));
  if (about.spec.kind == IndexKind::kHnsw) {
    if (index->IsShortened()) {
      VectorShape shape = about.shape;
      shape.format = about.spec.format;
      GANNET_ASSIGN_OR_RETURN(const VectorTable mapped,
                              ReadTable(shape, about.size, "searched", file));
      GANNET_ASSIGN_OR_RETURN(index->shortened_, mapped.InMemory());
    }
    GANNET_ASSIGN_OR_RETURN(index->finder_, OpenHnswFinder(about.spec, index->searched(), *file));
  } else if (about.spec.kind == IndexKind::kIvfPq) {
    GANNET_ASSIGN_OR_RETURN(index->finder_, OpenIvfPqFinder(about.spec, index->exact_, *file));
  }
  return index;
}

bool VectorIndex::IsShortened() const {
  return spec_.kind == IndexKind::kHnsw && spec_.format > exact_.shape().format;
}

absl::Status VectorIndex::CheckQuery(std::span<const float> query) const {
  if (query.size() != dimension()) {
    return absl::InvalidArgumentError(fmt::format(
        "a query vector of {} values for an index of dimension {}", query.size(), dimension()));
  }
  return base::Annotate(CheckVectors(exact_.shape(), query), "query");
}

// Estimated on rows at even distances.
double VectorIndex::PassingShare(const RowFilter& filter) const {
  constexpr size_t kSample = 512;
  const size_t sample = std::min(kSample, size());
  size_t passed = 0;
  for (size_t i = 0; i < sample; ++i) {
    passed += filter(static_cast<uint32_t>(i * size() / sample)) ? 1 : 0;
  }
  return sample == 0 ? 0 : static_cast<double>(passed) / static_cast<double>(sample);
}

absl::StatusOr<std::vector<ScoredPassage>> VectorIndex::Search(std::span<const float> query,
                                                               const VectorSearch& search) const {
  GANNET_RETURN_IF_ERROR(CheckQuery(query));
  const double share = !search.filter             ? 1.0
                       : search.passing_share > 0 ? search.passing_share
                                                  : PassingShare(search.filter);
  const double all = static_cast<double>(size());
  const size_t k = std::min(search.k, size());
  if (finder_ == nullptr || share == 0 || k == 0) return Scan(query, k, search.filter);

  // In doubles until they are known to be small: both are the caller's.
  const double effort =
      static_cast<double>(search.effort != 0 ? search.effort : finder_->default_effort()) / share;
  const size_t rescored =
      scored_exactly() ? k : std::max(k, search.rescored != 0 ? search.rescored : 4 * k);
  const double count = static_cast<double>(rescored) / share;
  if (count >= all) return Scan(query, k, search.filter);
  const auto wide = static_cast<size_t>(std::ceil(std::min(effort, all)));
  if (search.filter && share * all <= finder_->RowsScored(wide)) {
    return Scan(query, k, search.filter);
  }
  GANNET_ASSIGN_OR_RETURN(std::vector<uint32_t> rows,
                          finder_->Find(query, wide, static_cast<size_t>(std::ceil(count))));
  if (search.filter) std::erase_if(rows, [&](uint32_t row) { return !search.filter(row); });
  if (rows.size() < k) return Scan(query, k, search.filter);
  rows.resize(std::min(rows.size(), rescored));
  std::vector<ScoredPassage> found = Rescore(query, rows);
  found.resize(k);
  return found;
}

absl::StatusOr<std::vector<ScoredPassage>> VectorIndex::SearchExactly(
    std::span<const float> query, size_t k, const RowFilter& filter) const {
  GANNET_RETURN_IF_ERROR(CheckQuery(query));
  return Scan(query, std::min(k, size()), filter);
}

absl::StatusOr<std::vector<ScoredPassage>> VectorIndex::SearchRows(
    std::span<const float> query, size_t k, std::span<const uint32_t> rows) const {
  GANNET_RETURN_IF_ERROR(CheckQuery(query));
  VectorScorer scorer(exact_);
  scorer.SetQuery(query);
  return ScanRowsForBest(scorer, keys_, rows, std::min(k, rows.size()));
}

std::vector<ScoredPassage> VectorIndex::Scan(std::span<const float> query, size_t k,
                                             const RowFilter& filter) const {
  VectorScorer scorer(exact_);
  scorer.SetQuery(query);
  return ScanForBest(scorer, keys_, k, filter);
}

std::vector<ScoredPassage> VectorIndex::Rescore(std::span<const float> query,
                                                std::span<const uint32_t> rows) const {
  VectorScorer scorer(exact_);
  scorer.SetQuery(query);
  std::vector<float> scores(rows.size());
  scorer.Score(rows, scores.data());
  std::vector<ScoredPassage> found(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) found[i] = {keys_[rows[i]], scores[i]};
  std::sort(found.begin(), found.end(), RanksBefore);
  return found;
}

VectorIndex::BytesPerVector VectorIndex::bytes_per_vector() const {
  const double rows = static_cast<double>(std::max<size_t>(size(), 1));
  const double added = finder_ == nullptr ? 0 : static_cast<double>(finder_->bytes()) / rows;
  const double shortened = shortened_ ? static_cast<double>(shortened_->bytes_per_vector()) : 0;
  return {.searched = shortened + added + sizeof(PassageKey),
          .exact = static_cast<double>(exact_.bytes_per_vector())};
}

}  // namespace gannet::indexer
