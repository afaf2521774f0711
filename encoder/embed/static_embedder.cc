#include "encoder/embed/static_embedder.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/object_pool.h"
#include "base/status.h"
#include "base/utf8.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/embed/vector_modules.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/run/finite.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {
namespace {

// The token table of a folder: [rows, size].
struct TokenTable {
  size_t rows = 0;
  size_t size = 0;
  std::vector<float> values;

  static absl::StatusOr<TokenTable> Load(const std::filesystem::path& folder);
};

absl::StatusOr<TokenTable> TokenTable::Load(const std::filesystem::path& folder) {
  GANNET_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(folder));
  for (const std::string_view name : {"weights", "mapping"}) {
    if (checkpoint.Has(name)) {
      return absl::UnimplementedError(fmt::format(
          "{}: tensor {}: a table with token {} is not supported", folder.string(), name, name));
    }
  }
  // By the names that Model2Vec and sentence-transformers save.
  const std::string_view name = checkpoint.Has("embeddings") ? "embeddings" : "embedding.weight";
  const Shape shape = checkpoint.ShapeOf(name);
  if (shape.size() != 2 || shape[0] == 0 || shape[1] == 0) {
    return absl::InvalidArgumentError(
        fmt::format("{}: expected a tensor embeddings or embedding.weight of two dimensions, found "
                    "{}",
                    folder.string(), shape.empty() ? "none" : ShapeName(shape)));
  }
  TokenTable table{shape[0], shape[1], {}};
  GANNET_ASSIGN_OR_RETURN(table.values, checkpoint.Floats(name, shape));
  return table;
}

// The token that tokenizer.json puts where it knows no other.
absl::StatusOr<std::optional<TokenId>> UnknownToken(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(path));
  GANNET_ASSIGN_OR_RETURN(const ConfigFile model, file.Object("model"));
  if (!model.Has("unk_token")) return std::nullopt;
  GANNET_ASSIGN_OR_RETURN(const std::string token, model.String("unk_token"));
  GANNET_ASSIGN_OR_RETURN(const ConfigFile vocabulary, model.Object("vocab"));
  if (!vocabulary.Has(token)) return std::nullopt;
  GANNET_ASSIGN_OR_RETURN(const double id, vocabulary.Number(token));
  return static_cast<TokenId>(id);
}

class StaticEmbedder final : public Embedder {
 public:
  StaticEmbedder(ModelFolder folder, std::string fingerprint, Similarity similarity,
                 std::unique_ptr<const Tokenizer> tokenizer, TokenTable table,
                 std::optional<TokenId> left_out, VectorModules modules)
      : folder_(std::move(folder)),
        fingerprint_(std::move(fingerprint)),
        similarity_(similarity),
        tokenizer_(std::move(tokenizer)),
        table_(std::move(table)),
        left_out_(left_out),
        modules_(std::move(modules)) {}

  absl::StatusOr<Embeddings> Embed(std::span<const std::string_view> texts, TextRole role,
                                   base::ThreadPool& pool) const override;

  ModelFacts facts() const override {
    return FactsOf(folder_, {.vocabulary = tokenizer_->vocabulary_size(), .hidden = table_.size});
  }
  size_t dimension() const override { return modules_.dimension(); }
  size_t max_tokens() const override { return folder_.max_tokens; }
  Similarity similarity() const override { return similarity_; }
  const std::filesystem::path& folder() const override { return folder_.path; }
  const std::string& name() const override { return folder_.name; }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  struct Buffers {
    std::string prompted;
    Encoding encoding;
    std::vector<float> vector;
  };

  absl::Status EmbedOne(std::string_view text, TextRole role, std::span<float> out,
                        TokenCount& count) const;
  void Average(std::span<const TokenId> ids, std::vector<float>& mean) const;

  const ModelFolder folder_;
  const std::string fingerprint_;
  const Similarity similarity_;
  const std::unique_ptr<const Tokenizer> tokenizer_;
  const TokenTable table_;
  const std::optional<TokenId> left_out_;
  const VectorModules modules_;
  mutable base::ObjectPool<Buffers> buffers_;
};

void StaticEmbedder::Average(std::span<const TokenId> ids, std::vector<float>& mean) const {
  mean.assign(table_.size, 0.0F);
  size_t tokens = 0;
  for (const TokenId id : ids) {
    if (id == left_out_) continue;
    const size_t row = static_cast<size_t>(id) * table_.size;
    kernels::Add(std::span(table_.values).subspan(row, table_.size), mean.data());
    ++tokens;
  }
  for (float& v : mean) v /= static_cast<float>(std::max<size_t>(tokens, 1));
}

absl::Status StaticEmbedder::EmbedOne(std::string_view text, TextRole role, std::span<float> out,
                                      TokenCount& count) const {
  if (!base::IsValidUtf8(text)) return absl::InvalidArgumentError("not well-formed UTF-8");
  const std::string& prompt =
      role == TextRole::kQuery ? folder_.query_prompt : folder_.document_prompt;
  const auto buffers = buffers_.Take();
  if (!prompt.empty()) {
    buffers->prompted = fmt::format("{}{}", prompt, text);
    text = buffers->prompted;
  }
  Encoding& encoding = buffers->encoding;
  GANNET_RETURN_IF_ERROR(tokenizer_->Encode(
      text, {.add_special_tokens = false, .max_tokens = folder_.max_tokens}, encoding));
  count = {.total = encoding.tokens_total, .read = encoding.ids.size()};
  Average(encoding.ids, buffers->vector);
  modules_.Apply(1, buffers->vector);
  GANNET_RETURN_IF_ERROR(CheckFinite(buffers->vector));
  std::copy(buffers->vector.begin(), buffers->vector.end(), out.begin());
  return absl::OkStatus();
}

absl::StatusOr<Embeddings> StaticEmbedder::Embed(std::span<const std::string_view> texts,
                                                 TextRole role, base::ThreadPool& pool) const {
  Embeddings embeddings;
  embeddings.dimension = dimension();
  embeddings.values.resize(texts.size() * dimension());
  embeddings.tokens.resize(texts.size());
  embeddings.errors.resize(texts.size());
  pool.ParallelFor(texts.size(), [&](size_t i) {
    embeddings.errors[i] =
        EmbedOne(texts[i], role, std::span(embeddings.values).subspan(i * dimension(), dimension()),
                 embeddings.tokens[i]);
  });
  return embeddings;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Embedder>> OpenStaticEmbedder(ModelFolder folder,
                                                                   Similarity similarity) {
  GANNET_ASSIGN_OR_RETURN(auto tokenizer, Tokenizer::Open(folder.transformer));
  GANNET_ASSIGN_OR_RETURN(TokenTable table, TokenTable::Load(folder.transformer));
  if (tokenizer->vocabulary_size() > table.rows) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} token vectors, but the tokenizer has {} "
                    "entries",
                    folder.transformer.string(), table.rows, tokenizer->vocabulary_size()));
  }
  std::optional<TokenId> left_out;
  if (folder.kind == ModelFolder::Kind::kModel2Vec) {
    GANNET_ASSIGN_OR_RETURN(left_out, UnknownToken(folder.transformer));
  }
  GANNET_ASSIGN_OR_RETURN(VectorModules modules, VectorModules::Load(folder, table.size));
  GANNET_ASSIGN_OR_RETURN(std::string fingerprint, FingerprintOf(folder));
  return std::make_unique<StaticEmbedder>(std::move(folder), std::move(fingerprint), similarity,
                                          std::move(tokenizer), std::move(table), left_out,
                                          std::move(modules));
}

}  // namespace gannet::encoder
