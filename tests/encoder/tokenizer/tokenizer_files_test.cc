// Tokenizers in the other file formats, written on the spot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/status.h"
#include "encoder/tokenizer/bert_vocabulary.h"
#include "encoder/tokenizer/gguf_vocabulary.h"
#include "encoder/tokenizer/gpt2_vocabulary.h"
#include "encoder/tokenizer/sentencepiece_file.h"
#include "encoder/tokenizer/tokenizer.h"
#include "tests/testing/gguf_writer.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using gannet::testing::GgufString;
using gannet::testing::Raw;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Result = absl::StatusOr<std::unique_ptr<const Tokenizer>>;

std::vector<TokenId> Ids(const Result& tokenizer, std::string_view text) {
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  Encoding encoding;
  if (tokenizer.ok()) {
    const absl::Status status = (*tokenizer)->Encode(text, {}, encoding);
    EXPECT_TRUE(status.ok()) << status;
  }
  return encoding.ids;
}

std::string Refusal(const Result& tokenizer) {
  EXPECT_FALSE(tokenizer.ok());
  return std::string(base::Message(tokenizer.status()));
}

TEST(BertVocabularyTest, ObeysTheConfig) {
  constexpr std::string_view kVocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nA\na\n##b\r\n";
  EXPECT_THAT(Ids(ReadBertVocabulary(kVocabulary, ""), "Ab"), ElementsAre(2, 6, 7, 3));
  EXPECT_THAT(Ids(ReadBertVocabulary(kVocabulary, R"({"do_lower_case": false})"), "Ab [MASK]"),
              ElementsAre(2, 5, 7, 4, 3));
}

TEST(BertVocabularyTest, RefusesWhatItCannotRead) {
  EXPECT_THAT(Refusal(ReadBertVocabulary("[PAD]\n[UNK]\n[CLS]\n", "")),
              AllOf(HasSubstr("vocab.txt"), HasSubstr("[SEP]")));
  EXPECT_THAT(Refusal(ReadBertVocabulary("a\nb\na\n", "")), HasSubstr("vocab.txt line 3"));
  EXPECT_THAT(Refusal(ReadBertVocabulary("\xff\n", "")), HasSubstr("UTF-8"));
  EXPECT_THAT(Refusal(ReadBertVocabulary("a\n", "{")), HasSubstr("tokenizer_config.json"));
  EXPECT_THAT(Refusal(ReadBertVocabulary("a\n", R"({"do_lower_case": 3})")),
              HasSubstr("do_lower_case"));
}

// vocab.json of the 256 bytes, by their numbers, and `more`.
std::string ByteVocabulary(std::string_view more) {
  std::string json = "{";
  int id = 0;
  const auto add = [&](int code_point) {
    char entry[32];
    std::snprintf(entry, sizeof(entry), "%s\"\\u%04x\": %d", id == 0 ? "" : ", ", code_point, id);
    json += entry;
    ++id;
  };
  for (int c = '!'; c <= '~'; ++c) add(c);
  for (int c = 0xa1; c <= 0xff; ++c) {
    if (c != 0xad) add(c);
  }
  for (int c = 0x100; id < 256; ++c) add(c);
  return json + std::string(more) + "}";
}

TEST(Gpt2VocabularyTest, MergesBytes) {
  const std::string vocabulary =
      ByteVocabulary(R"(, "ab": 256, "Ġab": 257, "<s>": 258, "</s>": 259)");
  constexpr std::string_view kMerges = "#version: 0.2\na b\nĠ ab\n";
  EXPECT_THAT(Ids(ReadGpt2Vocabulary(vocabulary, kMerges, ""), "ab ab"), ElementsAre(256, 257));
  EXPECT_THAT(Ids(ReadGpt2Vocabulary(vocabulary, kMerges,
                                     R"({"tokenizer_class": "RobertaTokenizer",
                                         "add_prefix_space": true, "bos_token": "<s>"})"),
                  "ab<s>"),
              ElementsAre(258, 257, 258, 259));
}

