#include "encoder/embed/code_embedder.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/checksum.h"
#include "base/file.h"
#include "base/object_pool.h"
#include "base/status.h"
#include "base/utf8.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/code/grammar.h"
#include "encoder/embed/block_fusion.h"
#include "encoder/embed/code_input.h"
#include "encoder/embed/code_options.h"
#include "encoder/embed/pooling.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/models/pooler.h"
#include "encoder/run/finite.h"
#include "encoder/run/model_input.h"
#include "encoder/run/prepared_text.h"
#include "encoder/run/text_model.h"

namespace gannet::encoder {
namespace {

// What a code embedder is put together from.
struct CodeParts {
  TextModel model;
  CodeOptions options;
  std::shared_ptr<const Grammar> grammar;  // Null where there is none.
  std::optional<Pooler> pooler;
  BlockFusion fusion;
  std::filesystem::path grammar_file;
  std::string fingerprint;

  // Why code is split otherwise than the options ask for; empty where it is not.
  std::string MissingGrammar() const {
    if (grammar != nullptr) return "";
    return fmt::format("no {}: code is split by {} and without syntax", grammar_file.string(),
                       CodeUnitName(options.split.unit_without_grammar));
  }
};

class CodeEmbedder final : public Embedder {
 public:
  CodeEmbedder(std::unique_ptr<const CodeParts> parts, CodeInputs inputs)
      : parts_(std::move(parts)),
        inputs_(std::move(inputs)),
        splitter_(parts_->options.split, parts_->grammar) {}

  absl::StatusOr<Embeddings> Embed(std::span<const std::string_view> texts, TextRole role,
                                   base::ThreadPool& pool) const override;

  ModelOptions options() const override { return parts_->model.options; }
  std::string ComputePath() const override;
  ModelFacts facts() const override;
  size_t dimension() const override { return parts_->model.model->dimensions().hidden; }
  size_t max_tokens() const override { return parts_->options.code_tokens; }
  Similarity similarity() const override { return parts_->options.similarity; }
  const std::filesystem::path& folder() const override { return parts_->model.folder.path; }
  const std::string& name() const override { return parts_->model.folder.name; }
  const std::string& fingerprint() const override { return parts_->fingerprint; }

 private:
  struct GroupBuffers {
    PackedBatch batch;
    std::vector<float> hidden;
    std::vector<float> vectors;  // [blocks, d]
  };

  // The blocks of one text.
  struct Text {
    std::vector<ModelInput> blocks;
    TokenCount count;
    absl::Status status;
  };

  absl::Status ReadQuery(std::string_view query, Text& text) const;
  absl::Status ReadCode(std::string_view code, Text& text) const;

  // Runs one group through the model: vectors are [inputs, d].
  void EncodeGroup(std::span<const size_t> members, base::ThreadPool* pool,
                   std::span<ModelInput> inputs, std::vector<float>& vectors) const;

