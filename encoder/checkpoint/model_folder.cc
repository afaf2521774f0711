#include "encoder/checkpoint/model_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <utility>

#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"
#include "encoder/checkpoint/gguf.h"

namespace gannet::encoder {
namespace {

// In the order in which sentence-transformers concatenates them.
constexpr std::array<std::pair<std::string_view, Pooling>, 6> kPoolingFields = {
    {{"pooling_mode_cls_token", Pooling::kCls},
     {"pooling_mode_max_tokens", Pooling::kMax},
     {"pooling_mode_mean_tokens", Pooling::kMean},
     {"pooling_mode_mean_sqrt_len_tokens", Pooling::kMeanSqrtLen},
     {"pooling_mode_weightedmean_tokens", Pooling::kWeightedMean},
     {"pooling_mode_lasttoken", Pooling::kLastToken}}};

constexpr std::string_view kNoModules = "no modules.json";
constexpr std::string_view kNoLimit = "no max_seq_length in sentence_bert_config.json";

void Assume(ModelFolder& folder, std::string about, std::string taken, std::string_view because) {
  folder.assumptions.push_back({std::move(about), std::move(taken), std::string(because)});
}

// "sentence_transformers.models.Pooling", or with any other package before it -> "Pooling".
std::string_view ModuleKind(std::string_view type) { return type.substr(type.rfind('.') + 1); }

absl::Status ReadPooling(const std::filesystem::path& path, ModelFolder& folder) {
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(path));
  const std::vector<std::string> enabled = file.TrueFields();
  folder.poolings.clear();
  for (const auto& [field, pooling] : kPoolingFields) {
    if (std::find(enabled.begin(), enabled.end(), field) != enabled.end()) {
      folder.poolings.push_back(pooling);
    }
  }
  for (const std::string& field : enabled) {
    const bool known = std::any_of(kPoolingFields.begin(), kPoolingFields.end(),
                                   [&](const auto& entry) { return entry.first == field; });
    if (!known && field.starts_with("pooling_mode_")) {
      return file.Error(field, "a pooling that is not supported");
    }
  }
  if (folder.poolings.empty()) return file.Error("pooling_mode_*", "no pooling is switched on");
  GANNET_ASSIGN_OR_RETURN(const bool include_prompt, file.BoolOr("include_prompt", true));
  if (!include_prompt) {
    return file.Error("include_prompt", "false is not supported: prompts are pooled with the text");
  }
  return absl::OkStatus();
}

// Model2Vec's own folders say so in config.json.
absl::StatusOr<bool> IsModel2Vec(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "config.json")) return false;
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder / "config.json"));
  GANNET_ASSIGN_OR_RETURN(const std::string type, file.StringOr("model_type", ""));
  return type == "model2vec";
}

// Model2Vec without modules.json: config.json says what follows the mean.
absl::Status ReadModel2Vec(ModelFolder& folder) {
  folder.kind = ModelFolder::Kind::kModel2Vec;
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder.path / "config.json"));
  GANNET_ASSIGN_OR_RETURN(const bool normalize, file.BoolOr("normalize", false));
  if (normalize) folder.after_pooling.push_back({});
  return absl::OkStatus();
}

// The kinds of modules that may stand after the one that makes vectors of texts.
std::optional<ModelFolder::AfterPooling::Kind> AfterPoolingKind(std::string_view kind) {
  if (kind == "Dense") return ModelFolder::AfterPooling::Kind::kDense;
  if (kind == "LayerNorm") return ModelFolder::AfterPooling::Kind::kLayerNorm;
  if (kind == "Normalize") return ModelFolder::AfterPooling::Kind::kNormalize;
  return std::nullopt;
}

