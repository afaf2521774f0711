#include "encoder/checkpoint/gguf_model.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/status.h"

namespace gannet::encoder {
namespace {

using Json = nlohmann::json;

// Reads keys "ARCHITECTURE.rest" of a file; the first that is missing or of another kind is the
// error.
class ArchitectureKeys {
 public:
  ArchitectureKeys(const GgufFile& file, std::string_view architecture)
      : file_(file), architecture_(architecture) {}

  std::string Key(std::string_view rest) const { return fmt::format("{}.{}", architecture_, rest); }
  bool Has(std::string_view rest) const { return file_.metadata().Has(Key(rest)); }
  bool HasTensor(const std::string& name) const { return file_.tensors().contains(name); }

  // Whole numbers from 1.
  absl::StatusOr<size_t> Size(std::string_view rest) const {
    const std::optional<int64_t> value = file_.metadata().Integer(Key(rest));
    if (!value) return Error(rest, Has(rest) ? "not a whole number" : "missing");
    if (*value < 1 || *value > std::numeric_limits<int32_t>::max()) {
      return Error(rest, fmt::format("expected a whole number from 1, found {}", *value));
    }
    return static_cast<size_t>(*value);
  }
  absl::StatusOr<size_t> SizeOr(std::string_view rest, size_t absent) const {
    if (!Has(rest)) return absent;
    return Size(rest);
  }
  absl::StatusOr<double> NumberOr(std::string_view rest, double absent) const {
    if (!Has(rest)) return absent;
    const std::optional<double> value = file_.metadata().Number(Key(rest));
    if (!value || !std::isfinite(*value)) return Error(rest, "not a finite number");
    return *value;
  }

  absl::Status Error(std::string_view rest, std::string_view what) const {
    return file_.Error(Key(rest), what);
  }

  const GgufFile& file() const { return file_; }