  const std::unique_ptr<const CodeParts> parts_;
  const CodeInputs inputs_;  // Of the model in parts_.
  const CodeSplitter splitter_;
  mutable base::ObjectPool<GroupBuffers> group_buffers_;
};

// For people, and the only place where a job says it.
std::string CodeEmbedder::ComputePath() const {
  const std::string missing = parts_->MissingGrammar();
  return missing.empty() ? parts_->model.compute_path
                         : fmt::format("{}; {}", parts_->model.compute_path, missing);
}

ModelFacts CodeEmbedder::facts() const {
  const CodeOptions& options = parts_->options;
  const CodeSplitOptions& split = options.split;
  return {.dimensions = parts_->model.model->dimensions(),
          .uses = {{"language", split.language},
                   {"grammar", parts_->grammar == nullptr ? "none" : parts_->grammar_file.string()},
                   {"split",
                    fmt::format("{}, windows of {}, every {}",
                                CodeUnitName(parts_->grammar == nullptr ? split.unit_without_grammar
                                                                        : split.unit),
                                split.window, split.step)},
                   {"pooling", std::string(PoolingName(options.pooling))},
                   {"fusion",
                    fmt::format("{}, {}", options.fusion->Name(),
                                options.form == FusionForm::kUnbiased ? "unbiased" : "released")},
                   {"longest query", fmt::format("{} tokens", options.query_tokens)},
                   {"query prompt", ""},
                   {"document prompt", ""}},
          .assumptions = options.assumptions};
}

absl::Status CodeEmbedder::ReadQuery(std::string_view query, Text& text) const {
  std::string room;
  GANNET_ASSIGN_OR_RETURN(query, PrepareText(parts_->model.folder, query, room));
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(parts_->model.tokenizer->Encode(
      query, {.max_tokens = parts_->options.query_tokens}, encoding));
  ModelInput& input = text.blocks.emplace_back();
  input.ids = std::move(encoding.ids);
  input.type_ids = std::move(encoding.type_ids);
  text.count = {.total = encoding.tokens_total, .read = input.ids.size()};
  return parts_->model.model->Check(input.ids, input.type_ids);
}

absl::Status CodeEmbedder::ReadCode(std::string_view code, Text& text) const {
  if (!base::IsValidUtf8(code)) return absl::InvalidArgumentError("not well-formed UTF-8");
  GANNET_ASSIGN_OR_RETURN(const SplitCode split, splitter_.Split(code));
  GANNET_ASSIGN_OR_RETURN(text.blocks, inputs_.Of(split, text.count));
  text.count.blocks = text.blocks.size();
  return absl::OkStatus();
}

void CodeEmbedder::EncodeGroup(std::span<const size_t> members, base::ThreadPool* pool,
                               std::span<ModelInput> inputs, std::vector<float>& vectors) const {
  const auto buffers = group_buffers_.Take();
  PackInputs(inputs, members, buffers->batch);
  const Pooling pooling = parts_->options.pooling;
  const bool one_row = pooling != Pooling::kMean;
  const SequenceRows wanted = one_row ? SequenceRows::kFirst : SequenceRows::kAll;
  parts_->model.model->Run(buffers->batch, pool, {.output = wanted}, buffers->hidden);

  const size_t d = dimension();
  buffers->vectors.resize(members.size() * d);
  for (size_t s = 0; s < members.size(); ++s) {
    const size_t first = one_row ? s : buffers->batch.offsets[s];
    const size_t count = one_row ? 1 : buffers->batch.length(s);
    const std::span<const float> rows = std::span(buffers->hidden).subspan(first * d, count * d);
    inputs[members[s]].status = CheckFinite(rows);
    Pool(pooling, rows, std::span(buffers->vectors).subspan(s * d, d));
  }
  if (parts_->pooler) buffers->vectors = parts_->pooler->Apply(buffers->vectors);
  for (size_t s = 0; s < members.size(); ++s) {
    std::copy_n(&buffers->vectors[s * d], d, &vectors[members[s] * d]);
  }
}

absl::StatusOr<Embeddings> CodeEmbedder::Embed(std::span<const std::string_view> texts,
                                               TextRole role, base::ThreadPool& pool) const {
  std::vector<Text> read(texts.size());
  pool.ParallelFor(texts.size(), [&](size_t i) {
    read[i].status =
        role == TextRole::kQuery ? ReadQuery(texts[i], read[i]) : ReadCode(texts[i], read[i]);
    if (!read[i].status.ok()) read[i].blocks.clear();
  });
  std::vector<ModelInput> blocks;  // Of all texts, one text after the other.
  for (Text& text : read) std::ranges::move(text.blocks, std::back_inserter(blocks));
  const size_t d = dimension();
  std::vector<float> vectors(blocks.size() * d);
  ForEachGroup(blocks, pool, [&](std::span<const size_t> members, base::ThreadPool* of_group) {
    EncodeGroup(members, of_group, blocks, vectors);
  });

  Embeddings embeddings{
      .dimension = d, .values = std::vector<float>(texts.size() * d), .tokens = {}};
  size_t first = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const size_t count = read[i].blocks.size();
    const std::span<float> vector = std::span(embeddings.values).subspan(i * d, d);
    absl::Status& status = read[i].status;
    for (size_t b = first; b < first + count && status.ok(); ++b) status = blocks[b].status;
    if (status.ok()) {
      parts_->fusion.Apply(std::span(vectors).subspan(first * d, count * d), vector);
      status = CheckFinite(vector);
    }
    if (!status.ok()) std::ranges::fill(vector, 0.0F);
    embeddings.tokens.push_back(read[i].count);
    embeddings.errors.push_back(status);
    first += count;
  }
  return embeddings;
}

// Null where there is none; the fingerprint of a model tells the two, and one grammar from another.
absl::StatusOr<std::shared_ptr<const Grammar>> OpenGrammar(const std::filesystem::path& file,
                                                           std::string_view language,
                                                           std::string& fingerprint) {
  absl::StatusOr<std::shared_ptr<const Grammar>> grammar = Grammar::Open(file, language);
  if (absl::IsNotFound(grammar.status())) return nullptr;
  GANNET_RETURN_IF_ERROR(grammar.status());
  GANNET_ASSIGN_OR_RETURN(const base::MappedFile content, base::MappedFile::Open(file));
  base::Fingerprinter whole;
  whole.UpdateField(fingerprint);
  whole.UpdateField(content.bytes());
  fingerprint = whole.HexDigest();
  return grammar;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Embedder>> OpenCodeEmbedder(ModelFolder folder,
                                                                 const ConfigFile& file,
                                                                 const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(CodeOptions told, CodeOptions::Read(file));
  GANNET_ASSIGN_OR_RETURN(TextModel model, TextModel::Load(std::move(folder), options));
  if (const size_t longest = model.folder.max_tokens; longest != 0) {
    told.code_tokens = std::min(told.code_tokens, longest);
    told.query_tokens = std::min(told.query_tokens, longest);
  }
  const std::filesystem::path& path = model.folder.transformer;
  std::optional<Pooler> pooler;
  if (told.pooling == Pooling::kPooler) {
    GANNET_ASSIGN_OR_RETURN(pooler, Pooler::Load(path, model.options));
  }
  GANNET_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(path));
  if (!told.fusion) {
    told.fusion = BlockFusion::KindIn(checkpoint);
    told.assumptions.push_back({"fusion", told.fusion->Name(), "not in gannet.json; the tensors"});
  }
  GANNET_ASSIGN_OR_RETURN(BlockFusion fusion, BlockFusion::Load(checkpoint, *told.fusion, told.form,
                                                                model.model->dimensions().hidden));
  std::string fingerprint = model.fingerprint;
  const std::filesystem::path grammar_file = GrammarFile(GrammarFolder(), told.split.language);
  GANNET_ASSIGN_OR_RETURN(auto grammar,
                          OpenGrammar(grammar_file, told.split.language, fingerprint));
  auto parts = std::make_unique<CodeParts>(CodeParts{.model = std::move(model),
                                                     .options = std::move(told),
                                                     .grammar = std::move(grammar),
                                                     .pooler = std::move(pooler),
                                                     .fusion = std::move(fusion),
                                                     .grammar_file = grammar_file,
                                                     .fingerprint = std::move(fingerprint)});
  if (std::string missing = parts->MissingGrammar(); !missing.empty()) {
    parts->options.assumptions.push_back({"grammar", "none", std::move(missing)});
  }
  GANNET_ASSIGN_OR_RETURN(CodeInputs inputs,
                          CodeInputs::Make(parts->model, parts->options.code_tokens));
  return std::make_unique<CodeEmbedder>(std::move(parts), std::move(inputs));
}

}  // namespace gannet::encoder
