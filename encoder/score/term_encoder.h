#ifndef GANNET_ENCODER_SCORE_TERM_ENCODER_H_
#define GANNET_ENCODER_SCORE_TERM_ENCODER_H_

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

// What PreTTR knows of a text before the other one of the pair is known: a row of `width` values
// for each token. A passage that does not fit beside a query is cut into chunks of equal length.
struct Terms {
  std::vector<float> values;   // [rows, width]
  std::vector<size_t> chunks;  // Rows of each chunk; a query is one chunk.
  TokenCount tokens;
  absl::Status status;  // Why there are none.
};

// Of query and passages.
struct TermScores {
  std::vector<float> scores;         // [passages], 0 where there is an error.
  std::vector<absl::Status> errors;  // [passages]
};

// Most tokens of a passage: its terms are in memory at once.
inline constexpr size_t kMaxTermTokens = 65'536;

struct TermEncoderOptions {
  ModelOptions model = {};
  size_t join_layer = 0;  // l: query and passage see each other after it.
  // Q: places that every query takes, so that those of the passage do not depend on it. A longer
  // query is cut.
  size_t query_slots = 32;
};

// PreTTR (MacAvaney et al. 2020, arXiv:2004.14255) for texts: [CLS] query [SEP] passage [SEP], the
// passage from place Q + 2 on, see SplitModel. Immutable; safe to use from several threads.
class TermEncoder {
 public:
  // A folder of SplitModel. Errors name the file, and the field or tensor.
  static absl::StatusOr<std::unique_ptr<const TermEncoder>> Open(
      const std::filesystem::path& folder, const TermEncoderOptions& options);

  virtual ~TermEncoder() = default;

  virtual size_t width() const = 0;  // Values of a term.
  // Whether the folder has a learned compressor, which then makes all terms.
  virtual bool compresses() const = 0;

  // Layers 1 ... l of passages, at index time. The same text gives the same bytes whatever it
  // travels with. Ill-formed UTF-8 and more than kMaxTermTokens are errors of their passage.
  virtual std::vector<Terms> EncodePassages(std::span<const std::string_view> passages,
                                            base::ThreadPool& pool) const = 0;

  // Layers 1 ... l of a query; an error is in its status.
  virtual Terms EncodeQuery(std::string_view query, base::ThreadPool& pool) const = 0;

  // Layers l + 1 ... of each pair and the score: the mean over the chunks of a passage of the first
  // token vector, through the classifier. An error is one of the query; terms of a passage that are
  // not of this width are an error of that passage.
  virtual absl::StatusOr<TermScores> Score(const Terms& query, std::span<const Terms> passages,
                                           base::ThreadPool& pool) const = 0;

  virtual const std::filesystem::path& folder() const = 0;  // Absolute.
  virtual const std::string& name() const = 0;              // For people.
  // What it was opened with, and the layers that calibration left in bf16.
  virtual TermEncoderOptions options() const = 0;
  // 32 hexadecimal digits over every file and option that bears on terms and scores.
  virtual const std::string& fingerprint() const = 0;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_SCORE_TERM_ENCODER_H_
