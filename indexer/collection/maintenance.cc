#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "indexer/collection/merge_policy.h"
#include "indexer/collection/stored_collection.h"
#include "indexer/store/record.h"
#include "indexer/store/seal.h"

// How a collection's segments come about and go.
namespace gannet::indexer {
namespace {

std::vector<SegmentSize> SizesOf(const View& view) {
  std::vector<SegmentSize> sizes;
  for (size_t i = 0; i < view.segments; ++i) {
    const Part& part = view.parts[i];
    sizes.push_back({.rows = part.segment->index().size(), .dead = part.dead->count()});
  }
  return sizes;
}

std::vector<SegmentRecord> RecordsOf(const View& view) {
  std::vector<SegmentRecord> records;
  for (size_t i = 0; i < view.segments; ++i) records.push_back(view.parts[i].segment->record());
  return records;
}

}  // namespace

// Builds a segment of the live rows of a range and swaps it in. Searches and changes go on; what is
// deleted meanwhile is marked in the new segment when it comes.
absl::Status StoredCollection::ReplaceRange(const RowRange& range, base::ThreadPool& pool) {
  std::unique_ptr<StoreSnapshot> snapshot;
  GANNET_RETURN_IF_ERROR(SubmitAlone([&](Transaction&) {
    snapshot = store_->TakeSnapshot();
    deleted_meanwhile_.emplace();
    return absl::OkStatus();
  }));
  absl::StatusOr<SegmentSwap> swap = BuildSwap(std::move(snapshot), range, pool);
  if (swap.ok()) return PublishSwap(*std::move(swap));
  // Where this fails no more changes come, and nothing is added to the list.
  SubmitAlone([&](Transaction&) {
    deleted_meanwhile_.reset();
    return absl::OkStatus();
  }).IgnoreError();
  return swap.status();
}

absl::StatusOr<SegmentSwap> StoredCollection::BuildSwap(std::unique_ptr<StoreSnapshot> snapshot,
                                                        const RowRange& range,
                                                        base::ThreadPool& pool) const {
  GANNET_ASSIGN_OR_RETURN(PassageRows rows, ReadRows(*store_, snapshot.get(), shape_, range.first,
                                                     range.last, range.most_rows));
  snapshot.reset();  // It keeps what is deleted meanwhile in the store.
  SegmentSwap swap{.first = range.first, .last = range.last, .segment = nullptr, .deleted = {}};
  if (rows.keys.empty()) return swap;
  if (rows.keys.size() >= range.most_rows) swap.last = rows.keys.back();
  GANNET_ASSIGN_OR_RETURN(swap.segment, files_.Build(std::move(rows), pool));
  return swap;
}

absl::Status StoredCollection::PublishSwap(SegmentSwap swap) {
  std::shared_ptr<const View> before;
  const std::shared_ptr<const Segment> segment = swap.segment;
  const PassageKey first = swap.first;
  const PassageKey last = swap.last;
  const absl::Status published = SubmitAlone([&](Transaction& transaction) {
    before = CurrentView();
    swap.deleted = *std::exchange(deleted_meanwhile_, std::nullopt);
    GANNET_ASSIGN_OR_RETURN(const std::shared_ptr<const View> after,
                            ApplySwap(*before, swap, before->totals));
    return transaction.Swap(std::move(swap), RecordsOf(*after));
  });
  if (!published.ok()) {
    if (segment != nullptr) segment->Discard();  // Its name is new: it has other rows than before.
    return published;
  }
  for (size_t i = 0; i < before->segments; ++i) {
    const Segment& old = *before->parts[i].segment;
    const bool replaced = old.first() >= first && old.last() <= last;
    if (replaced && (segment == nullptr || old.path() != segment->path())) old.Discard();
  }
  return Seal();
}

absl::Status StoredCollection::Seal() {
  const Totals totals = CurrentView()->totals;
  GANNET_RETURN_IF_ERROR(WriteSeal(paths_.seal, paths_.store, totals));
  sealed_sequence_ = totals.sequence;
  return absl::OkStatus();
}

// Makes a segment of the first rows behind the last one; returns how many there were.
absl::StatusOr<uint64_t> StoredCollection::SealNext(uint64_t most_rows, base::ThreadPool& pool) {
  const std::shared_ptr<const View> view = CurrentView();
  uint64_t in_segments = 0;
  for (size_t i = 0; i < view->segments; ++i) in_segments += view->parts[i].live_rows();
  if (in_segments == view->totals.passages) return 0;
  const std::optional<PassageKey> sealed = view->LastSealed();
  const PassageKey first = sealed.has_value() ? MakePassageKey(DocumentOf(*sealed) + 1, 0) : 0;
  const PassageKey last = MakePassageKey(view->totals.next_key, 0) - 1;
  GANNET_RETURN_IF_ERROR(
      ReplaceRange({.first = first, .last = last, .most_rows = most_rows}, pool));
  const std::shared_ptr<const View> after = CurrentView();
  return after->segments > view->segments
             ? after->parts[after->segments - 1].segment->index().size()
             : 0;
}

absl::StatusOr<uint64_t> StoredCollection::MergeOnce(base::ThreadPool& pool) {
  const std::shared_ptr<const View> view = CurrentView();
  const auto choice = ChooseMerge(
      SizesOf(*view), {.seal_rows = options_.seal_rows, .segment_rows = options_.segment_rows});
  if (!choice.has_value()) return 0;
  const Segment& first = *view->parts[choice->first].segment;
  const Segment& last = *view->parts[choice->first + choice->count - 1].segment;
  GANNET_RETURN_IF_ERROR(ReplaceRange({.first = first.first(), .last = last.last()}, pool));
  return choice->count;
}

absl::StatusOr<MaintenanceReport> StoredCollection::Maintain(base::ThreadPool& pool) {
  const std::lock_guard lock(maintenance_);
  GANNET_RETURN_IF_ERROR(CheckWritable());
  MaintenanceReport report;
  if (CurrentView()->GrowingRows() >= std::max<uint64_t>(options_.seal_rows, 1)) {
    GANNET_ASSIGN_OR_RETURN(report.sealed_passages, SealNext(options_.segment_rows, pool));
  }
  GANNET_ASSIGN_OR_RETURN(report.merged_segments, MergeOnce(pool));
  const std::shared_ptr<const View> view = CurrentView();
  if (const auto choice = ChooseRewrite(SizesOf(*view))) {
    const Segment& segment = *view->parts[choice->first].segment;
    GANNET_RETURN_IF_ERROR(ReplaceRange({.first = segment.first(), .last = segment.last()}, pool));
    report.rewritten_segments = 1;
  }
  GANNET_ASSIGN_OR_RETURN(report.recall_samples, CompareSamples(pool));
  return report;
}

absl::Status StoredCollection::PublishAll(base::ThreadPool& pool, MaintenanceReport& report) {
  GANNET_RETURN_IF_ERROR(CheckWritable());
  for (;;) {
    GANNET_ASSIGN_OR_RETURN(const uint64_t sealed,
                            SealNext(std::max<uint64_t>(options_.segment_rows, 1), pool));
    if (sealed == 0) break;
    report.sealed_passages += sealed;
  }
  for (;;) {
    GANNET_ASSIGN_OR_RETURN(const uint64_t merged, MergeOnce(pool));
    if (merged == 0) return absl::OkStatus();
    report.merged_segments += merged;
  }
}

absl::StatusOr<MaintenanceReport> StoredCollection::Publish(base::ThreadPool& pool) {
  const std::lock_guard lock(maintenance_);
  MaintenanceReport report;
  GANNET_RETURN_IF_ERROR(PublishAll(pool, report));
  return report;
}

absl::StatusOr<MaintenanceReport> StoredCollection::Compact(base::ThreadPool& pool) {
  const std::lock_guard lock(maintenance_);
  MaintenanceReport report;
  GANNET_RETURN_IF_ERROR(PublishAll(pool, report));
  const std::shared_ptr<const View> view = CurrentView();
  for (size_t i = 0; i < view->segments; ++i) {
    if (view->parts[i].dead->count() == 0) continue;
    const Segment& segment = *view->parts[i].segment;
    GANNET_RETURN_IF_ERROR(ReplaceRange({.first = segment.first(), .last = segment.last()}, pool));
    ++report.rewritten_segments;
  }
  GANNET_RETURN_IF_ERROR(store_->Flush());
  GANNET_RETURN_IF_ERROR(store_->Compact());
  return report;
}

}  // namespace gannet::indexer
