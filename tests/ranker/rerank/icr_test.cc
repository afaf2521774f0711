#include "ranker/rerank/icr.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "ranker/rerank/icr_attention.h"
#include "ranker/rerank/icr_head_detection.h"
#include "ranker/rerank/icr_prompt.h"
#include "ranker/rerank/icr_scores.h"
#include "tests/ranker/rerank/tiny_reranker.h"
#include "tests/testing/shared_data.h"

namespace gannet::ranker {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::vector<InContextPassage> kPassages = {{.text = "the cat sat"},
                                                 {.title = "bird", .text = "the bird flew"},
                                                 {.text = "the dog ran . the dog sat"},
                                                 {.text = ""}};

PromptForm FormOf(const char* recipe, const char* markup) {
  return {.recipe = *FindRecipe(recipe),
          .markup = *FindMarkup(markup),
          .sentence = *FindSentence("find")};
}

TEST(IcrPromptTest, IsWrittenAsTheReferenceWritesIt) {
  const std::vector<InContextPassage> passages = {{.title = "Owls", .text = " They hunt. "},
                                                  {.text = "Second\n"}};
  EXPECT_EQ(WritePrompt(FormOf("icr", "llama3"), passages, " who hunts? ").text,
            "<|start_header_id|>user<|end_header_id|> Here are some paragraphs: \n\n[1] Owls\n "
            "They hunt. \n\n[2] Second \n\nPlease find information that are relevant to the "
            "following query in the paragraphs above. \n\nQuery: who "
            "hunts?<|eot_id|><|start_header_id|>assistant<|end_header_id|>");
  EXPECT_EQ(WritePrompt(FormOf("icr", "mistral"), {}, "q").text,
            "[INST] Here are some paragraphs:\n\nPlease find information that are relevant to the "
            "following query in the paragraphs above.\n\nQuery: q[/INST]");
  EXPECT_EQ(WritePrompt(FormOf("qrhead", "qwen2.5"), std::span(passages).last(1), " q").text,
            "<|im_start|>user Here are some paragraphs:\n\n[1] Second\n\nPlease find information "
            "that are relevant to the following query in the paragraphs above.\n\nQuery:  "
            "q<|im_end|>\n<|im_start|>assistant");
  EXPECT_EQ(WritePrompt(FormOf("core", "granite"), passages, "q").text,
            "<|start_of_role|>user<|end_of_role|> Here are some paragraphs:\n\n[document 1] They "
            "hunt.\n\n[document 2] Second\n\nPlease find information that are relevant to the "
            "following query in the paragraphs above.\n\nQuery: "
            "q<|end_of_text|><|start_of_role|>assistant<|end_of_role|>");
  EXPECT_THAT(WritePrompt(FormOf("core", "phi4"), passages, "q").text,
              ::testing::EndsWith("q<|im_end|><|im_start|>assistant<|im_sep|>"));
  PromptForm answer = FormOf("icr", "plain");
  answer.sentence = *FindSentence("answer");
  EXPECT_THAT(WritePrompt(answer, passages, "q").text,
              HasSubstr("\n\nPlease answer the following question based on the information in the "
                        "paragraphs above.\n\nQuery: q"));
}

TEST(IcrPromptTest, UnknownNamesAreRefusedWithTheKnown) {
  EXPECT_THAT(std::string(base::Message(FindMarkup("llama2").status())),
              HasSubstr("\"llama2\" is not among llama3, mistral"));
  EXPECT_THAT(std::string(base::Message(FindRecipe("rankgpt").status())), HasSubstr("icr, qrhead"));
  EXPECT_THAT(std::string(base::Message(FindSentence("both").status())), HasSubstr("find, answer"));
}

TEST(IcrPromptTest, LongTextsLoseTheWordsBeyondTheLimit) {
  PromptForm form = FormOf("icr", "plain");
  form.max_words = 3;
  const std::vector<InContextPassage> passages = {
      {.text = "a b c d e"},
      {.title = "long title of many words", .text = "a b c"},
      {.text = "a  b c"}};
  const PromptText prompt = WritePrompt(form, passages, "q");
  EXPECT_THAT(prompt.text, HasSubstr("[1] a b c\n\n"));
  EXPECT_THAT(prompt.text, HasSubstr("[2] long title of many words\na b c\n\n"));
  // Split at single spaces: the empty word between two counts.
  EXPECT_THAT(prompt.text, HasSubstr("[3] a  b\n\n"));
  EXPECT_EQ(prompt.documents[0].words_cut, 2u);
  EXPECT_EQ(prompt.documents[1].words_cut, 0u);
  EXPECT_EQ(prompt.documents[2].words_cut, 1u);
}

// CoRe counts a token beyond a document and beyond the query, and ends early for Mistral.
TEST(IcrPromptTest, CoReSpansAreThoseOfItsCode) {
  const TinyReranker tiny;
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, tiny.OpenTokenizer());
  const std::vector<InContextPassage> passages = {{.text = "cat sat"}, {.text = "dog"}};
  const auto read = [&](const char* recipe, const char* markup) {
    const PromptForm form = FormOf(recipe, markup);
    auto prompt = TokenizePrompt(*tokenizer, form, WritePrompt(form, passages, "bird"));
    EXPECT_TRUE(prompt.ok()) << prompt.status();
    return *std::move(prompt);
  };
  // [BOS] Here are some paragraphs : [ document 1 ] cat sat [ document 2 ] dog Please ... . Query :
  // bird
  TokenizedPrompt prompt = read("core", "plain");
  EXPECT_EQ(prompt.documents, (std::vector<TokenSpan>{{10, 13}, {16, 17}}));
  EXPECT_EQ(prompt.attending, (TokenSpan{17, 35}));
  prompt = read("core-detection", "plain");
  EXPECT_EQ(prompt.documents, (std::vector<TokenSpan>{{10, 12}, {16, 17}}));
  // [BOS] [ INST ] Here ... bird [/ INST ]
  prompt = read("core", "mistral");
  EXPECT_EQ(prompt.documents, (std::vector<TokenSpan>{{13, 15}, {19, 20}}));
  EXPECT_EQ(prompt.attending, (TokenSpan{20, 38}));
  prompt = read("core-detection", "mistral");
  EXPECT_EQ(prompt.documents, (std::vector<TokenSpan>{{13, 14}, {19, 19}}));
  // ICR itself: the whole end attends.
  prompt = read("icr", "mistral");
  EXPECT_EQ(prompt.attending, (TokenSpan{18, 39}));
  EXPECT_EQ(prompt.attending.end, prompt.ids.size());
  EXPECT_EQ(prompt.documents, (std::vector<TokenSpan>{{9, 14}, {14, 18}}));
}

