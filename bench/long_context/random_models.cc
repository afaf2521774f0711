#include "bench/long_context/random_models.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "tests/testing/m2bert_tensors.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::bench {
namespace {

class Builder {
 public:
  // Matrices keep activations of size 1: 1/√inputs. Vectors are ones, or `constant`.
  void AddMatrix(const std::string& name, std::vector<size_t> shape) {
    const float deviation = 1 / std::sqrt(static_cast<float>(shape.back()));
    const auto seed = static_cast<unsigned>(tensors_.size());
    tensors_[name] = testing::RandomTensor(std::move(shape), seed, deviation);
  }
  void AddVector(const std::string& name, size_t size, float constant) {
    tensors_[name] = {{size}, std::vector<float>(size, constant)};
  }
  void AddLinear(const std::string& name, size_t outputs, size_t inputs) {
    AddMatrix(name + ".weight", {outputs, inputs});
    AddVector(name + ".bias", outputs, 0);
  }
  void AddNorm(const std::string& name, size_t size) {
    AddVector(name + ".weight", size, 1);
    AddVector(name + ".bias", size, 0);
  }
  // TensorFlow's linear layer and norm.
  void AddKernel(const std::string& name, size_t outputs, size_t inputs) {
    AddMatrix(name + "/kernel", {inputs, outputs});
    AddVector(name + "/bias", outputs, 0);
  }
  void AddGamma(const std::string& name, size_t size) {
    AddVector(name + "/gamma", size, 1);
    AddVector(name + "/beta", size, 0);
  }
  void Set(const std::string& name, testing::FloatTensor tensor) {
    tensors_[name] = std::move(tensor);
  }
  const testing::FloatTensors& tensors() const { return tensors_; }

 private:
  testing::FloatTensors tensors_;
};

absl::Status Write(const std::filesystem::path& folder, const char* file, const std::string& config,
                   const testing::FloatTensors& tensors) {
  GANNET_RETURN_IF_ERROR(base::CreateDirectories(folder));
  GANNET_RETURN_IF_ERROR(base::WriteFileAtomically(folder / file, config));
  return base::WriteFileAtomically(folder / "model.safetensors",
                                   testing::SafetensorsContent(tensors));
}

absl::Status WriteBert(const std::filesystem::path& folder, size_t layers, size_t d, size_t heads) {
  constexpr size_t kVocabulary = 30522, kPositions = 512;
  Builder builder;
  builder.AddMatrix("embeddings.word_embeddings.weight", {kVocabulary, d});
  builder.AddMatrix("embeddings.position_embeddings.weight", {kPositions, d});
  builder.AddMatrix("embeddings.token_type_embeddings.weight", {2, d});
  builder.AddNorm("embeddings.LayerNorm", d);
  for (size_t i = 0; i < layers; ++i) {
    const std::string layer = fmt::format("encoder.layer.{}.", i);
    for (const char* part : {"query", "key", "value"}) {
      builder.AddLinear(layer + "attention.self." + part, d, d);
    }
    builder.AddLinear(layer + "attention.output.dense", d, d);
    builder.AddNorm(layer + "attention.output.LayerNorm", d);
    builder.AddLinear(layer + "intermediate.dense", 4 * d, d);
    builder.AddLinear(layer + "output.dense", d, 4 * d);
    builder.AddNorm(layer + "output.LayerNorm", d);
  }
  return Write(folder, "config.json",
               fmt::format(R"({{"model_type":"bert","vocab_size":{},"hidden_size":{},)"
                           R"("num_hidden_layers":{},"num_attention_heads":{},)"
                           R"("intermediate_size":{},"max_position_embeddings":{}}})",
                           kVocabulary, d, layers, heads, 4 * d, kPositions),
               builder.tensors());
}

constexpr size_t kSmithHidden = 256, kSmithFeedForward = 512;

// Layers of SMITH's BERT under `encoder`, and a pooler.
void AddSmithEncoder(const std::string& encoder, const std::string& pooler, size_t layers,
                     Builder& builder) {
  constexpr size_t d = kSmithHidden;
  for (size_t i = 0; i < layers; ++i) {
    const std::string layer = fmt::format("{}/layer_{}/", encoder, i);
    for (const char* part : {"query", "key", "value"}) {
      builder.AddKernel(layer + "attention/self/" + part, d, d);
    }
    builder.AddKernel(layer + "attention/output/dense", d, d);
    builder.AddGamma(layer + "attention/output/LayerNorm", d);
    builder.AddKernel(layer + "intermediate/dense", kSmithFeedForward, d);
    builder.AddKernel(layer + "output/dense", d, kSmithFeedForward);
    builder.AddGamma(layer + "output/LayerNorm", d);
  }
  builder.AddKernel(pooler + "/dense", d, d);
}

std::string SmithBertConfig(size_t vocabulary, size_t layers, size_t positions) {
  return fmt::format(R"({{"vocab_size":{},"hidden_size":{},"num_hidden_layers":{},)"
                     R"("num_attention_heads":4,"intermediate_size":{},"hidden_act":"gelu",)"
                     R"("max_position_embeddings":{},"type_vocab_size":2}})",
                     vocabulary, kSmithHidden, layers, kSmithFeedForward, positions);
}

}  // namespace

