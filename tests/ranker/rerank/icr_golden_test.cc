// Attention re-ranking beside the reference's tensors (golden/icr), from token ids.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "encoder/checkpoint/safetensors.h"
#include "ranker/rerank/icr_attention.h"
#include "ranker/rerank/icr_head_detection.h"
#include "ranker/rerank/icr_scores.h"
#include "tests/testing/shared_data.h"

namespace gannet::ranker {
namespace {

using Json = nlohmann::json;
using encoder::TokenId;

class IcrGoldenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    GANNET_SHARED_OR_SKIP(icr, "golden/icr");
    Json config;
    std::ifstream(icr / "config.json") >> config;
    config["model_type"] = "llama";
    config["max_position_embeddings"] = 64;
    folder_.Write("config.json", config.dump());
    std::filesystem::create_symlink(icr / "model.safetensors",
                                    folder_.path() / "model.safetensors");
    ASSERT_OK_AND_ASSIGN(model_, encoder::Model::Load(folder_.path(), {}));
    ASSERT_OK_AND_ASSIGN(encoder::SafetensorsFile outputs,
                         encoder::SafetensorsFile::Open(icr / "outputs.safetensors"));
    outputs_.emplace(std::move(outputs));
    Json inputs;
    std::ifstream(icr / "inputs.json") >> inputs;
    query_ = inputs["input_ids"].get<std::vector<TokenId>>();
    calibration_ = inputs["calib_input_ids"].get<std::vector<TokenId>>();
    attend_ = inputs["attend_start"];
    for (const Json& span : inputs["doc_spans_half_open"]) documents_.push_back({span[0], span[1]});
    for (const Json& head : inputs["qr_heads_layer_head"]) qr_heads_.insert({head[0], head[1]});
    core_ = {inputs["core"]["attend_span_half_open"][0],
             inputs["core"]["attend_span_half_open"][1]};
    core_temperature_ = inputs["core"]["temperature"];
  }

  std::vector<float> Golden(const std::string& name) const {
    return encoder::ToFloats(outputs_->tensors().at(name));
  }

  // The ending of a prompt whose tokens from `begin` on attend.
  PromptEnding Ending(const std::vector<TokenId>& ids, size_t begin) const {
    return {std::span(ids).subspan(attend_), {begin, ids.size()}};
  }
  PromptEnding Ending(const std::vector<TokenId>& ids) const { return Ending(ids, attend_); }

  std::vector<std::vector<double>> Attention(const std::vector<PromptEnding>& endings,
                                             const HeadSet& heads = {},
                                             base::ThreadPool* pool = nullptr) const {
    const auto beginning =
        EncodeBeginning(*model_, std::span(query_).first(attend_), heads.LayersNeeded(3), pool);
    return AttentionTo(*model_, beginning, endings, heads, pool);
  }

  static void ExpectScores(const std::vector<double>& got, const std::vector<float>& want) {
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5) << i;
    EXPECT_EQ(RankByScore(got), RankByScore(std::vector<double>(want.begin(), want.end())));
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<const encoder::Model> model_;
  std::optional<encoder::SafetensorsFile> outputs_;
  std::vector<TokenId> query_, calibration_;
  size_t attend_ = 0;
  std::vector<TokenSpan> documents_;
  std::set<AttentionHead> qr_heads_;
  TokenSpan core_;
  double core_temperature_ = 0;
};

TEST_F(IcrGoldenTest, TokenMassesScoresAndOrderEqualTheReference) {
  const auto attention = Attention({Ending(query_), Ending(calibration_)});
  const std::vector<float> query = Golden("icr.tok_query"), calibration = Golden("icr.tok_calib");
  for (size_t j = 0; j < attend_; ++j) {
    EXPECT_NEAR(attention[0][j], query[j], 1e-5) << j;
    EXPECT_NEAR(attention[1][j], calibration[j], 1e-5) << j;
  }
  ExpectScores(ScoreDocuments(attention[0], attention[1], documents_), Golden("icr.scores"));
  // The fixture is made so that the filter drops one token, of the third document.
  size_t dropped = 0;
  for (const TokenSpan& document : documents_) {
    const auto masses = CalibratedMasses(attention[0], attention[1], document);
    const double threshold = MassThreshold(masses);
    for (const double mass : masses) dropped += mass > threshold ? 0 : 1;
  }
  EXPECT_EQ(dropped, 1u);
}

