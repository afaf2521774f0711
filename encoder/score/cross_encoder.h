#ifndef GANNET_ENCODER_SCORE_CROSS_ENCODER_H_
#define GANNET_ENCODER_SCORE_CROSS_ENCODER_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/layers/model_options.h"
#include "encoder/run/model_facts.h"
#include "encoder/run/token_count.h"

namespace gannet::encoder {

// What a model's scores are made of its logits by.
enum class ScoreActivation { kIdentity, kSigmoid };
std::string_view ScoreActivationName(ScoreActivation activation);  // "identity", "sigmoid"

struct TextPair {
  std::string_view query;
  std::string_view passage;
};

// What a cross-encoder says about pairs, in their order. A pair that has no scores is an error of
// its own and leaves the others as they are.
struct PairScores {
  size_t labels = 0;
  std::vector<float> logits;         // [pairs, labels], row-major; zeros where there are no scores.
  std::vector<float> activations;    // [pairs, labels]: the model's activation of the logits.
  std::vector<TokenCount> tokens;    // Of query and passage together, special tokens included.
  std::vector<absl::Status> errors;  // [pairs]

  size_t size() const { return tokens.size(); }

  // For callers that need every score: the first pair that has none, as "pair I: why".
  absl::Status FirstError() const;

  // Of a model with one label or two (irrelevant, relevant): what passages are ordered by, the
  // logit or log softmax(logits)_1, and the probability that the passage is relevant, σ(logit) or
  // softmax(logits)_1. The probability says the same but saturates.
  float Relevance(size_t i) const;
  float Probability(size_t i) const;
};

struct CrossEncoderOptions {
  ModelOptions model = {};
  // Longest pair in tokens, special tokens included; 0, and more than the folder says, for what the
  // folder says.
  size_t max_tokens = 0;
  // What the passages are judged by, for decoders that are asked in words; nullopt for the
  // instruction that comes with the model.
  std::optional<std::string> instruction = std::nullopt;
};

// Query and passage to scores by a sequence classifier that reads them together, or by a decoder
// that is asked whether the one answers the other. Pairs that are too long lose tokens of the
// longer text first. Immutable; safe to use from several threads.
class CrossEncoder {
 public:
  // A folder of transformers: ...ForSequenceClassification of one of the families of
  // ClassificationHead, or a decoder with a prompt (see PairPrompt). Errors name the file, and the
  // field or tensor, and what was expected.
  static absl::StatusOr<std::unique_ptr<const CrossEncoder>> Open(
      const std::filesystem::path& folder, const CrossEncoderOptions& options = {});

  virtual ~CrossEncoder() = default;

  // The same pair gives the same bytes whatever it travels with and however many threads work. An
  // empty text is a text. Errors of one pair: ill-formed UTF-8, no room for any of its tokens
  // (kInvalidArgument), values that are not finite (kInternal).
  virtual PairScores Score(std::span<const TextPair> pairs, base::ThreadPool& pool) const = 0;

  // One name for each label, as config.json has them.
  virtual const std::vector<std::string>& labels() const = 0;
  // What config.json says, else sigmoid for one label, identity for several.
  virtual ScoreActivation activation() const = 0;
  virtual size_t max_tokens() const = 0;  // Longest pair, special tokens included.

  // What the model was opened with, and the layers that calibration left in bf16.
  virtual ModelOptions options() const { return {}; }
  // How its linear layers are computed on this machine, for people.
  virtual std::string ComputePath() const { return "no linear layers"; }

  // What was found in the folder, and what was assumed that it does not say.
  virtual ModelFacts facts() const { return {}; }

  virtual const std::filesystem::path& folder() const = 0;  // Absolute.
  virtual const std::string& name() const = 0;              // The folder's own name, for people.
  // 32 hexadecimal digits over every file and option that bears on the scores.
  virtual const std::string& fingerprint() const = 0;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_SCORE_CROSS_ENCODER_H_
