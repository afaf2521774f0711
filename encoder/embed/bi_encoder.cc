#include "encoder/embed/bi_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/object_pool.h"
#include "base/status.h"
#include "encoder/embed/one_vector.h"
#include "encoder/embed/perceiver_pooler.h"
#include "encoder/embed/pooling.h"
#include "encoder/embed/text_plan.h"
#include "encoder/embed/vector_modules.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/models/pooler.h"
#include "encoder/run/finite.h"
#include "encoder/run/model_input.h"
#include "encoder/run/text_model.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {
namespace {

// The rows of a model that looks at one of each text, where it computes no others: in a Mamba every
// row before it has passed through its state, in an M2-BERT every row is beside it at every layer.
SequenceRows WantedRows(const ModelFolder& folder) {
  if (folder.poolings == std::vector{Pooling::kPooler}) return SequenceRows::kFirst;
  return folder.appended_token ? SequenceRows::kLast : SequenceRows::kAll;
}

// Values of what pooling makes of a text.
size_t PooledSize(const TextModel& transformer) {
  const size_t vectors =
      transformer.folder.trainable_pooling ? 1 : transformer.folder.poolings.size();
  return vectors * transformer.model->dimensions().hidden;
}

// Whether a pooling says something of any part of a text's token vectors.
bool PoolsAnyPart(Pooling pooling) {
  return pooling == Pooling::kMean || pooling == Pooling::kMax ||
         pooling == Pooling::kMeanSqrtLen || pooling == Pooling::kWeightedMean;
}

// Leaves a text whose runs are done with the vectors that the strategy wants of it.
void Settle(const LongTextOptions& options, size_t dimension, TextVectors& text) {
  if (!text.status.ok()) {
    text.spans.clear();
    text.values.clear();
    return;
  }
  if (!options.one_vector() || text.spans.size() == 1) return;
  text.values = OneVector(options.strategy, std::move(text.values), dimension);
  const TextSpan first = text.spans.front(), last = text.spans.back();
  text.spans = {{.first_byte = first.first_byte,
                 .bytes = last.first_byte + last.bytes - first.first_byte,
                 .first_token = first.first_token,
                 .tokens = last.first_token + last.tokens - first.first_token}};
}

class BiEncoder final : public Embedder {
 public:
  BiEncoder(TextModel transformer, Similarity similarity, std::optional<Pooler> pooler,
            std::optional<PerceiverPooler> perceiver, VectorModules modules)
      : transformer_(std::move(transformer)),
        similarity_(similarity),
        pooler_(std::move(pooler)),
        perceiver_(std::move(perceiver)),
        modules_(std::move(modules)) {}

  absl::StatusOr<Embeddings> Embed(std::span<const std::string_view> texts, TextRole role,
                                   base::ThreadPool& pool) const override;
  absl::StatusOr<std::vector<TextVectors>> EmbedLong(std::span<const std::string_view> texts,
                                                     TextRole role, const LongTextOptions& options,
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
    std::vector<float> vectors;              // [vectors, pooled size], then [vectors, dimension].
    std::vector<std::vector<float>> states;  // Of each member, what perceiver_ reads: [n, d].
  };

  // The runs of all texts, one after another.
  struct Runs {
    std::vector<ModelInput> inputs;
    std::vector<std::vector<WindowRange>> rows;  // As of TextPlan::Run.
    std::vector<size_t> first_vector;            // The first of each run, in `values`.
    std::vector<float> values;                   // [vectors, dimension]

    size_t vectors_of(size_t i) const { return std::max<size_t>(rows[i].size(), 1); }
  };

  absl::Status CheckStrategy(const LongTextOptions& options) const;
  std::vector<TextPlan> Plan(std::span<const std::string_view> texts, TextRole role,
                             const LongTextOptions& options, base::ThreadPool& pool) const;
  Runs Collect(std::vector<TextPlan>& plans) const;
  // Runs one group through the model and writes its vectors. `pool` as in Model::Run.
  void EncodeGroup(std::span<const size_t> members, base::ThreadPool* pool, Runs& runs,
                   std::vector<absl::Status>& errors) const;
  // Runs the model over a group, noting down what perceiver_ reads of it.
  void RunGroup(base::ThreadPool* pool, GroupBuffers& buffers) const;
  void NoteStates(std::span<const float> hidden, GroupBuffers& buffers) const;
  // Pools the token vectors of a group: [vectors, pooled size].
  void PoolGroup(std::span<const size_t> members, const Runs& runs, GroupBuffers& buffers,
                 std::vector<absl::Status>& errors) const;