// The definition once more, from whole runs over both prompts and every row of attention.
std::vector<double> ScoresByDefinition(const InContextReranker& reranker,
                                       const encoder::Tokenizer& tokenizer, const PromptForm& form,
                                       std::span<const InContextPassage> placed,
                                       std::string_view query) {
  std::vector<std::vector<double>> mass;
  std::vector<TokenSpan> documents;
  for (const std::string_view asked : {query, std::string_view("N/A")}) {
    const auto prompt = TokenizePrompt(tokenizer, form, WritePrompt(form, placed, asked));
    EXPECT_TRUE(prompt.ok()) << prompt.status();
    encoder::PackedBatch batch;
    batch.Append(prompt->ids, std::vector<uint8_t>(prompt->ids.size(), 0));
    std::vector<double>& s = mass.emplace_back(prompt->ids.size());
    const encoder::AttentionRequest request{.observe = [&](const encoder::AttentionRow& row) {
      if (row.query < prompt->attending.begin || row.query >= prompt->attending.end) return;
      if (!reranker.heads().Contains(row.layer, row.head)) return;
      for (size_t j = 0; j < s.size(); ++j) {
        s[j] += row.weights[j] / static_cast<double>(prompt->attending.size());
      }
    }};
    std::vector<float> hidden;
    reranker.model().Run(batch, nullptr, {.attention = &request}, hidden);
    documents = prompt->documents;
  }
  return ScoreDocuments(mass[0], mass[1], documents);
}