 private:
  const GgufFile& file_;
  std::string architecture_;
};

// The tensors of a layer's norms by the names of the architectures that normalise before and after.
enum class Norms { kBefore, kBeforeAndAfter };

struct Architecture {
  std::string_view name;  // general.architecture
  std::string_view type;  // transformers' model_type
  // Fields of its own, beside those that all have.
  absl::Status (*read)(const ArchitectureKeys& keys, Json& config);
  Norms norms = Norms::kBefore;
  bool rotates_neighbours = false;  // Rows of queries and keys were put in that order.
};

absl::Status ReadNothingMore(const ArchitectureKeys&, Json&) { return absl::OkStatus(); }

absl::Status ReadWindow(const ArchitectureKeys& keys, Json& config) {
  if (!keys.Has("attention.sliding_window")) return absl::OkStatus();
  GANNET_ASSIGN_OR_RETURN(const double window, keys.NumberOr("attention.sliding_window", 0));
  if (window != 0) config["sliding_window"] = static_cast<int64_t>(window);
  return absl::OkStatus();
}

absl::Status ReadLlama(const ArchitectureKeys& keys, Json& config) {
  GANNET_ASSIGN_OR_RETURN(const double experts, keys.NumberOr("expert_count", 0));
  if (experts != 0) return keys.Error("expert_count", fmt::format("{}, expected none", experts));
  config["attention_bias"] = keys.HasTensor("blk.0.attn_q.bias");
  config["mlp_bias"] = keys.HasTensor("blk.0.ffn_up.bias");
  GANNET_RETURN_IF_ERROR(ReadWindow(keys, config));
  if (config.contains("sliding_window")) config["model_type"] = "mistral";
  return absl::OkStatus();
}

absl::Status ReadQwen3(const ArchitectureKeys& keys, Json& config) {
  config["attention_bias"] = keys.HasTensor("blk.0.attn_q.bias");
  return absl::OkStatus();
}

absl::Status ReadPhi3(const ArchitectureKeys& keys, Json& config) {
  if (keys.HasTensor("rope_factors_long.weight")) {
    return keys.file().Error("tensor rope_factors_long.weight",
                             "positions scaled by length are not supported");
  }
  return ReadWindow(keys, config);
}

// The scale of the scores is not in the file: 1/√(head size), but for the 27B models, which have
// `large_layers` layers and take 1/√(hidden size / heads).
absl::Status ReadGemma(const ArchitectureKeys& keys, size_t large_layers, Json& config) {
  config["hidden_activation"] = "gelu_pytorch_tanh";
  const bool large = config["num_hidden_layers"].get<size_t>() == large_layers;
  config["query_pre_attn_scalar"] =
      large ? config["hidden_size"].get<double>() / config["num_attention_heads"].get<double>()
            : config["head_dim"].get<double>();
  return ReadWindow(keys, config);
}

absl::Status ReadGemma2(const ArchitectureKeys& keys, Json& config) {
  GANNET_RETURN_IF_ERROR(ReadGemma(keys, 46, config));
  GANNET_ASSIGN_OR_RETURN(config["attn_logit_softcapping"],
                          keys.NumberOr("attn_logit_softcapping", 50));
  GANNET_ASSIGN_OR_RETURN(config["final_logit_softcapping"],
                          keys.NumberOr("final_logit_softcapping", 30));
  return absl::OkStatus();
}

absl::Status ReadGemma3(const ArchitectureKeys& keys, Json& config) {
  GANNET_RETURN_IF_ERROR(ReadGemma(keys, 62, config));
  GANNET_ASSIGN_OR_RETURN(config["rope_theta"], keys.NumberOr("rope.freq_base", 1e6));
  config["rope_local_base_freq"] = 10000.0;
  return absl::OkStatus();
}

absl::Status ReadGptNeox(const ArchitectureKeys& keys, Json& config) {
  GANNET_ASSIGN_OR_RETURN(config["layer_norm_eps"],
                          keys.NumberOr("attention.layer_norm_epsilon", 1e-5));
  config["hidden_act"] = "gelu";
  config["rotary_emb_base"] = config["rope_theta"];
  config["rotary_pct"] = config["partial_rotary_factor"];
  const std::optional<int64_t> parallel =
      keys.file().metadata().Integer(keys.Key("use_parallel_residual"));
  config["use_parallel_residual"] = parallel.value_or(1) != 0;
  config["attention_bias"] = keys.HasTensor("blk.0.attn_qkv.bias");
  return absl::OkStatus();
}

constexpr std::array<Architecture, 8> kArchitectures = {
    {{.name = "llama", .type = "llama", .read = ReadLlama, .rotates_neighbours = true},
     {.name = "qwen2", .type = "qwen2", .read = ReadNothingMore},
     {.name = "qwen3", .type = "qwen3", .read = ReadQwen3},
     {.name = "gemma2", .type = "gemma2", .read = ReadGemma2, .norms = Norms::kBeforeAndAfter},
     {.name = "gemma3", .type = "gemma3_text", .read = ReadGemma3, .norms = Norms::kBeforeAndAfter},
     {.name = "phi3", .type = "phi3", .read = ReadPhi3},
     {.name = "smollm3", .type = "smollm3", .read = ReadLlama, .rotates_neighbours = true},
     {.name = "gptneox", .type = "gpt_neox", .read = ReadGptNeox}}};

absl::StatusOr<const Architecture*> FindArchitecture(const GgufFile& file) {
  const std::optional<std::string_view> name = file.metadata().String("general.architecture");
  if (!name) return file.Error("general.architecture", "missing");
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == *name) return &architecture;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", architecture.name);
  }
  return file.Error("general.architecture", fmt::format("\"{}\" is not among {}", *name, known));
}

// head_dim, and how much of it is rotated.
absl::Status ReadHeads(const ArchitectureKeys& keys, Json& config) {
  GANNET_ASSIGN_OR_RETURN(const size_t heads, keys.Size("attention.head_count"));
  GANNET_ASSIGN_OR_RETURN(const size_t key_heads, keys.SizeOr("attention.head_count_kv", heads));
  const auto hidden = config["hidden_size"].get<size_t>();
  if (!keys.Has("attention.key_length") && hidden % heads != 0) {
    return keys.Error("attention.head_count",
                      fmt::format("{} does not divide embedding_length {}", heads, hidden));
  }
  GANNET_ASSIGN_OR_RETURN(const size_t size, keys.SizeOr("attention.key_length", hidden / heads));
  GANNET_ASSIGN_OR_RETURN(const size_t values, keys.SizeOr("attention.value_length", size));
  if (values != size) {
    return keys.Error("attention.value_length",
                      fmt::format("{} differs from key_length {}", values, size));
  }
  GANNET_ASSIGN_OR_RETURN(const size_t rotated, keys.SizeOr("rope.dimension_count", size));
  if (rotated > size) {
    return keys.Error("rope.dimension_count", fmt::format("{} of {} values", rotated, size));
  }
  config["num_attention_heads"] = heads;
  config["num_key_value_heads"] = key_heads;
  config["head_dim"] = size;
  config["partial_rotary_factor"] = static_cast<double>(rotated) / static_cast<double>(size);
  return absl::OkStatus();
}

