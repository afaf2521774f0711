#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/models/model.h"
#include "encoder/models/state_space_model.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::encoder {
namespace {

using Json = nlohmann::json;
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

// Tiny models under state-spaces' names, and every state of the residual stream.
class StateSpaceGolden : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Models, StateSpaceGolden, ::testing::Values("mamba1", "mamba2"));

TEST_P(StateSpaceGolden, EveryLayerEqualsTheReference) {
  GANNET_SHARED_OR_SKIP(folder, std::string("golden/") + GetParam());
  ASSERT_OK_AND_ASSIGN(const auto model, Model::Load(folder, {}));
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile outputs,
                       SafetensorsFile::Open(folder / "outputs.safetensors"));
  Json inputs;
  std::ifstream(folder / "inputs.json") >> inputs;
  const size_t d = model->dimensions().hidden;
  size_t compared = 0;
  for (size_t s = 0; s < inputs["sequences"].size(); ++s) {
    const auto golden = [&](const std::string& name) {
      return ToFloats(outputs.tensors().at(fmt::format("seq{}.{}", s, name)));
    };
    const auto ids = inputs["sequences"][s].get<std::vector<TokenId>>();
    PackedBatch batch;
    batch.Append(ids, std::vector<uint8_t>(ids.size()));
    ASSERT_OK(model->Check(batch));
    std::vector<std::vector<float>> streams;
    std::vector<float> hidden;
    model->Forward(batch, nullptr, hidden, [&](size_t, std::span<const float> states) {
      streams.emplace_back(states.begin(), states.end());
    });
    // r_{l+1} − r_l is what mixer l adds; the last stream is seen after the norm.
    for (size_t l = 0; l + 2 < streams.size(); ++l) {
      std::vector<float> mixed = streams[l + 1];
      for (size_t i = 0; i < mixed.size(); ++i) mixed[i] -= streams[l][i];
      EXPECT_LT(Difference(mixed, golden(fmt::format("layer{}.mixer_out", l))), 5e-5) << s;
      ++compared;
    }
    EXPECT_LT(Difference(hidden, golden("final_norm")), 5e-5) << s;
    std::vector<float> eos(hidden.end() - static_cast<std::ptrdiff_t>(d), hidden.end());
    double squares = 0;
    for (const float v : eos) squares += static_cast<double>(v) * v;
    for (float& v : eos) v = static_cast<float>(v / std::sqrt(squares));
    EXPECT_LT(Difference(eos, golden("eos.l2")), 5e-5) << s;
  }
  EXPECT_GE(compared, 3u);
}

// Models of two layers with random weights, in a folder of their own.
class TinyStateSpace {
 public:
  static constexpr size_t kHidden = 24, kInner = 48, kStates = 4, kRank = 2, kHeads = 6;

  explicit TinyStateSpace(const std::string& type) : type_(type) {
    Add("backbone.embeddings.weight", {20, kHidden}, 1);
    Add("backbone.norm_f.weight", {kHidden}, 1);
    for (size_t i = 0; i < 2; ++i) {
      const std::string layer = fmt::format("backbone.layers.{}.", i);
      Add(layer + "norm.weight", {kHidden}, 1);
      if (type == "mamba2") {
        AddMamba2Mixer(layer + "mixer.");
      } else {
        AddMambaMixer(layer + "mixer.");
      }
    }
    Configure();
    folder_.Write("model.safetensors", testing::SafetensorsContent(tensors_));
  }

  // config.json with these fields changed or added; null removes one.
  void Configure(const Json& changes = Json::object()) {
    Json config = {{"model_type", type_},    {"vocab_size", 20},    {"hidden_size", kHidden},
                   {"num_hidden_layers", 2}, {"conv_kernel", 4},    {"expand", 2},
                   {"state_size", kStates},  {"hidden_act", "silu"}};
    if (type_ == "mamba2") {
      config.update({{"num_heads", kHeads}, {"head_dim", kInner / kHeads}, {"n_groups", 2}});
    } else {
      config["time_step_rank"] = kRank;
    }
    config.merge_patch(changes);
    folder_.Write("config.json", config.dump());
  }
  void WriteConfig(std::string_view text) { folder_.Write("config.json", text); }

  absl::StatusOr<std::unique_ptr<const Model>> Load(const ModelOptions& options = {}) const {
    return Model::Load(folder_.path(), options);
  }

 private:
  void Add(const std::string& name, std::vector<size_t> shape, float deviation = 0.3F) {
    tensors_[name] =
        testing::RandomTensor(std::move(shape), static_cast<unsigned>(tensors_.size()), deviation);
  }
  void AddMambaMixer(const std::string& mixer) {
    Add(mixer + "in_proj.weight", {2 * kInner, kHidden});
    Add(mixer + "conv1d.weight", {kInner, 1, 4});
    Add(mixer + "conv1d.bias", {kInner});
    Add(mixer + "x_proj.weight", {kRank + 2 * kStates, kInner});
    Add(mixer + "dt_proj.weight", {kInner, kRank});
    Add(mixer + "dt_proj.bias", {kInner});
    Add(mixer + "A_log", {kInner, kStates});
    Add(mixer + "D", {kInner});
    Add(mixer + "out_proj.weight", {kHidden, kInner});
  }
  void AddMamba2Mixer(const std::string& mixer) {
    constexpr size_t kConv = kInner + 2 * 2 * kStates;
    Add(mixer + "in_proj.weight", {kInner + kConv + kHeads, kHidden});
    Add(mixer + "conv1d.weight", {kConv, 1, 4});
    Add(mixer + "conv1d.bias", {kConv});
    Add(mixer + "dt_bias", {kHeads});
    Add(mixer + "A_log", {kHeads});
    Add(mixer + "D", {kHeads});
    Add(mixer + "norm.weight", {kInner});
    Add(mixer + "out_proj.weight", {kHidden, kInner});
  }