TEST(Gpt2VocabularyTest, RefusesWhatItCannotRead) {
  EXPECT_THAT(Refusal(ReadGpt2Vocabulary("{}", "", "")), HasSubstr("vocab.json"));
  EXPECT_THAT(Refusal(ReadGpt2Vocabulary(ByteVocabulary(""), "a b\n", "")),
              AllOf(HasSubstr("merges.txt line 1"), HasSubstr("\"ab\"")));
  EXPECT_THAT(Refusal(ReadGpt2Vocabulary(ByteVocabulary(""), "ab\n", "")),
              HasSubstr("merges.txt line 1"));
}

// Fields of protobuf messages.
std::string Field(int number, std::string_view bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} +
         std::string(bytes);
}
std::string Field(int number, int value) {
  std::string tag;
  for (int rest = number << 3; rest > 0; rest >>= 7) {
    tag.push_back(static_cast<char>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)));
  }
  return tag + static_cast<char>(value);
}
std::string Field(int number, float value) {
  std::string field{static_cast<char>(number << 3 | 5), 0, 0, 0, 0};
  std::memcpy(field.data() + 1, &value, sizeof(value));
  return field;
}
std::string Piece(std::string_view text, float score, int type) {
  return Field(1, Field(1, text) + Field(2, score) + Field(3, type));
}

TEST(SentencePieceFileTest, ReadsUnigramAndBpe) {
  const std::string pieces = Piece("<unk>", 0, 2) + Piece("<s>", 0, 3) + Piece("</s>", 0, 3) +
                             Piece("\u2581", -3, 1) + Piece("a", -2, 1) + Piece("b", -2.5, 1) +
                             Piece("ab", -1, 1) + Piece("\u2581ab", -4, 1) + Piece("<x>", 0, 4);
  const std::string unigram = pieces + Field(2, Field(3, 1));
  EXPECT_THAT(Ids(ReadSentencePieceFile(unigram, ""), "ab  ab<x>c"), ElementsAre(7, 7, 8, 0));
  const std::string bpe = pieces + Field(2, Field(3, 2));
  EXPECT_THAT(Ids(ReadSentencePieceFile(bpe, R"({"tokenizer_class": "LlamaTokenizer"})"), "ab<x>b"),
              ElementsAre(1, 7, 8, 5));
}

TEST(SentencePieceFileTest, RefusesWhatItCannotRead) {
  EXPECT_THAT(Refusal(ReadSentencePieceFile("\x0a\xff", "")), HasSubstr("not a SentencePiece"));
  EXPECT_THAT(Refusal(ReadSentencePieceFile("", "")), HasSubstr("unknown piece"));
  const std::string unknown = Piece("<unk>", 0, 2);
  EXPECT_THAT(Refusal(ReadSentencePieceFile(unknown + Piece("a", 0, 1) + Piece("a", 0, 1), "")),
              HasSubstr("pieces[2]"));
  EXPECT_THAT(Refusal(ReadSentencePieceFile(unknown + Piece("\xff", 0, 1), "")),
              HasSubstr("pieces[1]"));
  EXPECT_THAT(Refusal(ReadSentencePieceFile(unknown + Field(2, Field(3, 4)), "")),
              HasSubstr("CHAR"));
  EXPECT_THAT(Refusal(ReadSentencePieceFile(unknown + Field(3, Field(2, "abc")), "")),
              HasSubstr("precompiled_charsmap"));
  EXPECT_THAT(
      Refusal(ReadSentencePieceFile(unknown, R"({"tokenizer_class": "XLMRobertaTokenizer"})")),
      AllOf(HasSubstr("tokenizer_class"), HasSubstr("XLMRobertaTokenizer")));
}

std::string Entry(std::string_view key, uint32_t type, const std::string& value) {
  return GgufString(key) + Raw(type) + value;
}
std::string Gguf(const std::vector<std::string>& entries) {
  std::string file = "GGUF" + Raw(uint32_t{3}) + Raw(uint64_t{0}) + Raw(uint64_t{entries.size()});
  for (const std::string& entry : entries) file += entry;
  return file;
}
std::string Strings(const std::vector<std::string>& texts) {
  std::string array = Raw(uint32_t{8}) + Raw(uint64_t{texts.size()});
  for (const std::string& text : texts) array += GgufString(text);
  return array;
}

