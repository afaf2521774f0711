// What a long document costs beyond the weights: attention must not hold a score for every pair of
// tokens (8,192² scores of 12 heads are 3.2 GB). CTest runs each test in a process of its own, so
// the peak of the process is the peak of the test.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

#include "base/thread_pool.h"
#include "encoder/embed/embedder.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GANNET_SANITIZED 1
#endif

namespace gannet::encoder {
namespace {

using testing::FloatTensors;
using testing::RandomTensor;

constexpr size_t kTokens = 8192;
// The width of all-MiniLM-L6-v2; two layers, because layers follow each other in the same memory.
constexpr size_t kHidden = 384, kIntermediate = 1536, kHeads = 12, kLayers = 2;
constexpr size_t kVocabulary = 99;  // Of tests/data/tiny_bert.

class TensorsOfBert {
 public:
  TensorsOfBert() {
    AddMatrix("embeddings.word_embeddings", kVocabulary, kHidden);
    AddMatrix("embeddings.position_embeddings", kTokens, kHidden);
    AddMatrix("embeddings.token_type_embeddings", 2, kHidden);
    AddNorm("embeddings.LayerNorm");
    for (size_t i = 0; i < kLayers; ++i) {
      const std::string layer = fmt::format("encoder.layer.{}.", i);
      AddLinear(layer + "attention.self.query", kHidden, kHidden);
      AddLinear(layer + "attention.self.key", kHidden, kHidden);
      AddLinear(layer + "attention.self.value", kHidden, kHidden);
      AddLinear(layer + "attention.output.dense", kHidden, kHidden);
      AddNorm(layer + "attention.output.LayerNorm");
      AddLinear(layer + "intermediate.dense", kIntermediate, kHidden);
      AddLinear(layer + "output.dense", kHidden, kIntermediate);
      AddNorm(layer + "output.LayerNorm");
    }
  }

  const FloatTensors& tensors() const { return tensors_; }

 private:
  void AddMatrix(const std::string& name, size_t rows, size_t columns) {
    tensors_[name + ".weight"] = RandomTensor({rows, columns}, seed_++, 0.05F);
  }
  void AddLinear(const std::string& name, size_t outputs, size_t inputs) {
    AddMatrix(name, outputs, inputs);
    tensors_[name + ".bias"] = RandomTensor({outputs}, seed_++, 0.05F);
  }
  void AddNorm(const std::string& name) {
    tensors_[name + ".weight"] = {{kHidden}, std::vector<float>(kHidden, 1)};
    tensors_[name + ".bias"] = {{kHidden}, std::vector<float>(kHidden, 0)};
  }

  FloatTensors tensors_;
  unsigned seed_ = 1;
};

// tests/data/tiny_bert with another transformer in it.
void WriteModel(const testing::TemporaryFolder& folder) {
  std::filesystem::copy(testing::TestData("tiny_bert"), folder.path(),
                        std::filesystem::copy_options::recursive);
  folder.Write(
      "config.json",
      fmt::format(R"({{"model_type":"bert","vocab_size":{},"hidden_size":{},)"
                  R"("num_hidden_layers":{},"num_attention_heads":{},"intermediate_size":{},)"
                  R"("max_position_embeddings":{},"type_vocab_size":2,"hidden_act":"gelu"}})",
                  kVocabulary, kHidden, kLayers, kHeads, kIntermediate, kTokens));
  folder.Write("sentence_bert_config.json", fmt::format(R"({{"max_seq_length":{}}})", kTokens));
  folder.Write("model.safetensors", testing::SafetensorsContent(TensorsOfBert().tensors()));
}

// A size in /proc/self/status, such as "VmHWM" (the peak of resident memory), in bytes.
size_t ProcessBytes(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    size_t kilobytes = 0;
    if (name == fmt::format("{}:", field) && status >> kilobytes) return kilobytes * 1024;
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  ADD_FAILURE() << "/proc/self/status has no " << field;
  return 0;
}

// Memory that was freed goes back, and the peak starts anew from what is resident now.
void ForgetPeak() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

class LongDocumentMemoryTest : public ::testing::TestWithParam<Precision> {};
INSTANTIATE_TEST_SUITE_P(Precisions, LongDocumentMemoryTest,
                         ::testing::Values(Precision::kFp32, Precision::kBf16, Precision::kInt8),
                         [](const auto& test) { return std::string(PrecisionName(test.param)); });

TEST_P(LongDocumentMemoryTest, EightThousandTokensCostLessThan200MegabytesBeyondTheWeights) {
#ifdef GANNET_SANITIZED
  GTEST_SKIP() << "a sanitizer's own memory would be counted";
#endif
  const testing::TemporaryFolder folder;
  WriteModel(folder);
  ASSERT_OK_AND_ASSIGN(const auto model, Embedder::Open(folder.path(), {.precision = GetParam()}));
  std::string document;
  for (size_t i = 0; i < kTokens - 2; ++i) document += i % 7 == 0 ? "stone " : "sea ";
  const std::string_view text = document;
  base::ThreadPool pool(4);

  ForgetPeak();
  const size_t before = ProcessBytes("VmRSS");
  const auto embeddings = model->Embed(std::span(&text, 1), TextRole::kDocument, pool);
  const size_t peak = ProcessBytes("VmHWM");
  ASSERT_TRUE(embeddings.ok()) << embeddings.status();
  EXPECT_EQ(embeddings->tokens[0].read, kTokens);
  EXPECT_FALSE(embeddings->tokens[0].cut());
  EXPECT_TRUE(std::ranges::all_of((*embeddings)[0], [](float v) { return std::isfinite(v); }));

  // At least the token vectors must show, or nothing was measured.
  EXPECT_GT(peak, before + kTokens * kHidden * sizeof(float));
  EXPECT_LT(peak, before + 200'000'000);
  RecordProperty("megabytes_beyond_the_weights",
                 std::to_string((static_cast<double>(peak) - static_cast<double>(before)) / 1e6));
}

}  // namespace
}  // namespace gannet::encoder
