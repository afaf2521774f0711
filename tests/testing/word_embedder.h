#ifndef GANNET_TESTS_TESTING_WORD_EMBEDDER_H_
#define GANNET_TESTS_TESTING_WORD_EMBEDDER_H_

#include <string>
#include <vector>

#include "encoder/embed/embedder.h"

namespace gannet::testing {

// A bi-encoder simple enough to foretell: each word adds 1 to one of 64 components, chosen by its
// hash; texts that share words are near. Reads at most 16 words at once, and longer texts in
// windows of so many, two of which are in the next. A text with the word "unspeakable" has no
// vector.
class WordEmbedder final : public encoder::Embedder {
 public:
  explicit WordEmbedder(std::string fingerprint = "f0") : fingerprint_(std::move(fingerprint)) {}

  absl::StatusOr<encoder::Embeddings> Embed(std::span<const std::string_view> texts,
                                            encoder::TextRole role,
                                            base::ThreadPool& pool) const override;
  absl::StatusOr<std::vector<encoder::TextVectors>> EmbedLong(
      std::span<const std::string_view> texts, encoder::TextRole role,
      const encoder::LongTextOptions& options, base::ThreadPool& pool) const override;
  size_t dimension() const override { return 64; }
  size_t max_tokens() const override { return 16; }
  encoder::Similarity similarity() const override { return encoder::Similarity::kCosine; }
  const std::filesystem::path& folder() const override { return folder_; }
  const std::string& name() const override { return name_; }
  const std::string& fingerprint() const override { return fingerprint_; }

  size_t texts_embedded() const { return texts_embedded_; }

 private:
  const std::filesystem::path folder_ = "/models/words";
  const std::string name_ = "words";
  const std::string fingerprint_;
  mutable size_t texts_embedded_ = 0;
};

}  // namespace gannet::testing

#endif  // GANNET_TESTS_TESTING_WORD_EMBEDDER_H_