absl::Status ReadModuleList(ModelFolder& folder) {
  const std::filesystem::path list = folder.path / "modules.json";
  GANNET_ASSIGN_OR_RETURN(const std::vector<ModuleEntry> modules, ReadModules(list));
  for (size_t i = 0; i < modules.size(); ++i) {
    const std::string_view kind = ModuleKind(modules[i].type);
    const std::filesystem::path path =
        modules[i].path.empty() ? folder.path : (folder.path / modules[i].path).lexically_normal();
    const size_t first_after = folder.kind == ModelFolder::Kind::kTransformer ? 2 : 1;
    const auto after_pooling = AfterPoolingKind(kind);
    folder.modules.push_back(path);
    if (kind == "Transformer" && i == 0) {
      folder.transformer = path;
    } else if (kind == "StaticEmbedding" && i == 0) {
      folder.transformer = path;
      GANNET_ASSIGN_OR_RETURN(const bool model2vec, IsModel2Vec(path));
      folder.kind = model2vec ? ModelFolder::Kind::kModel2Vec : ModelFolder::Kind::kStatic;
    } else if (kind == "Pooling" && i == 1 && first_after == 2) {
      GANNET_RETURN_IF_ERROR(ReadPooling(path / "config.json", folder));
    } else if (kind == "TrainablePooling" && i == 1 && first_after == 2) {
      folder.trainable_pooling = path;
      folder.poolings.clear();
    } else if (after_pooling && i >= first_after) {
      folder.after_pooling.push_back({*after_pooling, path});
    } else {
      return absl::UnimplementedError(fmt::format("{}: module {} of type {} is not supported there",
                                                  list.string(), i, modules[i].type));
    }
  }
  return absl::OkStatus();
}

// What retrieval models of a family do where no module says it.
absl::Status ReadFamilyHabits(ModelFolder& folder) {
  if (!std::filesystem::exists(folder.path / "config.json")) {
    Assume(folder, "pooling", "mean, not normalised", kNoModules);
    return absl::OkStatus();
  }
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder.path / "config.json"));
  GANNET_ASSIGN_OR_RETURN(const std::string family, ModelFamily(file));
  if (family == "m2_bert") {
    folder.poolings = {Pooling::kPooler};
    Assume(folder, "pooling", "M2-BERT's pooler, not normalised", kNoModules);
    return absl::OkStatus();
  }
  if (family != "mamba" && family != "mamba2" && family != "falcon_mamba") {
    Assume(folder, "pooling", "mean, not normalised", kNoModules);
    return absl::OkStatus();
  }
  folder.poolings = {Pooling::kLastToken};
  folder.after_pooling.push_back({});
  GANNET_ASSIGN_OR_RETURN(const double token, file.NumberOr("eos_token_id", 0));
  if (!(token >= 0) || token > std::numeric_limits<int32_t>::max()) {
    return file.Error("eos_token_id", fmt::format("{} is no token", token));
  }
  folder.appended_token = static_cast<int32_t>(token);
  Assume(folder, "pooling",
         fmt::format("the vector of token {}, which is put after every text, normalised",
                     *folder.appended_token),
         kNoModules);
  if (!file.Has("eos_token_id")) Assume(folder, "end of text", "token 0", "no eos_token_id");
  return absl::OkStatus();
}

// modules.json, else what a folder without it is taken for.
absl::Status ReadModuleOrder(ModelFolder& folder) {
  if (std::filesystem::exists(folder.path / "modules.json")) return ReadModuleList(folder);
  GANNET_ASSIGN_OR_RETURN(const bool model2vec, IsModel2Vec(folder.path));
  return model2vec ? ReadModel2Vec(folder) : ReadFamilyHabits(folder);
}

// The smaller of the limits that the transformer's own files state.
absl::Status ReadTransformerLimit(ModelFolder& folder) {
  size_t limit = 0;
  const char* const limit_field =
      folder.kind == ModelFolder::Kind::kModel2Vec ? "seq_length" : "max_position_embeddings";
  for (const auto& [name, field] : {std::pair{"config.json", limit_field},
                                    std::pair{"tokenizer_config.json", "model_max_length"}}) {
    const std::filesystem::path path = folder.transformer / name;
    if (!std::filesystem::exists(path)) continue;
    GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(path));
    // Tokenizers without a limit state an absurdly large one (1e30), which is no whole number here.
    GANNET_ASSIGN_OR_RETURN(const double stated, file.NumberOr(field, 0));
    if (stated >= 1 && stated < 1e9) {
      const auto tokens = static_cast<size_t>(stated);
      limit = limit == 0 ? tokens : std::min(limit, tokens);
    }
  }
  folder.max_tokens = limit;
  return absl::OkStatus();
}