  const TextModel transformer_;
  const Similarity similarity_;
  const SequenceRows wanted_ = WantedRows(transformer_.folder);
  const std::optional<Pooler> pooler_;
  const std::optional<PerceiverPooler> perceiver_;
  const VectorModules modules_;
  mutable base::ObjectPool<Encoding> encodings_;
  mutable base::ObjectPool<GroupBuffers> group_buffers_;
};

absl::Status BiEncoder::CheckStrategy(const LongTextOptions& options) const {
  GANNET_RETURN_IF_ERROR(options.Check());
  if (options.strategy != LongTextOptions::Strategy::kLateChunking) return absl::OkStatus();
  if (perceiver_) {
    return absl::InvalidArgumentError(
        fmt::format("late chunking: {} has a trainable pooling, which reads whole texts", name()));
  }
  if (std::ranges::all_of(transformer_.folder.poolings, PoolsAnyPart)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("late chunking: {} makes its vector of one token of a text (cls, last token or "
                  "pooler): the tokens of a window alone have none",
                  name()));
}

std::vector<TextPlan> BiEncoder::Plan(std::span<const std::string_view> texts, TextRole role,
                                      const LongTextOptions& options,
                                      base::ThreadPool& pool) const {
  const ModelFolder& folder = transformer_.folder;
  const std::string& prompt =
      role == TextRole::kQuery ? folder.query_prompt : folder.document_prompt;
  const TextPlanner planner(transformer_, options, prompt);
  std::vector<TextPlan> plans(texts.size());
  pool.ParallelFor(texts.size(), [&](size_t i) {
    const auto encoding = encodings_.Take();
    plans[i].text.status = planner.Plan(texts[i], *encoding, plans[i]);
  });
  return plans;
}

BiEncoder::Runs BiEncoder::Collect(std::vector<TextPlan>& plans) const {
  Runs runs;
  size_t vectors = 0;
  for (TextPlan& plan : plans) {
    if (!plan.text.status.ok()) plan.runs.clear();
    for (TextPlan::Run& run : plan.runs) {
      runs.inputs.push_back(std::move(run.input));
      runs.rows.push_back(std::move(run.rows));
      runs.first_vector.push_back(vectors);
      vectors += runs.vectors_of(runs.inputs.size() - 1);
    }
  }
  runs.values.resize(vectors * dimension());
  return runs;
}

void BiEncoder::PoolGroup(std::span<const size_t> members, const Runs& runs, GroupBuffers& buffers,
                          std::vector<absl::Status>& errors) const {
  const std::vector<Pooling>& poolings = transformer_.folder.poolings;
  const size_t hidden = transformer_.model->dimensions().hidden;
  const bool one_row = wanted_ != SequenceRows::kAll;
  size_t vectors = 0;
  for (const size_t i : members) vectors += runs.vectors_of(i);
  buffers.vectors.resize(vectors * PooledSize(transformer_));
  size_t column = 0;
  for (size_t s = 0; s < members.size(); ++s) {
    const size_t first = one_row ? s : buffers.batch.offsets[s];
    const size_t count = one_row ? 1 : buffers.batch.length(s);
    const std::span<const float> rows =
        std::span(buffers.hidden).subspan(first * hidden, count * hidden);
    // Poolings that look at one row, or at maxima, would pass over what is wrong with the others.
    errors[members[s]] = CheckFinite(rows);
    if (perceiver_) {
      std::ranges::copy(perceiver_->Apply(buffers.states[s]), &buffers.vectors[s * hidden]);
      continue;
    }
    const WindowRange all{0, count};
    const std::vector<WindowRange>& parts = runs.rows[members[s]];
    for (const WindowRange& part : parts.empty() ? std::span(&all, 1) : std::span(parts)) {
      for (const Pooling pooling : poolings) {
        Pool(pooling, rows.subspan(part.begin * hidden, part.size() * hidden),
             std::span(buffers.vectors).subspan(column, hidden));
        column += hidden;
      }
    }
  }
}

void BiEncoder::RunGroup(base::ThreadPool* pool, GroupBuffers& buffers) const {
  RunOptions options{.output = wanted_};
  buffers.states.assign(perceiver_ ? buffers.batch.sequences() : 0, {});
  if (perceiver_ && perceiver_->reads_layers()) {
    options.on_layer = [&](size_t layer, std::span<const float> hidden) {
      if (layer > 0) NoteStates(hidden, buffers);
    };
  }
  transformer_.model->Run(buffers.batch, pool, options, buffers.hidden);
  if (perceiver_ && !perceiver_->reads_layers()) NoteStates(buffers.hidden, buffers);
}

void BiEncoder::NoteStates(std::span<const float> hidden, GroupBuffers& buffers) const {
  const size_t d = transformer_.model->dimensions().hidden;
  for (size_t s = 0; s < buffers.states.size(); ++s) {
    const std::span<const float> rows =
        hidden.subspan(buffers.batch.offsets[s] * d, buffers.batch.length(s) * d);
    std::vector<float>& states = buffers.states[s];
    if (perceiver_->states() == PerceiverPooler::States::kTokens) {
      states.assign(rows.begin(), rows.end());
      continue;
    }
    const bool mean = perceiver_->states() == PerceiverPooler::States::kMeanOfLayers;
    states.resize(states.size() + d);
    Pool(mean ? Pooling::kMean : Pooling::kLastToken, rows, std::span(states).last(d));
  }
}

void BiEncoder::EncodeGroup(std::span<const size_t> members, base::ThreadPool* pool, Runs& runs,
                            std::vector<absl::Status>& errors) const {
  const auto buffers = group_buffers_.Take();
  PackInputs(runs.inputs, members, buffers->batch);
  RunGroup(pool, *buffers);
  PoolGroup(members, runs, *buffers, errors);
  std::vector<float>& vectors = buffers->vectors;
  if (pooler_) vectors = pooler_->Apply(vectors);
  size_t count = 0;
  for (const size_t i : members) count += runs.vectors_of(i);
  modules_.Apply(count, vectors);
  std::span<const float> rest = vectors;
  for (const size_t i : members) {
    const std::span<const float> own = rest.first(runs.vectors_of(i) * dimension());
    rest = rest.subspan(own.size());
    if (errors[i].ok()) errors[i] = CheckFinite(own);
    if (errors[i].ok()) std::ranges::copy(own, &runs.values[runs.first_vector[i] * dimension()]);
  }
}

absl::StatusOr<std::vector<TextVectors>> BiEncoder::EmbedLong(
    std::span<const std::string_view> texts, TextRole role, const LongTextOptions& options,
    base::ThreadPool& pool) const {
  GANNET_RETURN_IF_ERROR(CheckStrategy(options));
  std::vector<TextPlan> plans = Plan(texts, role, options, pool);
  Runs runs = Collect(plans);
  std::vector<absl::Status> errors;
  errors.reserve(runs.inputs.size());
  for (const ModelInput& input : runs.inputs) errors.push_back(input.status);
  ForEachGroup(runs.inputs, pool, [&](std::span<const size_t> members, base::ThreadPool* of_group) {
    EncodeGroup(members, of_group, runs, errors);
  });

  std::vector<TextVectors> vectors;
  vectors.reserve(plans.size());
  std::span<const float> values = runs.values;
  std::span<const absl::Status> statuses = errors;
  for (TextPlan& plan : plans) {
    TextVectors& text = vectors.emplace_back(std::move(plan.text));
    const size_t count = plan.runs.empty() ? 0 : text.spans.size() * dimension();
    for (const absl::Status& status : statuses.first(plan.runs.size())) text.status.Update(status);
    text.values.assign(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count));
    values = values.subspan(count);
    statuses = statuses.subspan(plan.runs.size());
    Settle(options, dimension(), text);
  }
  return vectors;
}

