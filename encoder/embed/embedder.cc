#include "encoder/embed/embedder.h"

#include <fmt/format.h>
#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "base/checksum.h"
#include "base/object_pool.h"
#include "base/status.h"
#include "base/utf8.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/embed/calibration.h"
#include "encoder/embed/finite.h"
#include "encoder/embed/pooling.h"
#include "encoder/embed/static_embedder.h"
#include "encoder/embed/vector_modules.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/models/model.h"
#include "encoder/models/pooler.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {
namespace {

// Sequences travel through the model in groups of about this many tokens: enough rows to use each
// weight well while it is in the cache, few enough that a group's matrices stay near it.
constexpr size_t kGroupTokens = 256;

std::string LowerCase(const std::string& text) {
  std::string lowered;
  icu::UnicodeString::fromUTF8(text).toLower(icu::Locale::getRoot()).toUTF8String(lowered);
  return lowered;
}

absl::StatusOr<Similarity> ParseSimilarity(const ModelFolder& folder) {
  const std::string name = folder.similarity.value_or("cosine");
  if (name == "cosine") return Similarity::kCosine;
  if (name == "dot") return Similarity::kDot;
  return absl::UnimplementedError(
      fmt::format("{}: similarity_fn_name: \"{}\" is not supported, expected cosine or dot",
                  (folder.path / "config_sentence_transformers.json").string(), name));
}

// The ids that the model reads of one text.
struct TokenizedText {
  std::vector<TokenId> ids;
  std::vector<uint8_t> type_ids;
  TokenCount count;
  absl::Status status;  // Why the model cannot read it.
};

// Which texts travel together: texts [begin, end) of the order by length.
struct Group {
  size_t begin = 0;
  size_t end = 0;
};

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
  BiEncoder(ModelFolder folder, const ModelOptions& options, std::string fingerprint,
            Similarity similarity, std::unique_ptr<const Tokenizer> tokenizer,
            std::unique_ptr<const Model> model, std::string compute_path,
            std::optional<Pooler> pooler, VectorModules modules)
      : folder_(std::move(folder)),
        options_(options),
        fingerprint_(std::move(fingerprint)),
        similarity_(similarity),
        tokenizer_(std::move(tokenizer)),
        model_(std::move(model)),
        compute_path_(std::move(compute_path)),
        pooler_(std::move(pooler)),
        modules_(std::move(modules)) {}

  absl::StatusOr<Embeddings> Embed(std::span<const std::string_view> texts, TextRole role,
                                   base::ThreadPool& pool) const override;

  ModelOptions options() const override { return options_; }
  std::string ComputePath() const override { return compute_path_; }
  size_t dimension() const override { return modules_.dimension(); }
  size_t max_tokens() const override { return folder_.max_tokens; }
  Similarity similarity() const override { return similarity_; }
  const std::filesystem::path& folder() const override { return folder_.path; }
  const std::string& name() const override { return folder_.name; }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  struct GroupBuffers {
    PackedBatch batch;
    std::vector<float> hidden;
    std::vector<float> vectors;  // [texts, pooled size], then [texts, dimension].
  };

  std::vector<TokenizedText> Tokenize(std::span<const std::string_view> texts, TextRole role,
                                      base::ThreadPool& pool) const;
  absl::Status TokenizeOne(std::string_view text, TextRole role, TokenizedText& tokenized) const;

  // Runs one group through the model and writes its vectors. `pool` as in Model::Forward.
  void EncodeGroup(std::span<const TokenizedText> texts, std::span<const size_t> members,
                   base::ThreadPool* pool, Embeddings& embeddings) const;

  const ModelFolder folder_;
  const ModelOptions options_;
  const std::string fingerprint_;
  const Similarity similarity_;
  const std::unique_ptr<const Tokenizer> tokenizer_;
  const std::unique_ptr<const Model> model_;
  const SequenceRows wanted_ = WantedRows(folder_);
  const size_t text_tokens_ = TextTokens(folder_);
  const std::string compute_path_;
  const std::optional<Pooler> pooler_;
  const VectorModules modules_;
  mutable base::ObjectPool<Encoding> encodings_;
  mutable base::ObjectPool<GroupBuffers> group_buffers_;
};