// Where the limit is from that sentence_bert_config.json would have stated.
void AssumeLimit(ModelFolder& folder) {
  if (folder.max_tokens == 0) {
    Assume(folder, "longest input", "as many tokens as the model has positions", kNoLimit);
  } else {
    Assume(folder, "longest input",
           fmt::format("{} tokens, which transformer or tokenizer state", folder.max_tokens),
           kNoLimit);
  }
}

absl::Status ReadLimits(ModelFolder& folder) {
  GANNET_RETURN_IF_ERROR(ReadTransformerLimit(folder));
  const std::filesystem::path path = folder.transformer / "sentence_bert_config.json";
  if (!std::filesystem::exists(path)) {
    AssumeLimit(folder);
    return absl::OkStatus();
  }
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(path));
  if (!file.Has("max_seq_length")) AssumeLimit(folder);
  GANNET_ASSIGN_OR_RETURN(folder.max_tokens, file.SizeOr("max_seq_length", folder.max_tokens));
  GANNET_ASSIGN_OR_RETURN(folder.lower_case, file.BoolOr("do_lower_case", false));
  return absl::OkStatus();
}

// The prompt of the first of `names` that the folder defines, else its default prompt.
absl::StatusOr<std::string> PromptOf(const ConfigFile& file,
                                     const std::map<std::string, std::string>& prompts,
                                     std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const auto found = prompts.find(std::string(name)); found != prompts.end()) {
      return found->second;
    }
  }
  GANNET_ASSIGN_OR_RETURN(const std::string chosen, file.StringOr("default_prompt_name", ""));
  if (chosen.empty()) return std::string();
  const auto found = prompts.find(chosen);
  if (found == prompts.end()) {
    return file.Error("default_prompt_name", fmt::format("\"{}\" is not among prompts", chosen));
  }
  return found->second;
}

absl::Status ReadPrompts(ModelFolder& folder) {
  const std::filesystem::path path = folder.path / "config_sentence_transformers.json";
  if (!std::filesystem::exists(path)) {
    Assume(folder, "prompts", "none", "no config_sentence_transformers.json");
    return absl::OkStatus();
  }
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(path));
  GANNET_ASSIGN_OR_RETURN(const auto prompts, file.Strings("prompts"));
  GANNET_ASSIGN_OR_RETURN(folder.query_prompt, PromptOf(file, prompts, {"query"}));
  GANNET_ASSIGN_OR_RETURN(folder.document_prompt,
                          PromptOf(file, prompts, {"document", "passage", "corpus"}));
  if (file.Has("similarity_fn_name")) {
    GANNET_ASSIGN_OR_RETURN(folder.similarity, file.String("similarity_fn_name"));
  }
  return absl::OkStatus();
}

// "models--org--name/snapshots/<commit>" is the hub's cache layout: the commit says nothing.
std::string NameOf(std::filesystem::path absolute) {
  if (absolute.parent_path().filename() == "snapshots") {
    absolute = absolute.parent_path().parent_path();
  }
  std::string name = absolute.filename().string();
  if (name.starts_with("models--")) {
    name.erase(0, std::string_view("models--").size());
    if (const size_t separator = name.find("--"); separator != std::string::npos) {
      name.replace(separator, 2, "/");
    }
  }
  return name;
}

}  // namespace

void AssumeAbsent(const ConfigFile& file, std::string_view field, std::string taken,
                  std::vector<Assumption>& assumptions) {
  if (file.Has(field)) return;
  assumptions.push_back({std::string(field), std::move(taken),
                         fmt::format("not in {}", file.path().filename().string())});
}

std::string_view PoolingName(Pooling pooling) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "cls", "max", "mean", "mean_sqrt_len", "weightedmean", "lasttoken", "pooler"};
  return kNames[static_cast<size_t>(pooling)];
}

