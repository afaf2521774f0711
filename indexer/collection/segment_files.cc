#include "indexer/collection/segment_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "indexer/store/record.h"

namespace gannet::indexer {
namespace {

// Up to here a scan is as fast as a graph, and exact.
constexpr uint64_t kMostFlatRows = 20'000;

std::string FileName(const PassageRows& rows) {
  // Rows of a range only ever get fewer: their number tells its states apart.
  return fmt::format("{:016x}-{:016x}-{}.vectors", rows.keys.front(), rows.keys.back(),
                     rows.keys.size());
}

}  // namespace

VectorShape ShapeOf(const CollectionSchema& schema) {
  return {schema.vector_format, Metric::kInnerProduct, schema.dimension};
}

absl::StatusOr<PassageRows> ReadRows(const Store& store, const StoreSnapshot* snapshot,
                                     const VectorShape& shape, PassageKey first, PassageKey last,
                                     uint64_t most_rows) {
  GANNET_ASSIGN_OR_RETURN(VectorTable vectors, VectorTable::Create(shape));
  PassageRows rows{.keys = {}, .vectors = std::move(vectors)};
  const auto visit = [&](std::string_view key,
                         std::string_view record) -> absl::StatusOr<Store::Visiting> {
    GANNET_ASSIGN_OR_RETURN(const PassageKey passage, DecodeKey(key));
    const bool begins_document =
        rows.keys.empty() || DocumentOf(rows.keys.back()) != DocumentOf(passage);
    if (begins_document && rows.keys.size() >= most_rows) return Store::Visiting::kStop;
    const absl::Status appended = rows.vectors.AppendRecord(record);
    if (!appended.ok()) return base::Annotate(appended, fmt::format("vector {:016x}", passage));
    rows.keys.push_back(passage);
    return Store::Visiting::kGoOn;
  };
  const std::string end = last == ~PassageKey{0} ? "" : EncodeKey(last + 1);
  GANNET_RETURN_IF_ERROR(store.Visit(Family::kVectors, {EncodeKey(first), end}, visit, snapshot));
  return rows;
}

absl::StatusOr<IndexSpec> SegmentFiles::SpecFor(uint64_t rows) const {
  if (!schema_.index.empty()) {
    GANNET_ASSIGN_OR_RETURN(IndexSpec spec, IndexSpec::Parse(schema_.index));
    if (rows >= spec.FewestRows()) return spec;
    return IndexSpec();
  }
  return IndexSpec::Parse(rows <= kMostFlatRows ? "Flat" : "HNSW16,SQ8");
}

absl::StatusOr<std::shared_ptr<const Segment>> SegmentFiles::Build(PassageRows rows,
                                                                   base::ThreadPool& pool) const {
  SegmentRecord record{.file = FileName(rows),
                       .index = {},
                       .first = rows.keys.front(),
                       .last = rows.keys.back(),
                       .rows = rows.keys.size(),
                       .checksum = 0};
  const std::filesystem::path path = folder_ / record.file;
  GANNET_ASSIGN_OR_RETURN(const IndexSpec spec, SpecFor(record.rows));
  {
    GANNET_ASSIGN_OR_RETURN(const auto built, VectorIndex::Build(spec, std::move(rows.keys),
                                                                 std::move(rows.vectors), pool));
    GANNET_RETURN_IF_ERROR(base::CreateDirectories(folder_));
    GANNET_RETURN_IF_ERROR(built->Save(path, schema_.model_fingerprint));
  }
  GANNET_ASSIGN_OR_RETURN(auto index, VectorIndex::Open(path, schema_.model_fingerprint));
  record.index = index->spec().Name();
  record.checksum = index->file_checksum();
  return std::make_shared<const Segment>(std::move(index), std::move(record), path,
                                         Segment::Origin::kFile);
}

absl::StatusOr<std::shared_ptr<const Segment>> SegmentFiles::Open(
    const SegmentRecord& record) const {
  const std::filesystem::path path = folder_ / record.file;
  GANNET_ASSIGN_OR_RETURN(auto index, VectorIndex::Open(path, schema_.model_fingerprint));
  // Whole, but is it the one?
  if (index->file_checksum() != record.checksum || index->size() != record.rows ||
      index->keys().empty() || index->keys().front() != record.first ||
      index->keys().back() != record.last || index->vectors().shape() != ShapeOf(schema_)) {
    return absl::DataLossError(fmt::format("{}: not the segment that was recorded", path.string()));
  }
  return std::make_shared<const Segment>(std::move(index), record, path, Segment::Origin::kFile);
}

absl::StatusOr<std::shared_ptr<const Segment>> SegmentFiles::InMemory(const SegmentRecord& record,
                                                                      PassageRows rows) const {
  GANNET_ASSIGN_OR_RETURN(auto index,
                          VectorIndex::BuildFlat(std::move(rows.keys), std::move(rows.vectors)));
  return std::make_shared<const Segment>(std::move(index), record, folder_ / record.file,
                                         Segment::Origin::kStore);
}

absl::StatusOr<std::vector<std::filesystem::path>> SegmentFiles::Strays(
    std::span<const SegmentRecord> records) const {
  std::vector<std::filesystem::path> strays;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool named = std::any_of(records.begin(), records.end(),
                                   [&](const SegmentRecord& r) { return r.file == name; });
    if (!named) strays.push_back(entry->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return base::ErrnoStatus(error.value(), folder_.string());
  }
  return strays;
}

}  // namespace gannet::indexer
