#ifndef GANNET_ENCODER_SCORE_PARADE_SCORER_H_
#define GANNET_ENCODER_SCORE_PARADE_SCORER_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/layers/model_options.h"
#include "encoder/run/token_count.h"

namespace gannet::encoder {

// What PARADE says about one document.
struct DocumentScore {
  float score = 0;         // log softmax(logits)_1 of the aggregated vector.
  size_t best_window = 0;  // The one that would score best by itself.
  TokenCount tokens;       // Over all windows, special tokens included.
  absl::Status status;     // Why there is no score.
};

struct ParadeOptions {
  ModelOptions model = {};
  size_t query_tokens = 64;    // Of [CLS] query [SEP] at most,
  size_t window_tokens = 256;  // and of query and passage, one of which stays free.
};

// Documents by the vectors of their windows (PARADE, see ParadeHead): each window is read with the
// query as by a cross-encoder, its vector BERT's pooled output or ELECTRA's first token vector.
// Immutable; safe to use from several threads.
class ParadeScorer {
 public:
  // A bert or electra folder with two labels, of which ParadeHead can be loaded. Errors name the
  // file, and the field or tensor.
  static absl::StatusOr<std::unique_ptr<const ParadeScorer>> Open(
      const std::filesystem::path& folder, const ParadeOptions& options = {});

  virtual ~ParadeScorer() = default;

  // Document i has the windows [begins[i], begins[i + 1]) of `windows`, at least one. The same
  // document gives the same bytes whatever it travels with. An error is one of the query.
  virtual absl::StatusOr<std::vector<DocumentScore>> Score(
      std::string_view query, std::span<const std::string_view> windows,
      std::span<const size_t> begins, base::ThreadPool& pool) const = 0;

  virtual const std::filesystem::path& folder() const = 0;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_SCORE_PARADE_SCORER_H_