class InContextRerankerTest : public ::testing::Test {
 protected:
  InContextResult Rank(const InContextReranker& reranker, std::string_view query,
                       std::span<const InContextPassage> passages,
                       const InContextRequest& request = {}) {
    auto result = reranker.Rerank(query, passages, request, &pool_);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : InContextResult();
  }

  base::ThreadPool pool_{2};
};

TEST_F(InContextRerankerTest, ScoresAreThoseOfTheDefinition) {
  const TinyReranker tiny;
  for (const char* recipe : {"icr", "qrhead", "core"}) {
    for (const char* heads : {"all", "0-1,1-3", "0-0"}) {
      ASSERT_OK_AND_ASSIGN(const HeadSet set, HeadSet::Parse(heads));
      ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open({.recipe = recipe, .heads = set}));
      const InContextResult got = Rank(*reranker, " the cat ", kPassages);
      std::vector<InContextPassage> placed = kPassages;
      const bool reversed = std::string_view(recipe) != "core";
      if (reversed) std::ranges::reverse(placed);
      ASSERT_OK_AND_ASSIGN(const auto tokenizer, tiny.OpenTokenizer());
      std::vector<double> want =
          ScoresByDefinition(*reranker, *tokenizer, FormOf(recipe, "plain"), placed, " the cat ");
      if (reversed) std::ranges::reverse(want);
      ASSERT_EQ(got.passages.size(), want.size());
      std::vector<double> scores;
      for (size_t i = 0; i < want.size(); ++i) {
        EXPECT_NEAR(got.passages[i].score, want[i], 1e-6) << recipe << " " << heads << " " << i;
        scores.push_back(got.passages[i].score);
      }
      EXPECT_EQ(got.order, RankByScore(scores));
    }
  }
}

TEST_F(InContextRerankerTest, TheResultDoesNotDependOnThreads) {
  const TinyReranker tiny;
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open());
  const InContextResult threaded = Rank(*reranker, "the bird", kPassages);
  ASSERT_OK_AND_ASSIGN(const InContextResult alone,
                       reranker->Rerank("the bird", kPassages, {}, nullptr));
  EXPECT_EQ(alone.order, threaded.order);
  for (size_t i = 0; i < kPassages.size(); ++i) {
    EXPECT_EQ(alone.passages[i].score, threaded.passages[i].score);
  }
}

TEST_F(InContextRerankerTest, SpansHoldMarkerTitleAndTextAndLeaveOutWhatSeparates) {
  const TinyReranker tiny;
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open());
  const InContextResult got =
      Rank(*reranker, "the cat", kPassages, {.explain = InContextRequest::Explain::kYes});
  // "[ 4 ] the cat sat", "[ 3 ] bird the bird flew", "[ 2 ] the dog ran . the dog sat", "[ 1 ]".
  EXPECT_EQ(got.passages[0].tokens, 6u);
  EXPECT_EQ(got.passages[1].tokens, 7u);
  EXPECT_EQ(got.passages[2].tokens, 10u);
  EXPECT_EQ(got.passages[3].tokens, 3u);
  using Part = TokenMass::Part;
  const std::vector<TokenMass>& masses = got.passages[1].masses;
  ASSERT_EQ(masses.size(), 7u);
  EXPECT_TRUE(masses[2].part == Part::kMarker && masses[2].bytes == encoder::ByteSpan());
  EXPECT_TRUE(masses[3].part == Part::kTitle && masses[3].bytes == (encoder::ByteSpan{0, 4}));
  EXPECT_TRUE(masses[4].part == Part::kText && masses[4].bytes == (encoder::ByteSpan{0, 3}));
  EXPECT_EQ(masses[5].bytes, (encoder::ByteSpan{4, 8}));
  EXPECT_EQ(masses[6].bytes, (encoder::ByteSpan{9, 13}));
  double sum = 0;
  for (const TokenMass& mass : masses) sum += mass.counted ? mass.mass : 0;
  EXPECT_NEAR(sum, got.passages[1].score, 1e-12);
}

