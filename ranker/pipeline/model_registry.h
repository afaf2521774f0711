#ifndef GANNET_RANKER_PIPELINE_MODEL_REGISTRY_H_
#define GANNET_RANKER_PIPELINE_MODEL_REGISTRY_H_

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "encoder/score/cross_encoder.h"
#include "encoder/score/duo_encoder.h"
#include "encoder/score/parade_scorer.h"
#include "encoder/score/term_encoder.h"
#include "indexer/collection.h"
#include "ranker/pipeline/pipeline_spec.h"
#include "ranker/rerank/icr_model.h"

namespace gannet::ranker {

// A collection that keeps terms, and their model.
struct TermsModel {
  std::unique_ptr<const indexer::Collection> collection;
  std::unique_ptr<const encoder::TermEncoder> encoder;
};

// Whether a model that is not open yet may be opened: requests of strangers open no folders.
enum class ModelAccess { kOpen, kOpenedOnly };

// The models of pipelines. A folder is opened once for all stages that read it alike. Safe to use
// from several threads.
class ModelRegistry {
 public:
  struct Options {
    // The folder (or GGUF file) that a pipeline's name of a model stands for; by default the name.
    std::function<absl::StatusOr<std::filesystem::path>(const std::string&)> locate =
        [](const std::string& name) { return std::filesystem::path(name); };
    // Told of each model that is opened, and how its linear layers are computed (empty: unknown).
    std::function<void(std::string_view name, std::string_view compute_path)> opened =
        [](std::string_view, std::string_view) {};
  };

  explicit ModelRegistry(Options options) : options_(std::move(options)) {}
  ModelRegistry() : ModelRegistry(Options()) {}

  // The model of a method. Errors are those of opening it; kNotFound, with the models that are
  // open, where it is not among them and may not be opened.
  absl::StatusOr<std::shared_ptr<const encoder::CrossEncoder>> Get(const CrossEncoderMethod& method,
                                                                   ModelAccess access);
  absl::StatusOr<std::shared_ptr<const encoder::ParadeScorer>> Get(const ParadeMethod& method,
                                                                   ModelAccess access);
  absl::StatusOr<std::shared_ptr<const encoder::DuoEncoder>> Get(const DuoMethod& method,
                                                                 ModelAccess access);
  absl::StatusOr<std::shared_ptr<const InContextModel>> Get(const InContextMethod& method,
                                                            ModelAccess access);

  // kFailedPrecondition for a collection without terms.
  absl::StatusOr<std::shared_ptr<const TermsModel>> Get(const TermsMethod& method,
                                                        ModelAccess access);

  // 32 hexadecimal digits over the files of a model that is open; of terms, over what bears on
  // them. kNotFound for one that is not.
  absl::StatusOr<std::string> Fingerprint(const StageMethod& method);

 private:
  // Models by folder and options.
  template <typename Model>
  using Shelf = std::map<std::string, std::shared_ptr<const Model>>;

  // `reading` is what else tells models of one folder apart.
  template <typename Model, typename Open>
  absl::StatusOr<std::shared_ptr<const Model>> FindOrOpen(Shelf<Model>& shelf,
                                                          const std::string& name,
                                                          std::string_view reading,
                                                          ModelAccess access, const Open& open);

  const Options options_;
  std::mutex mutex_;
  std::map<std::string, std::filesystem::path, std::less<>> folders_;  // By name.
  Shelf<encoder::CrossEncoder> cross_encoders_;
  Shelf<encoder::ParadeScorer> parade_scorers_;
  Shelf<encoder::DuoEncoder> duo_encoders_;
  Shelf<InContextModel> decoders_;
  Shelf<TermsModel> terms_;
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_PIPELINE_MODEL_REGISTRY_H_