absl::Status WriteSmith(const std::filesystem::path& folder) {
  constexpr size_t d = kSmithHidden, kVocabulary = 30522, kPositions = 256, kBlocks = 1024;
  constexpr size_t kBlockLayers = 4, kDocumentLayers = 3;
  Builder builder;
  builder.AddMatrix("bert/embeddings/word_embeddings", {kVocabulary, d});
  builder.AddMatrix("bert/embeddings/position_embeddings", {kPositions, d});
  builder.AddMatrix("bert/embeddings/token_type_embeddings", {2, d});
  builder.AddGamma("bert/embeddings/LayerNorm", d);
  AddSmithEncoder("bert/encoder", "bert/pooler", kBlockLayers, builder);
  builder.AddKernel("seq_rep_from_bert_sent_dense/dense", d, d);
  builder.AddMatrix("doc_bert/doc_embeddings/position_embeddings", {kBlocks, d});
  builder.AddGamma("doc_bert/doc_embeddings/LayerNorm", d);
  AddSmithEncoder("doc_bert/doc_encoder", "doc_bert/doc_pooler", kDocumentLayers, builder);
  builder.AddKernel("seq_rep_from_bert_doc_dense/dense", d, d);
  const std::string config = fmt::format(
      R"({{"model":"smith","max_doc_length_by_sentence":{0},"loop_sent_number_per_doc":{0},)"
      R"("sent_bert_config":{1},"doc_bert_config":{2}}})",
      kBlocks, SmithBertConfig(kVocabulary, kBlockLayers, kPositions),
      SmithBertConfig(kVocabulary, kDocumentLayers, kBlocks));
  return Write(folder, "gannet.json", config, builder.tensors());
}

absl::Status WriteM2Bert80M(const std::filesystem::path& folder) {
  const testing::M2BertShape shape{.vocabulary = 30528,
                                   .hidden = 768,
                                   .layers = 12,
                                   .intermediate = 3072,
                                   .longest = 32768,
                                   .order = 128};
  return Write(folder, "config.json", testing::M2BertConfig(shape), testing::M2BertTensors(shape));
}

absl::Status WriteMamba130M(const std::filesystem::path& folder) {
  constexpr size_t kVocabulary = 50280, d = 768, kInner = 1536, kStates = 16, kRank = 48;
  Builder builder;
  builder.AddMatrix("backbone.embeddings.weight", {kVocabulary, d});
  builder.AddVector("backbone.norm_f.weight", d, 1);
  // A_n = −n, and steps around 0.01, as the models are initialised.
  testing::FloatTensor a_log{{kInner, kStates}, {}};
  for (size_t i = 0; i < kInner * kStates; ++i) {
    a_log.values.push_back(std::log(static_cast<float>(i % kStates + 1)));
  }
  for (size_t i = 0; i < 24; ++i) {
    const std::string mixer = fmt::format("backbone.layers.{}.mixer.", i);
    builder.AddVector(fmt::format("backbone.layers.{}.norm.weight", i), d, 1);
    builder.AddMatrix(mixer + "in_proj.weight", {2 * kInner, d});
    builder.AddMatrix(mixer + "conv1d.weight", {kInner, 1, 4});
    builder.AddVector(mixer + "conv1d.bias", kInner, 0);
    builder.AddMatrix(mixer + "x_proj.weight", {kRank + 2 * kStates, kInner});
    builder.AddMatrix(mixer + "dt_proj.weight", {kInner, kRank});
    builder.AddVector(mixer + "dt_proj.bias", kInner, -4.6F);
    builder.Set(mixer + "A_log", a_log);
    builder.AddVector(mixer + "D", kInner, 1);
    builder.AddMatrix(mixer + "out_proj.weight", {d, kInner});
  }
  return Write(folder, "config.json",
               fmt::format(R"({{"model_type":"mamba","architectures":["MambaForCausalLM"],)"
                           R"("vocab_size":{},"hidden_size":{},"num_hidden_layers":24,)"
                           R"("state_size":{},"conv_kernel":4,"expand":2,"time_step_rank":{},)"
                           R"("hidden_act":"silu","layer_norm_epsilon":1e-05,)"
                           R"("residual_in_fp32":true,"tie_word_embeddings":true,)"
                           R"("bos_token_id":0,"eos_token_id":0,"pad_token_id":0}})",
                           kVocabulary, d, kStates, kRank),
               builder.tensors());
}

absl::Status WriteMiniLm(const std::filesystem::path& folder) {
  return WriteBert(folder, 6, 384, 12);
}
absl::Status WriteBertBase(const std::filesystem::path& folder) {
  return WriteBert(folder, 12, 768, 12);
}

}  // namespace gannet::bench