TEST_F(IcrGoldenTest, ThreadsDoNotChangeAByte) {
  base::ThreadPool pool(4);
  const std::vector<PromptEnding> endings = {Ending(query_), Ending(calibration_)};
  EXPECT_EQ(Attention(endings), Attention(endings, {}, &pool));
  // Nor does it matter what runs beside an ending.
  EXPECT_EQ(Attention(endings)[1], Attention({Ending(calibration_)})[0]);
}

TEST_F(IcrGoldenTest, AblationsEqualTheReference) {
  const auto sums = [&](const std::vector<double>& attention) {
    std::vector<double> scores;
    for (const TokenSpan& document : documents_) {
      double score = 0;
      for (size_t j = document.begin; j < document.end; ++j) score += attention[j];
      scores.push_back(score);
    }
    return scores;
  };
  ExpectScores(sums(Attention({Ending(query_)})[0]), Golden("icr.scores_no_calibration"));
  ExpectScores(sums(Attention({Ending(query_, query_.size() - 1)})[0]),
               Golden("icr.scores_last_token_only"));
}

TEST_F(IcrGoldenTest, SelectedHeadsEqualTheReference) {
  const auto attention = Attention({Ending(query_), Ending(calibration_)}, HeadSet(qr_heads_));
  ExpectScores(ScoreDocuments(attention[0], attention[1], documents_), Golden("qrhead.scores"));
}

TEST_F(IcrGoldenTest, LayersAboveTheLastHeadAreNotRun) {
  const HeadSet low({{0, 2}, {1, 0}});
  EXPECT_EQ(low.LayersNeeded(3), 2u);
  const auto beginning = EncodeBeginning(*model_, std::span(query_).first(attend_), 2, nullptr);
  EXPECT_EQ(beginning.steps(), 2u);
  const auto whole = EncodeBeginning(*model_, std::span(query_).first(attend_), 3, nullptr);
  const std::vector<PromptEnding> endings = {Ending(query_)};
  EXPECT_EQ(AttentionTo(*model_, beginning, endings, low, nullptr),
            AttentionTo(*model_, whole, endings, low, nullptr));
}

TEST_F(IcrGoldenTest, ContrastOfHeadsEqualsTheReference) {
  const auto beginning = EncodeBeginning(*model_, std::span(query_).first(attend_), 3, nullptr);
  const std::vector<PromptEnding> endings = {
      {std::span(query_).first(core_.end).subspan(attend_), core_}};
  InContextReranker::HeadAttention attention{.documents = documents_, .tokens = beginning.tokens()};
  attention.query = AttentionByHead(*model_, beginning, endings, nullptr).front();
  const std::vector<size_t> relevant = {0};
  const std::vector<double> got = MeasureHeads(
      attention, relevant, {.measure = HeadMeasure::kContrast, .temperature = core_temperature_});
  const std::vector<float> want = Golden("core.head_score_T0.1_pos0");
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5) << i;
}

TEST_F(IcrGoldenTest, HeadsOneByOneAddUpToAll) {
  const auto beginning = EncodeBeginning(*model_, std::span(query_).first(attend_), 3, nullptr);
  const std::vector<PromptEnding> endings = {Ending(query_)};
  const std::vector<float> by_head = AttentionByHead(*model_, beginning, endings, nullptr).front();
  const std::vector<double> all = Attention(endings).front();
  for (size_t j = 0; j < attend_; ++j) {
    double sum = 0;
    for (size_t head = 0; head < 12; ++head) sum += by_head[head * attend_ + j];
    EXPECT_NEAR(sum, all[j], 1e-6) << j;
  }
}

}  // namespace
}  // namespace gannet::ranker
