#ifndef GANNET_ENCODER_LAYERS_TOKEN_EMBEDDING_H_
#define GANNET_ENCODER_LAYERS_TOKEN_EMBEDDING_H_

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/packed_batch.h"

namespace gannet::encoder {

// Which row of the table of token types a token gets.
enum class TokenTypes { kNone, kFirst, kGiven };

// What the token vectors of BERT and its kin are made of.
struct TokenEmbeddingShape {
  size_t vocabulary = 0;  // V
  size_t size = 0;        // e: values per token.
  size_t positions = 0;   // Rows of the position table; 0 when there is none.
  TokenTypes types = TokenTypes::kNone;
  size_t token_types = 0;  // Rows of the type table.
  // RoBERTa's way of counting: the first token has position padding + 1; padding tokens themselves
  // have position `padding` and are not counted.
  std::optional<size_t> padding = std::nullopt;
  std::string_view norm = "embeddings.LayerNorm";
  double norm_epsilon = 0;

  // vocab_size, max_position_embeddings and, when `types` asks for it, type_vocab_size.
  static absl::StatusOr<TokenEmbeddingShape> Read(const ConfigFile& file, size_t size,
                                                  TokenTypes types, double norm_epsilon);

  // RoBERTa's counting, from pad_token_id, which is 1 when absent.
  absl::Status CountAfterPadding(const ConfigFile& file);

  // Longest sequence that the position table reaches; 0 when there is no table.
  size_t longest() const { return positions - (padding ? *padding + 1 : 0); }
};

// x = LayerNorm(word[id] + position[i] + type[t]): embeddings.word_embeddings, position_embeddings
// and token_type_embeddings of a checkpoint, and the norm that the shape names.
class TokenEmbedding {
 public:
  static absl::StatusOr<TokenEmbedding> Load(const Checkpoint& checkpoint,
                                             const TokenEmbeddingShape& shape);

  // x: [rows, e]
  void Apply(const PackedBatch& batch, base::ThreadPool* pool, float* x) const;

 private:
  explicit TokenEmbedding(const TokenEmbeddingShape& shape) : shape_(shape) {}

  void ApplyToken(TokenId id, size_t type, size_t position, float* x) const;

  TokenEmbeddingShape shape_;
  std::vector<float> words_;      // [V, e]
  std::vector<float> positions_;  // [positions, e]
  std::vector<float> types_;      // [token_types, e]
  LayerNorm norm_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_TOKEN_EMBEDDING_H_