// rope.scaling, or the divisors that Llama 3.1's files carry as a tensor.
absl::Status ReadScaling(const ArchitectureKeys& keys, Json& config) {
  const auto divisors = keys.file().tensors().find("rope_freqs.weight");
  if (divisors != keys.file().tensors().end()) {
    if (divisors->second.dtype != DType::kF32) {
      return keys.file().Error("tensor rope_freqs.weight", "expected F32");
    }
    config["rope_scaling"] = {{"rope_type", "divisors"}, {"divisors", ToFloats(divisors->second)}};
    return absl::OkStatus();
  }
  const std::string key = keys.Key("rope.scaling.type");
  const std::string_view type = keys.file().metadata().String(key).value_or("none");
  if (type == "none") return absl::OkStatus();
  if (type != "linear") {
    return keys.Error("rope.scaling.type",
                      fmt::format("\"{}\" is not supported, expected none or linear", type));
  }
  GANNET_ASSIGN_OR_RETURN(const double factor, keys.NumberOr("rope.scaling.factor", 1));
  config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", factor}};
  return absl::OkStatus();
}

// What every architecture spells alike.
absl::Status ReadShape(const ArchitectureKeys& keys, Json& config) {
  const auto words = keys.file().tensors().find("token_embd.weight");
  if (words == keys.file().tensors().end()) {
    return keys.file().Error("tensor token_embd.weight", "missing");
  }
  config["vocab_size"] = words->second.shape.front();
  for (const auto& [field, rest] :
       {std::pair{"hidden_size", "embedding_length"}, std::pair{"num_hidden_layers", "block_count"},
        std::pair{"intermediate_size", "feed_forward_length"},
        std::pair{"max_position_embeddings", "context_length"}}) {
    GANNET_ASSIGN_OR_RETURN(config[field], keys.Size(rest));
  }
  GANNET_RETURN_IF_ERROR(ReadHeads(keys, config));
  GANNET_ASSIGN_OR_RETURN(config["rms_norm_eps"],
                          keys.NumberOr("attention.layer_norm_rms_epsilon", 1e-6));
  GANNET_ASSIGN_OR_RETURN(config["rope_theta"], keys.NumberOr("rope.freq_base", 10000));
  config["tie_word_embeddings"] = !keys.HasTensor("output.weight");
  return ReadScaling(keys, config);
}

// Names of a layer's parts: GGUF's and transformers'.
using PartNames = std::pair<std::string_view, std::string_view>;
constexpr std::array<PartNames, 12> kParts = {{{"attn_norm", "input_layernorm"},
                                               {"attn_q", "self_attn.q_proj"},
                                               {"attn_k", "self_attn.k_proj"},
                                               {"attn_v", "self_attn.v_proj"},
                                               {"attn_qkv", "self_attn.qkv_proj"},
                                               {"attn_output", "self_attn.o_proj"},
                                               {"attn_q_norm", "self_attn.q_norm"},
                                               {"attn_k_norm", "self_attn.k_norm"},
                                               {"ffn_gate", "mlp.gate_proj"},
                                               {"ffn_up", "mlp.up_proj"},
                                               {"ffn_down", "mlp.down_proj"},
                                               {"ffn_norm", "post_attention_layernorm"}}};
constexpr std::array<PartNames, 3> kGemmaNorms = {
    {{"post_attention_norm", "post_attention_layernorm"},
     {"ffn_norm", "pre_feedforward_layernorm"},
     {"post_ffw_norm", "post_feedforward_layernorm"}}};
constexpr std::array<PartNames, 6> kGptNeoxParts = {{{"attn_norm", "input_layernorm"},
                                                     {"attn_qkv", "attention.query_key_value"},
                                                     {"attn_output", "attention.dense"},
                                                     {"ffn_norm", "post_attention_layernorm"},
                                                     {"ffn_up", "mlp.dense_h_to_4h"},
                                                     {"ffn_down", "mlp.dense_4h_to_h"}}};

std::optional<std::string_view> Lookup(std::span<const PartNames> names, std::string_view part) {
  for (const auto& [gguf, transformers] : names) {
    if (gguf == part) return transformers;
  }
  return std::nullopt;
}

std::optional<std::string_view> PartName(const Architecture& architecture, std::string_view part) {
  if (architecture.name == "gptneox") return Lookup(kGptNeoxParts, part);
  if (architecture.name == "phi3" && part == "ffn_up") return "mlp.gate_up_proj";
  if (architecture.norms == Norms::kBeforeAndAfter) {
    if (const auto norm = Lookup(kGemmaNorms, part)) return norm;
  }
  return Lookup(kParts, part);
}

// "blk.3.attn_q.weight" -> 3, "attn_q", "weight"; without a layer for others.
struct TensorName {
  std::optional<size_t> layer;
  std::string_view part;
  std::string_view kind;  // "weight", "bias"
};

