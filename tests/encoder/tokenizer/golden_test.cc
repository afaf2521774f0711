// Ids, type ids, special masks and byte offsets against those of the `tokenizers` library.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
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

// CRC-32 of the ids as little-endian u32.
uint32_t ChecksumOf(const std::vector<TokenId>& ids) {
  static const auto table = [] {
    std::array<uint32_t, 256> entries;
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
      entries[i] = c;
    }
    return entries;
  }();
  uint32_t crc = 0xffffffffu;
  for (const TokenId id : ids) {
    for (const int shift : {0, 8, 16, 24}) {
      crc = table[(crc ^ static_cast<uint32_t>(id) >> shift) & 0xff] ^ crc >> 8;
    }
  }
  return ~crc;
}

std::vector<uint32_t> ReadChecksums(const std::filesystem::path& path) {
  const auto bytes = base::ReadFile(path);
  EXPECT_TRUE(bytes.ok()) << path;
  std::vector<uint32_t> values(bytes->size() / sizeof(uint32_t));
  std::memcpy(values.data(), bytes->data(), values.size() * sizeof(uint32_t));
  return values;
}

json OffsetsOf(const Encoding& encoding) {
  json offsets = json::array();
  for (const ByteSpan& span : encoding.offsets) offsets.push_back({span.begin, span.end});
  return offsets;
}

class TokenizerGoldenTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    GANNET_SHARED_OR_SKIP(golden, "golden/tokenizers/" + GetParam());
    golden_ = golden;
    std::filesystem::path folder = golden;
    if (!std::filesystem::exists(golden / "tokenizer.json")) {
      folder = *gannet::testing::FindShared("tokenizers/" + GetParam());
    }
    ASSERT_OK_AND_ASSIGN(tokenizer_, Tokenizer::Open(folder));
  }

  // Encodes line after line and compares the checksums of their ids.
  void CheckLine(std::string_view line, const std::vector<uint32_t>& checksums) {
    ASSERT_LT(line_, checksums.size());
    ASSERT_OK(tokenizer_->Encode(line, {}, encoding_));
    if (ChecksumOf(encoding_.ids) != checksums[line_]) {
      EXPECT_LT(++differing_, 20u);
      ADD_FAILURE() << "line " << line_ << ": " << line;
    }
    ++line_;
  }

  std::filesystem::path golden_;
  std::unique_ptr<const Tokenizer> tokenizer_;
  Encoding encoding_;
  size_t line_ = 0;
  size_t differing_ = 0;
};

TEST_P(TokenizerGoldenTest, Cases) {
  ASSERT_OK_AND_ASSIGN(const std::string cases, base::ReadDecompressed(golden_ / "cases.jsonl.xz"));
  std::istringstream lines(cases);
  size_t texts = 0;
  for (std::string line; std::getline(lines, line); ++texts) {
    const json expected = json::parse(line);
    ASSERT_OK(tokenizer_->Encode(expected["text"].get<std::string>(), {}, encoding_));
    EXPECT_EQ(json(encoding_.ids), expected["ids"]) << expected["text"];
    EXPECT_EQ(json(encoding_.type_ids), expected["type_ids"]) << expected["text"];
    EXPECT_EQ(json(encoding_.special_tokens_mask), expected["special"]) << expected["text"];
    EXPECT_EQ(OffsetsOf(encoding_), expected["offsets"]) << expected["text"];
  }
  EXPECT_EQ(texts, 1957u);
}

TEST_P(TokenizerGoldenTest, PairsTruncationAndOverflow) {
  std::ifstream lines(golden_ / "pairs.jsonl");
  size_t pairs = 0;
  for (std::string line; std::getline(lines, line); ++pairs) {
    const json expected = json::parse(line);
    EncodeOptions options{
        .max_tokens = expected["max_length"], .keep_overflow = true, .stride = expected["stride"]};
    if (expected["strategy"] == "only_first") {
      options.truncation_strategy = TruncationStrategy::kOnlyFirst;
    } else if (expected["strategy"] == "only_second") {
      options.truncation_strategy = TruncationStrategy::kOnlySecond;
    }
    const absl::Status status = tokenizer_->EncodePair(
        expected["a"].get<std::string>(), expected["b"].get<std::string>(), options, encoding_);
    EXPECT_EQ(status.ok(), !expected.contains("error")) << line << "\n" << status;
    if (!status.ok() || expected.contains("error")) continue;
    EXPECT_EQ(json(encoding_.ids), expected["ids"]) << line;
    EXPECT_EQ(json(encoding_.type_ids), expected["type_ids"]) << line;
    json overflow = json::array();
    for (const Encoding& window : encoding_.overflow) overflow.push_back(window.ids);
    EXPECT_EQ(overflow, expected["overflow"]) << line;
  }
  EXPECT_EQ(pairs, 63u);
}

TEST_P(TokenizerGoldenTest, Ntrex) {
  GANNET_SHARED_OR_SKIP(folder, "data/ntrex");
  const std::vector<uint32_t> checksums = ReadChecksums(golden_ / "ntrex.u32");
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
      if (line.ends_with('\r')) line.pop_back();
      CheckLine(line, checksums);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_EQ(line_, checksums.size());
}

class WikipediaGoldenTest : public TokenizerGoldenTest {};

TEST_P(WikipediaGoldenTest, Passages) {
  GANNET_SHARED_OR_SKIP(corpus, "data/wiki_en_passages/corpus.jsonl.xz");
  const std::vector<uint32_t> checksums = ReadChecksums(golden_ / "wiki.u32");
  ASSERT_OK_AND_ASSIGN(const std::string passages, base::ReadDecompressed(corpus));
  std::istringstream lines(passages);
  for (std::string line; std::getline(lines, line);) {
    CheckLine(json::parse(line)["text"].get<std::string>(), checksums);
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(line_, checksums.size());
}

std::string NameOf(const ::testing::TestParamInfo<std::string>& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(, TokenizerGoldenTest,
                         ::testing::Values("albert", "bert-base-uncased", "bert-cased",
                                           "bert-chinese", "bert-keep-accents", "gpt-neox-20b",
                                           "llama2", "llama2-first", "llama3", "mbert-uncased",
                                           "mpnet", "qwen2", "roberta", "t5", "xlm-roberta"),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(, WikipediaGoldenTest,
                         ::testing::Values("bert-base-uncased", "gpt-neox-20b", "roberta",
                                           "xlm-roberta"),
                         NameOf);

}  // namespace
}  // namespace gannet::encoder