TEST_F(InContextRerankerTest, MassesPointIntoTheTextAsItWasGiven) {
  const TinyReranker tiny;
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open({.max_words = 4}));
  const std::vector<InContextPassage> passages = {{.text = "  cat sat ran flew"},
                                                  {.title = " bird ", .text = ""}};
  const InContextResult got =
      Rank(*reranker, "dog", passages, {.explain = InContextRequest::Explain::kYes});
  EXPECT_EQ(got.passages[0].words_cut, 2u);
  EXPECT_EQ(got.passages[0].tokens_cut, 2u);
  EXPECT_EQ(got.passages[1].tokens_cut, 0u);
  EXPECT_EQ(got.passages[1].masses.back().part, TokenMass::Part::kTitle);
  EXPECT_EQ(got.passages[1].masses.back().bytes, (encoder::ByteSpan{1, 5}));
  ASSERT_EQ(got.passages[0].masses.size(), 5u);
  EXPECT_EQ(got.passages[0].masses[3].bytes, (encoder::ByteSpan{2, 5}));
  EXPECT_EQ(got.passages[0].masses[4].bytes, (encoder::ByteSpan{6, 9}));
}

TEST_F(InContextRerankerTest, TheEndsCostOnlyTheirOwnTokens) {
  const TinyReranker tiny;
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open());
  const InContextResult got = Rank(*reranker, "the cat", kPassages);
  EXPECT_EQ(got.cost.windows, 1u);
  EXPECT_GT(got.cost.cache_bytes, 0u);
  EXPECT_EQ(got.cost.tokens, got.cost.tokens_run);
}

TEST_F(InContextRerankerTest, NoPassagesOneTokenEmptyAndEqualOnes) {
  const TinyReranker tiny;
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open());
  EXPECT_TRUE(Rank(*reranker, "cat", {}).order.empty());
  const std::vector<InContextPassage> alone = {{.text = "cat"}};
  EXPECT_EQ(Rank(*reranker, "cat", alone).order, (std::vector<size_t>{0}));
  const std::vector<InContextPassage> odd = {
      {.text = ""}, {.text = " \n "}, {.text = "cat"}, {.text = "cat"}, {.text = "cat"}};
  const InContextResult got = Rank(*reranker, "cat", odd);
  EXPECT_EQ(got.order.size(), 5u);
  for (const PassageScore& passage : got.passages) EXPECT_TRUE(std::isfinite(passage.score));
  // With CoRe a span may be one token, or none.
  ASSERT_OK_AND_ASSIGN(const auto core, tiny.Open({.recipe = "core"}));
  for (const PassageScore& passage : Rank(*core, "cat", odd).passages) {
    EXPECT_TRUE(std::isfinite(passage.score));
  }
}

TEST_F(InContextRerankerTest, BadTextsAreRefusedByName) {
  const TinyReranker tiny;
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open());
  const auto refusal = [&](std::string_view query, std::vector<InContextPassage> passages) {
    return std::string(base::Message(reranker->Rerank(query, passages, {}, &pool_).status()));
  };
  EXPECT_THAT(refusal("", {{.text = "a"}}), HasSubstr("query: empty"));
  EXPECT_THAT(refusal(" \t", {{.text = "a"}}), HasSubstr("query: empty"));
  EXPECT_THAT(refusal("\xFF", {{.text = "a"}}), HasSubstr("query: not well-formed"));
  EXPECT_THAT(refusal("q", {{.text = "a"}, {.text = "\xC0"}}), HasSubstr("passage 1"));
  EXPECT_THAT(refusal("q", {{.title = "\xC0", .text = "a"}}), HasSubstr("passage 0"));
}

