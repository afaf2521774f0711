#include "tests/testing/word_embedder.h"

#include <sstream>

#include "base/checksum.h"

namespace gannet::testing {

absl::StatusOr<encoder::Embeddings> WordEmbedder::Embed(std::span<const std::string_view> texts,
                                                        encoder::TextRole /*role*/,
                                                        base::ThreadPool& /*pool*/) const {
  encoder::Embeddings embeddings;
  embeddings.dimension = dimension();
  embeddings.values.resize(texts.size() * dimension());
  embeddings.errors.resize(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    std::istringstream words{std::string(texts[i])};
    encoder::TokenCount count;
    for (std::string word; words >> word; ++count.total) {
      if (count.read == max_tokens()) continue;
      ++count.read;
      embeddings.values[i * dimension() + base::Xxh3(word) % dimension()] += 1;
    }
    embeddings.tokens.push_back(count);
    if (texts[i].find("unspeakable") != std::string_view::npos) {
      embeddings.errors[i] = absl::InternalError("unspeakable");
    }
  }
  texts_embedded_ += texts.size();
  return embeddings;
}

}  // namespace gannet::testing
