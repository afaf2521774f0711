#include "encoder/embed/code_embedder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/checkpoint/tensor.h"
#include "encoder/embed/block_fusion.h"
#include "encoder/embed/embedder.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::encoder {
namespace {

using ::testing::ElementsAreArray;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

constexpr size_t kDimension = 32;

// tests/data/tiny_bert as SEA's encoder, its tensors below "encoder.", with a fusion layer beside.
class CodeEmbedderTest : public ::testing::Test {
 protected:
  CodeEmbedderTest() {
    ::setenv("GANNET_GRAMMARS", testing::TestGrammars().c_str(), 1);
    for (const char* file : {"config.json", "vocab.txt", "tokenizer_config.json"}) {
      std::filesystem::copy(testing::TestData("tiny_bert") / std::string(file), folder_.path());
    }
    const auto weights = SafetensorsFile::Open(testing::TestData("tiny_bert/model.safetensors"));
    testing::FloatTensors tensors;
    for (const auto& [name, tensor] : weights->tensors()) {
      tensors["encoder." + name] = {tensor.shape, ToFloats(tensor)};
    }
    tensors["fusion_layer.embedding_common.0.weight"] = testing::RandomTensor({1, kDimension}, 5);
    tensors["fusion_layer.embedding_common.0.bias"] = {{1}, {0.5F}};
    folder_.Write("model.safetensors", testing::SafetensorsContent(tensors));
  }
  ~CodeEmbedderTest() override { ::unsetenv("GANNET_GRAMMARS"); }

  absl::StatusOr<std::unique_ptr<const Embedder>> Open(std::string_view fields) const {
    folder_.Write("gannet.json", fmt::format("{{\"model\": \"sea\"{}}}", fields));
    return Embedder::Open(folder_.path());
  }

  std::string ErrorOf(std::string_view fields) const {
    return std::string(base::Message(Open(fields).status()));
  }

  Embeddings Embed(const Embedder& model, const std::vector<std::string_view>& texts,
                   TextRole role = TextRole::kDocument) {
    return model.Embed(texts, role, pool_).value();
  }

  const testing::TemporaryFolder folder_;
  base::ThreadPool pool_{2};
};

std::vector<float> VectorOf(const Embeddings& embeddings, size_t i) {
  return {embeddings[i].begin(), embeddings[i].end()};
}

// The blocks are the whole and the windows that begin at tokens 0, 4, 8 and 12 of 14. A model
// without grammar and of one window takes each for a code of its own.
TEST_F(CodeEmbedderTest, FusesTheVectorsOfTheBlocks) {
  const std::string_view code = "a = b; c = d; { e = f; }";
  const std::vector<std::string_view> blocks = {code, "a = b; c = d;", "c = d; { e = f",
                                                "{ e = f; }", "; }"};
  ASSERT_OK_AND_ASSIGN(const auto single, Open(R"(, "language": "none", "window": 99, "step": 99,
                                                  "without_grammar": "token")"));
  const Embeddings alone = Embed(*single, blocks);
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(folder_.path()));
  for (const auto& [name, form] : {std::pair{"unbiased", FusionForm::kUnbiased},
                                   std::pair{"released", FusionForm::kReleased}}) {
    ASSERT_OK_AND_ASSIGN(const auto model,
                         Open(fmt::format(R"(, "language": "tiny", "split": "token", "window": 8,
                                               "step": 4, "fusion_form": "{}")",
                                          name)));
    EXPECT_EQ(model->dimension(), kDimension);
    EXPECT_EQ(model->similarity(), Similarity::kDot);
    ASSERT_OK_AND_ASSIGN(const BlockFusion fusion,
                         BlockFusion::Load(checkpoint, {}, form, kDimension));
    std::vector<float> expected(kDimension);
    fusion.Apply(alone.values, expected);
    EXPECT_THAT(VectorOf(Embed(*model, {code}), 0), ElementsAreArray(expected)) << name;
  }
}

TEST_F(CodeEmbedderTest, IsTheSameInAnyCompanyAndOnAnyNumberOfThreads) {
  ASSERT_OK_AND_ASSIGN(
      const auto model,
      Open(R"(, "language": "tiny", "split": "ast_subtree", "window": 2, "step": 1)"));
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += fmt::format("{} = \"sea\";\n", char('a' + i % 26));
  const std::vector<std::string_view> texts = {"", "a = b;", lines, "no code (", "\n\n{ a = b; }"};
  const Embeddings together = Embed(*model, texts);
  ASSERT_OK(together.FirstError());
  base::ThreadPool alone(1);
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSERT_OK_AND_ASSIGN(const Embeddings one,
                         model->Embed(std::span(texts).subspan(i, 1), TextRole::kDocument, alone));
    EXPECT_THAT(one.values, ElementsAreArray(together[i].begin(), together[i].end())) << i;
  }
}