TEST_F(InContextRerankerTest, TooManyPassagesAreRefusedWithTheNumberThatFits) {
  const TinyReranker tiny(Json{{"max_position_embeddings", 64}});
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open());
  std::vector<InContextPassage> passages(12, {.text = "the cat sat"});
  const absl::Status status = reranker->Rerank("cat", passages, {}, &pool_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  const std::string message(base::Message(status));
  EXPECT_THAT(message, HasSubstr("12 passages take"));
  EXPECT_THAT(message, HasSubstr("of which the model reads 64"));
  const auto at = message.find("the first ") + 10;
  const size_t fitting = std::stoul(message.substr(at));
  ASSERT_GT(fitting, 0u);
  EXPECT_TRUE(reranker->Rerank("cat", std::span(passages).first(fitting), {}, &pool_).ok());
  EXPECT_FALSE(reranker->Rerank("cat", std::span(passages).first(fitting + 1), {}, &pool_).ok());
}

TEST_F(InContextRerankerTest, WindowsSlideFromTheEndToTheTop) {
  const TinyReranker tiny;
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open());
  std::vector<std::string> texts;
  for (int i = 0; i < 9; ++i) texts.push_back(fmt::format("the {} dog", std::string(i + 1, 'x')));
  std::vector<InContextPassage> passages;
  for (const std::string& text : texts) passages.push_back({.text = text});
  const InContextRequest request{.too_many = InContextRequest::TooMany::kWindows, .window = 4};
  const InContextResult got = Rank(*reranker, "cat", passages, request);
  // [5, 9), [3, 7), [1, 5), [0, 3).
  EXPECT_EQ(got.cost.windows, 4u);

  std::vector<size_t> order = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  for (const auto& [begin, end] :
       std::vector<std::pair<size_t, size_t>>{{5, 9}, {3, 7}, {1, 5}, {0, 3}}) {
    std::vector<InContextPassage> window;
    for (size_t i = begin; i < end; ++i) window.push_back(passages[order[i]]);
    const std::vector<size_t> ranked = Rank(*reranker, "cat", window).order;
    const std::vector<size_t> before(order.begin() + static_cast<ptrdiff_t>(begin),
                                     order.begin() + static_cast<ptrdiff_t>(end));
    for (size_t i = 0; i < ranked.size(); ++i) order[begin + i] = before[ranked[i]];
  }
  EXPECT_EQ(got.order, order);
}

