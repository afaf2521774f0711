#include "indexer/collection/view.h"

#include <algorithm>
#include <span>
#include <system_error>

#include "base/status.h"

namespace gannet::indexer {
namespace {

// The live rows of parts, from row `begin` of the first on, as one part.
absl::StatusOr<Part> Concatenate(std::span<const Part> parts, uint32_t begin = 0) {
  GANNET_ASSIGN_OR_RETURN(VectorTable vectors,
                          VectorTable::Create(parts.front().segment->index().vectors().shape()));
  uint64_t rows = 0;
  for (const Part& part : parts) rows += part.live_rows();
  GANNET_RETURN_IF_ERROR(vectors.Reserve(rows));
  std::vector<PassageKey> keys;
  keys.reserve(rows);
  for (const Part& part : parts) {
    const VectorIndex& index = part.segment->index();
    for (uint32_t row = begin; row < index.size(); ++row) {
      if (part.dead->Contains(row)) continue;
      keys.push_back(index.keys()[row]);
      GANNET_RETURN_IF_ERROR(vectors.AppendRow(index.vectors(), row));
    }
    begin = 0;
  }
  GANNET_ASSIGN_OR_RETURN(auto index, VectorIndex::BuildFlat(std::move(keys), std::move(vectors)));
  return Part{std::make_shared<Segment>(std::move(index)), std::make_shared<DeadRows>()};
}

absl::Status AddGrowing(const ViewChange& change, const VectorShape& shape, View& view) {
  GANNET_ASSIGN_OR_RETURN(VectorTable vectors, VectorTable::Create(shape));
  GANNET_RETURN_IF_ERROR(vectors.Reserve(change.added_records.size()));
  for (const std::string& record : change.added_records) {
    GANNET_RETURN_IF_ERROR(vectors.AppendRecord(record));
  }
  GANNET_ASSIGN_OR_RETURN(auto index,
                          VectorIndex::BuildFlat(change.added_keys, std::move(vectors)));
  view.parts.push_back({std::make_shared<Segment>(std::move(index)), std::make_shared<DeadRows>()});
  return absl::OkStatus();
}

// Pieces of the growing part are put together so that each is more than twice as large as the next:
// there are few of them, and a row is copied few times.
absl::Status MergeGrowing(View& view) {
  while (view.parts.size() >= view.segments + 2) {
    const std::span<const Part> last_two = std::span(view.parts).last(2);
    if (last_two[0].live_rows() > 2 * last_two[1].live_rows()) break;
    std::vector<Part> merged;
    if (last_two[0].live_rows() + last_two[1].live_rows() > 0) {
      GANNET_ASSIGN_OR_RETURN(Part part, Concatenate(last_two));
      merged.push_back(std::move(part));
    }
    view.parts.resize(view.parts.size() - 2);
    view.parts.insert(view.parts.end(), merged.begin(), merged.end());
  }
  return absl::OkStatus();
}

// Marks the rows of deleted documents; a part's marks are copied once.
void MarkDeleted(std::span<const DocumentKey> deleted, std::span<Part> parts) {
  std::vector<DocumentKey> ascending(deleted.begin(), deleted.end());
  std::sort(ascending.begin(), ascending.end());
  auto next = ascending.begin();
  for (Part& part : parts) {
    const Segment& segment = *part.segment;
    next = std::lower_bound(next, ascending.end(), DocumentOf(segment.first()));
    std::shared_ptr<DeadRows> dead;
    for (; next != ascending.end() && *next <= DocumentOf(segment.last()); ++next) {
      const auto [begin, end] = segment.RowsOf(*next);
      if (begin == end) continue;
      if (dead == nullptr) dead = std::make_shared<DeadRows>(*part.dead);
      for (uint32_t row = begin; row < end; ++row) dead->Add(row, segment.index().size());
    }
    if (dead != nullptr) part.dead = std::move(dead);
  }
}

}  // namespace

Segment::~Segment() {
  std::error_code left_for_the_next_opening;
  if (discarded_) std::filesystem::remove(path_, left_for_the_next_opening);
}

std::pair<uint32_t, uint32_t> Segment::RowsOf(DocumentKey document) const {
  const std::span<const PassageKey> keys = index_->keys();
  const auto begin = std::lower_bound(keys.begin(), keys.end(), MakePassageKey(document, 0));
  auto end = begin;
  while (end != keys.end() && DocumentOf(*end) == document) ++end;
  return {static_cast<uint32_t>(begin - keys.begin()), static_cast<uint32_t>(end - keys.begin())};
}

void DeadRows::Add(uint32_t row, size_t rows) {
  if (words_.empty()) words_.resize((rows + 63) / 64);
  uint64_t& word = words_[row / 64];
  const uint64_t bit = uint64_t{1} << row % 64;
  if ((word & bit) != 0) return;
  word |= bit;
  ++count_;
}

std::optional<PassageKey> View::LastSealed() const {
  if (segments == 0) return std::nullopt;
  return parts[segments - 1].segment->last();
}

uint64_t View::LiveRows() const {
  uint64_t rows = 0;
  for (const Part& part : parts) rows += part.live_rows();
  return rows;
}

uint64_t View::GrowingRows() const {
  uint64_t rows = 0;
  for (size_t i = segments; i < parts.size(); ++i) rows += parts[i].live_rows();
  return rows;
}

absl::StatusOr<std::shared_ptr<const View>> ApplyChange(const View& view, ViewChange change,
                                                        const Totals& totals,
                                                        const VectorShape& shape, Growing growing) {
  auto changed = std::make_shared<View>(view);
  changed->totals = totals;
  if (growing == Growing::kKept && !change.added_keys.empty()) {
    GANNET_RETURN_IF_ERROR(AddGrowing(change, shape, *changed));
  }
  MarkDeleted(change.deleted, changed->parts);
  if (growing == Growing::kKept && !change.added_keys.empty()) {
    GANNET_RETURN_IF_ERROR(MergeGrowing(*changed));
  }
  return changed;
}

absl::StatusOr<std::shared_ptr<const View>> ApplySwap(const View& view, const SegmentSwap& swap,
                                                      const Totals& totals) {
  auto changed = std::make_shared<View>();
  changed->totals = totals;
  std::vector<Part> behind;
  for (const Part& part : view.parts) {
    const Segment& old = *part.segment;
    if (old.last() < swap.first) {
      changed->parts.push_back(part);
    } else if (old.first() > swap.last) {
      behind.push_back(part);
    } else if (old.last() > swap.last) {
      // A piece of the growing part that grew since: what is above stays.
      const auto keys = old.index().keys();
      const auto begin = std::upper_bound(keys.begin(), keys.end(), swap.last);
      GANNET_ASSIGN_OR_RETURN(Part rest,
                              Concatenate({&part, 1}, static_cast<uint32_t>(begin - keys.begin())));
      if (rest.live_rows() > 0) behind.push_back(std::move(rest));
    }
  }
  if (swap.segment != nullptr) {
    changed->parts.push_back({swap.segment, std::make_shared<DeadRows>()});
    MarkDeleted(swap.deleted, std::span(changed->parts).last(1));
  }
  changed->parts.insert(changed->parts.end(), behind.begin(), behind.end());
  changed->segments =
      static_cast<size_t>(std::count_if(changed->parts.begin(), changed->parts.end(),
                                        [](const Part& part) { return part.segment->sealed(); }));
  return changed;
}

}  // namespace gannet::indexer