absl::Status BiEncoder::TokenizeOne(std::string_view text, TextRole role,
                                    TokenizedText& tokenized) const {
  if (!base::IsValidUtf8(text)) return absl::InvalidArgumentError("not well-formed UTF-8");
  const std::string& prompt =
      role == TextRole::kQuery ? folder_.query_prompt : folder_.document_prompt;
  std::string prepared;
  if (!prompt.empty()) {
    prepared = fmt::format("{}{}", prompt, text);
    text = prepared;
  }
  text = base::StripWhiteSpace(text);
  if (folder_.lower_case) {
    prepared = LowerCase(std::string(text));
    text = prepared;
  }
  const auto encoding = encodings_.Take();
  GANNET_RETURN_IF_ERROR(tokenizer_->Encode(text, {.max_tokens = text_tokens_}, *encoding));
  tokenized.ids = encoding->ids;
  tokenized.type_ids = encoding->type_ids;
  tokenized.count = {.total = encoding->tokens_total, .read = encoding->ids.size()};
  if (folder_.appended_token) {
    tokenized.ids.push_back(*folder_.appended_token);
    tokenized.type_ids.push_back(0);
    ++tokenized.count.total;
    ++tokenized.count.read;
  }
  if (tokenized.ids.empty()) {
    return absl::InvalidArgumentError("has no token: the model cannot embed it");
  }
  return model_->Check(tokenized.ids, tokenized.type_ids);
}

std::vector<TokenizedText> BiEncoder::Tokenize(std::span<const std::string_view> texts,
                                               TextRole role, base::ThreadPool& pool) const {
  std::vector<TokenizedText> tokenized(texts.size());
  pool.ParallelFor(texts.size(), [&](size_t i) {
    tokenized[i].status = TokenizeOne(texts[i], role, tokenized[i]);
  });
  return tokenized;
}

