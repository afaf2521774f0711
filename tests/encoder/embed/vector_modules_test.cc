#include "encoder/embed/vector_modules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "base/status.h"
#include "encoder/embed/embedder.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::encoder {
namespace {

using testing::FloatTensors;
using testing::RandomTensor;
using testing::TemporaryFolder;

// tests/data/tiny_bert (32 values, mean pooling) with other modules after the pooling.
class TinyBertWithModules {
 public:
  explicit TinyBertWithModules(const std::vector<std::string>& types) {
    std::filesystem::copy(testing::TestData("tiny_bert"), path(),
                          std::filesystem::copy_options::recursive);
    std::string list = R"([{"path":"","type":"sentence_transformers.models.Transformer"},)"
                       R"({"path":"1_Pooling","type":"sentence_transformers.models.Pooling"})";
    for (size_t i = 0; i < types.size(); ++i) {
      list += fmt::format(R"(,{{"path":"{}","type":"sentence_transformers.models.{}"}})",
                          ModulePath(i), types[i]);
    }
    folder_.Write("model/modules.json", list + "]");
  }

  // The files of module i after the pooling.
  void WriteModule(size_t i, const std::string& config, const FloatTensors& tensors) {
    folder_.Write(fmt::format("model/{}/config.json", ModulePath(i)), config);
    folder_.Write(fmt::format("model/{}/model.safetensors", ModulePath(i)),
                  testing::SafetensorsContent(tensors));
  }

  std::filesystem::path path() const { return folder_.path() / "model"; }

 private:
  static std::string ModulePath(size_t i) { return fmt::format("{}_Module", i + 2); }

  TemporaryFolder folder_;
};

std::string DenseConfig(size_t inputs, size_t outputs, const std::string& rest = "") {
  return fmt::format(R"({{"in_features":{},"out_features":{}{}}})", inputs, outputs, rest);
}

Embeddings EmbedTexts(const std::filesystem::path& folder,
                      std::vector<std::string_view> texts = {"the sea", "", "a river of stone"}) {
  const auto model = Embedder::Open(folder);
  EXPECT_TRUE(model.ok()) << model.status();
  if (!model.ok()) return {};
  base::ThreadPool pool(2);
  auto embeddings = (*model)->Embed(texts, TextRole::kDocument, pool);
  EXPECT_TRUE(embeddings.ok()) << embeddings.status();
  EXPECT_EQ((*model)->dimension(), embeddings->dimension);
  return *std::move(embeddings);
}

// f(W x + b) in double precision; an empty bias is none.
std::vector<double> DenseByFormula(const std::vector<double>& x, const FloatTensors& tensors,
                                   const std::function<double(double)>& f) {
  const auto& weight = tensors.at("linear.weight");
  std::vector<double> y;
  for (size_t o = 0; o < weight.shape[0]; ++o) {
    double sum = tensors.contains("linear.bias") ? tensors.at("linear.bias").values[o] : 0;
    for (size_t i = 0; i < x.size(); ++i) sum += weight.values[o * x.size() + i] * x[i];
    y.push_back(f(sum));
  }
  return y;
}

void ExpectNear(std::span<const float> got, const std::vector<double>& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], tolerance) << i;
}

FloatTensors DenseTensors(size_t inputs, size_t outputs, unsigned seed) {
  return {{"linear.weight", RandomTensor({outputs, inputs}, seed, 0.2F)},
          {"linear.bias", RandomTensor({outputs}, seed + 1, 0.2F)}};
}

