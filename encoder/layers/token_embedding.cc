#include "encoder/layers/token_embedding.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/status.h"
#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {

absl::StatusOr<TokenEmbeddingShape> TokenEmbeddingShape::Read(const ConfigFile& file, size_t size,
                                                              TokenTypes types,
                                                              double norm_epsilon) {
  TokenEmbeddingShape shape{.size = size, .types = types, .norm_epsilon = norm_epsilon};
  GANNET_ASSIGN_OR_RETURN(shape.vocabulary, file.Size("vocab_size"));
  GANNET_ASSIGN_OR_RETURN(shape.positions, file.Size("max_position_embeddings"));
  if (types != TokenTypes::kNone) {
    GANNET_ASSIGN_OR_RETURN(shape.token_types, file.SizeOr("type_vocab_size", 2));
  }
  return shape;
}

absl::Status TokenEmbeddingShape::CountAfterPadding(const ConfigFile& file) {
  GANNET_ASSIGN_OR_RETURN(const double id, file.NumberOr("pad_token_id", 1));
  if (!(id >= 0) || id + 1 >= static_cast<double>(positions)) {
    return file.Error("pad_token_id",
                      fmt::format("{} leaves none of max_position_embeddings {}", id, positions));
  }
  padding = static_cast<size_t>(id);
  return absl::OkStatus();
}

absl::StatusOr<TokenEmbedding> TokenEmbedding::Load(const Checkpoint& checkpoint,
                                                    const TokenEmbeddingShape& shape) {
  TokenEmbedding embedding(shape);
  GANNET_ASSIGN_OR_RETURN(embedding.words_, checkpoint.Floats("embeddings.word_embeddings.weight",
                                                              {shape.vocabulary, shape.size}));
  if (shape.positions != 0) {
    GANNET_ASSIGN_OR_RETURN(
        embedding.positions_,
        checkpoint.Floats("embeddings.position_embeddings.weight", {shape.positions, shape.size}));
  }
  if (shape.types != TokenTypes::kNone) {
    GANNET_ASSIGN_OR_RETURN(embedding.types_,
                            checkpoint.Floats("embeddings.token_type_embeddings.weight",
                                              {shape.token_types, shape.size}));
  }
  GANNET_ASSIGN_OR_RETURN(embedding.norm_,
                          LayerNorm::Load(checkpoint, shape.norm, shape.size, shape.norm_epsilon));
  return embedding;
}

void TokenEmbedding::Apply(const PackedBatch& batch, base::ThreadPool* pool, float* x) const {
  ForEach(batch.sequences(), pool, [&](size_t s) {
    const size_t first = shape_.padding ? *shape_.padding + 1 : 0;
    size_t position = first;
    for (size_t row = batch.offsets[s]; row < batch.offsets[s + 1]; ++row) {
      if (!batch.given_positions.empty()) position = first + batch.given_positions[row];
      const auto id = static_cast<size_t>(batch.ids[row]);
      const size_t type = shape_.types == TokenTypes::kGiven ? batch.type_ids[row] : 0;
      const bool padding = shape_.padding && id == *shape_.padding;
      ApplyToken(batch.ids[row], type, padding ? id : position++, x + row * shape_.size);
    }
    float* rows = x + batch.offsets[s] * shape_.size;
    norm_.Apply(rows, nullptr, batch.length(s), rows);
  });
}

void TokenEmbedding::ApplyToken(TokenId id, size_t type, size_t position, float* x) const {
  const size_t e = shape_.size;
  const float* word = &words_[static_cast<size_t>(id) * e];
  std::copy_n(word, e, x);
  if (!types_.empty()) kernels::Add({&types_[type * e], e}, x);
  if (!positions_.empty()) kernels::Add({&positions_[position * e], e}, x);
}

}  // namespace gannet::encoder