absl::StatusOr<Embeddings> BiEncoder::Embed(std::span<const std::string_view> texts, TextRole role,
                                            base::ThreadPool& pool) const {
  GANNET_ASSIGN_OR_RETURN(
      const std::vector<TextVectors> vectors,
      EmbedLong(texts, role, {.strategy = LongTextOptions::Strategy::kTruncate}, pool));
  Embeddings embeddings;
  embeddings.dimension = dimension();
  embeddings.values.resize(texts.size() * dimension());
  for (size_t i = 0; i < vectors.size(); ++i) {
    embeddings.tokens.push_back(vectors[i].tokens);
    embeddings.errors.push_back(vectors[i].status);
    std::ranges::copy(vectors[i].values, &embeddings.values[i * dimension()]);
  }
  return embeddings;
}

// Whether the tokenizer itself puts that token after every text.
absl::StatusOr<bool> EndsTexts(const Tokenizer& tokenizer, std::optional<TokenId> token) {
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(tokenizer.Encode("", {}, encoding));
  return token && !encoding.ids.empty() && encoding.ids.back() == *token;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Embedder>> OpenBiEncoder(ModelFolder folder,
                                                              Similarity similarity,
                                                              const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(TextModel transformer, TextModel::Load(std::move(folder), options));
  GANNET_ASSIGN_OR_RETURN(const bool ends_texts,
                          EndsTexts(*transformer.tokenizer, transformer.folder.appended_token));
  if (ends_texts) transformer.folder.appended_token.reset();
  std::optional<Pooler> pooler;
  if (transformer.folder.poolings == std::vector{Pooling::kPooler}) {
    GANNET_ASSIGN_OR_RETURN(pooler,
                            Pooler::Load(transformer.folder.transformer, transformer.options));
  }
  std::optional<PerceiverPooler> perceiver;
  if (const auto& trainable = transformer.folder.trainable_pooling) {
    const ModelDimensions& of_model = transformer.model->dimensions();
    GANNET_ASSIGN_OR_RETURN(perceiver, PerceiverPooler::Load(*trainable, of_model.hidden,
                                                             of_model.layers, transformer.options));
  }
  GANNET_ASSIGN_OR_RETURN(VectorModules modules,
                          VectorModules::Load(transformer.folder, PooledSize(transformer)));
  return std::make_unique<BiEncoder>(std::move(transformer), similarity, std::move(pooler),
                                     std::move(perceiver), std::move(modules));
}

}  // namespace gannet::encoder