void BiEncoder::EncodeGroup(std::span<const TokenizedText> texts, std::span<const size_t> members,
                            base::ThreadPool* pool, Embeddings& embeddings) const {
  const auto buffers = group_buffers_.Take();
  buffers->batch.Clear();
  for (const size_t i : members) buffers->batch.Append(texts[i].ids, texts[i].type_ids);
  model_->Run(buffers->batch, pool, {.output = wanted_}, buffers->hidden);

  const size_t hidden = model_->dimensions().hidden;
  const bool one_row = buffers->hidden.size() < buffers->batch.rows() * hidden;
  std::vector<float>& vectors = buffers->vectors;
  vectors.resize(members.size() * folder_.poolings.size() * hidden);
  size_t column = 0;
  for (size_t s = 0; s < members.size(); ++s) {
    const size_t first = one_row ? s : buffers->batch.offsets[s];
    const size_t count = one_row ? 1 : buffers->batch.length(s);
    const std::span<const float> rows =
        std::span(buffers->hidden).subspan(first * hidden, count * hidden);
    // Poolings that look at one row, or at maxima, would pass over what is wrong with the others.
    embeddings.errors[members[s]] = CheckFinite(rows);
    for (const Pooling pooling : folder_.poolings) {
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

// Texts ordered from long to short, so that the last groups to be begun are short ones, cut into
// groups of about kGroupTokens tokens, or less when that would leave threads without work.
std::vector<Group> MakeGroups(std::span<const TokenizedText> texts, std::span<const size_t> order,
                              int threads) {
  size_t total = 0;
  for (const size_t i : order) total += texts[i].ids.size();
  const size_t share = total / (4 * static_cast<size_t>(threads));
  const size_t budget = std::clamp<size_t>(share, 1, kGroupTokens);
  std::vector<Group> groups;
  size_t begin = 0, tokens = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    tokens += texts[order[i]].ids.size();
    if (tokens >= budget || i + 1 == order.size()) {
      groups.push_back({begin, i + 1});
      begin = i + 1;
      tokens = 0;
    }
  }
  return groups;
}

absl::StatusOr<Embeddings> BiEncoder::Embed(std::span<const std::string_view> texts, TextRole role,
                                            base::ThreadPool& pool) const {
  const std::vector<TokenizedText> tokenized = Tokenize(texts, role, pool);
  Embeddings embeddings;
  embeddings.dimension = dimension();
  embeddings.values.resize(texts.size() * dimension());
  std::vector<size_t> order;
  for (const TokenizedText& text : tokenized) {
    if (text.status.ok()) order.push_back(embeddings.tokens.size());
    embeddings.tokens.push_back(text.count);
    embeddings.errors.push_back(text.status);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return tokenized[a].ids.size() > tokenized[b].ids.size();
  });
  const std::vector<Group> groups = MakeGroups(tokenized, order, pool.threads());
  const auto encode = [&](size_t g, base::ThreadPool* inner) {
    const auto members = std::span(order).subspan(groups[g].begin, groups[g].end - groups[g].begin);
    EncodeGroup(tokenized, members, inner, embeddings);
  };
  if (groups.size() >= static_cast<size_t>(pool.threads())) {
    pool.ParallelFor(groups.size(), [&](size_t g) { encode(g, nullptr); });
  } else {
    for (size_t g = 0; g < groups.size(); ++g) encode(g, &pool);
  }
  return embeddings;
}

// The folder's own fingerprint for the options that the folder is meant for.
std::string FingerprintWith(std::string folder, const ModelOptions& options) {
  if (options.precision == Precision::kFp32 && options.temperature == 1) return folder;
  base::Fingerprinter fingerprint;
  fingerprint.UpdateField(folder);
  fingerprint.UpdateField(PrecisionName(options.precision));
  fingerprint.UpdateField(fmt::format("{}", options.temperature));
  for (const std::string& layer : options.bf16_layers.value_or(std::vector<std::string>())) {
    fingerprint.UpdateField(layer);
  }
  return fingerprint.HexDigest();
}

// Whether the tokenizer itself puts that token after every text.
absl::StatusOr<bool> EndsTexts(const Tokenizer& tokenizer, std::optional<TokenId> token) {
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(tokenizer.Encode("", {}, encoding));
  return token && !encoding.ids.empty() && encoding.ids.back() == *token;
}

std::string Describe(const LoadNotes& notes) {
  std::vector<std::string> parts;
  for (const auto& [path, count] : notes.paths) {
    parts.push_back(fmt::format("{} linear layers: {}", count, path));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
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
                                                               const ModelOptions& asked) {
  GANNET_ASSIGN_OR_RETURN(ModelFolder folder, ModelFolder::Read(path));
  GANNET_ASSIGN_OR_RETURN(const Similarity similarity, ParseSimilarity(folder));
  if (folder.kind != ModelFolder::Kind::kTransformer) {
    return OpenStaticEmbedder(std::move(folder), similarity);
  }
  GANNET_ASSIGN_OR_RETURN(auto tokenizer, Tokenizer::Open(folder.transformer));
  ModelOptions options = asked;
  LoadNotes notes;
  GANNET_ASSIGN_OR_RETURN(auto model,
                          LoadCalibrated(folder.transformer, *tokenizer, options, notes));
  const ModelDimensions& dimensions = model->dimensions();
  if (tokenizer->vocabulary_size() > dimensions.vocabulary) {
    return absl::InvalidArgumentError(
        fmt::format("{}: vocab_size: {}, but the tokenizer has {} entries",
                    (folder.transformer / "config.json").string(), dimensions.vocabulary,
                    tokenizer->vocabulary_size()));
  }
  if (folder.max_tokens == 0 ||
      (dimensions.positions != 0 && dimensions.positions < folder.max_tokens)) {
    folder.max_tokens = dimensions.positions;
  }
  GANNET_ASSIGN_OR_RETURN(const bool ends_texts, EndsTexts(*tokenizer, folder.appended_token));
  if (ends_texts) folder.appended_token.reset();
  std::optional<Pooler> pooler;
  if (folder.poolings == std::vector{Pooling::kPooler}) {
    GANNET_ASSIGN_OR_RETURN(pooler, Pooler::Load(folder.transformer, options));
  }
  GANNET_ASSIGN_OR_RETURN(VectorModules modules,
                          VectorModules::Load(folder, folder.poolings.size() * dimensions.hidden));
  GANNET_ASSIGN_OR_RETURN(std::string fingerprint, FingerprintOf(folder));
  fingerprint = FingerprintWith(std::move(fingerprint), options);
  return std::make_unique<BiEncoder>(std::move(folder), options, std::move(fingerprint), similarity,
                                     std::move(tokenizer), std::move(model), Describe(notes),
                                     std::move(pooler), std::move(modules));
}

}  // namespace gannet::encoder
