// Runs that go on from kept keys and values, beside one run over the whole.
#include "encoder/layers/key_value_cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <tuple>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "encoder/models/model.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tiny_decoder.h"

namespace gannet::encoder {
namespace {

using Json = nlohmann::json;

PackedBatch BatchOf(const std::vector<std::vector<TokenId>>& sequences) {
  PackedBatch batch;
  for (const std::vector<TokenId>& ids : sequences) {
    batch.Append(ids, std::vector<uint8_t>(ids.size(), 0));
  }
  return batch;
}

std::vector<TokenId> RandomIds(size_t count, size_t vocabulary, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<TokenId> ids(count);
  for (TokenId& id : ids) id = static_cast<TokenId>(generator() % vocabulary);
  return ids;
}

bool SameBytes(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// Attention rows of the positions from `begin` on, by (layer, sequence, head, position).
class Rows {
 public:
  explicit Rows(size_t begin, size_t sequences = 1)
      : request_{.rows = std::vector<AttentionRequest::Rows>(sequences, {.begin = begin}),
                 .observe = [this](const AttentionRow& row) {
                   const std::lock_guard lock(mutex_);
                   rows_[{row.layer, row.sequence, row.head, row.query}].assign(row.weights.begin(),
                                                                                row.weights.end());
                 }} {}

  const AttentionRequest* request() const { return &request_; }
  const std::map<std::tuple<size_t, size_t, size_t, size_t>, std::vector<float>>& rows() const {
    return rows_;
  }

 private:
  AttentionRequest request_;
  std::mutex mutex_;
  std::map<std::tuple<size_t, size_t, size_t, size_t>, std::vector<float>> rows_;
};

// Token vectors and attention rows of `ids` from `split` on are the same bytes, run in one piece or
// after what was kept of the first `split`.
void ExpectSameAfterSplit(const Model& model, const std::vector<TokenId>& ids, size_t split,
                          base::ThreadPool* pool) {
  SCOPED_TRACE(fmt::format("{} tokens split at {}", ids.size(), split));
  const size_t d = model.dimensions().hidden;
  const auto middle = ids.begin() + static_cast<ptrdiff_t>(split);
  std::vector<float> whole, head, tail;
  Rows whole_rows(split), tail_rows(split);
  model.Run(BatchOf({ids}), pool, {.attention = whole_rows.request()}, whole);

  KeyValueCache cache;
  model.Run(BatchOf({{ids.begin(), middle}}), pool, {.keep = std::span(&cache, 1)}, head);
  EXPECT_EQ(cache.tokens(), split);
  EXPECT_GT(cache.bytes(), 0u);
  EXPECT_TRUE(SameBytes(head, std::span(whole).first(split * d)));
  const PackedBatch rest = BatchOf({{middle, ids.end()}});
  ASSERT_TRUE(model.Check(rest, split).ok());
  model.Run(rest, pool, {.attention = tail_rows.request(), .before = &cache}, tail);
  EXPECT_TRUE(SameBytes(tail, std::span(whole).subspan(split * d)));
  EXPECT_EQ(tail_rows.rows().size(),
            (ids.size() - split) * model.dimensions().layers * model.dimensions().heads);
  EXPECT_TRUE(tail_rows.rows() == whole_rows.rows());
}

struct Variant {
  std::string name;
  Json changes;
  Precision precision = Precision::kFp32;
};

class KeyValueCacheTest : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    decoder_.Configure({{"max_position_embeddings", 1024}});
    Json changes = GetParam().changes;
    changes["max_position_embeddings"] = 1024;
    decoder_.Configure(changes);
    ASSERT_OK_AND_ASSIGN(model_, decoder_.Load({.precision = GetParam().precision}));
    ASSERT_TRUE(model_->dimensions().causal);
  }

