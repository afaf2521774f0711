#include "tests/testing/word_embedder.h"

#include <sstream>

#include "base/checksum.h"
#include "encoder/embed/one_vector.h"
#include "encoder/embed/token_windows.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::testing {
namespace {

std::vector<encoder::ByteSpan> WordsOf(std::string_view text) {
  std::vector<encoder::ByteSpan> words;
  for (uint32_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    if (words.empty() || words.back().end != i) words.push_back({i, i});
    words.back().end = i + 1;
  }
  return words;
}

}  // namespace

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

absl::StatusOr<std::vector<encoder::TextVectors>> WordEmbedder::EmbedLong(
    std::span<const std::string_view> texts, encoder::TextRole role,
    const encoder::LongTextOptions& options, base::ThreadPool& pool) const {
  if (options.strategy == encoder::LongTextOptions::Strategy::kTruncate) {
    return Embedder::EmbedLong(texts, role, options, pool);
  }
  const size_t before = texts_embedded_;
  std::vector<encoder::TextVectors> all;
  for (const std::string_view text : texts) {
    encoder::TextVectors& vectors = all.emplace_back();
    const std::vector<encoder::ByteSpan> words = WordsOf(text);
    vectors.tokens = {.total = words.size(), .read = words.size()};
    for (const encoder::WindowRange& window :
         encoder::CutTokens(words.size(), max_tokens(), max_tokens() - 2, {})) {
      const size_t first = words.empty() ? 0 : words[window.begin].begin;
      const size_t end = words.empty() ? 0 : words[window.end - 1].end;
      const std::string_view part = text.substr(first, end - first);
      const auto embedded = Embed(std::span(&part, 1), role, pool);
      vectors.status.Update(embedded->status(0));
      vectors.values.insert(vectors.values.end(), embedded->values.begin(), embedded->values.end());
      vectors.spans.push_back({first, part.size(), window.begin, window.size()});
    }
    vectors.windows = vectors.spans.size();
    if (options.one_vector()) {
      vectors.values = encoder::OneVector(options.strategy, vectors.values, dimension());
      vectors.spans = {{0, text.size(), 0, words.size()}};
    }
  }
  texts_embedded_ = before + texts.size();  // Windows are not counted.
  return all;
}

}  // namespace gannet::testing
