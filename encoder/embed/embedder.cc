#include "encoder/embed/embedder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/object_pool.h"
#include "base/status.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/embed/pooling.h"
#include "encoder/embed/static_embedder.h"
#include "encoder/embed/vector_modules.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/models/model.h"
#include "encoder/run/finite.h"
#include "encoder/run/model_input.h"
#include "encoder/run/prepared_text.h"
#include "encoder/run/text_model.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {
namespace {

absl::StatusOr<Similarity> ParseSimilarity(const ModelFolder& folder) {
  const std::string name = folder.similarity.value_or("cosine");
  if (name == "cosine") return Similarity::kCosine;
  if (name == "dot") return Similarity::kDot;
  return absl::UnimplementedError(
      fmt::format("{}: similarity_fn_name: \"{}\" is not supported, expected cosine or dot",
                  (folder.path / "config_sentence_transformers.json").string(), name));
}

class BiEncoder final : public Embedder {
 public:
  BiEncoder(TextModel transformer, Similarity similarity, VectorModules modules)
      : transformer_(std::move(transformer)),
        similarity_(similarity),
        modules_(std::move(modules)) {}

  absl::StatusOr<Embeddings> Embed(std::span<const std::string_view> texts, TextRole role,
                                   base::ThreadPool& pool) const override;

  ModelOptions options() const override { return transformer_.options; }
  std::string ComputePath() const override { return transformer_.compute_path; }
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
      transformer_.tokenizer->Encode(text, {.max_tokens = folder.max_tokens}, *encoding));
  input.ids = encoding->ids;
  input.type_ids = encoding->type_ids;
  input.count = {.total = encoding->tokens_total, .read = encoding->ids.size()};
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
  transformer_.model->Forward(buffers->batch, pool, buffers->hidden, nullptr);

  const std::vector<Pooling>& poolings = transformer_.folder.poolings;
  const size_t hidden = transformer_.model->dimensions().hidden;
  std::vector<float>& vectors = buffers->vectors;
  vectors.resize(members.size() * poolings.size() * hidden);
  size_t column = 0;
  for (size_t s = 0; s < members.size(); ++s) {
    const std::span<const float> rows =
        std::span(buffers->hidden)
            .subspan(buffers->batch.offsets[s] * hidden, buffers->batch.length(s) * hidden);
    // Poolings that look at one row, or at maxima, would pass over what is wrong with the others.
    embeddings.errors[members[s]] = CheckFinite(rows);
    for (const Pooling pooling : poolings) {
      Pool(pooling, rows, std::span(vectors).subspan(column, hidden));
      column += hidden;
    }
  }
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
  GANNET_ASSIGN_OR_RETURN(const Similarity similarity, ParseSimilarity(folder));
  if (folder.kind != ModelFolder::Kind::kTransformer) {
    return OpenStaticEmbedder(std::move(folder), similarity);
  }
  GANNET_ASSIGN_OR_RETURN(TextModel transformer, TextModel::Load(std::move(folder), options));
  const size_t pooled = transformer.folder.poolings.size() * transformer.model->dimensions().hidden;
  GANNET_ASSIGN_OR_RETURN(VectorModules modules, VectorModules::Load(transformer.folder, pooled));
  return std::make_unique<BiEncoder>(std::move(transformer), similarity, std::move(modules));
}

}  // namespace gannet::encoder
