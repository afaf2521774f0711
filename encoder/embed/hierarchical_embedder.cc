#include "encoder/embed/hierarchical_embedder.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/layers/load_notes.h"
#include "encoder/models/hierarchical.h"
#include "encoder/run/calibration.h"
#include "encoder/run/finite.h"
#include "encoder/run/model_input.h"
#include "encoder/run/text_blocks.h"
#include "encoder/run/text_model.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {
namespace {

// A model with what it needs to read texts.
struct HierarchicalTextModel {
  ModelFolder folder;
  ModelOptions options;
  std::string fingerprint = {};
  std::string compute_path = {};
  std::unique_ptr<const Tokenizer> tokenizer = nullptr;
  std::unique_ptr<const HierarchicalModel> model = nullptr;
};

class HierarchicalEmbedder final : public Embedder {
 public:
  HierarchicalEmbedder(HierarchicalTextModel text_model, BlockSplitter splitter)
      : text_model_(std::move(text_model)), splitter_(splitter) {}

  absl::StatusOr<Embeddings> Embed(std::span<const std::string_view> texts, TextRole role,
                                   base::ThreadPool& pool) const override;

  ModelOptions options() const override { return text_model_.options; }
  std::string ComputePath() const override { return text_model_.compute_path; }
  ModelFacts facts() const override;
  size_t dimension() const override { return model().dimension(); }
  size_t max_tokens() const override { return model().shape().blocks * model().shape().tokens; }
  // SMITH's concatenated representations are compared as they are.
  Similarity similarity() const override {
    return dimension() == model().block_dimension() ? Similarity::kCosine : Similarity::kDot;
  }
  const std::filesystem::path& folder() const override { return text_model_.folder.path; }
  const std::string& name() const override { return text_model_.folder.name; }
  const std::string& fingerprint() const override { return text_model_.fingerprint; }

 private:
  // The blocks of all texts that can be read, and their vectors.
  struct Blocks {
    std::vector<ModelInput> inputs;
    std::vector<size_t> offsets = {0};  // Those of text i: [offsets[i], offsets[i + 1]).
    std::vector<float> vectors;         // [blocks, d]

    std::span<const float> of(size_t text, size_t d) const {
      return std::span(vectors).subspan(offsets[text] * d, (offsets[text + 1] - offsets[text]) * d);
    }
  };

  const HierarchicalModel& model() const { return *text_model_.model; }

  // Whether a text is read by the block encoder alone.
  bool IsOneBlock(TextRole role) const {
    return role == TextRole::kQuery && model().shape().filling == BlockShape::Filling::kSentence;
  }

  // Splits the texts and notes in `embeddings` what was read of each and which cannot be.
  Blocks Split(std::span<const std::string_view> texts, TextRole role, base::ThreadPool& pool,
               Embeddings& embeddings) const;
  void EncodeBlocks(base::ThreadPool& pool, Blocks& blocks) const;
  void EncodeDocuments(const Blocks& blocks, base::ThreadPool& pool, Embeddings& embeddings) const;
  // Writes the vector of a text, unless something about the text is an error.
  static void SetVector(size_t text, std::span<const float> vector, Embeddings& embeddings);

