#include "encoder/models/m2bert.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/layers/implicit_filter.h"
#include "encoder/models/pooler.h"
#include "tests/testing/m2bert_tensors.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/torch_writer.h"

namespace gannet::encoder {
namespace {

using Json = nlohmann::json;
using testing::M2BertShape;
using testing::TemporaryFolder;

bool SameBytes(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// Largest difference; NaN counts as one.
double Difference(std::span<const float> got, std::span<const float> want) {
  double worst = got.size() == want.size() ? 0 : INFINITY;
  for (size_t i = 0; i < got.size() && i < want.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - want[i]);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

double Cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

PackedBatch BatchOf(const std::vector<std::vector<TokenId>>& sequences) {
  PackedBatch batch;
  for (const auto& ids : sequences) batch.Append(ids, std::vector<uint8_t>(ids.size()));
  return batch;
}

// The tiny model of the reference, with every tied tensor or without, in one file format or the
// other.
class M2BertGolden : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    GANNET_SHARED_OR_SKIP(golden, "golden/m2bert");
    std::filesystem::copy_file(golden / "config.json", folder_.path() / "config.json");
    const std::string weights = GetParam();
    if (weights == "pytorch_model.bin") {
      ASSERT_OK_AND_ASSIGN(const SafetensorsFile file,
                           SafetensorsFile::Open(golden / "model.safetensors"));
      testing::FloatTensors tensors;
      for (const auto& [name, tensor] : file.tensors()) {
        if (IsFloating(tensor.dtype)) tensors["module." + name] = {tensor.shape, ToFloats(tensor)};
      }
      folder_.Write(weights, testing::TorchContent(tensors));
    } else {
      std::filesystem::copy_file(golden / weights, folder_.path() / "model.safetensors");
    }
    ASSERT_OK_AND_ASSIGN(model_, Model::Load(folder_.path(), {}));
    ASSERT_OK_AND_ASSIGN(SafetensorsFile outputs,
                         SafetensorsFile::Open(golden / "outputs.safetensors"));
    outputs_.emplace(std::move(outputs));
    std::ifstream(golden / "inputs.json") >> inputs_;
  }

  std::vector<float> Golden(const std::string& name) const {
    return ToFloats(outputs_->tensors().at(name));
  }

  TemporaryFolder folder_;
  std::unique_ptr<const Model> model_;
  std::optional<SafetensorsFile> outputs_;
  Json inputs_;
};

INSTANTIATE_TEST_SUITE_P(Files, M2BertGolden,
                         ::testing::Values("model.safetensors", "model.dedup.safetensors",
                                           "pytorch_model.bin"),
                         [](const auto& file) {
                           std::string name = file.param;
                           std::erase_if(name, [](char c) { return c == '.' || c == '_'; });
                           return name;
                         });

TEST_P(M2BertGolden, EveryLayerAndThePooledVectorsEqualTheReference) {
  const auto padded = inputs_["input_ids"].get<std::vector<std::vector<TokenId>>>();
  const PackedBatch batch = BatchOf(padded);
  ASSERT_OK(model_->Check(batch));
  std::vector<std::vector<float>> states;
  std::vector<float> hidden;
  model_->Forward(batch, nullptr, hidden, [&](size_t, std::span<const float> rows) {
    states.emplace_back(rows.begin(), rows.end());
  });
  ASSERT_EQ(states.size(), 3u);
  EXPECT_LT(Difference(states[0], Golden("embeddings")), 2e-5);
  EXPECT_LT(Difference(states[1], Golden("layer0.out")), 2e-4);
  EXPECT_LT(Difference(states[2], Golden("layer1.out")), 2e-4);
  EXPECT_LT(Difference(hidden, Golden("last_hidden")), 2e-4);
  ASSERT_OK_AND_ASSIGN(const Pooler pooler, Pooler::Load(folder_.path(), {}));
  const std::vector<float> pooled = pooler.Apply(batch, hidden);
  EXPECT_LT(Difference(pooled, Golden("pooled")), 2e-4);
  const std::vector<float> cosines = Golden("cos_sim");
  const size_t d = model_->dimensions().hidden;
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      EXPECT_NEAR(Cosine(std::span(pooled).subspan(i * d, d), std::span(pooled).subspan(j * d, d)),
                  cosines[i * 3 + j], 1e-4);
    }
  }
}