  testing::TinyDecoder decoder_;
  std::unique_ptr<const Model> model_;
};

INSTANTIATE_TEST_SUITE_P(
    Variants, KeyValueCacheTest,
    ::testing::Values(Variant{"Fp32", Json::object()},
                      Variant{"Bf16", Json::object(), Precision::kBf16},
                      Variant{"Int8", Json::object(), Precision::kInt8},
                      Variant{"Window", {{"model_type", "mistral"}, {"sliding_window", 70}}},
                      Variant{"WindowBf16",
                              {{"model_type", "mistral"}, {"sliding_window", 300}},
                              Precision::kBf16},
                      Variant{"SomeLayersWithoutPositions",
                              {{"model_type", "smollm3"}, {"no_rope_layers", {1, 0}}}}),
    [](const auto& variant) { return variant.param.name; });

TEST_P(KeyValueCacheTest, GivesTheBytesOfOneRun) {
  base::ThreadPool pool(3);
  // Around the ends of key blocks (256) and of their padding (16).
  for (const auto& [length, split] : std::vector<std::pair<size_t, size_t>>{{2, 1},
                                                                            {30, 16},
                                                                            {40, 17},
                                                                            {300, 255},
                                                                            {300, 256},
                                                                            {300, 257},
                                                                            {600, 511},
                                                                            {600, 530}}) {
    ExpectSameAfterSplit(*model_, RandomIds(length, 20, 7), split, nullptr);
    ExpectSameAfterSplit(*model_, RandomIds(length, 20, 8), split, &pool);
  }
}

TEST_P(KeyValueCacheTest, SeveralEndsShareOneBeginning) {
  const std::vector<TokenId> beginning = RandomIds(270, 20, 1);
  const std::vector<std::vector<TokenId>> ends = {RandomIds(9, 20, 2), RandomIds(1, 20, 3),
                                                  RandomIds(40, 20, 4)};
  KeyValueCache cache;
  std::vector<float> hidden, together;
  model_->Run(BatchOf({beginning}), nullptr, {.keep = std::span(&cache, 1)}, hidden);
  const PackedBatch batch = BatchOf(ends);
  model_->Run(batch, nullptr, {.before = &cache}, together);
  for (size_t s = 0; s < ends.size(); ++s) {
    std::vector<TokenId> ids = beginning;
    ids.insert(ids.end(), ends[s].begin(), ends[s].end());
    model_->Run(BatchOf({ids}), nullptr, {}, hidden);
    EXPECT_TRUE(SameBytes(std::span(together).subspan(batch.offsets[s] * 16, ends[s].size() * 16),
                          std::span(hidden).subspan(beginning.size() * 16)))
        << s;
  }
}

// The keys of a text that was run elsewhere are turned to where it stands now: in a layer that
// every position sees alike, attention then is that of the text in its place.
TEST_P(KeyValueCacheTest, JoinedPartsStandWhereTheyArePut) {
  const std::vector<TokenId> ids = RandomIds(300, 20, 5), end = RandomIds(6, 20, 6);
  KeyValueCache whole, joined;
  std::vector<float> hidden, want, got;
  model_->Run(BatchOf({ids}), nullptr, {.layers = 1, .keep = std::span(&whole, 1)}, hidden);
  // The same first layer, from three runs that begin at position 0. Values and keys of the first
  // layer depend on the token and its position alone.
  std::vector<KeyValueCache> parts(3);
  model_->Run(BatchOf({{ids.begin(), ids.begin() + 11},
                       {ids.begin() + 11, ids.begin() + 280},
                       {ids.begin() + 278, ids.end()}}),
              nullptr, {.layers = 1, .keep = parts}, hidden);
  model_->Join(
      std::vector<KeyValuePart>{
          {&parts[0], 0, 11, 0}, {&parts[1], 0, 269, 0}, {&parts[2], 2, 22, 2}},
      nullptr, joined);
  ASSERT_EQ(joined.tokens(), 300u);
  model_->Run(BatchOf({end}), nullptr, {.layers = 1, .before = &whole}, want);
  model_->Run(BatchOf({end}), nullptr, {.layers = 1, .before = &joined}, got);
  ASSERT_EQ(got.size(), want.size());
  const double tolerance = GetParam().precision == Precision::kFp32 ? 1e-4 : 0.2;
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], tolerance) << i;
}

TEST(KeyValueCacheLimitTest, TokensBeforeCountForTheLength) {
  testing::TinyDecoder decoder;
  decoder.Configure();
  ASSERT_OK_AND_ASSIGN(const auto model, decoder.Load());
  const PackedBatch batch = BatchOf({{1, 2, 3}});
  EXPECT_TRUE(model->Check(batch, 61).ok());
  EXPECT_NE(base::Message(model->Check(batch, 62)).find("65 tokens, expected 1 to 64"),
            std::string_view::npos);
}

class DecoderFamilyCacheTest : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Decoders, DecoderFamilyCacheTest,
                         ::testing::Values("gemma2", "gpt_neox", "llama", "llama3_rope",
                                           "llama_tied", "mistral", "mistral_window", "phi3",
                                           "qwen2", "qwen3", "smollm3"),
                         [](const auto& family) { return std::string(family.param); });

TEST_P(DecoderFamilyCacheTest, GivesTheBytesOfOneRun) {
  GANNET_SHARED_OR_SKIP(folder, std::string("golden/families/") + GetParam());
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    ASSERT_OK_AND_ASSIGN(const auto model, Model::Load(folder, {.precision = precision}));
    const std::vector<TokenId> ids = RandomIds(64, model->dimensions().vocabulary, 9);
    for (const size_t split : {1u, 16u, 37u, 63u}) {
      ExpectSameAfterSplit(*model, ids, split, nullptr);
    }
  }
}

}  // namespace
}  // namespace gannet::encoder