  const std::string type_;
  TemporaryFolder folder_;
  testing::FloatTensors tensors_;
};

std::vector<TokenId> Text(size_t length, unsigned seed) {
  std::vector<TokenId> ids(length);
  for (size_t i = 0; i < length; ++i) ids[i] = static_cast<TokenId>((i * i * 7 + seed * 13) % 20);
  return ids;
}

PackedBatch BatchOf(const std::vector<std::vector<TokenId>>& sequences) {
  PackedBatch batch;
  for (const auto& ids : sequences) batch.Append(ids, std::vector<uint8_t>(ids.size()));
  return batch;
}

class StateSpaceTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, StateSpaceTest,
                         ::testing::Values("mamba", "mamba2", "falcon_mamba"));

// Sequences that begin, end and go on across the chunks in which rows are computed.
TEST_P(StateSpaceTest, BytesDoNotDependOnTheBatchTheThreadsOrTheChunks) {
  const TinyStateSpace folder(GetParam());
  ASSERT_OK_AND_ASSIGN(const auto model, folder.Load());
  const std::vector<std::vector<TokenId>> texts = {Text(1, 1),   Text(510, 2), Text(2, 3),
                                                   Text(600, 4), Text(3, 5),   Text(1, 6)};
  const PackedBatch batch = BatchOf(texts);
  ASSERT_OK(model->Check(batch));
  base::ThreadPool pool(4);
  std::vector<float> packed, threaded, observed, alone;
  model->Forward(batch, nullptr, packed, nullptr);
  model->Forward(batch, &pool, threaded, nullptr);
  EXPECT_TRUE(SameBytes(threaded, packed));
  size_t layers_seen = 0;
  model->Forward(batch, nullptr, observed, [&](size_t, std::span<const float> rows) {
    EXPECT_EQ(rows.size(), packed.size());
    ++layers_seen;
  });
  EXPECT_EQ(layers_seen, 3u);
  EXPECT_TRUE(SameBytes(observed, packed));
  const size_t d = model->dimensions().hidden;
  for (size_t s = 0; s < texts.size(); ++s) {
    model->Forward(BatchOf({texts[s]}), s % 2 == 0 ? &pool : nullptr, alone, nullptr);
    EXPECT_TRUE(SameBytes(alone, std::span(packed).subspan(batch.offsets[s] * d, alone.size())))
        << s;
  }
}

TEST_P(StateSpaceTest, StreamedRowsAreThoseOfTheRun) {
  const TinyStateSpace folder(GetParam());
  ASSERT_OK_AND_ASSIGN(const auto model, folder.Load());
  const auto* streaming = dynamic_cast<const StateSpaceModel*>(model.get());
  ASSERT_NE(streaming, nullptr);
  const PackedBatch batch = BatchOf({Text(1100, 1)});
  std::vector<float> whole, streamed;
  model->Forward(batch, nullptr, whole, nullptr);
  size_t parts = 0;
  streaming->Stream(batch, nullptr, [&](size_t first, std::span<const float> rows) {
    EXPECT_EQ(first * model->dimensions().hidden, streamed.size());
    streamed.insert(streamed.end(), rows.begin(), rows.end());
    ++parts;
  });
  EXPECT_GT(parts, 1u);
  EXPECT_TRUE(SameBytes(streamed, whole));
}

TEST_P(StateSpaceTest, ARowDoesNotDependOnWhatFollows) {
  const TinyStateSpace folder(GetParam());
  ASSERT_OK_AND_ASSIGN(const auto model, folder.Load());
  const std::vector<TokenId> text = Text(40, 9);
  std::vector<float> whole, beginning;
  model->Forward(BatchOf({text}), nullptr, whole, nullptr);
  model->Forward(BatchOf({{text.begin(), text.begin() + 17}}), nullptr, beginning, nullptr);
  EXPECT_TRUE(SameBytes(beginning, std::span(whole).first(beginning.size())));
}

