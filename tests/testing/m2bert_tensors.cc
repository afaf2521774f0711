#include "tests/testing/m2bert_tensors.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>
#include <vector>

namespace gannet::testing {
namespace {

class Builder {
 public:
  explicit Builder(const M2BertShape& shape) : shape_(shape) {}

  FloatTensors Build() {
    const size_t d = shape_.hidden, intermediate = shape_.intermediate;
    Add("embeddings.word_embeddings.weight", {shape_.vocabulary, d});
    Add("embeddings.position_embeddings.weight", {shape_.longest, d});
    Add("embeddings.token_type_embeddings.weight", {2, d});
    AddNorm("embeddings.LayerNorm");
    for (size_t i = 0; i < shape_.layers; ++i) {
      const std::string layer = fmt::format("encoder.layer.{}.", i);
      AddLinear(layer + "attention.in_linear", 3 * d, d);
      AddLinear(layer + "attention.out_linear", d, d);
      Add(layer + "attention.short_filter.weight", {3 * d, 1, 3});
      Add(layer + "attention.short_filter.bias", {3 * d});
      AddFilter(layer + "attention.filter_fn.");
      AddFilter(layer + "attention.filter_fn2.");
      Add(layer + "mlp.gated_layers.weight", {4, intermediate / 2, d / 4});
      Add(layer + "mlp.wo.weight", {4, d / 4, intermediate / 4});
      Add(layer + "mlp.wo.bias", {d});
      AddNorm(layer + "mlp.layernorm");
    }
    AddLinear("pooler.dense", d, d);
    return std::move(tensors_);
  }

 private:
  FloatTensor& Add(const std::string& name, std::vector<size_t> of_tensor) {
    // As wide as keeps activations of size 1: 1/√inputs.
    const auto inputs = static_cast<float>(of_tensor.back());
    const float deviation = of_tensor.size() == 1 ? 0.1F : 1 / std::sqrt(inputs);
    const auto seed = static_cast<unsigned>(tensors_.size());
    return tensors_["bert." + name] = RandomTensor(std::move(of_tensor), seed, deviation);
  }
  void AddLinear(const std::string& name, size_t outputs, size_t inputs) {
    Add(name + ".weight", {outputs, inputs});
    Add(name + ".bias", {outputs});
  }
  void AddNorm(const std::string& name) {
    for (float& v : Add(name + ".weight", {shape_.hidden}).values) v += 1;
    Add(name + ".bias", {shape_.hidden});
  }
  void AddFilter(const std::string& name) {
    const size_t d = shape_.hidden, order = shape_.order, longest = shape_.longest;
    Add(name + "bias", {d});
    std::vector<float>& z = Add(name + "pos_emb.z", {1, longest, 5}).values;
    std::vector<float>& tau = Add(name + "pos_emb.t", {1, longest, 1}).values;
    for (size_t t = 0; t < longest; ++t) {
      const double part = static_cast<double>(t) / static_cast<double>(longest);
      tau[t] = static_cast<float>(part);
      const double w = 2 * M_PI * part;
      const double values[] = {part, std::cos(1e-4 * w), std::cos(w), -std::sin(1e-4 * w),
                               -std::sin(w)};
      for (size_t i = 0; i < 5; ++i) z[t * 5 + i] = static_cast<float>(values[i]);
    }
    std::vector<float>& deltas = Add(name + "modulation.deltas", {1, 1, d}).values;
    for (size_t c = 0; c < d; ++c) {
      const double part = static_cast<double>(c) / static_cast<double>(d);
      deltas[c] = static_cast<float>(std::log(0.01) * (1 / 1.5 + part * (1 / 0.3 - 1 / 1.5)));
    }
    for (const std::string direction : {"implicit_filter.", "implicit_filter_rev."}) {
      AddLinear(name + direction + "0", order, 5);
      AddLinear(name + direction + "2", order, order);
      AddLinear(name + direction + "4", order, order);
      // Filters whose sums of squares are of size 1.
      for (float& v : Add(name + direction + "6.weight", {d, order}).values) {
        v /= std::sqrt(static_cast<float>(longest));
      }
    }
    for (float& v : Add(name + "implicit_filter.1.freq", {1, order}).values) v = 5;
  }

  const M2BertShape shape_;
  FloatTensors tensors_;
};

}  // namespace

FloatTensors M2BertTensors(const M2BertShape& shape) { return Builder(shape).Build(); }

std::string M2BertConfig(const M2BertShape& shape) {
  return fmt::format(
      R"({{"model_type":"m2_bert","vocab_size":{},"hidden_size":{},"num_hidden_layers":{},)"
      R"("intermediate_size":{},"max_position_embeddings":{},"long_conv_l_max":{},)"
      R"("hyena_filter_order":{},"hyena_emb_dim":5,"monarch_mlp_nblocks":4,"type_vocab_size":2,)"
      R"("hidden_act":"gelu","layer_norm_eps":1e-12,"bidirectional":true,)"
      R"("residual_long_conv":true,"use_glu_mlp":true,"use_monarch_mlp":true,)"
      R"("use_positional_encodings":true,"hyena_training_additions":false,"pool_all":false}})",
      shape.vocabulary, shape.hidden, shape.layers, shape.intermediate, shape.longest,
      shape.longest, shape.order);
}

}  // namespace gannet::testing
