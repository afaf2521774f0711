#ifndef GANNET_ENCODER_SCORE_DUO_ENCODER_H_
#define GANNET_ENCODER_SCORE_DUO_ENCODER_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/layers/model_options.h"
#include "encoder/run/token_count.h"

namespace gannet::encoder {

// What a duo model says about passages of one query.
struct Preferences {
  // p_ij, [passages, passages], row-major: the probability that passage i is more relevant than
  // passage j; 0 on the diagonal and where one of the two has an error.
  std::vector<float> preferred;
  TokenCount query;                  // Without special tokens, as all of these.
  std::vector<TokenCount> tokens;    // Of each passage alone.
  std::vector<absl::Status> errors;  // [passages]
};

struct DuoOptions {
  ModelOptions model = {};
  size_t query_tokens = 64;  // Of [CLS] query [SEP] at most; the rest is shared by the passages.
};

// Pairwise comparison by duoBERT (Nogueira et al. 2019, arXiv:1910.14424): reads
//   [CLS] query [SEP] passage i [SEP] passage j [SEP]
// with token types 0, 1 and 2, each passage cut to half of what the query leaves. Immutable; safe
// to use from several threads.
class DuoEncoder {
 public:
  // A BERT of two labels with three token types. Errors name the file, and the field or tensor.
  static absl::StatusOr<std::unique_ptr<const DuoEncoder>> Open(const std::filesystem::path& folder,
                                                                const DuoOptions& options = {});

  virtual ~DuoEncoder() = default;

  // All ordered pairs of the passages. The same texts give the same bytes whatever they travel
  // with. An error is one of the query.
  virtual absl::StatusOr<Preferences> Compare(std::string_view query,
                                              std::span<const std::string_view> passages,
                                              base::ThreadPool& pool) const = 0;

  virtual const std::filesystem::path& folder() const = 0;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_SCORE_DUO_ENCODER_H_
