#ifndef GANNET_RANKER_RERANK_ICR_HEADS_H_
#define GANNET_RANKER_RERANK_ICR_HEADS_H_

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "absl/status/statusor.h"

namespace gannet::ranker {

// An attention head; both numbers count from 0.
struct AttentionHead {
  size_t layer = 0;
  size_t head = 0;

  friend bool operator==(const AttentionHead&, const AttentionHead&) = default;
  friend bool operator<(const AttentionHead& a, const AttentionHead& b) {
    return std::tie(a.layer, a.head) < std::tie(b.layer, b.head);
  }
};

// Heads whose attention counts.
class HeadSet {
 public:
  // Every head.
  HeadSet() = default;
  explicit HeadSet(std::set<AttentionHead> heads) : heads_(std::move(heads)) {}

  // "14-22,13-16": layer and head; "all" for every one. Errors name the part that is wrong.
  static absl::StatusOr<HeadSet> Parse(std::string_view text);

  bool IsAll() const { return heads_.empty(); }
  bool Contains(size_t layer, size_t head) const {
    return IsAll() || heads_.contains({layer, head});
  }

  // How many layers of a model of `layers` must run.
  size_t LayersNeeded(size_t layers) const;

  // Refuses a head that a model of this size does not have, naming it.
  absl::Status Check(size_t layers, size_t heads) const;

  std::string ToString() const;

 private:
  std::set<AttentionHead> heads_;  // Empty for all.
};

// A set that was published for a model.
struct PublishedHeads {
  std::string_view name;  // "qrhead/llama-3.1-8b/nq"
  std::string_view heads;
};

// QRHead (Zhang et al. 2025, github.com/princeton-pli/QRHead): 16 heads found on NQ or LongMemEval.
// CoRe (Tran et al. 2025, github.com/linhhtran/CoRe-Reranking): 8 heads.
std::span<const PublishedHeads> ListPublishedHeads();

// A published set by its name, else the text of a set; see HeadSet::Parse.
absl::StatusOr<HeadSet> FindHeads(std::string_view name_or_set);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_ICR_HEADS_H_
