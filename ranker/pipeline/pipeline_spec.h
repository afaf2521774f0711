#ifndef GANNET_RANKER_PIPELINE_PIPELINE_SPEC_H_
#define GANNET_RANKER_PIPELINE_PIPELINE_SPEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "encoder/layers/model_options.h"
#include "ranker/rerank/cross_encoder_stage.h"
#include "ranker/rerank/icr.h"
#include "ranker/rerank/word_windows.h"

namespace gannet::ranker {

// What the stages of a pipeline may be. Models are named as a registry of models knows them.

// Retrieval by the similarity of vectors, with the model that the collection was made with.
struct DenseMethod {};

struct CrossEncoderMethod {
  std::string model;
  encoder::Precision precision = encoder::Precision::kFp32;
  size_t max_tokens = 0;  // As in CrossEncoderOptions.
  std::optional<std::string> instruction = std::nullopt;
  std::optional<WindowOptions> windows = std::nullopt;  // nullopt: the beginning of the text.
  WindowScore window_score = WindowScore::kMax;
};

struct ParadeMethod {
  std::string model;
  encoder::Precision precision = encoder::Precision::kFp32;
  WindowOptions windows = WindowOptions::Parade();
};

struct DuoMethod {
  std::string model;
  encoder::Precision precision = encoder::Precision::kFp32;
};

// icr, qrhead and core.
struct InContextMethod {
  std::string model;
  encoder::Precision precision = encoder::Precision::kFp32;
  InContextOptions options = {};
  InContextRequest::TooMany too_many = InContextRequest::TooMany::kRefuse;
  size_t window_passages = 0;  // As in InContextRequest.
  InContextRequest::Reading reading = InContextRequest::Reading::kExact;
  size_t block_cache_mib = 0;  // Of documents kept from query to query, with Reading::kBlocks.
};

// Re-ranking by the terms that a collection keeps of its documents (PreTTR).
struct TermsMethod {
  std::string collection;  // Its folder.
  std::string model = {};  // Empty: where it was when the terms were made.
};

using StageMethod = std::variant<DenseMethod, CrossEncoderMethod, ParadeMethod, DuoMethod,
                                 InContextMethod, TermsMethod>;

// "dense", "cross-encoder", "parade", "duo", "icr", "qrhead", "core", "terms".
std::string_view TypeName(const StageMethod& method);

// How a method names its model, or the collection that does; empty for one that has neither.
std::string_view ModelOf(const StageMethod& method);

// As many candidates as the method is meant for.
size_t DefaultDepth(const StageMethod& method);

// What `group_by` calls the id of a document; other names are those of metadata fields.
inline constexpr std::string_view kGroupByDocument = "_id";

struct StageSpec {
  StageMethod method;
  std::string name = {};  // Of its scores; empty: the name of its type.
  size_t depth = 100;     // Documents that are retrieved; candidates, from the best on, re-ranked.
  // Candidates to which the stage gave a lower score are dropped.
  std::optional<float> min_score = std::nullopt;
  // Of the candidates that have the same values in this metadata field the best one is kept.
  std::string group_by = {};
  // The stage is skipped when it would take longer.
  std::optional<uint32_t> time_budget_ms = std::nullopt;

  std::string_view DisplayName() const { return name.empty() ? TypeName(method) : name; }
};

// A ranking as a description: retrieve, re-rank, re-rank again. Without a stage that retrieves it
// re-ranks the passages that it is given.
struct PipelineSpec {
  std::vector<StageSpec> stages;
  // Stages that would overrun it are skipped; retrieval never is.
  std::optional<uint32_t> time_budget_ms = std::nullopt;

  bool Retrieves() const {
    return !stages.empty() && std::holds_alternative<DenseMethod>(stages.front().method);
  }
};

// Whether all values are in their ranges and fit together; whatever a pipeline is made from, it is
// checked here. Errors name the place as "pipeline.stages[1].depth: ...".
absl::Status CheckPipeline(const PipelineSpec& spec);

// Most texts (or pairs of them, for duo) that one query makes a stage read.
size_t MostTexts(const StageSpec& stage);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_PIPELINE_PIPELINE_SPEC_H_