TEST_F(InContextRerankerTest, WindowsAreAsLargeAsTheModelReads) {
  const TinyReranker tiny(Json{{"max_position_embeddings", 64}});
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open());
  const std::vector<InContextPassage> passages(12, {.text = "the cat sat"});
  InContextRequest request{.too_many = InContextRequest::TooMany::kWindows};
  const InContextResult got = Rank(*reranker, "cat", passages, request);
  EXPECT_GT(got.cost.windows, 1u);
  EXPECT_TRUE(std::ranges::is_permutation(
      got.order, std::vector<size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  request.window = 11;
  EXPECT_THAT(
      std::string(base::Message(reranker->Rerank("cat", passages, request, &pool_).status())),
      HasSubstr("window: 11 passages, of which"));
  // A passage that does not fit even alone is named.
  std::string text;
  for (int i = 0; i < 60; ++i) text += "dog ";
  std::vector<InContextPassage> one_long = passages;
  one_long[7].text = text;
  request.window = 0;
  EXPECT_THAT(
      std::string(base::Message(reranker->Rerank("cat", one_long, request, &pool_).status())),
      HasSubstr("passage 7 alone"));
}

TEST_F(InContextRerankerTest, BlocksOfOnePassageAreExactAndKeptOnesGiveTheSame) {
  const TinyReranker tiny;
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open());
  DocumentBlockCache blocks(1 << 20);
  const InContextRequest in_blocks{.reading = InContextRequest::Reading::kBlocks};
  InContextRequest kept = in_blocks;
  kept.blocks = &blocks;

  // One document after the introduction is all there is to see for it, but for what follows it.
  const std::vector<InContextPassage> alone = {{.text = "the cat sat"}};
  const double exact = Rank(*reranker, "the cat", alone).passages[0].score;
  EXPECT_NEAR(Rank(*reranker, "the cat", alone, in_blocks).passages[0].score, exact, 1e-5);

  const InContextResult first = Rank(*reranker, "the cat", kPassages, kept);
  EXPECT_EQ(blocks.hits(), 0u);
  EXPECT_GT(blocks.bytes(), 0u);
  const InContextResult again = Rank(*reranker, "the cat", kPassages, kept);
  EXPECT_GE(blocks.hits(), kPassages.size() + 1);
  for (size_t i = 0; i < kPassages.size(); ++i) {
    EXPECT_EQ(first.passages[i].score, again.passages[i].score) << i;
  }
  // Another order and another query find every document read; only the ends are run.
  std::vector<InContextPassage> turned = kPassages;
  std::ranges::reverse(turned);
  const InContextResult other = Rank(*reranker, "a dog", turned, kept);
  EXPECT_LT(other.cost.tokens_run, other.cost.tokens);
  EXPECT_EQ(blocks.misses(), 1 + kPassages.size());
}

TEST(DocumentBlockCacheTest, TheLeastRecentlyUsedLeavesFirst) {
  const TinyReranker tiny;
  const auto reranker = tiny.Open();
  ASSERT_TRUE(reranker.ok());
  const std::vector<encoder::TokenId> ids = {1, 2, 3, 4};
  const auto block = std::make_shared<const encoder::KeyValueCache>(
      EncodeBeginning((*reranker)->model(), ids, 2, nullptr));
  DocumentBlockCache blocks(2 * block->bytes());
  blocks.Insert({1}, block);
  blocks.Insert({2}, block);
  EXPECT_NE(blocks.Find({1}), nullptr);
  blocks.Insert({3}, block);
  EXPECT_EQ(blocks.Find({2}), nullptr);
  EXPECT_NE(blocks.Find({1}), nullptr);
  EXPECT_NE(blocks.Find({3}), nullptr);
  EXPECT_EQ(blocks.bytes(), 2 * block->bytes());
  DocumentBlockCache small(block->bytes() - 1);
  small.Insert({1}, block);
  EXPECT_EQ(small.bytes(), 0u);
}

TEST(InContextOpenTest, RefusesWhatItCannotRankWith) {
  const TinyReranker tiny;
  const auto refusal = [](const TinyReranker& model, const InContextOptions& options) {
    return std::string(base::Message(model.Open(options).status()));
  };
  EXPECT_THAT(refusal(tiny, {.recipe = "no"}), HasSubstr("recipe: \"no\""));
  EXPECT_THAT(refusal(tiny, {.markup = "no"}), HasSubstr("markup: \"no\""));
  EXPECT_THAT(refusal(tiny, {.heads = HeadSet({AttentionHead{5, 0}})}), HasSubstr("5-0"));
  const TinyReranker both_ways(Json{{"is_causal", false}});
  EXPECT_THAT(refusal(both_ways, {}), HasSubstr("not a causal decoder"));
  EXPECT_FALSE(InContextReranker::Open(testing::TestData("tiny_bert"), {}).ok());
}