TEST_P(M2BertGolden, ShorterSequencesArePaddedToTheModelsLength) {
  const auto padded = inputs_["input_ids"].get<std::vector<std::vector<TokenId>>>();
  auto unpadded = inputs_["token_ids_unpadded"].get<std::vector<std::vector<TokenId>>>();
  const size_t d = model_->dimensions().hidden;
  for (size_t s = 0; s < padded.size(); ++s) {
    if (unpadded[s].size() > padded[s].size()) continue;
    std::vector<float> whole, alone;
    model_->Forward(BatchOf({padded[s]}), nullptr, whole, nullptr);
    model_->Forward(BatchOf({unpadded[s]}), nullptr, alone, nullptr);
    EXPECT_EQ(alone.size(), unpadded[s].size() * d);
    EXPECT_TRUE(SameBytes(alone, std::span(whole).first(alone.size()))) << s;
  }
  // Padding to another length is another model.
  ASSERT_OK_AND_ASSIGN(const ConfigFile config, ConfigFile::Open(folder_.path() / "config.json"));
  ASSERT_OK_AND_ASSIGN(const auto shorter, LoadM2BertPaddedTo(16, folder_.path(), config, {}));
  ASSERT_OK_AND_ASSIGN(const Pooler pooler, Pooler::Load(folder_.path(), {}));
  const PackedBatch batch = BatchOf({unpadded[1]});
  std::vector<float> hidden;
  shorter->Forward(batch, nullptr, hidden, nullptr);
  EXPECT_LT(Difference(pooler.Apply(batch, hidden), Golden("pooled.seq1_padded_to_16")), 2e-4);
}

TEST_P(M2BertGolden, FiltersEqualTheReference) {
  ASSERT_OK_AND_ASSIGN(Checkpoint checkpoint, Checkpoint::Open(folder_.path()));
  for (const std::string name : {"filter_fn", "filter_fn2"}) {
    ASSERT_OK_AND_ASSIGN(
        const ImplicitFilter filter,
        ImplicitFilter::Load(checkpoint, "bert.encoder.layer.0.attention." + name,
                             {.channels = 24, .longest = 32, .features = 5, .order = 8}, {}));
    for (const auto& [direction, suffix] :
         {std::pair{ImplicitFilter::Direction::kForward, "implicit_filter"},
          {ImplicitFilter::Direction::kBackward, "implicit_filter_rev"}}) {
      const std::vector<float> want = Golden(fmt::format("layer0.kernel.{}.{}", name, suffix));
      std::vector<float> features, got;
      filter.Features(direction, 32, nullptr, features);
      filter.Filter(direction, features, 0, got);
      for (size_t t = 0; t < 32; ++t) {
        // Each of three layers takes the sine of ten times its sums.
        for (size_t c = 0; c < 24; ++c) EXPECT_NEAR(got[t * 24 + c], want[c * 32 + t], 5e-5);
      }
    }
  }
}

class M2BertTest : public ::testing::Test {
 protected:
  M2BertTest() {
    folder_.Write("model.safetensors", testing::SafetensorsContent(testing::M2BertTensors(shape_)));
    Configure();
  }

  // config.json with these fields changed or added; null removes one.
  void Configure(const Json& changes = Json::object()) {
    Json config = Json::parse(testing::M2BertConfig(shape_));
    config.merge_patch(changes);
    folder_.Write("config.json", config.dump());
  }

  static std::vector<TokenId> Text(size_t length, unsigned seed) {
    std::vector<TokenId> ids(length);
    for (size_t i = 0; i < length; ++i) ids[i] = static_cast<TokenId>((i * 31 + seed * 7) % 99);
    return ids;
  }

  // Channels that do not fill a slab, nor the slabs blocks; no power of two.
  const M2BertShape shape_ = {.hidden = 88, .intermediate = 176, .longest = 150};
  TemporaryFolder folder_;
};