TEST_P(StateSpaceTest, LowerPrecisionsStayNear) {
  const TinyStateSpace folder(GetParam());
  ASSERT_OK_AND_ASSIGN(const auto exact, folder.Load());
  const PackedBatch batch = BatchOf({Text(100, 3)});
  std::vector<float> want, got;
  exact->Forward(batch, nullptr, want, nullptr);
  for (const Precision precision : {Precision::kBf16, Precision::kInt8}) {
    ASSERT_OK_AND_ASSIGN(const auto model, folder.Load({.precision = precision}));
    model->Forward(batch, nullptr, got, nullptr);
    double dot = 0, got_squares = 0, want_squares = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      dot += static_cast<double>(got[i]) * want[i];
      got_squares += static_cast<double>(got[i]) * got[i];
      want_squares += static_cast<double>(want[i]) * want[i];
    }
    EXPECT_GT(dot / std::sqrt(got_squares * want_squares), 0.999) << PrecisionName(precision);
  }
}

struct RefusedConfig {
  std::string name;
  std::string type;
  Json changes;
  std::vector<std::string> expected;  // Parts of the message.
};

class RefusedStateSpaceTest : public ::testing::TestWithParam<RefusedConfig> {};

TEST_P(RefusedStateSpaceTest, ByFieldAndValue) {
  TinyStateSpace folder(GetParam().type);
  folder.Configure(GetParam().changes);
  const absl::Status status = folder.Load().status();
  ASSERT_FALSE(status.ok());
  for (const std::string& part : GetParam().expected) {
    EXPECT_NE(base::Message(status).find(part), std::string_view::npos) << status;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Configs, RefusedStateSpaceTest,
    ::testing::Values(
        RefusedConfig{"NoVocabulary", "mamba", {{"vocab_size", nullptr}}, {"vocab_size: missing"}},
        RefusedConfig{
            "Vocabulary", "mamba", {{"vocab_size", 21}}, {"embeddings.weight", "[20, 24]"}},
        RefusedConfig{"Activation", "mamba", {{"hidden_act", "gelu"}}, {"hidden_act", "gelu"}},
        RefusedConfig{"Rank", "mamba", {{"time_step_rank", 3}}, {"x_proj.weight", "[10, 48]"}},
        RefusedConfig{
            "RankWord", "mamba", {{"time_step_rank", "large"}}, {"time_step_rank", "large"}},
        RefusedConfig{"States", "falcon_mamba", {{"state_size", 0}}, {"state_size", "found 0"}},
        RefusedConfig{"Kernel", "mamba", {{"conv_kernel", 5}}, {"conv1d.weight", "[48, 1, 4]"}},
        RefusedConfig{"Biases", "mamba", {{"use_bias", true}}, {"in_proj.bias"}},
        RefusedConfig{"Half", "mamba", {{"residual_in_fp32", false}}, {"residual_in_fp32"}},
        RefusedConfig{"Layers", "mamba2", {{"num_hidden_layers", 3}}, {"layers.2"}},
        RefusedConfig{"HeadDim", "mamba2", {{"head_dim", 7}}, {"head_dim: 7"}},
        RefusedConfig{"Heads", "mamba2", {{"num_heads", 5}}, {"num_heads: 5 heads of 8"}},
        RefusedConfig{"Groups", "mamba2", {{"n_groups", 4}}, {"n_groups: 4"}},
        RefusedConfig{"Steps", "mamba2", {{"time_step_limit", {2.0, 1.0}}}, {"time_step_limit"}},
        RefusedConfig{
            "StepWords", "mamba2", {{"time_step_limit", {"a", "b"}}}, {"time_step_limit", "\"a\""}},
        RefusedConfig{"GateFirst", "mamba2", {{"norm_before_gate", true}}, {"norm_before_gate"}}),
    [](const auto& config) { return config.param.name; });

TEST(StateSpaceConfigTest, ATemperatureIsRefused) {
  const TinyStateSpace folder("mamba");
  const absl::Status status = folder.Load({.temperature = 0.5F}).status();
  EXPECT_NE(base::Message(status).find("temperature 0.5"), std::string_view::npos) << status;
}

// Python writes an infinite limit as a bare word, newer transformers as an object.
TEST(StateSpaceConfigTest, AnInfiniteStepLimitIsNone) {
  TinyStateSpace folder("mamba2");
  const PackedBatch batch = BatchOf({Text(20, 3)});
  std::vector<float> want, got;
  ASSERT_OK_AND_ASSIGN(const auto plain, folder.Load());
  plain->Forward(batch, nullptr, want, nullptr);
  for (const char* infinity : {"Infinity", R"({"__float__": "Infinity"})", "1e30"}) {
    folder.WriteConfig(fmt::format(
        R"({{"model_type":"mamba2","note":"no \"Infinity\" here","vocab_size":20,"hidden_size":24,)"
        R"("num_hidden_layers":2,"state_size":4,"num_heads":6,"head_dim":8,"n_groups":2,)"
        R"("time_step_limit":[0.0, {}]}})",
        infinity));
    ASSERT_OK_AND_ASSIGN(const auto model, folder.Load());
    model->Forward(batch, nullptr, got, nullptr);
    EXPECT_TRUE(SameBytes(got, want)) << infinity;
  }
  folder.Configure({{"time_step_limit", {0.0, 0.01}}});
  ASSERT_OK_AND_ASSIGN(const auto bounded, folder.Load());
  bounded->Forward(batch, nullptr, got, nullptr);
  EXPECT_FALSE(SameBytes(got, want));
}

}  // namespace
}  // namespace gannet::encoder
