#ifndef GANNET_ENCODER_KERNELS_ATTENTION_H_
#define GANNET_ENCODER_KERNELS_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "encoder/kernels/aligned_vector.h"
#include "encoder/kernels/precision.h"

namespace gannet::encoder::kernels {

// Most values per head that Attend takes.
inline constexpr size_t kMaxHeadDim = 512;

// Rows of one head inside a matrix of all heads: row i starts at data + i * stride.
struct HeadRows {
  const float* data = nullptr;
  size_t stride = 0;
};

struct Bf16Pairs;

// Keys and values of one head of one sequence, laid out for Attend. Reusable: packing again keeps
// the storage.
class PackedHead {
 public:
  // `length` rows of `head_dim` values each. Unless the precision is fp32, machines that multiply
  // bfloat16 natively round queries, keys, values and probabilities to it; sums stay in fp32.
  void Pack(HeadRows keys, HeadRows values, size_t length, size_t head_dim,
            Precision precision = Precision::kFp32);

  // The same with the keys and values of `before` preceding the new ones: length() counts both.
  // Blocks that `before` fills are used where they lie, so it must not change or go meanwhile; the
  // precision is its precision, and what is computed has the bytes of one head packed whole.
  void PackAfter(const PackedHead& before, HeadRows keys, HeadRows values, size_t length);

  // Key and value number i as they were packed, rounded where they were; [head_dim].
  void ReadKey(size_t i, float* key) const;
  void ReadValue(size_t i, float* value) const;

  // Of what is packed here, without what lies in a head before this one.
  size_t bytes() const {
    return (keys_.size() + values_.size()) * sizeof(float) +
           (key_pairs_.size() + value_pairs_.size()) * sizeof(uint32_t);
  }

  size_t length() const { return length_; }
  size_t head_dim() const { return head_dim_; }

  // Keys are stored in blocks of this many, transposed: [block][head_dim][keys of the block].
  static constexpr size_t kBlockKeys = 256;
  // Blocks, and values per row, are padded with zeros to a multiple of this.
  static constexpr size_t kPadding = 16;

  size_t padded_dim() const { return padded_dim_; }

  const float* KeyBlock(size_t block) const {
    if (block * kBlockKeys < shared_) return before_->KeyBlock(block);
    return keys_.data() + (block * kBlockKeys - shared_) * head_dim_;
  }
  const float* ValueRow(size_t key) const {
    if (key < shared_) return before_->ValueRow(key);
    return values_.data() + (key - shared_) * padded_dim_;
  }

  // In bfloat16 two neighbours share 32 bits: dimensions of a key, [block][padded_dim / 2][keys of
  // the block], and rows of values, [length / 2][padded_dim]. Null in fp32.
  const Bf16Pairs* pairs() const { return pairs_; }
  const uint32_t* KeyPairBlock(size_t block) const {
    if (block * kBlockKeys < shared_) return before_->KeyPairBlock(block);
    return key_pairs_.data() + (block * kBlockKeys - shared_) * padded_dim_ / 2;
  }
  const uint32_t* ValuePairRow(size_t key) const {
    if (key < shared_) return before_->ValuePairRow(key);
    return value_pairs_.data() + (key - shared_) / 2 * padded_dim_;
  }

 private:
  // Pack the `own` rows that follow the shared ones.
  void PackOwn(HeadRows keys, HeadRows values, size_t own);
  void PackFp32(HeadRows keys, HeadRows values, size_t own);
  void PackPairs(HeadRows keys, HeadRows values, size_t own);
  // Keys in the block that begins with key `first`, rounded up to the padding.
  size_t BlockStride(size_t first) const;
  // A row of padded_dim() values, by a copy in `padded` where the row is narrower.
  const float* PaddedRow(const float* row, std::vector<float>& padded) const;

  size_t length_ = 0;
  size_t head_dim_ = 0;
  size_t padded_dim_ = 0;
  const Bf16Pairs* pairs_ = nullptr;
  const PackedHead* before_ = nullptr;
  size_t shared_ = 0;  // Keys that lie in before_: whole blocks.
  std::vector<float> keys_;
  std::vector<float> values_;  // [length, padded_dim]
  AlignedVector<uint32_t> key_pairs_;
  AlignedVector<uint32_t> value_pairs_;
  std::vector<float> even_, odd_;                   // Room for PaddedRow.
  std::vector<float> joined_keys_, joined_values_;  // Room for PackAfter.
};

// How scores are made from q_i·k_j, and which keys a query sees. Positions count from the start of
// the sequence, for queries and keys alike.
struct AttentionOptions {
  static constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();

  // Adds to the scores of the query at position i and the keys from position `first_key` on. What
  // is added to one score may depend on its two positions only.
  using AddBias = std::function<void(size_t i, size_t first_key, std::span<float> scores)>;

  float scale = 1;
  float soft_cap = 0;  // c: s becomes c tanh(s/c); 0 for none.
  AddBias bias = nullptr;

  size_t first_query = 0;     // Position of the first query row handed in.
  size_t left = kUnlimited;   // The query at i sees the keys j with i - left <= j <= i + right:
  size_t right = kUnlimited;  // 0 is causal attention.
};

// out_i = Σ_j softmax_j(s_ij) v_j for `rows` query rows over the keys that i sees, with
// s_ij = cap(scale q_i·k_j) + bias_ij. A query that sees no key gets zeros.
// The softmax runs online over blocks of keys (Milakov & Gimelshein 2018; Dao et al. 2022), so
// memory does not grow with the length; keys that no query of a tile sees are not looked at. A row
// of `out` depends on its query row, its position and the head alone. Query heads that share keys
// and values (Ainslie et al. 2023) share one PackedHead.
// out: row i at out + i * out_stride.
void Attend(const PackedHead& head, HeadRows queries, size_t rows, const AttentionOptions& options,
            float* out, size_t out_stride);

// softmax_j(s_ij) itself, for the same queries and keys: weights is [rows, head.length()], with 0
// for keys that a query does not see. A row depends on its query row, its position and the head
// alone.
void AttentionWeights(const PackedHead& head, HeadRows queries, size_t rows,
                      const AttentionOptions& options, float* weights);

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_ATTENTION_H_
