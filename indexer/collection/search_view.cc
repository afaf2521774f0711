#include "indexer/collection/search_view.h"

#include <algorithm>
#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/status.h"
#include "indexer/vector/exact_scan.h"

namespace gannet::indexer {
namespace {

// One search over the parts of a view.
class ViewSearcher {
 public:
  ViewSearcher(const View& view, std::span<const float> query, const ViewSearch& search)
      : view_(view), query_(query), search_(search), live_rows_(view.LiveRows()) {}

  absl::StatusOr<SearchAnswer> Run();

 private:
  void ChooseRows();
  // The best passages of all parts: at least `count`, or all there are.
  absl::StatusOr<std::vector<ScoredPassage>> BestPassages(size_t count) const;
  absl::StatusOr<std::vector<ScoredPassage>> SearchPart(size_t number, size_t count) const;
  bool IsApproximate() const;

  const View& view_;
  const std::span<const float> query_;
  const ViewSearch& search_;
  const uint64_t live_rows_;
  bool few_pass_ = false;
  std::vector<std::vector<uint32_t>> rows_;  // Of each part, those that pass, when few do.
};

// A filter that passes r of n rows makes a graph search score about 1,000 n / r of them: going
// through the r rows themselves is less work up to about 32 √n.
void ViewSearcher::ChooseRows() {
  if (search_.passing == nullptr || view_.totals.documents == 0) return;
  const double passing = static_cast<double>(search_.passing->Count());
  const double rows =
      passing * static_cast<double>(live_rows_) / static_cast<double>(view_.totals.documents);
  few_pass_ = rows * rows <= 1024.0 * static_cast<double>(live_rows_);
  if (!few_pass_) return;
  rows_.resize(view_.parts.size());
  size_t number = 0;
  search_.passing->ForEach([&](DocumentKey key) {
    while (number < view_.parts.size() && DocumentOf(view_.parts[number].segment->last()) < key) {
      ++number;
    }
    if (number == view_.parts.size()) return;
    const Part& part = view_.parts[number];
    const auto [begin, end] = part.segment->RowsOf(key);
    for (uint32_t row = begin; row < end; ++row) {
      if (!part.dead->Contains(row)) rows_[number].push_back(row);
    }
  });
}

absl::StatusOr<std::vector<ScoredPassage>> ViewSearcher::SearchPart(size_t number,
                                                                    size_t count) const {
  const Part& part = view_.parts[number];
  const VectorIndex& index = part.segment->index();
  if (few_pass_) return index.SearchRows(query_, count, rows_[number]);
  const DeadRows& dead = *part.dead;
  VectorSearch search{.k = count,
                      .effort = search_.effort,
                      .rescored = search_.rescored,
                      .filter = {},
                      .passing_share = 0};
  if (search_.passing != nullptr) {
    search.filter = [&dead, keys = index.keys(), passing = search_.passing](uint32_t row) {
      return passing->Contains(DocumentOf(keys[row])) && !dead.Contains(row);
    };
  } else if (dead.count() > 0) {
    search.filter = [&dead](uint32_t row) { return !dead.Contains(row); };
    search.passing_share =
        static_cast<double>(part.live_rows()) / static_cast<double>(index.size());
  }
  if (search_.mode == SearchMode::kExact) return index.SearchExactly(query_, count, search.filter);
  return index.Search(query_, search);
}

absl::StatusOr<std::vector<ScoredPassage>> ViewSearcher::BestPassages(size_t count) const {
  std::vector<ScoredPassage> best;
  for (size_t i = 0; i < view_.parts.size(); ++i) {
    if (view_.parts[i].live_rows() == 0) continue;
    GANNET_ASSIGN_OR_RETURN(const std::vector<ScoredPassage> found, SearchPart(i, count));
    const auto middle = best.insert(best.end(), found.begin(), found.end());
    std::inplace_merge(best.begin(), middle, best.end(), RanksBefore);
  }
  return best;
}

bool ViewSearcher::IsApproximate() const {
  return !few_pass_ && search_.mode == SearchMode::kAutomatic &&
         std::any_of(view_.parts.begin(), view_.parts.end(), [](const Part& part) {
           return part.segment->index().spec().kind != IndexKind::kFlat;
         });
}

// The first passage of each document in the order of ranks, k at most.
std::vector<ScoredDocument> BestDocuments(std::span<const ScoredPassage> passages, size_t k) {
  std::vector<ScoredDocument> documents;
  std::unordered_set<DocumentKey> seen;
  for (const ScoredPassage& passage : passages) {
    if (documents.size() == k) break;
    const DocumentKey key = DocumentOf(passage.key);
    if (!seen.insert(key).second) continue;
    documents.push_back({.key = key, .score = passage.score, .passage = OrdinalOf(passage.key)});
  }
  return documents;
}

absl::StatusOr<SearchAnswer> ViewSearcher::Run() {
  SearchAnswer answer;
  if (search_.passing != nullptr) answer.passing = search_.passing->Count();
  const uint64_t findable = std::min(answer.passing.value_or(~uint64_t{0}), view_.totals.documents);
  const size_t k = std::min<uint64_t>(search_.k, findable);
  if (k == 0 || live_rows_ == 0) return answer;
  ChooseRows();
  answer.plan = IsApproximate() ? SearchPlan::kApproximate : SearchPlan::kExact;
  const uint64_t per_document = (live_rows_ + view_.totals.documents - 1) / view_.totals.documents;
  for (uint64_t count = std::min(k * per_document, live_rows_);; count *= 4) {
    GANNET_ASSIGN_OR_RETURN(std::vector<ScoredPassage> best, BestPassages(count));
    const bool all = best.size() < count || count >= live_rows_;
    // Further down, a part may hold better ones than those it gave.
    best.resize(std::min<size_t>(best.size(), count));
    answer.documents = BestDocuments(best, k);
    if (all || answer.documents.size() == k) return answer;
  }
}

}  // namespace

absl::StatusOr<SearchAnswer> SearchView(const View& view, std::span<const float> query,
                                        const ViewSearch& search) {
  return ViewSearcher(view, query, search).Run();
}

}  // namespace gannet::indexer
