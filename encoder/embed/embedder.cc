#include "encoder/embed/embedder.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/gannet_file.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/embed/bi_encoder.h"
#include "encoder/embed/code_embedder.h"
#include "encoder/embed/hierarchical_embedder.h"
#include "encoder/embed/static_embedder.h"
#include "encoder/embed/truncation.h"

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

// What a model that knows no windows makes of a text.
TextVectors WholeText(std::string_view text, const Embeddings& embeddings, size_t i) {
  TextVectors vectors{.status = embeddings.status(i),
                      .tokens = embeddings.tokens[i],
                      .windows = 1,
                      .spans = {},
                      .values = {}};
  if (!vectors.status.ok()) return vectors;
  vectors.spans = {{.first_byte = 0,
                    .bytes = text.size(),
                    .first_token = 0,
                    .tokens = embeddings.tokens[i].read}};
  vectors.values.assign(embeddings[i].begin(), embeddings[i].end());
  return vectors;
}

// The folders that gannet.json says how to read.
absl::StatusOr<std::unique_ptr<const Embedder>> OpenByGannetFile(ModelFolder folder,
                                                                 const GannetFile& file,
                                                                 const ModelOptions& options) {
  if (file.model == "smith" || file.model == "hmde") {
    return OpenHierarchicalEmbedder(std::move(folder), file, options);
  }
  if (file.model == "sea") return OpenCodeEmbedder(std::move(folder), file.fields, options);
  return file.fields.Error("model", fmt::format("\"{}\", expected smith, hmde or sea", file.model));
}

// With all values of its vectors.
absl::StatusOr<std::unique_ptr<const Embedder>> OpenWhole(const std::filesystem::path& path,
                                                          const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(ModelFolder folder, ModelFolder::Read(path));
  GANNET_ASSIGN_OR_RETURN(const std::optional<GannetFile> file, GannetFile::Read(folder.path));
  if (file) return OpenByGannetFile(std::move(folder), *file, options);
  GANNET_ASSIGN_OR_RETURN(const Similarity similarity, ParseSimilarity(folder));
  if (folder.kind != ModelFolder::Kind::kTransformer) {
    return OpenStaticEmbedder(std::move(folder), similarity);
  }
  return OpenBiEncoder(std::move(folder), similarity, options);
}

}  // namespace

absl::Status Embeddings::FirstError() const {
  for (size_t i = 0; i < errors.size(); ++i) {
    GANNET_RETURN_IF_ERROR(base::Annotate(errors[i], fmt::format("text {}", i)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TextVectors>> Embedder::EmbedLong(
    std::span<const std::string_view> texts, TextRole role, const LongTextOptions& options,
    base::ThreadPool& pool) const {
  GANNET_RETURN_IF_ERROR(options.Check());
  const bool cut = options.size > 0 || options.unit == LongTextOptions::Unit::kWords ||
                   options.ends == LongTextOptions::Ends::kSentences;
  if (cut || options.strategy == LongTextOptions::Strategy::kLateChunking) {
    return absl::UnimplementedError(fmt::format(
        "{}: this kind of model reads a text as a whole, not as {}", name(), options.ToString()));
  }
  GANNET_ASSIGN_OR_RETURN(const Embeddings embeddings, Embed(texts, role, pool));
  std::vector<TextVectors> vectors;
  vectors.reserve(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) vectors.push_back(WholeText(texts[i], embeddings, i));
  return vectors;
}

std::string_view SimilarityName(Similarity similarity) {
  return similarity == Similarity::kCosine ? "cosine" : "dot";
}

absl::StatusOr<std::unique_ptr<const Embedder>> Embedder::Open(const std::filesystem::path& path,
                                                               const ModelOptions& options) {
  ModelOptions whole = options;
  whole.dimension = 0;
  GANNET_ASSIGN_OR_RETURN(auto embedder, OpenWhole(path, whole));
  if (options.dimension == 0) return embedder;
  return Truncate(std::move(embedder), options.dimension, options.truncation);
}

}  // namespace gannet::encoder
