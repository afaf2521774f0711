#include "encoder/models/parade_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/models/post_norm_encoder.h"

namespace gannet::encoder {
namespace {

constexpr size_t kMostLayers = 64;

absl::StatusOr<ParadeHead::Kind> ReadKind(const ConfigFile& parade) {
  GANNET_ASSIGN_OR_RETURN(const std::string name, parade.String("aggregation"));
  if (name == "avg") return ParadeHead::Kind::kAverage;
  if (name == "max") return ParadeHead::Kind::kMax;
  if (name == "attn") return ParadeHead::Kind::kAttention;
  if (name == "transformer") return ParadeHead::Kind::kTransformer;
  return parade.Error("aggregation",
                      fmt::format("\"{}\" is not avg, max, attn or transformer", name));
}

}  // namespace

class ParadeLoader {
 public:
  static absl::StatusOr<ParadeHead> Load(const std::filesystem::path& folder) {
    GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder / "config.json"));
    GANNET_ASSIGN_OR_RETURN(const ConfigFile parade, file.Object("parade"));
    GANNET_ASSIGN_OR_RETURN(const ParadeHead::Kind kind, ReadKind(parade));
    GANNET_ASSIGN_OR_RETURN(const EncoderShape shape, EncoderShape::Read(file, {}));
    GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
    ParadeHead head(kind);
    if (kind == ParadeHead::Kind::kAttention) {
      GANNET_ASSIGN_OR_RETURN(head.vector_, checkpoint.Floats("parade.cls_weight", {shape.hidden}));
    }
    if (kind == ParadeHead::Kind::kTransformer) {
      GANNET_RETURN_IF_ERROR(LoadTransformer(parade, shape, checkpoint, head));
    }
    return head;
  }

 private:
  static absl::Status LoadTransformer(const ConfigFile& parade, const EncoderShape& shape,
                                      Checkpoint& checkpoint, ParadeHead& head) {
    GANNET_ASSIGN_OR_RETURN(const size_t layers, parade.SizeOr("layers", 2));
    if (layers > kMostLayers) {
      return parade.Error("layers", fmt::format("{}, expected at most {}", layers, kMostLayers));
    }
    const auto names = [](size_t i) { return PostNormNames::LikeBert("parade.encoder", i); };
    EncoderShape of_layers = shape;
    of_layers.layers = layers;
    GANNET_ASSIGN_OR_RETURN(PostNormParts parts,
                            LoadPostNormLayers(checkpoint, of_layers, names, {}));
    head.layers_ = MakePostNormEncoder(std::move(parts));
    GANNET_ASSIGN_OR_RETURN(const size_t id, parade.SizeOr("cls_id", 102));
    constexpr std::string_view kWords = "embeddings.word_embeddings.weight";
    checkpoint.UsePrefix(kWords, {"", "bert.", "electra."});
    const Shape words = checkpoint.ShapeOf(kWords);
    if (words.size() != 2 || words[1] != shape.hidden || id >= words[0]) {
      return parade.Error("cls_id", fmt::format("{} has no row of {} values in {} {}", id,
                                                shape.hidden, kWords, ShapeName(words)));
    }
    GANNET_ASSIGN_OR_RETURN(head.vector_, checkpoint.Row(kWords, id, shape.hidden));
    return absl::OkStatus();
  }
};

ParadeHead ParadeHead::Attention(std::vector<float> weight) {
  ParadeHead head(Kind::kAttention);
  head.vector_ = std::move(weight);
  return head;
}

absl::StatusOr<ParadeHead> ParadeHead::Load(const std::filesystem::path& folder) {
  return ParadeLoader::Load(folder);
}

std::vector<float> ParadeHead::Aggregate(std::span<const float> passages, size_t d) const {
  if (kind_ == Kind::kAttention) return Attend(passages, d);
  if (kind_ == Kind::kTransformer) return Transform(passages, d);
  const size_t n = passages.size() / d;
  std::vector<float> document(passages.begin(), passages.begin() + static_cast<ptrdiff_t>(d));
  for (size_t i = 1; i < n; ++i) {
    for (size_t c = 0; c < d; ++c) {
      const float value = passages[i * d + c];
      document[c] = kind_ == Kind::kMax ? std::max(document[c], value) : document[c] + value;
    }
  }
  if (kind_ == Kind::kAverage) {
    for (float& value : document) value /= static_cast<float>(n);
  }
  return document;
}

// Σ_i softmax_i(w·p_i) p_i
std::vector<float> ParadeHead::Attend(std::span<const float> passages, size_t d) const {
  const size_t n = passages.size() / d;
  std::vector<float> scores(n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t c = 0; c < d; ++c) scores[i] += vector_[c] * passages[i * d + c];
  }
  const float highest = *std::ranges::max_element(scores);
  float sum = 0;
  for (float& score : scores) sum += score = std::exp(score - highest);
  std::vector<float> document(d);
  for (size_t i = 0; i < n; ++i) {
    for (size_t c = 0; c < d; ++c) document[c] += scores[i] / sum * passages[i * d + c];
  }
  return document;
}

// The first row after the layers over [c, p_1, ..., p_n]
std::vector<float> ParadeHead::Transform(std::span<const float> passages, size_t d) const {
  std::vector<float> x = vector_;
  x.insert(x.end(), passages.begin(), passages.end());
  const size_t rows = x.size() / d;
  PackedBatch batch;
  batch.Append(std::vector<TokenId>(rows), std::vector<uint8_t>(rows));
  layers_->Run(batch, nullptr, {.output = SequenceRows::kFirst}, x);
  return x;
}

}  // namespace gannet::encoder
