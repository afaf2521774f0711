#include "ranker/rerank/icr_stage.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/utf8.h"

namespace gannet::ranker {
namespace {

std::unique_ptr<DocumentBlockCache> MakeCache(const InContextStageOptions& options) {
  const bool kept =
      options.reading == InContextRequest::Reading::kBlocks && options.block_cache_bytes > 0;
  return kept ? std::make_unique<DocumentBlockCache>(options.block_cache_bytes) : nullptr;
}

absl::Status CheckText(const Candidate& candidate) {
  if (base::IsValidUtf8(candidate.title) && base::IsValidUtf8(candidate.text)) return {};
  return absl::InvalidArgumentError("the passage is not well-formed UTF-8");
}

void Take(PassageScore scored, const std::string& stage, Candidate& candidate) {
  candidate.score = static_cast<float>(scored.score);
  candidate.stage_scores.push_back({stage, candidate.score});
  candidate.tokens = {.total = scored.tokens + scored.tokens_cut, .read = scored.tokens};
  candidate.masses = std::move(scored.masses);
}

}  // namespace

InContextStage::InContextStage(std::unique_ptr<const InContextReranker> reranker,
                               InContextStageOptions options)
    : reranker_(std::move(reranker)), options_(std::move(options)), blocks_(MakeCache(options_)) {}

absl::Status InContextStage::Rerank(std::string_view query, std::span<Candidate> candidates,
                                    base::ThreadPool& pool) const {
  std::vector<InContextPassage> passages;
  std::vector<size_t> read, unread;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!CheckText(candidates[i]).ok()) {
      unread.push_back(i);
      continue;
    }
    passages.push_back({.title = candidates[i].title, .text = candidates[i].text});
    read.push_back(i);
  }
  GANNET_ASSIGN_OR_RETURN(InContextResult result,
                          reranker_->Rerank(query, passages,
                                            {.explain = InContextRequest::Explain::kYes,
                                             .too_many = options_.too_many,
                                             .window = options_.window,
                                             .reading = options_.reading,
                                             .blocks = blocks_.get()},
                                            &pool));
  std::vector<size_t> order;  // The result's own: scores of different windows tell none.
  for (const size_t place : result.order) {
    order.push_back(read[place]);
    Candidate& candidate = candidates[read[place]];
    candidate.window.reset();
    candidate.status = absl::OkStatus();
    Take(std::move(result.passages[place]), options_.name, candidate);
  }
  for (const size_t i : unread) {
    order.push_back(i);
    candidates[i].window.reset();
    candidates[i].tokens = {};
    candidates[i].status = CheckText(candidates[i]);
  }
  std::vector<Candidate> ranked;
  ranked.reserve(order.size());
  for (const size_t i : order) ranked.push_back(std::move(candidates[i]));
  std::ranges::move(ranked, candidates.begin());
  return absl::OkStatus();
}

}  // namespace gannet::ranker
