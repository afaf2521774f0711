#include <algorithm>
#include <system_error>
#include <utility>

#include "base/status.h"
#include "indexer/collection/stored_collection.h"
#include "indexer/store/record.h"

// What a collection says of itself: its recall and its figures.
namespace gannet::indexer {
namespace {

uint64_t BytesIn(const std::filesystem::path& folder) {
  uint64_t bytes = 0;
  std::error_code error;  // Files may go while they are counted.
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    const uintmax_t size = entry->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

absl::StatusOr<std::optional<RecallFigures>> ReadRecall(const Store& store,
                                                        std::string_view entry) {
  GANNET_ASSIGN_OR_RETURN(const auto text, store.Read(Family::kMeta, entry));
  if (!text.has_value()) return std::nullopt;
  GANNET_ASSIGN_OR_RETURN(const RecallFigures figures, DecodeRecall(*text));
  return figures;
}

// The vectors of `count` evenly spaced live rows.
std::vector<std::vector<float>> EvenlySpaced(const View& view, uint64_t count) {
  std::vector<std::vector<float>> vectors;
  const uint64_t rows = view.LiveRows();
  count = std::min(count, rows);
  uint64_t seen = 0;
  for (const Part& part : view.parts) {
    const VectorTable& table = part.segment->index().vectors();
    for (uint32_t row = 0; row < table.size() && vectors.size() < count; ++row) {
      if (part.dead->Contains(row)) continue;
      if (seen++ != vectors.size() * rows / count) continue;
      table.Decode(row, vectors.emplace_back(table.shape().dimension));
    }
  }
  return vectors;
}

}  // namespace

// Both answers come from one view; a sample that nothing passes has nothing to compare.
absl::StatusOr<RecallFigures> StoredCollection::CompareQueries(
    std::span<const RecallSample> samples, base::ThreadPool& pool) const {
  std::vector<absl::StatusOr<RecallFigures>> figures(samples.size(), RecallFigures());
  const auto compare = [&](const RecallSample& sample) -> absl::StatusOr<RecallFigures> {
    GANNET_ASSIGN_OR_RETURN(const FilteredView taken,
                            TakeView(sample.filter.has_value() ? &*sample.filter : nullptr));
    ViewSearch search{.k = sample.k,
                      .passing = taken.passing.has_value() ? &*taken.passing : nullptr,
                      .effort = sample.effort,
                      .rescored = sample.rescored,
                      .mode = SearchMode::kExact};
    GANNET_ASSIGN_OR_RETURN(const SearchAnswer exact,
                            SearchView(*taken.view, sample.query, search));
    if (exact.documents.empty()) return RecallFigures();
    search.mode = SearchMode::kAutomatic;
    GANNET_ASSIGN_OR_RETURN(const SearchAnswer approximate,
                            SearchView(*taken.view, sample.query, search));
    return CompareAnswers(approximate.documents, exact.documents);
  };
  pool.ParallelFor(samples.size(), [&](size_t i) { figures[i] = compare(samples[i]); });
  RecallFigures all;
  for (const absl::StatusOr<RecallFigures>& one : figures) {
    GANNET_RETURN_IF_ERROR(one.status());
    all = Combine(all, *one);
  }
  return all;
}

absl::StatusOr<uint64_t> StoredCollection::CompareSamples(base::ThreadPool& pool) {
  const std::vector<RecallSample> samples = sampler_.TakeAll();
  if (samples.empty()) return 0;
  GANNET_ASSIGN_OR_RETURN(RecallFigures figures, CompareQueries(samples, pool));
  GANNET_ASSIGN_OR_RETURN(const auto before, ReadRecall(*store_, kSampledRecallEntry));
  if (before.has_value()) figures = Combine(*before, figures);
  GANNET_RETURN_IF_ERROR(SubmitAlone([&](Transaction& transaction) {
    transaction.batch().Put(Family::kMeta, kSampledRecallEntry, EncodeRecall(figures));
    return absl::OkStatus();
  }));
  return samples.size();
}

absl::StatusOr<RecallFigures> StoredCollection::MeasureRecall(const RecallMeasurement& measurement,
                                                              base::ThreadPool& pool) {
  const std::shared_ptr<const View> view = CurrentView();
  GANNET_RETURN_IF_ERROR(CheckSearchable(*view));
  std::vector<RecallSample> samples;
  for (std::vector<float>& query : EvenlySpaced(*view, measurement.queries)) {
    samples.push_back({.query = std::move(query),
                       .k = measurement.k,
                       .effort = measurement.effort,
                       .rescored = measurement.rescored,
                       .filter = std::nullopt});
  }
  GANNET_ASSIGN_OR_RETURN(const RecallFigures figures, CompareQueries(samples, pool));
  if (options_.access != Access::kRead) {
    GANNET_RETURN_IF_ERROR(SubmitAlone([&](Transaction& transaction) {
      transaction.batch().Put(Family::kMeta, kMeasuredRecallEntry, EncodeRecall(figures));
      return absl::OkStatus();
    }));
  }
  return figures;
}

absl::StatusOr<CollectionInfo> StoredCollection::Info() const {
  const std::shared_ptr<const View> view = CurrentView();
  CollectionInfo info;
  info.documents = view->totals.documents;
  info.passages = view->totals.passages;
  info.sequence = view->totals.sequence;
  info.next_key = view->totals.next_key;
  info.terms = view->totals.terms;
  info.store_bytes = BytesIn(paths_.store);
  info.open_report = open_report_;
  uint64_t in_segments = 0;
  for (size_t i = 0; i < view->segments; ++i) {
    const Part& part = view->parts[i];
    in_segments += part.live_rows();
    info.segments.push_back({.file = part.segment->record().file,
                             .index = part.segment->record().index,
                             .passages = part.live_rows(),
                             .deleted_passages = part.dead->count(),
                             .file_bytes = part.segment->index().file_bytes(),
                             .from_store = part.segment->origin() == Segment::Origin::kStore});
  }
  info.growing_passages = info.passages - in_segments;
  GANNET_ASSIGN_OR_RETURN(info.measured, ReadRecall(*store_, kMeasuredRecallEntry));
  GANNET_ASSIGN_OR_RETURN(info.self_sampled, ReadRecall(*store_, kSampledRecallEntry));
  GANNET_RETURN_IF_ERROR(
      store_->Visit(Family::kMeta, {.first = std::string(kCheckpointPrefix)},
                    [&](std::string_view key, std::string_view) -> absl::StatusOr<Store::Visiting> {
                      if (!key.starts_with(kCheckpointPrefix)) return Store::Visiting::kStop;
                      info.checkpoints.emplace_back(key.substr(kCheckpointPrefix.size()));
                      return Store::Visiting::kGoOn;
                    }));
  return info;
}

}  // namespace gannet::indexer