TEST(GgufVocabularyTest, ReadsWordPiece) {
  const std::string file = Gguf({
      Entry("general.name", 8, GgufString("tiny")),
      Entry("tokenizer.ggml.model", 8, GgufString("bert")),
      Entry("tokenizer.ggml.tokens", 9, Strings({"[UNK]", "[CLS]", "[SEP]", "\u2581a", "b"})),
      Entry("tokenizer.ggml.token_type", 9,
            Raw(uint32_t{5}) + Raw(uint64_t{5}) + Raw(int32_t{3}) + Raw(int32_t{3}) +
                Raw(int32_t{3}) + Raw(int32_t{1}) + Raw(int32_t{1})),
      Entry("tokenizer.ggml.unknown_token_id", 4, Raw(uint32_t{0})),
      Entry("tokenizer.ggml.cls_token_id", 4, Raw(uint32_t{1})),
      Entry("tokenizer.ggml.seperator_token_id", 4, Raw(uint32_t{2})),
  });
  EXPECT_THAT(Ids(ReadGgufVocabulary(file), "Ab x"), ElementsAre(1, 3, 4, 0, 2));
}

TEST(GgufVocabularyTest, FindsControlTokensInTheTextOnlyWhenAsked) {
  testing::GgufWriter writer;
  writer.Add("tokenizer.ggml.model", std::string_view("llama"))
      .Add("tokenizer.ggml.tokens",
           std::vector<std::string>{"<unk>", "<s>", "\u2581", "<", "s", ">", "a"})
      .Add("tokenizer.ggml.scores", std::vector<float>(7, 0.0F))
      .Add("tokenizer.ggml.token_type", std::vector<int32_t>{2, 3, 1, 1, 1, 1, 1})
      .Add("tokenizer.ggml.bos_token_id", uint32_t{1});
  const std::string file = writer.Content();
  EXPECT_THAT(Ids(ReadGgufVocabulary(file), "a<s>"), ElementsAre(1, 2, 6, 3, 4, 5));
  const TokenizerOptions found{.gguf_control_tokens = TokenizerOptions::ControlTokens::kFound};
  EXPECT_THAT(Ids(ReadGgufVocabulary(file, found), "a<s>"), ElementsAre(1, 2, 6, 1));
}

TEST(GgufVocabularyTest, RefusesWhatItCannotRead) {
  const std::string model = Entry("tokenizer.ggml.model", 8, GgufString("bert"));
  EXPECT_THAT(Refusal(ReadGgufVocabulary("GGML")), HasSubstr("not a GGUF file"));
  EXPECT_THAT(Refusal(ReadGgufVocabulary(Gguf({model}))), HasSubstr("tokenizer.ggml.tokens"));
  EXPECT_THAT(Refusal(ReadGgufVocabulary(Gguf({model, model}))), HasSubstr("stands twice"));
  const std::string file = Gguf({model});
  EXPECT_THAT(Refusal(ReadGgufVocabulary(file.substr(0, file.size() - 1))),
              HasSubstr("the file ends early"));
  EXPECT_THAT(Refusal(ReadGgufVocabulary(
                  Gguf({Entry("tokenizer.ggml.tokens", 9, Raw(uint32_t{8}) + Raw(~uint64_t{0}))}))),
              AllOf(HasSubstr("tokenizer.ggml.tokens"), HasSubstr("elements")));
  EXPECT_THAT(Refusal(ReadGgufVocabulary(Gguf({Entry("tokenizer.ggml.model", 8, GgufString("rwkv")),
                                               Entry("tokenizer.ggml.tokens", 9, Strings({}))}))),
              AllOf(HasSubstr("tokenizer.ggml.model"), HasSubstr("rwkv")));
}

TEST(TokenizerFilesTest, FolderWithoutTokenizerSaysWhatWasLookedFor) {
  gannet::testing::TemporaryFolder folder;
  EXPECT_THAT(Refusal(Tokenizer::Open(folder.path())),
              AllOf(HasSubstr(folder.path().string()), HasSubstr("tokenizer.json")));
}

TEST(TokenizerFilesTest, ErrorsNameTheFile) {
  gannet::testing::TemporaryFolder folder;
  folder.Write("tokenizer.json", R"({"model": {"type": "Magic"}})");
  EXPECT_THAT(Refusal(Tokenizer::Open(folder.path())), HasSubstr("tokenizer.json: model.type"));
}

}  // namespace
}  // namespace gannet::encoder
