// Ids against those of the SentencePiece library and of llama.cpp.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "base/input_stream.h"
#include "encoder/tokenizer/tokenizer.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using nlohmann::json;

struct SentencePieceCase {
  std::string name;   // Of the answers.
  std::string model;  // File below the shared folder.
};

void PrintTo(const SentencePieceCase& test, std::ostream* out) { *out << test.name; }

class SentencePieceGoldenTest : public ::testing::TestWithParam<SentencePieceCase> {};

TEST_P(SentencePieceGoldenTest, Ids) {
  GANNET_SHARED_OR_SKIP(answers, "golden/tokenizers/spm/" + GetParam().name + ".jsonl.xz");
  GANNET_SHARED_OR_SKIP(model, GetParam().model);
  gannet::testing::TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const std::string bytes, base::ReadFile(model));
  folder.Write("spiece.model", bytes);
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Open(folder.path()));
  ASSERT_OK_AND_ASSIGN(const std::string cases, base::ReadDecompressed(answers));
  std::istringstream lines(cases);
  size_t texts = 0;
  Encoding encoding;
  for (std::string line; std::getline(lines, line); ++texts) {
    const json expected = json::parse(line);
    ASSERT_OK(tokenizer->Encode(expected["text"].get<std::string>(), {}, encoding));
    EXPECT_EQ(json(encoding.ids), expected["ids"]) << expected["text"];
  }
  EXPECT_GT(texts, 2000u);
}

INSTANTIATE_TEST_SUITE_P(
    , SentencePieceGoldenTest,
    ::testing::Values(
        SentencePieceCase{"albert", "golden/tokenizers/albert/spiece.model"},
        SentencePieceCase{"bpemb", "tokenizers/bpemb-en-vs10000/en.wiki.bpe.vs10000.model"},
        SentencePieceCase{"llama2", "golden/tokenizers/llama2/spiece.model"},
        SentencePieceCase{"llama2-32k", "tokenizers/llama2-spm/tokenizer.model"},
        SentencePieceCase{"t5", "golden/tokenizers/t5/spiece.model"},
        SentencePieceCase{"xlm-roberta", "golden/tokenizers/xlm-roberta/spiece.model"}),
    [](const auto& test) {
      std::string name = test.param.name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

class LlamaCppGoldenTest : public ::testing::TestWithParam<std::string> {};

// The .inp file holds texts that a marker line separates, the .out file a line of ids for each.
TEST_P(LlamaCppGoldenTest, Ids) {
  const std::string file = "tokenizers/llama.cpp-vocab/ggml-vocab-" + GetParam() + ".gguf";
  GANNET_SHARED_OR_SKIP(vocabulary, file);
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Open(vocabulary));
  ASSERT_OK_AND_ASSIGN(const std::string input, base::ReadFile(vocabulary.string() + ".inp"));
  std::ifstream output(vocabulary.string() + ".out");
  constexpr std::string_view kMarker = "\n__ggml_vocab_test__\n";
  size_t texts = 0;
  Encoding encoding;
  for (std::string_view rest = input; !rest.empty(); ++texts) {
    const size_t end = rest.find(kMarker);
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + kMarker.size());
    std::string line;
    if (!std::getline(output, line)) break;
    std::istringstream numbers(line);
    const std::vector<TokenId> expected(std::istream_iterator<TokenId>(numbers), {});
    ASSERT_OK(tokenizer->Encode(text, {.add_special_tokens = false}, encoding));
    EXPECT_EQ(encoding.ids, expected) << texts << ": " << text;
  }
  EXPECT_EQ(texts, 46u);
}

// This vocabulary has no stored answers, but its tokenizer.json is there too.
TEST(GgufGoldenTest, GptNeoxEqualsItsTokenizerJson) {
  GANNET_SHARED_OR_SKIP(gguf, "tokenizers/llama.cpp-vocab/ggml-vocab-gpt-neox.gguf");
  GANNET_SHARED_OR_SKIP(json_folder, "tokenizers/gpt-neox-20b");
  GANNET_SHARED_OR_SKIP(text, "data/ntrex/newstest2019-ref.fra.txt");
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Open(gguf));
  ASSERT_OK_AND_ASSIGN(const auto reference, Tokenizer::Open(json_folder));
  std::ifstream lines(text);
  size_t compared = 0;
  Encoding encoding, expected;
  for (std::string line; std::getline(lines, line); ++compared) {
    ASSERT_OK(tokenizer->Encode(line, {}, encoding));
    ASSERT_OK(reference->Encode(line, {}, expected));
    EXPECT_EQ(encoding.ids, expected.ids) << line;
  }
  EXPECT_GT(compared, 1900u);
}

INSTANTIATE_TEST_SUITE_P(, LlamaCppGoldenTest, ::testing::Values("bert-bge", "gpt-2", "llama-spm"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace gannet::encoder