TEST(VectorModulesTest, EveryActivationOfADenseModuleEqualsItsFormula) {
  const Embeddings pooled = EmbedTexts(TinyBertWithModules({}).path());
  ASSERT_EQ(pooled.dimension, 32u);
  const FloatTensors tensors = DenseTensors(32, 40, 1);
  const std::pair<std::string, std::function<double(double)>> activations[] = {
      {"", [](double x) { return std::tanh(x); }},
      {"torch.nn.modules.activation.Tanh", [](double x) { return std::tanh(x); }},
      {"torch.nn.modules.linear.Identity", [](double x) { return x; }},
      {"torch.nn.modules.activation.ReLU", [](double x) { return std::max(x, 0.0); }},
      {"torch.nn.modules.activation.GELU",
       [](double x) { return x / 2 * std::erfc(-x / std::sqrt(2.0)); }},
      {"torch.nn.modules.activation.SiLU", [](double x) { return x / (1 + std::exp(-x)); }},
      {"torch.nn.modules.activation.Sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }}};
  for (const auto& [name, f] : activations) {
    TinyBertWithModules folder({"Dense"});
    folder.WriteModule(
        0,
        DenseConfig(32, 40,
                    name.empty() ? "" : fmt::format(R"(,"activation_function":"{}")", name)),
        tensors);
    const Embeddings got = EmbedTexts(folder.path());
    ASSERT_EQ(got.dimension, 40u);
    for (size_t t = 0; t < got.size(); ++t) {
      const std::vector<double> x(pooled[t].begin(), pooled[t].end());
      ExpectNear(got[t], DenseByFormula(x, tensors, f), 5e-6);
    }
  }
}

TEST(VectorModulesTest, SeveralModulesFollowEachOther) {
  const Embeddings pooled = EmbedTexts(TinyBertWithModules({}).path());
  const FloatTensors first = DenseTensors(32, 48, 3);
  FloatTensors second = DenseTensors(48, 16, 5);
  second.erase("linear.bias");
  const FloatTensors norm = {{"norm.weight", RandomTensor({16}, 7)},
                             {"norm.bias", RandomTensor({16}, 8)}};
  const std::string identity = R"(,"activation_function":"torch.nn.modules.linear.Identity")";
  TinyBertWithModules folder({"Dense", "Dense", "LayerNorm", "Normalize"});
  folder.WriteModule(0, DenseConfig(32, 48, identity), first);
  folder.WriteModule(1, DenseConfig(48, 16, R"(,"bias":false)" + identity), second);
  folder.WriteModule(2, R"({"dimension":16})", norm);
  const Embeddings got = EmbedTexts(folder.path());

  const auto same = [](double x) { return x; };
  for (size_t t = 0; t < got.size(); ++t) {
    const std::vector<double> x(pooled[t].begin(), pooled[t].end());
    std::vector<double> y = DenseByFormula(DenseByFormula(x, first, same), second, same);
    double mean = 0, variance = 0, squares = 0;
    for (const double v : y) mean += v / 16;
    for (const double v : y) variance += (v - mean) * (v - mean) / 16;
    for (size_t i = 0; i < 16; ++i) {
      y[i] = (y[i] - mean) / std::sqrt(variance + 1e-5) * norm.at("norm.weight").values[i] +
             norm.at("norm.bias").values[i];
      squares += y[i] * y[i];
    }
    for (double& v : y) v /= std::sqrt(squares);
    ExpectNear(got[t], y, 5e-6);
  }
}

TEST(VectorModulesTest, BytesDoNotDependOnTheCompany) {
  TinyBertWithModules folder({"Dense", "Normalize"});
  folder.WriteModule(0, DenseConfig(32, 24), DenseTensors(32, 24, 9));
  const std::vector<std::string_view> texts = {"the sea", "", "a river of stone", "stone"};
  const Embeddings together = EmbedTexts(folder.path(), texts);
  for (size_t t = 0; t < texts.size(); ++t) {
    const Embeddings alone = EmbedTexts(folder.path(), {texts[t]});
    EXPECT_EQ(std::memcmp(alone.values.data(), together[t].data(), together[t].size_bytes()), 0);
  }
}

TEST(VectorModulesTest, BadModulesAreRefusedByFileAndField) {
  const FloatTensors tensors = DenseTensors(32, 8, 11);
  for (const auto& [config, expected] :
       {std::pair{DenseConfig(16, 8), std::vector<std::string>{"in_features", "16", "32"}},
        {DenseConfig(32, 9), {"linear.weight", "[8, 32]", "expected [9, 32]"}},
        {DenseConfig(32, 8, R"(,"activation_function":"torch.nn.modules.activation.Mish")"),
         {"activation_function", "Mish"}},
        {DenseConfig(32, 8, R"(,"module_input_name":"token_embeddings")"),
         {"module_input_name", "token_embeddings"}}}) {
    TinyBertWithModules folder({"Dense"});
    folder.WriteModule(0, config, tensors);
    const absl::Status status = Embedder::Open(folder.path()).status();
    ASSERT_FALSE(status.ok());
    EXPECT_NE(base::Message(status).find("2_Module"), std::string_view::npos) << status;
    for (const std::string& part : expected) {
      EXPECT_NE(base::Message(status).find(part), std::string_view::npos) << status;
    }
  }
}

}  // namespace
}  // namespace gannet::encoder
