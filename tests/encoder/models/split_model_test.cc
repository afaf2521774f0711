#include "encoder/models/split_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status.h"
#include "encoder/checkpoint/safetensors.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::encoder {
namespace {

constexpr size_t kJoin = 2;
constexpr double kTolerance = 2e-5;

// tests/data/tiny_bert with what a reference makes of its pairs when query and passage do not see
// each other in the first two layers: with the compressor of the checkpoint, and without.
class SplitModelTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    const std::filesystem::path tiny = testing::TestData("tiny_bert");
    ASSERT_OK_AND_ASSIGN(SafetensorsFile outputs,
                         SafetensorsFile::Open(tiny / "outputs.safetensors"));
    outputs_.emplace(std::move(outputs));
    nlohmann::json inputs;
    std::ifstream(tiny / "inputs.json") >> inputs;
    inputs_ = inputs["prettr"];
    std::filesystem::copy(tiny, folder_.path() / "model", std::filesystem::copy_options::recursive);
    if (!GetParam()) RemoveCompressor();
    ASSERT_OK_AND_ASSIGN(encoder_, Model::Load(path(), {}));
    ASSERT_OK_AND_ASSIGN(SplitModel model, SplitModel::Load(path(), kJoin, *encoder_));
    model_.emplace(std::move(model));
  }

  std::filesystem::path path() const { return folder_.path() / "model"; }
  std::string Prefix() const { return GetParam() ? "prettr.join2.c12." : "prettr.join2."; }

  void RemoveCompressor() {
    const std::filesystem::path file = path() / "model.safetensors";
    testing::FloatTensors kept;
    {
      ASSERT_OK_AND_ASSIGN(const SafetensorsFile whole, SafetensorsFile::Open(file));
      for (const auto& [name, view] : whole.tensors()) {
        if (!name.starts_with("prettr.")) kept[name] = {view.shape, ToFloats(view)};
      }
    }
    folder_.Write("model/model.safetensors", testing::SafetensorsContent(kept));
  }

  // The ids of a pair whose token type is `type`, at their places in the pair.
  PackedBatch Part(size_t pair, uint8_t type) const {
    PackedBatch part;
    std::vector<TokenId> ids;
    for (size_t i = 0; i < Length(pair); ++i) {
      if (inputs_["token_type_ids"][pair][i] != type) continue;
      ids.push_back(inputs_["input_ids"][pair][i]);
      part.given_positions.push_back(i);
    }
    part.Append(ids, std::vector<uint8_t>(ids.size(), type));
    return part;
  }

  size_t Length(size_t pair) const {
    const auto mask = inputs_["attention_mask"][pair].get<std::vector<int>>();
    return static_cast<size_t>(std::count(mask.begin(), mask.end(), 1));
  }

  // The terms of both parts of a pair, one after the other.
  std::vector<float> Terms(size_t pair, base::ThreadPool* pool = nullptr) const {
    std::vector<float> terms = model_->Terms(Part(pair, 0), pool);
    const std::vector<float> passage = model_->Terms(Part(pair, 1), pool);
    terms.insert(terms.end(), passage.begin(), passage.end());
    return terms;
  }

  PackedBatch Pair(size_t pair) const {
    PackedBatch batch;
    batch.Append(std::vector<TokenId>(Length(pair)), std::vector<uint8_t>(Length(pair)));
    return batch;
  }

  void ExpectRows(std::span<const float> got, const std::string& name, size_t pair, size_t rows) {
    const TensorView& tensor = outputs_->tensors().at(Prefix() + name);
    const std::vector<float> expected = ToFloats(tensor);
    const size_t of_pair = expected.size() / 2, width = tensor.shape.back();
    ASSERT_EQ(got.size(), rows * width) << name;
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i], expected[pair * of_pair + i], kTolerance) << name << " " << i;
    }
  }

  testing::TemporaryFolder folder_;
  std::optional<SafetensorsFile> outputs_;
  nlohmann::json inputs_;
  std::unique_ptr<const Model> encoder_;
  std::optional<SplitModel> model_;
};

INSTANTIATE_TEST_SUITE_P(TinyBert, SplitModelTest, ::testing::Bool(), [](const auto& compressed) {
  return compressed.param ? "Compressed" : "Whole";
});

TEST_P(SplitModelTest, TermsAndScoresEqualTheReference) {
  EXPECT_EQ(model_->width(), GetParam() ? 12u : 32u);
  for (size_t pair = 0; pair < 2; ++pair) {
    const std::vector<float> terms = Terms(pair);
    ExpectRows(terms, GetParam() ? "prettr.compressed" : "hidden.2", pair, Length(pair));
    const std::vector<float> joined = model_->Join(Pair(pair), terms, nullptr);
    ExpectRows(joined, "hidden.3", pair, 1);
    ExpectRows(model_->Scores(joined), "score", pair, 1);
  }
}

TEST_P(SplitModelTest, BytesDoNotDependOnCompanyOrThreads) {
  base::ThreadPool pool(3);
  const std::vector<float> first = Terms(0), second = Terms(1);
  EXPECT_EQ(first, Terms(0, &pool));
  PackedBatch both = Pair(0);
  both.Append(std::vector<TokenId>(Length(1)), std::vector<uint8_t>(Length(1)));
  std::vector<float> terms = first;
  terms.insert(terms.end(), second.begin(), second.end());
  const std::vector<float> joined = model_->Join(both, terms, &pool);
  std::vector<float> alone = model_->Join(Pair(0), first, nullptr);
  const std::vector<float> other = model_->Join(Pair(1), second, nullptr);
  alone.insert(alone.end(), other.begin(), other.end());
  EXPECT_EQ(joined, alone);
}

TEST_P(SplitModelTest, LayersThatCannotJoinAndOtherFamiliesAreRefused) {
  for (const size_t join : {size_t{0}, size_t{3}}) {
    const absl::Status status = SplitModel::Load(path(), join, *encoder_).status();
    EXPECT_NE(base::Message(status).find("expected 1 to 2"), std::string_view::npos) << status;
  }
  folder_.Write("model/config.json", R"({"model_type": "modernbert"})");
  const absl::Status status = SplitModel::Load(path(), 1, *encoder_).status();
  EXPECT_NE(base::Message(status).find("\"modernbert\" cannot be split"), std::string_view::npos);
}

}  // namespace
}  // namespace gannet::encoder