TEST_F(CodeEmbedderTest, CountsTheTokensThatSomeBlockHas) {
  std::string code;
  for (int i = 0; i < 30; ++i) code += "a = b;\n";  // 120 tokens and two special ones.
  // A block has at most 5 + 16 tokens: 19 of the code.
  const std::string_view common = R"(, "language": "tiny", "code_length": 5, "split": "token")";
  ASSERT_OK_AND_ASSIGN(const auto covered,
                       Open(fmt::format("{}, \"window\": 16, \"step\": 8", common)));
  EXPECT_EQ(covered->max_tokens(), 21);
  TokenCount count = Embed(*covered, {code}).tokens[0];
  EXPECT_EQ(count.total, 122);
  EXPECT_EQ(count.read, 122);
  EXPECT_EQ(count.blocks, 1 + 15);  // Windows begin at 0, 8, ..., 112.
  // Of every window of 40 tokens 19 are read, and the whole adds nothing to the first.
  ASSERT_OK_AND_ASSIGN(const auto gaps,
                       Open(fmt::format("{}, \"window\": 40, \"step\": 40", common)));
  count = Embed(*gaps, {code}).tokens[0];
  EXPECT_EQ(count.total, 122);
  EXPECT_EQ(count.read, 2 + 3 * 19);
  // What subtrees drop at the end is read only as far as the whole has it: 19 tokens, and the
  // windows' from lines 0, 4, ..., of which each has lines enough.
  ASSERT_OK_AND_ASSIGN(const auto subtrees,
                       Open(R"(, "language": "tiny", "code_length": 5, "window": 1, "step": 1)"));
  count = Embed(*subtrees, {code}).tokens[0];
  EXPECT_EQ(count.total, 122);
  EXPECT_TRUE(count.cut());
}

TEST_F(CodeEmbedderTest, AQueryGoesThroughTheEncoderAlone) {
  ASSERT_OK_AND_ASSIGN(
      const auto model,
      Open(R"(, "language": "tiny", "split": "token", "window": 2, "step": 1, "nl_length": 6)"));
  const Embeddings queries = Embed(*model, {"the sea", "sea sea sea sea sea"}, TextRole::kQuery);
  EXPECT_EQ(queries.tokens[0].total, 4);
  EXPECT_EQ(queries.tokens[1].total, 7);
  EXPECT_EQ(queries.tokens[1].read, 6);
  // tiny_bert itself, with its pooler: transformers' pooler_output of these tokens.
  ASSERT_OK_AND_ASSIGN(const auto alike, Open(R"(, "language": "none", "window": 99, "step": 99,
                               "without_grammar": "token")"));
  EXPECT_THAT(VectorOf(queries, 0),
              Pointwise(FloatNear(1e-6), VectorOf(Embed(*alike, {"the sea"}), 0)));
}

TEST_F(CodeEmbedderTest, AGrammarBearsOnTheFingerprint) {
  ASSERT_OK_AND_ASSIGN(const auto with, Open(R"(, "language": "tiny")"));
  ::setenv("GANNET_GRAMMARS", folder_.path().c_str(), 1);
  ASSERT_OK_AND_ASSIGN(const auto without, Open(R"(, "language": "tiny")"));
  EXPECT_NE(with->fingerprint(), without->fingerprint());
  // The lines of code that a grammar would have cut by its subtrees.
  const std::string_view code = "a = b;\nc = d;\ne = f;\n";
  EXPECT_NE(VectorOf(Embed(*without, {code}), 0), std::vector<float>(kDimension));
}

TEST_F(CodeEmbedderTest, ATextFailsAlone) {
  ASSERT_OK_AND_ASSIGN(const auto model, Open(R"(, "language": "tiny")"));
  const Embeddings embeddings = Embed(*model, {"a = b;", "\xFF", "c = d;"});
  EXPECT_TRUE(embeddings.status(0).ok());
  EXPECT_EQ(base::Message(embeddings.status(1)), "not well-formed UTF-8");
  EXPECT_TRUE(embeddings.status(2).ok());
}

TEST_F(CodeEmbedderTest, SaysWhatIsWrongWithGannetJson) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("gannet.json: language: missing"));
  EXPECT_THAT(ErrorOf(R"(, "language": "../tiny")"),
              HasSubstr("language: \"../tiny\" is no grammar's name"));
  EXPECT_THAT(ErrorOf(R"(, "language": "tiny", "chunks": 3)"), HasSubstr("chunks: "));
  EXPECT_THAT(ErrorOf(R"(, "language": "tiny", "split": "word")"),
              HasSubstr("split: \"word\" is no unit of code"));
  EXPECT_THAT(ErrorOf(R"(, "language": "tiny", "without_grammar": "ast_subtree")"),
              HasSubstr("without_grammar: there are no subtrees"));
  EXPECT_THAT(ErrorOf(R"(, "language": "tiny", "window": 0)"),
              HasSubstr("window: expected a whole number from 1, found 0"));
  EXPECT_THAT(ErrorOf(R"(, "language": "tiny", "fusion": "sum")"),
              HasSubstr("fusion: \"sum\" is not among mean, max"));
  EXPECT_THAT(ErrorOf(R"(, "language": "tiny", "fusion": "two_layer")"),
              HasSubstr("embedding_common.0.weight: shape [1, 32], expected [128, 32]"));
  EXPECT_THAT(ErrorOf(R"(, "language": "tiny", "fusion_form": "fair")"),
              HasSubstr("fusion_form: \"fair\" is not among unbiased, released"));
  EXPECT_THAT(ErrorOf(R"(, "language": "stale")"), HasSubstr("libtree-sitter-stale.so: made for"));
}

}  // namespace
}  // namespace gannet::encoder
