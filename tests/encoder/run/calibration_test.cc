#include "encoder/run/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "absl/functional/function_ref.h"
#include "base/file.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/embed/embedder.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::encoder {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::filesystem::path kTinyBert = testing::TestData("tiny_bert");
constexpr std::string_view kOutlierLayer = "encoder.layer.1.output.dense";

std::unique_ptr<const Embedder> OpenOrDie(const std::filesystem::path& folder,
                                          const ModelOptions& options) {
  auto model = Embedder::Open(folder, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

testing::FloatTensors TensorsOf(const std::filesystem::path& path) {
  const auto file = SafetensorsFile::Open(path);
  EXPECT_TRUE(file.ok()) << file.status();
  testing::FloatTensors tensors;
  for (const auto& [name, tensor] : file->tensors()) {
    tensors[name] = {tensor.shape, ToFloats(tensor)};
  }
  return tensors;
}

constexpr size_t kHidden = 32, kInner = 64, kChannel = 5;

// tiny_bert with another inner value in one layer.
class ChangedModel {
 public:
  explicit ChangedModel(absl::FunctionRef<void(testing::FloatTensors& tensors)> change) {
    std::filesystem::copy(kTinyBert, path(), std::filesystem::copy_options::recursive);
    testing::FloatTensors tensors = TensorsOf(kTinyBert / "model.safetensors");
    change(tensors);
    folder_.Write("model/model.safetensors", testing::SafetensorsContent(tensors));
  }
  std::filesystem::path path() const { return folder_.path() / "model"; }

 private:
  testing::TemporaryFolder folder_;
};

// The value is 2,000 times as large, and read as much less: nearly the same vectors in fp32, but
// int8 has no steps left for the values beside it.
void MakeOneInputLarge(testing::FloatTensors& tensors) {
  constexpr float kFactor = 2000;
  auto& up = tensors["encoder.layer.1.intermediate.dense.weight"].values;
  for (size_t i = 0; i < kHidden; ++i) up[kChannel * kHidden + i] *= kFactor;
  tensors["encoder.layer.1.intermediate.dense.bias"].values[kChannel] *= kFactor;
  auto& down = tensors["encoder.layer.1.output.dense.weight"].values;
  for (size_t o = 0; o < kHidden; ++o) down[o * kInner + kChannel] /= kFactor;
}

// The value is always 16,384, which the bias behind takes off again: its weights are not small, so
// that they cannot take it over.
void MakeOneInputLargeAndItsWeightsNotSmall(testing::FloatTensors& tensors) {
  constexpr float kValue = 16384, kWeight = 1.0F / 64;
  auto& up = tensors["encoder.layer.1.intermediate.dense.weight"].values;
  for (size_t i = 0; i < kHidden; ++i) up[kChannel * kHidden + i] = 0;
  tensors["encoder.layer.1.intermediate.dense.bias"].values[kChannel] = kValue;
  auto& down = tensors["encoder.layer.1.output.dense.weight"].values;
  auto& bias = tensors["encoder.layer.1.output.dense.bias"].values;
  for (size_t o = 0; o < kHidden; ++o) {
    down[o * kInner + kChannel] = kWeight;
    bias[o] -= kValue * kWeight;
  }
}

double MeanCosine(const Embedder& a, const Embedder& b) {
  const std::vector<std::string_view> texts = {"the sea", "a river of stone", "wings and salt",
                                               "a bird dives", "why"};
  base::ThreadPool pool(1);
  const auto of_a = a.Embed(texts, TextRole::kDocument, pool);
  const auto of_b = b.Embed(texts, TextRole::kDocument, pool);
  EXPECT_TRUE(of_a.ok() && of_b.ok());
  double sum = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto x = (*of_a)[i], y = (*of_b)[i];
    const auto dot = [](auto u, auto v) {
      return std::inner_product(u.begin(), u.end(), v.begin(), 0.0);
    };
    sum += dot(x, y) / std::sqrt(dot(x, x) * dot(y, y));
  }
  return sum / static_cast<double>(texts.size());
}

TEST(CalibrationTest, BalancesALayerWithALargeInput) {
  const ChangedModel folder(MakeOneInputLarge);
  const auto exact = OpenOrDie(folder.path(), {});
  const auto calibrated = OpenOrDie(folder.path(), {.precision = Precision::kInt8});
  EXPECT_THAT(*calibrated->options().bf16_layers, Not(Contains(kOutlierLayer)));
  EXPECT_LT(1 - MeanCosine(*exact, *calibrated), 2e-4);
}

TEST(CalibrationTest, KeepsALayerWithAnOutlierInBf16) {
  const ChangedModel folder(MakeOneInputLargeAndItsWeightsNotSmall);
  const auto exact = OpenOrDie(folder.path(), {});
  const auto calibrated = OpenOrDie(folder.path(), {.precision = Precision::kInt8});
  ASSERT_TRUE(calibrated->options().bf16_layers.has_value());
  EXPECT_THAT(*calibrated->options().bf16_layers, Contains(kOutlierLayer));
  EXPECT_THAT(calibrated->ComputePath(), HasSubstr("linear layers: bf16"));
  EXPECT_THAT(calibrated->ComputePath(), HasSubstr("linear layers: int8"));

  const auto all_int8 = OpenOrDie(
      folder.path(), {.precision = Precision::kInt8, .bf16_layers = std::vector<std::string>()});
  EXPECT_THAT(all_int8->ComputePath(), Not(HasSubstr("bf16")));
  const double loss = 1 - MeanCosine(*exact, *all_int8);
  EXPECT_LT(1 - MeanCosine(*exact, *calibrated), loss / 5);
}

TEST(CalibrationTest, TheLayersItNamesAreTheSameModelAgain) {
  const ChangedModel folder(MakeOneInputLargeAndItsWeightsNotSmall);
  const auto calibrated = OpenOrDie(folder.path(), {.precision = Precision::kInt8});
  const auto named = OpenOrDie(folder.path(), calibrated->options());
  EXPECT_EQ(named->fingerprint(), calibrated->fingerprint());
  const auto all_int8 = OpenOrDie(
      folder.path(), {.precision = Precision::kInt8, .bf16_layers = std::vector<std::string>()});
  EXPECT_NE(all_int8->fingerprint(), calibrated->fingerprint());
  base::ThreadPool pool(1);
  const std::vector<std::string_view> texts = {"a river of stone"};
  const auto a = calibrated->Embed(texts, TextRole::kDocument, pool);
  const auto b = named->Embed(texts, TextRole::kDocument, pool);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->values, b->values);
}

TEST(CalibrationTest, LeavesLayersWithoutOutliersInInt8) {
  const auto model = OpenOrDie(kTinyBert, {.precision = Precision::kInt8});
  ASSERT_TRUE(model->options().bf16_layers.has_value());
  EXPECT_THAT(*model->options().bf16_layers, Not(Contains(kOutlierLayer)));
}

TEST(CalibrationTest, MiniLmNeedsNone) {
  GANNET_SHARED_OR_SKIP(folder, "models/all-MiniLM-L6-v2");
  const auto model = OpenOrDie(folder, {.precision = Precision::kInt8});
  EXPECT_THAT(*model->options().bf16_layers, IsEmpty());
}

}  // namespace
}  // namespace gannet::encoder