absl::StatusOr<std::string> ModelFamily(const ConfigFile& file,
                                        std::vector<Assumption>* assumptions) {
  const auto assume = [&](std::string taken, std::string because) {
    if (assumptions == nullptr) return;
    assumptions->push_back({"family", std::move(taken), std::move(because)});
  };
  // M2-BERT may call itself bert, and what state-spaces writes has no model_type.
  if (file.Has("long_conv_l_max")) {
    assume("m2_bert", "it has long_conv_l_max");
    return "m2_bert";
  }
  if (file.Has("model_type")) return file.String("model_type");
  if (!file.Has("d_model") || !file.Has("n_layer")) {
    assume("bert", "no model_type");
    return "bert";
  }
  assume("a Mamba of state-spaces", "no model_type, but d_model and n_layer");
  GANNET_ASSIGN_OR_RETURN(const ConfigFile mixer, file.Object("ssm_cfg"));
  GANNET_ASSIGN_OR_RETURN(const std::string layer,
                          mixer.StringOr("layer", file.Has("headdim") ? "Mamba2" : "Mamba1"));
  return layer == "Mamba2" ? "mamba2" : "mamba";
}

absl::StatusOr<ModelFolder> ModelFolder::Read(const std::filesystem::path& path) {
  const bool gguf = path.extension() == ".gguf" && std::filesystem::is_regular_file(path);
  if (!gguf && !std::filesystem::is_directory(path)) {
    return absl::NotFoundError(fmt::format("{}: no such model folder", path.string()));
  }
  ModelFolder folder;
  folder.path = std::filesystem::canonical(path);
  folder.transformer = folder.path;
  folder.name = gguf ? folder.path.stem().string() : NameOf(folder.path);
  GANNET_RETURN_IF_ERROR(ReadModuleOrder(folder));
  GANNET_RETURN_IF_ERROR(ReadLimits(folder));
  GANNET_RETURN_IF_ERROR(ReadPrompts(folder));
  return folder;
}

absl::StatusOr<std::string> FingerprintOf(const ModelFolder& folder) {
  static constexpr std::array kNames = {"added_tokens.json",
                                        "config.json",
                                        "gannet.json",
                                        "merges.txt",
                                        "modules.json",
                                        "sentence_bert_config.json",
                                        "config_sentence_transformers.json",
                                        "sentencepiece.bpe.model",
                                        "special_tokens_map.json",
                                        "spiece.model",
                                        "tokenizer.json",
                                        "tokenizer.model",
                                        "tokenizer_config.json",
                                        "vocab.json",
                                        "vocab.txt"};
  std::set<std::filesystem::path> files;
  std::set<std::filesystem::path> roots = {folder.path, folder.transformer};
  roots.insert(folder.modules.begin(), folder.modules.end());
  for (const std::filesystem::path& root : roots) {
    for (const char* name : kNames) {
      if (std::filesystem::exists(root / name)) files.insert((root / name).lexically_normal());
    }
    std::set<std::filesystem::path> weights, torch, tensorflow;
    std::error_code unreadable;  // A module without a folder of its own has no files.
    for (const auto& entry : std::filesystem::directory_iterator(root, unreadable)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("model") && name.ends_with(".safetensors")) {
        weights.insert(entry.path().lexically_normal());
      } else if (name.ends_with("model.bin") || name.starts_with("pytorch_model-")) {
        torch.insert(entry.path().lexically_normal());
      } else if (name.find(".ckpt") != name.npos &&
                 (name.ends_with(".index") || name.find(".data-") != name.npos)) {
        tensorflow.insert(entry.path().lexically_normal());
      }
    }
    // As Checkpoint chooses.
    files.merge(!weights.empty() ? weights : !torch.empty() ? torch : tensorflow);
  }
  const bool safetensors = std::ranges::any_of(
      files, [](const std::filesystem::path& path) { return path.extension() == ".safetensors"; });
  if (const auto gguf = FindGguf(folder.transformer); gguf && !safetensors) files.insert(*gguf);
  base::Fingerprinter fingerprint;
  for (const std::filesystem::path& path : files) {
    GANNET_ASSIGN_OR_RETURN(const base::MappedFile file, base::MappedFile::Open(path));
    fingerprint.UpdateField(path.lexically_relative(folder.path).string());
    fingerprint.UpdateField(file.bytes());
  }
  return fingerprint.HexDigest();
}

}  // namespace gannet::encoder