  const HierarchicalTextModel text_model_;
  const BlockSplitter splitter_;
};

ModelFacts HierarchicalEmbedder::facts() const {
  const BlockShape& shape = model().shape();
  const bool sentence = shape.filling == BlockShape::Filling::kSentence;
  const ModelDimensions& document = model().document_encoder().dimensions();
  return {.dimensions = model().block_encoder().dimensions(),
          .uses = {{"document encoder",
                    fmt::format("{} layers, {} attention heads", document.layers, document.heads)},
                   {"blocks", fmt::format("{} of {} tokens, each {}", shape.blocks, shape.tokens,
                                          sentence ? "a sentence" : "of whole sentences")},
                   {"pooling", model().pooling()},
                   {"queries", sentence ? "one block, read by the block encoder alone"
                                        : "read as documents are"},
                   {"query prompt", ""},
                   {"document prompt", ""}},
          .assumptions = model().assumptions()};
}

HierarchicalEmbedder::Blocks HierarchicalEmbedder::Split(std::span<const std::string_view> texts,
                                                         TextRole role, base::ThreadPool& pool,
                                                         Embeddings& embeddings) const {
  std::vector<BlockedText> split(texts.size());
  pool.ParallelFor(texts.size(), [&](size_t i) {
    split[i] = IsOneBlock(role) ? splitter_.Whole(texts[i]) : splitter_.Split(texts[i]);
  });
  Blocks blocks;
  for (BlockedText& text : split) {
    if (text.status.ok()) std::ranges::move(text.blocks, std::back_inserter(blocks.inputs));
    blocks.offsets.push_back(blocks.inputs.size());
    embeddings.tokens.push_back(text.count);
    embeddings.errors.push_back(std::move(text.status));
  }
  return blocks;
}

void HierarchicalEmbedder::EncodeBlocks(base::ThreadPool& pool, Blocks& blocks) const {
  const size_t d = model().block_dimension();
  blocks.vectors.resize(blocks.inputs.size() * d);
  ForEachGroup(blocks.inputs, pool,
               [&](std::span<const size_t> members, base::ThreadPool* of_group) {
                 PackedBatch batch;
                 PackInputs(blocks.inputs, members, batch);
                 const std::vector<float> vectors = model().EncodeBlocks(batch, of_group);
                 for (size_t s = 0; s < members.size(); ++s) {
                   std::copy_n(&vectors[s * d], d, &blocks.vectors[members[s] * d]);
                 }
               });
}

void HierarchicalEmbedder::EncodeDocuments(const Blocks& blocks, base::ThreadPool& pool,
                                           Embeddings& embeddings) const {
  // To the document encoder a block is what a token is to others.
  std::vector<ModelInput> documents(embeddings.size());
  for (size_t i = 0; i < documents.size(); ++i) {
    documents[i].ids.resize(blocks.offsets[i + 1] - blocks.offsets[i]);
    documents[i].status = embeddings.errors[i];
  }
  ForEachGroup(documents, pool, [&](std::span<const size_t> members, base::ThreadPool* of_group) {
    std::vector<std::span<const float>> of_members;
    for (const size_t i : members) of_members.push_back(blocks.of(i, model().block_dimension()));
    const std::vector<float> vectors = model().EncodeDocuments(of_members, of_group);
    for (size_t s = 0; s < members.size(); ++s) {
      SetVector(members[s], std::span(vectors).subspan(s * dimension(), dimension()), embeddings);
    }
  });
}

void HierarchicalEmbedder::SetVector(size_t text, std::span<const float> vector,
                                     Embeddings& embeddings) {
  absl::Status& status = embeddings.errors[text];
  if (status.ok()) status = CheckFinite(vector);
  if (status.ok()) {
    std::ranges::copy(vector, &embeddings.values[text * embeddings.dimension]);
  }
}

absl::StatusOr<Embeddings> HierarchicalEmbedder::Embed(std::span<const std::string_view> texts,
                                                       TextRole role,
                                                       base::ThreadPool& pool) const {
  Embeddings embeddings;
  embeddings.dimension = dimension();
  embeddings.values.resize(texts.size() * dimension());
  Blocks blocks = Split(texts, role, pool, embeddings);
  EncodeBlocks(pool, blocks);
  const size_t d = model().block_dimension();
  for (size_t i = 0; i < texts.size(); ++i) {
    if (embeddings.errors[i].ok()) embeddings.errors[i] = CheckFinite(blocks.of(i, d));
    if (IsOneBlock(role)) SetVector(i, blocks.of(i, d), embeddings);
  }
  if (!IsOneBlock(role)) EncodeDocuments(blocks, pool, embeddings);
  return embeddings;
}

// Runs the calibration text through both encoders.
absl::Status RunCalibrationText(const Tokenizer& tokenizer, const HierarchicalModel& model) {
  GANNET_ASSIGN_OR_RETURN(const BlockSplitter splitter, BlockSplitter::Make(tokenizer, model));
  const BlockedText text = splitter.Split(kCalibrationText);
  GANNET_RETURN_IF_ERROR(text.status);
  PackedBatch batch;
  for (const ModelInput& block : text.blocks) batch.Append(block.ids, block.type_ids);
  const std::vector<float> vectors = model.EncodeBlocks(batch, nullptr);
  const std::span<const float> document = vectors;
  model.EncodeDocuments({&document, 1}, nullptr);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Embedder>> OpenHierarchicalEmbedder(
    ModelFolder folder, const GannetFile& file, const ModelOptions& options) {
  HierarchicalTextModel opened{.folder = std::move(folder), .options = options};
  const std::filesystem::path& path = opened.folder.path;
  GANNET_ASSIGN_OR_RETURN(opened.tokenizer, Tokenizer::Open(path));
  LoadNotes notes;
  const auto load = [&](const ModelOptions& asked) {
    return HierarchicalModel::Load(path, file, asked);
  };
  const auto run = [&](const HierarchicalModel& model) {
    return RunCalibrationText(*opened.tokenizer, model);
  };
  GANNET_ASSIGN_OR_RETURN(HierarchicalModel model,
                          LoadWithCalibration<HierarchicalModel>(load, run, opened.options, notes));
  opened.model = std::make_unique<const HierarchicalModel>(std::move(model));
  opened.compute_path = DescribePaths(notes);
  GANNET_ASSIGN_OR_RETURN(std::string fingerprint, FingerprintOf(opened.folder));
  opened.fingerprint = FingerprintWith(std::move(fingerprint), opened.options);
  absl::StatusOr<BlockSplitter> splitter = BlockSplitter::Make(*opened.tokenizer, *opened.model);
  if (!splitter.ok()) return base::Annotate(splitter.status(), path.string());
  return std::make_unique<HierarchicalEmbedder>(std::move(opened), *splitter);
}

}  // namespace gannet::encoder
