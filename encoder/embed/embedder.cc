#include "encoder/embed/embedder.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/object_pool.h"
#include "base/status.h"
#include "encoder/checkpoint/gannet_file.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/embed/code_embedder.h"
#include "encoder/embed/pooling.h"
#include "encoder/embed/static_embedder.h"
#include "encoder/embed/vector_modules.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/models/model.h"
#include "encoder/models/pooler.h"
#include "encoder/run/finite.h"
#include "encoder/run/model_input.h"
#include "encoder/run/prepared_text.h"
#include "encoder/run/text_model.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {
namespace {

absl::StatusOr<Similarity> ParseSimilarity(ModelFolder& folder) {
  if (!folder.similarity) {
    folder.assumptions.push_back({"similarity", "cosine", "no similarity_fn_name"});
  }
  const std::string name = folder.similarity.value_or("cosine");
  if (name == "cosine") return Similarity::kCosine;
  if (name == "dot") return Similarity::kDot;
  return absl::UnimplementedError(
      fmt::format("{}: similarity_fn_name: \"{}\" is not supported, expected cosine or dot",
                  (folder.path / "config_sentence_transformers.json").string(), name));
}

// The rows of a model that looks at one of each text, where it computes no others: in a Mamba every
// row before it has passed through its state, in an M2-BERT every row is beside it at every layer.
SequenceRows WantedRows(const ModelFolder& folder) {
  if (folder.poolings == std::vector{Pooling::kPooler}) return SequenceRows::kFirst;
  return folder.appended_token ? SequenceRows::kLast : SequenceRows::kAll;
}

// Most tokens that the tokenizer may leave of a text; 0 for any number.
size_t TextTokens(const ModelFolder& folder) {
  const bool appended = folder.appended_token && folder.max_tokens > 1;
  return appended ? folder.max_tokens - 1 : folder.max_tokens;
}

class BiEncoder final : public Embedder {
 public:
  BiEncoder(TextModel transformer, Similarity similarity, std::optional<Pooler> pooler,
            VectorModules modules)
      : transformer_(std::move(transformer)),
        similarity_(similarity),
        pooler_(std::move(pooler)),
        modules_(std::move(modules)) {}

  absl::StatusOr<Embeddings> Embed(std::span<const std::string_view> texts, TextRole role,
                                   base::ThreadPool& pool) const override;

  ModelOptions options() const override { return transformer_.options; }
  std::string ComputePath() const override { return transformer_.compute_path; }
  ModelFacts facts() const override {
    return FactsOf(transformer_.folder, transformer_.model->dimensions());
  }
  size_t dimension() const override { return modules_.dimension(); }
  size_t max_tokens() const override { return transformer_.folder.max_tokens; }
  Similarity similarity() const override { return similarity_; }
  const std::filesystem::path& folder() const override { return transformer_.folder.path; }
  const std::string& name() const override { return transformer_.folder.name; }
  const std::string& fingerprint() const override { return transformer_.fingerprint; }

 private:
  struct GroupBuffers {
    PackedBatch batch;
    std::vector<float> hidden;
    std::vector<float> vectors;  // [texts, pooled size], then [texts, dimension].
  };

  std::vector<ModelInput> Tokenize(std::span<const std::string_view> texts, TextRole role,
                                   base::ThreadPool& pool) const;
  absl::Status TokenizeOne(std::string_view text, TextRole role, ModelInput& input) const;

  // Runs one group through the model and writes its vectors. `pool` as in Model::Forward.
  void EncodeGroup(std::span<const ModelInput> inputs, std::span<const size_t> members,
                   base::ThreadPool* pool, Embeddings& embeddings) const;

