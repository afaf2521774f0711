#include "tests/testing/tiny_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace gannet::testing {

using Json = nlohmann::json;

TinyDecoder::TinyDecoder() {
  for (const auto& [name, shape] :
       std::map<std::string, std::vector<size_t>>{{"embed_tokens", {20, 16}},
                                                  {"norm", {16}},
                                                  {"input_layernorm", {16}},
                                                  {"self_attn.q_proj", {16, 16}},
                                                  {"self_attn.k_proj", {8, 16}},
                                                  {"self_attn.v_proj", {8, 16}},
                                                  {"self_attn.o_proj", {16, 16}},
                                                  {"post_attention_layernorm", {16}},
                                                  {"mlp.gate_proj", {24, 16}},
                                                  {"mlp.up_proj", {24, 16}},
                                                  {"mlp.down_proj", {16, 24}}}) {
    const bool in_layer = name != "embed_tokens" && name != "norm";
    for (unsigned i = 0; i < (in_layer ? 2 : 1); ++i) {
      const std::string full =
          fmt::format("model.{}{}.weight", in_layer ? fmt::format("layers.{}.", i) : "", name);
      tensors_[full] = RandomTensor(shape, static_cast<unsigned>(tensors_.size()), 0.5F);
    }
  }
  folder_.Write("model.safetensors", SafetensorsContent(tensors_));
}

void TinyDecoder::Configure(const Json& changes) {
  Json config = {{"model_type", "llama"},
                 {"vocab_size", 20},
                 {"hidden_size", 16},
                 {"num_hidden_layers", 2},
                 {"num_attention_heads", 4},
                 {"num_key_value_heads", 2},
                 {"head_dim", 4},
                 {"intermediate_size", 24},
                 {"max_position_embeddings", 64},
                 {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 100.0}}}};
  config.merge_patch(changes);
  folder_.Write("config.json", config.dump());
}

void TinyDecoder::SetTokenVector(size_t id, float value) {
  std::vector<float>& values = tensors_["model.embed_tokens.weight"].values;
  std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(16 * id), 16, value);
  folder_.Write("model.safetensors", SafetensorsContent(tensors_));
}

void TinyDecoder::AddHead() {
  tensors_["lm_head.weight"] = RandomTensor({20, 16}, 99);
  folder_.Write("model.safetensors", SafetensorsContent(tensors_));
}

void TinyDecoder::Shard() {
  FloatTensors shards[2];
  Json index;
  size_t i = 0;
  for (const auto& [name, tensor] : tensors_) {
    index["weight_map"][name] = fmt::format("model-0000{}-of-00002.safetensors", i % 2 + 1);
    shards[i++ % 2][name] = tensor;
  }
  std::filesystem::remove(folder_.path() / "model.safetensors");
  folder_.Write("model.safetensors.index.json", index.dump());
  for (size_t s = 0; s < 2; ++s) {
    folder_.Write(fmt::format("model-0000{}-of-00002.safetensors", s + 1),
                  SafetensorsContent(shards[s]));
  }
}

}  // namespace gannet::testing
