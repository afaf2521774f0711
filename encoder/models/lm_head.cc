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

// Whether the head is the table of token vectors: as the configuration says, else when the
// checkpoint has no head of its own.
absl::StatusOr<bool> IsTied(const ConfigFile& file, const Checkpoint& checkpoint,
                            std::string_view head) {
  return file.BoolOr("tie_word_embeddings", !checkpoint.Has(head));
}

}  // namespace

absl::StatusOr<LmHead> LmHead::Load(const std::filesystem::path& folder,
                                    const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ReadModelConfig(folder));
  GANNET_ASSIGN_OR_RETURN(const std::string type, file.String("model_type"));
  GANNET_ASSIGN_OR_RETURN(const size_t d, file.Size("hidden_size"));
  GANNET_ASSIGN_OR_RETURN(const size_t vocabulary, file.Size("vocab_size"));
  GANNET_ASSIGN_OR_RETURN(const double cap, file.NumberOr("final_logit_softcapping", 0));
  if (!(cap >= 0)) {
    return file.Error("final_logit_softcapping", fmt::format("{} is below 0", cap));
  }
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  const bool neox = type == "gpt_neox";
  std::string_view name = neox ? "embed_out.weight" : "lm_head.weight";
  GANNET_ASSIGN_OR_RETURN(const bool tied, IsTied(file, checkpoint, name));
  if (tied) {
    name = neox ? "embed_in.weight" : "embed_tokens.weight";
    checkpoint.UsePrefix(name, {"", neox ? "gpt_neox." : "model."});
  }
  GANNET_ASSIGN_OR_RETURN(const std::vector<float> weight,
                          checkpoint.Floats(name, {vocabulary, d}));
  GANNET_ASSIGN_OR_RETURN(auto packed,
                          kernels::PackedLinear::Pack(weight, std::vector<float>(vocabulary), d,
                                                      vocabulary, options.precision));
  return LmHead(std::move(packed), static_cast<float>(cap));
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
