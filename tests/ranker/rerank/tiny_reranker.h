#ifndef GANNET_TESTS_RANKER_RERANK_TINY_RERANKER_H_
#define GANNET_TESTS_RANKER_RERANK_TINY_RERANKER_H_

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "encoder/tokenizer/tokenizer.h"
#include "ranker/rerank/icr.h"
#include "tests/testing/tiny_decoder.h"

namespace gannet::ranker {

// A random decoder that reads words and single marks; what it does not know is its token 0.
class TinyReranker {
 public:
  explicit TinyReranker(const nlohmann::json& config = nlohmann::json::object()) {
    using Json = nlohmann::json;
    Json vocabulary;
    for (const char* token :
         {"[UNK]", "[BOS]", "[", "]", "cat", "dog", "bird", "sat", "ran",   "flew",
          "the",   "1",     "2", "3", "N",   "/",   "A",    ":",   "Query", "Here"}) {
      const auto id = vocabulary.size();
      vocabulary[token] = id;
    }
    const Json tokenizer = {
        {"added_tokens",
         {{{"id", 1},
           {"content", "[BOS]"},
           {"single_word", false},
           {"lstrip", false},
           {"rstrip", false},
           {"normalized", false},
           {"special", true}}}},
        {"pre_tokenizer", {{"type", "Whitespace"}}},
        {"post_processor",
         {{"type", "TemplateProcessing"},
          {"single",
           {{{"SpecialToken", {{"id", "[BOS]"}, {"type_id", 0}}}},
            {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
          {"pair",
           {{{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
            {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}}},
          {"special_tokens", {{"[BOS]", {{"id", "[BOS]"}, {"ids", {1}}, {"tokens", {"[BOS]"}}}}}}}},
        {"model", {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", "[UNK]"}}}};
    decoder_.folder().Write("tokenizer.json", tokenizer.dump());
    Json changes = {{"max_position_embeddings", 2048}};
    changes.merge_patch(config);
    decoder_.Configure(changes);
  }

  absl::StatusOr<std::unique_ptr<const InContextReranker>> Open(
      const InContextOptions& options = {}) const {
    return InContextReranker::Open(decoder_.path(), options);
  }

  absl::StatusOr<std::unique_ptr<const encoder::Tokenizer>> OpenTokenizer() const {
    return encoder::Tokenizer::Open(decoder_.path());
  }

  const std::filesystem::path& path() const { return decoder_.path(); }

 private:
  testing::TinyDecoder decoder_;
};

}  // namespace gannet::ranker

#endif  // GANNET_TESTS_RANKER_RERANK_TINY_RERANKER_H_
