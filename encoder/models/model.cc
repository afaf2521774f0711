#include "encoder/models/model.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/gguf_model.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/models/albert.h"
#include "encoder/models/bert.h"
#include "encoder/models/deberta_v2.h"
#include "encoder/models/decoder.h"
#include "encoder/models/distilbert.h"
#include "encoder/models/electra.h"
#include "encoder/models/gpt_neox.h"
#include "encoder/models/m2bert.h"
#include "encoder/models/mamba.h"
#include "encoder/models/mamba2.h"
#include "encoder/models/modernbert.h"
#include "encoder/models/mpnet.h"
#include "encoder/models/nomic_bert.h"
#include "encoder/models/roberta.h"
#include "encoder/models/t5_encoder.h"

namespace gannet::encoder {
namespace {

using Loader = absl::StatusOr<std::unique_ptr<const Model>> (*)(const std::filesystem::path&,
                                                                const ConfigFile&,
                                                                const ModelOptions&);

// By ModelFamily's name.
constexpr std::pair<std::string_view, Loader> kFamilies[] = {
    {"albert", LoadAlbert},         {"bert", LoadBert},           {"deberta-v2", LoadDebertaV2},
    {"distilbert", LoadDistilBert}, {"electra", LoadElectra},     {"falcon_mamba", LoadMamba},
    {"gemma2", LoadDecoder},        {"gemma3_text", LoadDecoder}, {"gpt_neox", LoadGptNeox},
    {"llama", LoadDecoder},         {"m2_bert", LoadM2Bert},      {"mamba", LoadMamba},
    {"mamba2", LoadMamba2},         {"mistral", LoadDecoder},     {"modernbert", LoadModernBert},
    {"mpnet", LoadMpnet},           {"mt5", LoadT5Encoder},       {"nomic_bert", LoadNomicBert},
    {"phi3", LoadDecoder},          {"qwen2", LoadDecoder},       {"qwen3", LoadDecoder},
    {"roberta", LoadRoberta},       {"smollm3", LoadDecoder},     {"t5", LoadT5Encoder},
    {"xlm-roberta", LoadRoberta},
};

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> Model::Load(const std::filesystem::path& folder,
                                                         const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ReadModelConfig(folder));
  GANNET_ASSIGN_OR_RETURN(const std::string type, ModelFamily(file));
  std::string known;
  for (const auto& [name, load] : kFamilies) {
    if (name == type) return load(folder, file, options);
    known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
  }
  return file.Error("model_type", fmt::format("\"{}\" is not among {}", type, known));
}

absl::Status Model::Check(std::span<const TokenId> ids, std::span<const uint8_t> type_ids,
                          size_t tokens_before) const {
  const size_t length = tokens_before + ids.size();
  if (ids.empty() || (dimensions_.positions != 0 && length > dimensions_.positions)) {
    return absl::InvalidArgumentError(
        fmt::format("{} tokens, expected 1 to {}", length, dimensions_.positions));
  }
  for (const TokenId id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= dimensions_.vocabulary) {
      return absl::InvalidArgumentError(fmt::format(
          "token id {} is outside the model's vocabulary of {}", id, dimensions_.vocabulary));
    }
  }
  for (const uint8_t type : type_ids) {
    if (dimensions_.token_types != 0 && type >= dimensions_.token_types) {
      return absl::InvalidArgumentError(fmt::format("token type {} is outside the model's {} types",
                                                    type, dimensions_.token_types));
    }
  }
  return absl::OkStatus();
}

absl::Status Model::Check(const PackedBatch& batch, size_t tokens_before) const {
  for (size_t s = 0; s < batch.sequences(); ++s) {
    const size_t first = batch.offsets[s], length = batch.length(s);
    GANNET_RETURN_IF_ERROR(
        base::Annotate(Check(std::span(batch.ids).subspan(first, length),
                             std::span(batch.type_ids).subspan(first, length), tokens_before),
                       fmt::format("sequence {}", s)));
  }
  return absl::OkStatus();
}

}  // namespace gannet::encoder
