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
#include "encoder/layers/linear.h"
#include "encoder/layers/row_tiles.h"
#include "encoder/layers/shared_linear.h"

namespace gannet::encoder {
namespace {

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
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder / "config.json"));
  GANNET_ASSIGN_OR_RETURN(const std::string type, file.String("model_type"));
  GANNET_ASSIGN_OR_RETURN(head.d, file.Size("hidden_size"));
  GANNET_ASSIGN_OR_RETURN(head.vocabulary, file.Size("vocab_size"));
  GANNET_ASSIGN_OR_RETURN(const double cap, file.NumberOr("final_logit_softcapping", 0));
  if (!(cap >= 0)) {
    return file.Error("final_logit_softcapping", fmt::format("{} is below 0", cap));
  }
  head.cap = static_cast<float>(cap);
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  const bool neox = type == "gpt_neox";
  std::string_view name = neox ? "embed_out.weight" : "lm_head.weight";
  GANNET_ASSIGN_OR_RETURN(const bool tied, IsTied(file, checkpoint, name));
  if (tied) {
    name = neox ? "embed_in.weight" : "embed_tokens.weight";
    checkpoint.UsePrefix(name, {"", neox ? "gpt_neox." : "model."});
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
