#ifndef GANNET_ENCODER_EMBED_EMBEDDER_H_
#define GANNET_ENCODER_EMBED_EMBEDDER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/embed/long_text.h"
#include "encoder/layers/model_options.h"
#include "encoder/run/model_facts.h"
#include "encoder/run/token_count.h"

namespace gannet::encoder {

// Which prompt a text gets: models may be trained with different ones for the two sides.
enum class TextRole { kQuery, kDocument };

// How the vectors of a model are meant to be compared.
enum class Similarity { kCosine, kDot };
std::string_view SimilarityName(Similarity similarity);

// One vector per text, in the order of the texts. A text that has none is an error of its own and
// leaves the others as they are.
struct Embeddings {
  size_t dimension = 0;
  std::vector<float> values;  // [texts, dimension], row-major; zeros where there is no vector.
  std::vector<TokenCount> tokens;
  // Why a text has no vector, [texts]; may be empty when all have theirs.
  std::vector<absl::Status> errors = {};

  size_t size() const { return tokens.size(); }
  absl::Status status(size_t i) const { return errors.empty() ? absl::OkStatus() : errors[i]; }

  // For callers that need every vector: the first text that has none, as "text I: why".
  absl::Status FirstError() const;

  std::span<const float> operator[](size_t i) const {
    return std::span(values).subspan(i * dimension, dimension);
  }
};

// Text to vector by a bi-encoder in a Hugging Face or sentence-transformers folder. What the folder
// says (prompts, pooling, longest input, normalisation) is obeyed. Immutable; safe to use from
// several threads.
class Embedder {
 public:
  // Errors name the file of the folder, and the field or tensor, and what was expected.
  static absl::StatusOr<std::unique_ptr<const Embedder>> Open(const std::filesystem::path& folder,
                                                              const ModelOptions& options = {});

  virtual ~Embedder() = default;

  // The same text gives the same bytes whatever it travels with and however many threads work. An
  // empty text is a text; one that is longer than the model's input is cut to it, as
  // sentence-transformers does. Errors of one text: ill-formed UTF-8 (kInvalidArgument), no token
  // where the model adds none of its own (kInvalidArgument), values that are not finite
  // (kInternal).
  virtual absl::StatusOr<Embeddings> Embed(std::span<const std::string_view> texts, TextRole role,
                                           base::ThreadPool& pool) const = 0;

  // The same for texts of any length: a text that is longer than the model's input, or than the
  // windows asked for, becomes what `options` says. Here, of models that read a text as a whole up
  // to their limit and know no windows; what does not fit is told by the count of tokens, and what
  // needs windows of a size is refused (kUnimplemented). kInvalidArgument for options that the
  // model has no answer to.
  virtual absl::StatusOr<std::vector<TextVectors>> EmbedLong(
      std::span<const std::string_view> texts, TextRole role, const LongTextOptions& options,
      base::ThreadPool& pool) const;

  // What the model was opened with, and the layers that calibration left in bf16.
  virtual ModelOptions options() const { return {}; }

  // How its linear layers are computed on this machine, for people: "24 linear layers: bf16 by
  // brg:avx512_core_bf16".
  virtual std::string ComputePath() const { return "no linear layers"; }

  // What was found in the folder, and what was assumed that it does not say.
  virtual ModelFacts facts() const { return {}; }

  virtual size_t dimension() const = 0;
  virtual size_t max_tokens() const = 0;  // Longest input, special tokens included.
  virtual Similarity similarity() const = 0;

  // Where the model was opened, as an absolute path.
  virtual const std::filesystem::path& folder() const = 0;

  // The folder's own name, for people.
  virtual const std::string& name() const = 0;

  // 32 hexadecimal digits over every file and option that bears on the vectors: equal fingerprints,
  // equal vectors.
  virtual const std::string& fingerprint() const = 0;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_EMBEDDER_H_
