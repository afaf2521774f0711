#include "encoder/models/lm_head.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/gguf_model.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/row_tiles.h"
#include "encoder/layers/shared_linear.h"

namespace gannet::encoder {
namespace {

// What a family calls its head, and the table of token vectors that may be it.
struct HeadNames {
  std::string_view head = "lm_head.weight";
  std::string_view table = "embed_tokens.weight";
  std::string_view table_prefix = "model.";
};
constexpr HeadNames kDecoderNames = {};
constexpr HeadNames kNeoxNames = {"embed_out.weight", "embed_in.weight", "gpt_neox."};
constexpr HeadNames kMambaNames = {.table = "embeddings.weight", .table_prefix = "backbone."};

const HeadNames& NamesOf(std::string_view model_type) {
  if (model_type == "gpt_neox") return kNeoxNames;
  return model_type.find("mamba") == std::string_view::npos ? kDecoderNames : kMambaNames;
}

// Whether the head is the table of token vectors: as the configuration says, else when the
// checkpoint has no head of its own.
absl::StatusOr<bool> IsTied(const ConfigFile& file, const Checkpoint& checkpoint,
                            std::string_view head) {
  return file.BoolOr("tie_word_embeddings", !checkpoint.Has(head));
}

struct LmHeadWeights {
  std::vector<float> weight;  // [V, d]
  size_t d = 0;
  size_t vocabulary = 0;
  float cap = 0;
};

absl::StatusOr<LmHeadWeights> ReadWeights(const std::filesystem::path& folder) {
  LmHeadWeights head;
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ReadModelConfig(folder));
  GANNET_ASSIGN_OR_RETURN(const std::string type, file.String("model_type"));
  GANNET_ASSIGN_OR_RETURN(head.d, file.Size("hidden_size"));
  GANNET_ASSIGN_OR_RETURN(head.vocabulary, file.Size("vocab_size"));
  GANNET_ASSIGN_OR_RETURN(const double cap, file.NumberOr("final_logit_softcapping", 0));
  if (!(cap >= 0)) {
    return file.Error("final_logit_softcapping", fmt::format("{} is below 0", cap));
  }
  head.cap = static_cast<float>(cap);
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  const HeadNames& names = NamesOf(type);
  std::string_view name = names.head;
  GANNET_ASSIGN_OR_RETURN(const bool tied, IsTied(file, checkpoint, name));
  if (tied) {
    name = names.table;
    checkpoint.UsePrefix(name, {"", names.table_prefix});
  }
  GANNET_ASSIGN_OR_RETURN(head.weight, checkpoint.Floats(name, {head.vocabulary, head.d}));
  return head;
}

}  // namespace

absl::StatusOr<LmHead> LmHead::Load(const std::filesystem::path& folder,
                                    const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const LmHeadWeights head, ReadWeights(folder));
  GANNET_ASSIGN_OR_RETURN(
      auto packed, kernels::PackedLinear::Pack(head.weight, std::vector<float>(head.vocabulary),
                                               head.d, head.vocabulary, options.precision));
  return LmHead(std::move(packed), head.cap);
}

absl::StatusOr<LmHead> LmHead::LoadFor(const std::filesystem::path& folder,
                                       std::span<const TokenId> tokens,
                                       const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const LmHeadWeights head, ReadWeights(folder));
  std::vector<float> rows;
  for (const TokenId token : tokens) {
    if (token < 0 || static_cast<size_t>(token) >= head.vocabulary) {
      return absl::InvalidArgumentError(fmt::format("{}: token {} is outside the vocabulary of {}",
                                                    folder.string(), token, head.vocabulary));
    }
    const auto row = std::span(head.weight).subspan(static_cast<size_t>(token) * head.d, head.d);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  GANNET_ASSIGN_OR_RETURN(
      auto packed, kernels::PackedLinear::Pack(rows, std::vector<float>(tokens.size()), head.d,
                                               tokens.size(), options.precision));
  return LmHead(std::move(packed), head.cap);
}

void LmHead::Apply(std::span<const float> hidden, base::ThreadPool* pool, float* logits) const {
  const size_t d = weight_.inputs();
  const auto cap = [&](std::span<float> z) {
    if (cap_ == 0) return;
    for (float& v : z) v = cap_ * std::tanh(v / cap_);
  };
  ForEachSharedTile(
      hidden.size() / d, pool, [&](size_t first, size_t rows, base::ThreadPool* of_tile) {
        ApplyShared(weight_, &hidden[first * d], rows, of_tile, logits + first * vocabulary(), cap);
      });
}

}  // namespace gannet::encoder