  const TextModel transformer_;
  const Similarity similarity_;
  const SequenceRows wanted_ = WantedRows(transformer_.folder);
  const size_t text_tokens_ = TextTokens(transformer_.folder);
  const std::optional<Pooler> pooler_;
  const VectorModules modules_;
  mutable base::ObjectPool<Encoding> encodings_;
  mutable base::ObjectPool<GroupBuffers> group_buffers_;
};

absl::Status BiEncoder::TokenizeOne(std::string_view text, TextRole role, ModelInput& input) const {
  const ModelFolder& folder = transformer_.folder;
  const std::string& prompt =
      role == TextRole::kQuery ? folder.query_prompt : folder.document_prompt;
  std::string prompted, room;
  if (!prompt.empty()) {
    prompted = fmt::format("{}{}", prompt, text);
    text = prompted;
  }
  GANNET_ASSIGN_OR_RETURN(text, PrepareText(folder, text, room));
  const auto encoding = encodings_.Take();
  GANNET_RETURN_IF_ERROR(
      transformer_.tokenizer->Encode(text, {.max_tokens = text_tokens_}, *encoding));
  input.ids = encoding->ids;
  input.type_ids = encoding->type_ids;
  input.count = {.total = encoding->tokens_total, .read = encoding->ids.size()};
  if (folder.appended_token) {
    input.ids.push_back(*folder.appended_token);
    input.type_ids.push_back(0);
    ++input.count.total;
    ++input.count.read;
  }
  if (input.ids.empty()) {
    return absl::InvalidArgumentError("has no token: the model cannot embed it");
  }
  return transformer_.model->Check(input.ids, input.type_ids);
}

std::vector<ModelInput> BiEncoder::Tokenize(std::span<const std::string_view> texts, TextRole role,
                                            base::ThreadPool& pool) const {
  std::vector<ModelInput> inputs(texts.size());
  pool.ParallelFor(texts.size(),
                   [&](size_t i) { inputs[i].status = TokenizeOne(texts[i], role, inputs[i]); });
  return inputs;
}

void BiEncoder::EncodeGroup(std::span<const ModelInput> inputs, std::span<const size_t> members,
                            base::ThreadPool* pool, Embeddings& embeddings) const {
  const auto buffers = group_buffers_.Take();
  PackInputs(inputs, members, buffers->batch);
  transformer_.model->Run(buffers->batch, pool, {.output = wanted_}, buffers->hidden);

  const std::vector<Pooling>& poolings = transformer_.folder.poolings;
  const size_t hidden = transformer_.model->dimensions().hidden;
  const bool one_row = wanted_ != SequenceRows::kAll;
  std::vector<float>& vectors = buffers->vectors;
  vectors.resize(members.size() * poolings.size() * hidden);
  size_t column = 0;
  for (size_t s = 0; s < members.size(); ++s) {
    const size_t first = one_row ? s : buffers->batch.offsets[s];
    const size_t count = one_row ? 1 : buffers->batch.length(s);
    const std::span<const float> rows =
        std::span(buffers->hidden).subspan(first * hidden, count * hidden);
    // Poolings that look at one row, or at maxima, would pass over what is wrong with the others.
    embeddings.errors[members[s]] = CheckFinite(rows);
    for (const Pooling pooling : poolings) {
      Pool(pooling, rows, std::span(vectors).subspan(column, hidden));
      column += hidden;
    }
  }
  if (pooler_) vectors = pooler_->Apply(vectors);
  modules_.Apply(members.size(), vectors);
  for (size_t s = 0; s < members.size(); ++s) {
    const std::span<const float> vector = std::span(vectors).subspan(s * dimension(), dimension());
    absl::Status& status = embeddings.errors[members[s]];
    if (status.ok()) status = CheckFinite(vector);
    if (status.ok()) std::ranges::copy(vector, &embeddings.values[members[s] * dimension()]);
  }
}

absl::StatusOr<Embeddings> BiEncoder::Embed(std::span<const std::string_view> texts, TextRole role,
                                            base::ThreadPool& pool) const {
  const std::vector<ModelInput> inputs = Tokenize(texts, role, pool);
  Embeddings embeddings;
  embeddings.dimension = dimension();
  embeddings.values.resize(texts.size() * dimension());
  for (const ModelInput& input : inputs) {
    embeddings.tokens.push_back(input.count);
    embeddings.errors.push_back(input.status);
  }
  ForEachGroup(inputs, pool, [&](std::span<const size_t> members, base::ThreadPool* of_group) {
    EncodeGroup(inputs, members, of_group, embeddings);
  });
  return embeddings;
}

// Whether the tokenizer itself puts that token after every text.
absl::StatusOr<bool> EndsTexts(const Tokenizer& tokenizer, std::optional<TokenId> token) {
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(tokenizer.Encode("", {}, encoding));
  return token && !encoding.ids.empty() && encoding.ids.back() == *token;
}

}  // namespace

absl::Status Embeddings::FirstError() const {
  for (size_t i = 0; i < errors.size(); ++i) {
    GANNET_RETURN_IF_ERROR(base::Annotate(errors[i], fmt::format("text {}", i)));
  }
  return absl::OkStatus();
}

std::string_view SimilarityName(Similarity similarity) {
  return similarity == Similarity::kCosine ? "cosine" : "dot";
}

absl::StatusOr<std::unique_ptr<const Embedder>> Embedder::Open(const std::filesystem::path& path,
                                                               const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(ModelFolder folder, ModelFolder::Read(path));
  GANNET_ASSIGN_OR_RETURN(const std::optional<GannetFile> told, GannetFile::Read(folder.path));
  if (told && told->model == "sea") {
    return OpenCodeEmbedder(std::move(folder), told->fields, options);
  }
  GANNET_ASSIGN_OR_RETURN(const Similarity similarity, ParseSimilarity(folder));
  if (folder.kind != ModelFolder::Kind::kTransformer) {
    return OpenStaticEmbedder(std::move(folder), similarity);
  }
  GANNET_ASSIGN_OR_RETURN(TextModel transformer, TextModel::Load(std::move(folder), options));
  GANNET_ASSIGN_OR_RETURN(const bool ends_texts,
                          EndsTexts(*transformer.tokenizer, transformer.folder.appended_token));
  if (ends_texts) transformer.folder.appended_token.reset();
  std::optional<Pooler> pooler;
  if (transformer.folder.poolings == std::vector{Pooling::kPooler}) {
    GANNET_ASSIGN_OR_RETURN(pooler,
                            Pooler::Load(transformer.folder.transformer, transformer.options));
  }
  const size_t pooled = transformer.folder.poolings.size() * transformer.model->dimensions().hidden;
  GANNET_ASSIGN_OR_RETURN(VectorModules modules, VectorModules::Load(transformer.folder, pooled));
  return std::make_unique<BiEncoder>(std::move(transformer), similarity, std::move(pooler),
                                     std::move(modules));
}

}  // namespace gannet::encoder
