#include "encoder/embed/block_fusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/checkpoint/tensor.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::encoder {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

constexpr double kTolerance = 1e-5;

// The golden fusion layer of that name, in a folder under the names of SEA's checkpoints.
void WriteLayer(const SafetensorsFile& golden, const std::string& layer,
                const testing::TemporaryFolder& folder) {
  const std::string prefix = "sea." + layer + ".";
  testing::FloatTensors tensors;
  for (const auto& [name, tensor] : golden.tensors()) {
    if (!name.starts_with(prefix)) continue;
    tensors["fusion_layer.embedding_common." + name.substr(prefix.size())] = {tensor.shape,
                                                                              ToFloats(tensor)};
  }
  folder.Write("model.safetensors", testing::SafetensorsContent(tensors));
}

class SeaGolden : public ::testing::Test {
 protected:
  // [blocks, d], one after the other.
  static std::vector<float> Blocks(const std::filesystem::path& golden) {
    std::ifstream stream(golden / "inputs.json");
    const nlohmann::json inputs = nlohmann::json::parse(stream);
    std::vector<float> blocks;
    for (const auto& block : inputs["sea.blocks"]) {
      for (const float value : block.get<std::vector<float>>()) blocks.push_back(value);
    }
    return blocks;
  }
};

TEST_F(SeaGolden, EveryFusionIsTheReleasedOne) {
  GANNET_SHARED_OR_SKIP(golden, "golden/aggregators");
  ASSERT_OK_AND_ASSIGN(const auto weights, SafetensorsFile::Open(golden / "model.safetensors"));
  ASSERT_OK_AND_ASSIGN(const auto outputs, SafetensorsFile::Open(golden / "outputs.safetensors"));
  const std::vector<float> blocks = Blocks(golden);
  size_t compared = 0;
  for (const std::string& layer : {std::string("one_layer"), std::string("two_layer")}) {
    const testing::TemporaryFolder folder;
    WriteLayer(weights, layer, folder);
    ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(folder.path()));
    for (const std::string& kind :
         {layer, layer + "+mean", layer + "+max", std::string("mean"), std::string("max")}) {
      const bool alone = kind == "mean" || kind == "max";
      const TensorView& expected = outputs.tensors().at("sea." + kind + (alone ? "pooling" : ""));
      std::vector<float> fused(expected.elements());
      ASSERT_OK_AND_ASSIGN(const FusionKind parsed, FusionKind::Parse(kind));
      EXPECT_EQ(parsed.Name(), kind);
      ASSERT_OK_AND_ASSIGN(
          const BlockFusion fusion,
          BlockFusion::Load(checkpoint, parsed, FusionForm::kReleased, fused.size()));
      fusion.Apply(blocks, fused);
      EXPECT_THAT(fused, Pointwise(FloatNear(kTolerance), ToFloats(expected))) << kind;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 10);
}

TEST_F(SeaGolden, OneBlockIsItselfAndTheReleasedFormGrowsWithTheirNumber) {
  GANNET_SHARED_OR_SKIP(golden, "golden/aggregators");
  ASSERT_OK_AND_ASSIGN(const auto weights, SafetensorsFile::Open(golden / "model.safetensors"));
  ASSERT_OK_AND_ASSIGN(const auto outputs, SafetensorsFile::Open(golden / "outputs.safetensors"));
  const testing::TemporaryFolder folder;
  WriteLayer(weights, "one_layer", folder);
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(folder.path()));
  const std::vector<float> single =
      ToFloats(outputs.tensors().at("sea.one_layer+mean.single_block"));
  const std::vector<float> twice = ToFloats(outputs.tensors().at("sea.one_layer+mean.block_twice"));
  const size_t d = single.size();
  std::vector<float> x = Blocks(golden);
  x.resize(d);
  std::vector<float> x_twice = x;
  x_twice.insert(x_twice.end(), x.begin(), x.end());
  for (const FusionForm form : {FusionForm::kReleased, FusionForm::kUnbiased}) {
    ASSERT_OK_AND_ASSIGN(const BlockFusion fusion,
                         BlockFusion::Load(checkpoint, BlockFusion::KindIn(checkpoint), form, d));
    std::vector<float> fused(d);
    fusion.Apply(x, fused);
    EXPECT_THAT(fused, Pointwise(FloatNear(kTolerance), single));
    fusion.Apply(x_twice, fused);
    EXPECT_THAT(fused,
                Pointwise(FloatNear(kTolerance), form == FusionForm::kReleased ? twice : single));
  }
}

// x₁ = (2, 0), x₂ = (0, 4), α = (1/2, 1/2): attended (1, 2), mean (1, 2), g = 3.
TEST(BlockFusion, ScalesThePooledVectorByTheCheckpointsWeight) {
  const testing::TemporaryFolder folder;
  folder.Write(
      "model.safetensors",
      testing::SafetensorsContent({{"fusion_layer.embedding_common.0.weight", {{1, 2}, {0, 0}}},
                                   {"fusion_layer.embedding_common.0.bias", {{1}, {7}}},
                                   {"fusion_layer.global_emb_weight_net.weight", {{1, 1}, {3}}}}));
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(folder.path()));
  const std::vector<float> blocks = {2, 0, 0, 4};
  std::vector<float> fused(2);
  for (const auto& [form, expected] :
       {std::pair{FusionForm::kUnbiased, std::vector<float>{0.5F + 1.5F, 1 + 3}},
        std::pair{FusionForm::kReleased, std::vector<float>{0.5F + 3, 1 + 6}}}) {
    ASSERT_OK_AND_ASSIGN(const BlockFusion fusion,
                         BlockFusion::Load(checkpoint, BlockFusion::KindIn(checkpoint), form, 2));
    fusion.Apply(blocks, fused);
    EXPECT_EQ(fused, expected);
  }
}

TEST(BlockFusion, SaysWhatIsWrong) {
  EXPECT_THAT(std::string(base::Message(FusionKind::Parse("sum").status())),
              HasSubstr("\"sum\" is not among mean, max, one_layer, one_layer+mean"));
  const testing::TemporaryFolder folder;
  folder.Write("model.safetensors",
               testing::SafetensorsContent(
                   {{"fusion_layer.embedding_common.0.weight", {{1, 3}, {0, 0, 0}}}}));
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(folder.path()));
  EXPECT_THAT(std::string(base::Message(
                  BlockFusion::Load(checkpoint, {}, FusionForm::kUnbiased, 2).status())),
              HasSubstr("tensor fusion_layer.embedding_common.0.weight: shape [1, 3], expected "
                        "[1, 2]"));
}

}  // namespace
}  // namespace gannet::encoder