TensorName SplitName(std::string_view name) {
  TensorName split;
  const size_t dot = name.rfind('.');
  if (dot == name.npos) return {.layer = {}, .part = name, .kind = ""};
  split.kind = name.substr(dot + 1);
  split.part = name.substr(0, dot);
  if (!split.part.starts_with("blk.")) return split;
  const std::string_view rest = split.part.substr(4);
  size_t layer = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
  const auto digits = static_cast<size_t>(end - rest.data());
  if (error == std::errc() && digits < rest.size() && rest[digits] == '.') {
    split.layer = layer;
    split.part = rest.substr(digits + 1);
  }
  return split;
}

// transformers' name; nothing for a tensor that no model reads.
std::optional<std::string> NameOf(const Architecture& architecture, const TensorName& name) {
  const bool neox = architecture.name == "gptneox";
  if (name.layer) {
    const std::optional<std::string_view> part = PartName(architecture, name.part);
    if (!part) return std::nullopt;
    return fmt::format("{}.layers.{}.{}.{}", neox ? "gpt_neox" : "model", *name.layer, *part,
                       name.kind);
  }
  if (name.part == "token_embd")
    return neox ? "gpt_neox.embed_in.weight" : "model.embed_tokens.weight";
  if (name.part == "output_norm") {
    return fmt::format("{}.{}", neox ? "gpt_neox.final_layer_norm" : "model.norm", name.kind);
  }
  if (name.part == "output") return neox ? "embed_out.weight" : "lm_head.weight";
  return std::nullopt;
}

Rearrangement RearrangementOf(const Architecture& architecture, const TensorName& name,
                              const ConfigFile& config) {
  using Kind = Rearrangement::Kind;
  const auto heads = [&](std::string_view field) { return config.SizeOr(field, 1).value_or(1); };
  if (architecture.rotates_neighbours && name.part == "attn_q") {
    return {Kind::kPairsToHalves, heads("num_attention_heads")};
  }
  if (architecture.rotates_neighbours && name.part == "attn_k") {
    return {Kind::kPairsToHalves, heads("num_key_value_heads")};
  }
  if (architecture.name == "gptneox" && name.part == "attn_qkv") {
    return {Kind::kKindsToHeads, heads("num_attention_heads")};
  }
  if (architecture.norms == Norms::kBeforeAndAfter && name.part.ends_with("norm")) {
    return {Kind::kMinusOne};
  }
  return {};
}

}  // namespace

absl::StatusOr<ConfigFile> ReadGgufConfig(const GgufFile& file) {
  GANNET_ASSIGN_OR_RETURN(const Architecture* architecture, FindArchitecture(file));
  const ArchitectureKeys keys(file, architecture->name);
  Json config = {{"model_type", architecture->type}};
  GANNET_RETURN_IF_ERROR(ReadShape(keys, config));
  GANNET_RETURN_IF_ERROR(architecture->read(keys, config));
  return ConfigFile::Parse(file.path(), config.dump());
}

absl::StatusOr<std::vector<GgufTensor>> ListGgufTensors(const GgufFile& file) {
  GANNET_ASSIGN_OR_RETURN(const Architecture* architecture, FindArchitecture(file));
  GANNET_ASSIGN_OR_RETURN(const ConfigFile config, ReadGgufConfig(file));
  std::vector<GgufTensor> tensors;
  for (const auto& [name, tensor] : file.tensors()) {
    const TensorName split = SplitName(name);
    const std::optional<std::string> known = NameOf(*architecture, split);
    if (!known) continue;
    GgufTensor entry{*known, &tensor, RearrangementOf(*architecture, split, config)};
    using Kind = Rearrangement::Kind;
    const Kind kind = entry.rearrangement.kind;
    // Rows of a head come in twos or threes.
    const size_t unit = kind == Kind::kPairsToHalves ? 2 : kind == Kind::kKindsToHeads ? 3 : 1;
    if (tensor.shape.front() % (unit * entry.rearrangement.heads) != 0) {
      return file.Error(fmt::format("tensor {}", name),
                        fmt::format("{} rows are not those of {} heads", tensor.shape.front(),
                                    entry.rearrangement.heads));
    }
    tensors.push_back(std::move(entry));
  }
  return tensors;
}

absl::StatusOr<ConfigFile> ReadModelConfig(const std::filesystem::path& path) {
  std::error_code unreadable;
  if (!std::filesystem::exists(path / "config.json", unreadable)) {
    if (const auto gguf = FindGguf(path)) {
      GANNET_ASSIGN_OR_RETURN(const GgufFile file, GgufFile::Open(*gguf));
      return ReadGgufConfig(file);
    }
  }
  return ConfigFile::Open(path / "config.json");
}

}  // namespace gannet::encoder