TEST_F(InContextRerankerTest, HeadsAreRankedByTheLabels) {
  const TinyReranker tiny;
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open({.recipe = "qrhead"}));
  const std::vector<LabelledQuery> queries = {{"the cat", kPassages, {0}},
                                              {"the dog", kPassages, {2}}};
  for (const HeadMeasure measure :
       {HeadMeasure::kNdcg, HeadMeasure::kRelevantMass, HeadMeasure::kContrast}) {
    ASSERT_OK_AND_ASSIGN(const std::vector<HeadScore> heads,
                         DetectHeads(*reranker, queries, {.measure = measure}, &pool_));
    ASSERT_EQ(heads.size(), 8u);
    EXPECT_TRUE(std::ranges::is_sorted(heads, std::ranges::greater(), &HeadScore::score));
    // The first head alone ranks as its measure says.
    if (measure != HeadMeasure::kRelevantMass) continue;
    ASSERT_OK_AND_ASSIGN(const auto with_head,
                         tiny.Open({.recipe = "qrhead", .heads = HeadSet({heads[0].head})}));
    const double mean = (Rank(*with_head, "the cat", kPassages).passages[0].score +
                         Rank(*with_head, "the dog", kPassages).passages[2].score) /
                        2;
    EXPECT_NEAR(heads[0].score, mean, 1e-6);
  }
}

TEST_F(InContextRerankerTest, LabelsThatAreNotThereAreRefused) {
  const TinyReranker tiny;
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny.Open());
  const auto refusal = [&](const std::vector<LabelledQuery>& queries,
                           const HeadDetectionOptions& options = {}) {
    return std::string(base::Message(DetectHeads(*reranker, queries, options, &pool_).status()));
  };
  EXPECT_THAT(refusal({}), HasSubstr("queries: none"));
  EXPECT_THAT(refusal({{"q", kPassages, {}}}), HasSubstr("query 0: no relevant"));
  EXPECT_THAT(refusal({{"q", kPassages, {0}}, {"q", kPassages, {4}}}),
              HasSubstr("query 1: relevant: 4 is not among 4"));
  EXPECT_THAT(refusal({{"q", kPassages, {0}}}, {.temperature = 0}), HasSubstr("temperature: 0"));
}

// A real, if very small, story teller: what it attends to is the passage that is asked for more
// often than chance, once the calibration has taken off what every query attends to.
TEST_F(InContextRerankerTest, ARealDecoderFindsTheStoryThatIsAskedFor) {
  GANNET_SHARED_OR_SKIP(folder, "models/stories3M-q80");
  const std::vector<std::string> stories = {
      "The little dog ran after the red ball in the park.",
      "Mom made a big cake with sugar and milk in the kitchen.",
      "The boat sailed on the blue sea with a brave captain.",
      "Tom found a shiny rock under the old tree.",
      "The cat slept on the soft bed all day.",
      "Lily painted a picture of a flower with her brush."};
  const std::vector<std::string> queries = {"dog and ball",        "a cake in the kitchen",
                                            "the boat on the sea", "a rock under the tree",
                                            "the cat on the bed",  "a picture of a flower"};
  ASSERT_OK_AND_ASSIGN(const auto reranker, InContextReranker::Open(folder, {}));
  size_t exact_hits = 0, block_hits = 0;
  for (size_t turn = 0; turn < stories.size(); ++turn) {
    std::vector<InContextPassage> passages;
    for (size_t i = 0; i < stories.size(); ++i) {
      passages.push_back({.text = stories[(i + turn) % stories.size()]});
    }
    for (size_t q = 0; q < queries.size(); ++q) {
      const size_t wanted = (q + stories.size() - turn) % stories.size();
      exact_hits += Rank(*reranker, queries[q], passages).order[0] == wanted ? 1 : 0;
      const InContextRequest in_blocks{.reading = InContextRequest::Reading::kBlocks};
      block_hits += Rank(*reranker, queries[q], passages, in_blocks).order[0] == wanted ? 1 : 0;
    }
  }
  RecordProperty("exact_hits_of_36", std::to_string(exact_hits));
  RecordProperty("block_hits_of_36", std::to_string(block_hits));
  EXPECT_GE(exact_hits, 18u);  // By chance 6.
  EXPECT_GE(block_hits, 12u);
}

}  // namespace
}  // namespace gannet::ranker
