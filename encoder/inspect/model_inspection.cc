#include "encoder/inspect/model_inspection.h"

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "base/memory.h"
#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/gannet_file.h"
#include "encoder/checkpoint/gguf_model.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/embed/embedder.h"
#include "encoder/inspect/open_model.h"
#include "encoder/score/cross_encoder.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {
namespace {

template <typename Model>
ModelInspection Describe(const Model& model) {
  ModelInspection inspection;
  inspection.name = model.name();
  inspection.folder = model.folder();
  inspection.facts = model.facts();
  inspection.max_tokens = model.max_tokens();
  inspection.precision = PrecisionName(model.options().precision);
  inspection.compute_path = model.ComputePath();
  inspection.fingerprint = model.fingerprint();
  return inspection;
}

ModelInspection Describe(const AnyModel& model) {
  if (const auto* scores = std::get_if<std::unique_ptr<const CrossEncoder>>(&model)) {
    ModelInspection inspection = Describe(**scores);
    inspection.kind = "cross-encoder";
    inspection.outputs = (*scores)->labels().size();
    return inspection;
  }
  const Embedder& embedder = *std::get<std::unique_ptr<const Embedder>>(model);
  ModelInspection inspection = Describe(embedder);
  inspection.kind = "embedder";
  inspection.outputs = embedder.dimension();
  inspection.similarity = SimilarityName(embedder.similarity());
  return inspection;
}

// What the files say beside the model that was made of them.
absl::Status DescribeFiles(const std::filesystem::path& transformer, ModelInspection& inspection) {
  GANNET_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(transformer));
  inspection.parameters = checkpoint.parameters();
  for (const std::filesystem::path& file : checkpoint.files()) {
    inspection.weight_bytes += std::filesystem::file_size(file);
  }
  GANNET_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Open(transformer));
  inspection.tokenizer = tokenizer->kind();
  inspection.vocabulary = tokenizer->vocabulary_size();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelInspection> InspectModel(const std::filesystem::path& path,
                                             const ModelOptions& options) {
  const uint64_t before = base::OwnMemory();
  GANNET_ASSIGN_OR_RETURN(const AnyModel model, OpenModel(path, options));
  const uint64_t after = base::OwnMemory();
  ModelInspection inspection = Describe(model);
  inspection.memory_bytes = after > before ? after - before : 0;
  GANNET_ASSIGN_OR_RETURN(const ModelFolder folder, ModelFolder::Read(path));
  GANNET_RETURN_IF_ERROR(DescribeFiles(folder.transformer, inspection));
  GANNET_ASSIGN_OR_RETURN(const std::optional<GannetFile> told, GannetFile::Read(folder.path));
  std::error_code unreadable;
  if (told) {
    inspection.family = told->model;
    if (std::filesystem::exists(folder.transformer / "config.json", unreadable)) {
      GANNET_ASSIGN_OR_RETURN(const ConfigFile config, ReadModelConfig(folder.transformer));
      GANNET_ASSIGN_OR_RETURN(std::string encoder,
                              ModelFamily(config, &inspection.facts.assumptions));
      inspection.facts.uses.insert(inspection.facts.uses.begin(), {"encoder", std::move(encoder)});
    }
  } else if (folder.kind == ModelFolder::Kind::kTransformer) {
    GANNET_ASSIGN_OR_RETURN(const ConfigFile config, ReadModelConfig(folder.transformer));
    GANNET_ASSIGN_OR_RETURN(inspection.family, ModelFamily(config, &inspection.facts.assumptions));
  }
  return inspection;
}

}  // namespace gannet::encoder