TEST_F(M2BertTest, BytesDoNotDependOnTheBatchOrTheThreads) {
  base::ThreadPool pool(4);
  for (const Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kInt8}) {
    ASSERT_OK_AND_ASSIGN(const auto model, Model::Load(folder_.path(), {.precision = precision}));
    const std::vector<std::vector<TokenId>> texts = {Text(1, 1), Text(150, 2), Text(63, 3)};
    const PackedBatch batch = BatchOf(texts);
    ASSERT_OK(model->Check(batch));
    std::vector<float> packed, threaded, alone;
    model->Forward(batch, nullptr, packed, nullptr);  // Computes the spectra,
    model->Forward(batch, &pool, threaded, nullptr);  // and this takes them from the cache.
    EXPECT_TRUE(SameBytes(packed, threaded));
    for (size_t s = 0; s < texts.size(); ++s) {
      ASSERT_OK_AND_ASSIGN(const auto fresh, Model::Load(folder_.path(), {.precision = precision}));
      fresh->Forward(BatchOf({texts[s]}), &pool, alone, nullptr);
      EXPECT_TRUE(SameBytes(
          alone, std::span(packed).subspan(batch.offsets[s] * shape_.hidden, alone.size())))
          << s;
    }
  }
}

TEST_F(M2BertTest, LowerPrecisionsStayNear) {
  ASSERT_OK_AND_ASSIGN(const auto exact, Model::Load(folder_.path(), {}));
  const PackedBatch batch = BatchOf({Text(100, 3)});
  std::vector<float> want, got;
  exact->Forward(batch, nullptr, want, nullptr);
  for (const Precision precision : {Precision::kBf16, Precision::kInt8}) {
    ASSERT_OK_AND_ASSIGN(const auto model, Model::Load(folder_.path(), {.precision = precision}));
    model->Forward(batch, nullptr, got, nullptr);
    EXPECT_GT(Cosine(got, want), 0.998) << PrecisionName(precision);
  }
}

TEST_F(M2BertTest, ATextLongerThanTheModelIsRefused) {
  ASSERT_OK_AND_ASSIGN(const auto model, Model::Load(folder_.path(), {}));
  const absl::Status status = model->Check(BatchOf({Text(151, 1)}));
  EXPECT_NE(base::Message(status).find("151 tokens, expected 1 to 150"), std::string_view::npos);
}

TEST_F(M2BertTest, WrongConfigurationsAreRefusedByFieldAndValue) {
  const std::pair<Json, const char*> cases[] = {
      {{{"bidirectional", false}}, "bidirectional"},
      {{{"residual_long_conv", false}}, "residual_long_conv"},
      {{{"hyena_training_additions", true}}, "hyena_training_additions"},
      {{{"pool_all", true}}, "pool_all"},
      {{{"use_monarch_mlp", false}}, "use_monarch_mlp"},
      {{{"hidden_act", "relu"}}, "hidden_act"},
      {{{"monarch_mlp_nblocks", 3}}, "monarch_mlp_nblocks: 3"},
      {{{"long_conv_l_max", 149}}, "long_conv_l_max: 149"},
      {{{"long_conv_l_max", "many"}}, "long_conv_l_max"},
      {{{"hyena_filter_order", 9}}, "implicit_filter.0.weight"},
      {{{"hyena_emb_dim", 3}}, "pos_emb.z"},
      {{{"num_hidden_layers", 3}}, "encoder.layer.2"},
      {{{"vocab_size", 96}}, "word_embeddings.weight"},
      {{{"intermediate_size", nullptr}}, "intermediate_size: missing"},
  };
  for (const auto& [changes, expected] : cases) {
    Configure(changes);
    const absl::Status status = Model::Load(folder_.path(), {}).status();
    EXPECT_FALSE(status.ok()) << expected;
    EXPECT_NE(base::Message(status).find(expected), std::string_view::npos) << status;
  }
  Configure();
  const absl::Status status = Model::Load(folder_.path(), {.temperature = 2}).status();
  EXPECT_NE(base::Message(status).find("temperature 2"), std::string_view::npos) << status;
}

}  // namespace
}  // namespace gannet::encoder
