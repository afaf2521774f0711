#ifndef GANNET_ENCODER_MODELS_HIERARCHICAL_H_
#define GANNET_ENCODER_MODELS_HIERARCHICAL_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/checkpoint/gannet_file.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/model_options.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/models/model.h"

namespace gannet::encoder {

// How a text becomes the blocks that a hierarchical encoder reads.
struct BlockShape {
  enum class Filling {
    kGreedy,    // Whole sentences while they fit; the first of a block is cut where it does not.
    kSentence,  // One sentence each, cut where it is longer.
  };

  Filling filling = Filling::kGreedy;
  size_t tokens = 0;      // Of a block at most, special tokens included.
  size_t blocks = 0;      // Of a document, at most; what follows is not read.
  size_t separators = 1;  // [SEP] behind the tokens of a block.

  // Tokens of the text in a block: all but [CLS] and the separators.
  size_t capacity() const { return tokens - 1 - separators; }
};

// One vector of the vectors x of a sequence: x_0, or their mean, and in SMITH
//   l2(relu(W tanh(W_pool x_0 + b_pool) + b)),  l2(v) = v / √max(Σ v², 1e-12)
struct SequenceHead {
  struct Dense {
    kernels::PackedLinear pool;
    kernels::PackedLinear dense;
  };

  SequenceRows rows = SequenceRows::kFirst;  // kAll for the mean.
  std::optional<Dense> dense = std::nullopt;

  // hidden: those rows of the batch, as Model::Run leaves them; the result is [sequences, d].
  std::vector<float> Apply(const PackedBatch& batch, std::span<const float> hidden, size_t d,
                           base::ThreadPool* pool) const;
};

// What the document encoder reads of n block vectors r: x_i = LayerNorm(r_i + p_i), with a vector
// of its own, if it has one, before them.
struct DocumentEmbedding {
  std::vector<float> first = {};      // [d], or empty.
  std::vector<float> positions = {};  // p, [positions, d], the token type in it; empty for none.
  std::optional<LayerNorm> norm = std::nullopt;

  // Appends the inputs of one document to x.
  void Append(std::span<const float> blocks, size_t d, std::vector<float>& x) const;
};

// How SMITH makes one representation of the block vectors r and the document vector d: d, or
// [Σ w_s r_s ; d] with w_s = 1, 1/n or softmax_s(v·tanh(W r_s + b)). The sum runs over all blocks
// that a document may have, those of padding too.
struct BlockCombination {
  enum class Weights { kSum, kMean, kAttention };
  struct Attention {
    kernels::PackedLinear dense;  // W, b
    std::vector<float> context;   // v
  };

  Weights weights = Weights::kSum;
  std::optional<Attention> attention = std::nullopt;
  std::vector<float> padded_block = {};  // r of a block of padding alone, [d].

  // out = Σ w_s r_s, [d], of the read blocks, [blocks, d], and padding up to `most` blocks.
  void Apply(std::span<const float> blocks, size_t most, std::span<float> out) const;

 private:
  // w of each block and, behind them, of one of padding.
  std::vector<float> WeightsOf(std::span<const float> blocks, size_t padded) const;
};

// What a hierarchical encoder is made of; each family's file puts together its own.
struct HierarchicalParts {
  BlockShape shape;
  std::unique_ptr<const Model> block_encoder = nullptr;
  SequenceHead block_head = {};
  DocumentEmbedding document_embedding = {};
  std::unique_ptr<const Model> document_encoder = nullptr;  // Of vectors: without an embedding.
  SequenceHead document_head = {};
  std::optional<BlockCombination> combination = std::nullopt;
  std::vector<float> empty_document = {};  // Of a text without blocks, [d]; empty if it has inputs.
  std::string pooling = {};  // How vectors of blocks and documents are made, for people.
  std::vector<Assumption> assumptions = {};  // What gannet.json does not say.
};

// A document read in two steps: a block encoder makes a vector of the tokens of each block, a
// document encoder reads the vectors of the blocks as BERT reads tokens, and its head makes one
// vector of what it leaves. SMITH (smith.h) and HMDE (hmde.h) are configurations of it. Immutable;
// safe to use from several threads.
class HierarchicalModel {
 public:
  // Of a folder whose gannet.json calls it "smith" or "hmde". Errors name the file and the field or
  // tensor.
  static absl::StatusOr<HierarchicalModel> Load(const std::filesystem::path& folder,
                                                const GannetFile& file,
                                                const ModelOptions& options);

  explicit HierarchicalModel(HierarchicalParts parts) : parts_(std::move(parts)) {}

  const BlockShape& shape() const { return parts_.shape; }
  const Model& block_encoder() const { return *parts_.block_encoder; }
  const Model& document_encoder() const { return *parts_.document_encoder; }
  const std::string& pooling() const { return parts_.pooling; }
  const std::vector<Assumption>& assumptions() const { return parts_.assumptions; }
  size_t block_dimension() const { return parts_.block_encoder->dimensions().hidden; }
  size_t dimension() const { return (parts_.combination ? 2 : 1) * block_dimension(); }

  // The vectors of blocks that were checked, [blocks, block_dimension()]. `pool` as in Model::Run.
  std::vector<float> EncodeBlocks(const PackedBatch& blocks, base::ThreadPool* pool) const;

  // The vectors of documents, [documents, dimension()], of the vectors of the blocks of each, at
  // most shape().blocks. `pool` as in Model::Run.
  std::vector<float> EncodeDocuments(std::span<const std::span<const float>> documents,
                                     base::ThreadPool* pool) const;

  // What the document encoder leaves of one document, [inputs, d], for tests against golden values.
  std::vector<float> DocumentRows(std::span<const float> blocks) const;

 private:
  // Sequences of the documents that have inputs, and the inputs.
  PackedBatch PackDocuments(std::span<const std::span<const float>> documents,
                            std::vector<float>& inputs) const;

  HierarchicalParts parts_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_HIERARCHICAL_H_
