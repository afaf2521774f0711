#include "ranker/pipeline/model_registry.h"

#include <fmt/format.h>

#include <utility>

#include "base/name_list.h"
#include "base/status.h"
#include "encoder/checkpoint/model_folder.h"

namespace gannet::ranker {
namespace {

encoder::ModelOptions OptionsOf(encoder::Precision precision) {
  encoder::ModelOptions options;
  options.precision = precision;
  return options;
}

}  // namespace

template <typename Model, typename Open>
absl::StatusOr<std::shared_ptr<const Model>> ModelRegistry::FindOrOpen(Shelf<Model>& shelf,
                                                                       const std::string& name,
                                                                       std::string_view reading,
                                                                       ModelAccess access,
                                                                       const Open& open) {
  const std::lock_guard lock(mutex_);
  auto folder = folders_.find(name);
  const auto key = [&](const std::filesystem::path& path) {
    return fmt::format("{}\n{}", path.string(), reading);
  };
  if (folder != folders_.end()) {
    if (const auto found = shelf.find(key(folder->second)); found != shelf.end()) {
      return found->second;
    }
  }
  if (access == ModelAccess::kOpenedOnly) {
    return absl::NotFoundError(fmt::format("\"{}\" is not open for {}; there are the models {}",
                                           name, reading, base::ListKeys(folders_)));
  }
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path located, options_.locate(name));
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::canonical(located, error);
  const std::filesystem::path& path = error ? located : canonical;
  std::shared_ptr<const Model>& place = shelf[key(path)];
  if (place == nullptr) {
    auto opened = open(path);
    if (!opened.ok()) {
      shelf.erase(key(path));
      return std::move(opened).status();
    }
    place = *std::move(opened);
    std::string compute_path;
    if constexpr (requires { place->ComputePath(); }) compute_path = place->ComputePath();
    options_.opened(name, compute_path);
  }
  folders_.insert_or_assign(name, path);
  return place;
}

absl::StatusOr<std::shared_ptr<const encoder::CrossEncoder>> ModelRegistry::Get(
    const CrossEncoderMethod& method, ModelAccess access) {
  const std::string reading = fmt::format(
      "cross-encoder in {}, max_tokens {}, {}", PrecisionName(method.precision), method.max_tokens,
      method.instruction ? fmt::format("instruction \"{}\"", *method.instruction)
                         : "its own instruction");
  return FindOrOpen(
      cross_encoders_, method.model, reading, access, [&](const std::filesystem::path& folder) {
        return encoder::CrossEncoder::Open(folder, {.model = OptionsOf(method.precision),
                                                    .max_tokens = method.max_tokens,
                                                    .instruction = method.instruction});
      });
}

absl::StatusOr<std::shared_ptr<const encoder::ParadeScorer>> ModelRegistry::Get(
    const ParadeMethod& method, ModelAccess access) {
  return FindOrOpen(
      parade_scorers_, method.model, fmt::format("parade in {}", PrecisionName(method.precision)),
      access, [&](const std::filesystem::path& folder) {
        return encoder::ParadeScorer::Open(folder, {.model = OptionsOf(method.precision)});
      });
}

absl::StatusOr<std::shared_ptr<const encoder::DuoEncoder>> ModelRegistry::Get(
    const DuoMethod& method, ModelAccess access) {
  return FindOrOpen(
      duo_encoders_, method.model, fmt::format("duo in {}", PrecisionName(method.precision)),
      access, [&](const std::filesystem::path& folder) {
        return encoder::DuoEncoder::Open(folder, {.model = OptionsOf(method.precision)});
      });
}

absl::StatusOr<std::shared_ptr<const InContextModel>> ModelRegistry::Get(
    const InContextMethod& method, ModelAccess access) {
  return FindOrOpen(
      decoders_, method.model,
      fmt::format("re-ranking in context in {}", PrecisionName(method.precision)), access,
      [&](const std::filesystem::path& path)
          -> absl::StatusOr<std::shared_ptr<const InContextModel>> {
        GANNET_ASSIGN_OR_RETURN(InContextModel model,
                                InContextModel::Open(path, OptionsOf(method.precision)));
        return std::make_shared<const InContextModel>(std::move(model));
      });
}

absl::StatusOr<std::shared_ptr<const TermsModel>> ModelRegistry::Get(const TermsMethod& method,
                                                                     ModelAccess access) {
  const std::string reading =
      method.model.empty() ? "terms" : fmt::format("terms of {}", method.model);
  const auto open = [&](const std::filesystem::path& folder)
      -> absl::StatusOr<std::shared_ptr<const TermsModel>> {
    auto model = std::make_shared<TermsModel>();
    GANNET_ASSIGN_OR_RETURN(model->collection, indexer::Collection::Open(folder));
    const std::optional<indexer::TermSchema>& terms = model->collection->schema().terms;
    if (!terms) {
      return absl::FailedPreconditionError(fmt::format(
          "{}: keeps no terms; `gannet collection add-terms` adds them", folder.string()));
    }
    std::filesystem::path model_folder = terms->model_folder;
    if (!method.model.empty()) {
      GANNET_ASSIGN_OR_RETURN(model_folder, options_.locate(method.model));
    }
    auto encoder = encoder::TermEncoder::Open(model_folder, terms->options);
    if (!encoder.ok()) {
      return base::Annotate(encoder.status(), fmt::format("{}: the model {} of its terms",
                                                          folder.string(), terms->model_name));
    }
    model->encoder = *std::move(encoder);
    return model;
  };
  return FindOrOpen(terms_, method.collection, reading, access, open);
}

absl::StatusOr<std::string> ModelRegistry::Fingerprint(const StageMethod& method) {
  if (const auto* const terms = std::get_if<TermsMethod>(&method)) {
    GANNET_ASSIGN_OR_RETURN(const auto model, Get(*terms, ModelAccess::kOpenedOnly));
    return model->encoder->fingerprint();
  }
  std::filesystem::path path;
  {
    const std::lock_guard lock(mutex_);
    const auto found = folders_.find(ModelOf(method));
    if (found == folders_.end()) {
      return absl::NotFoundError(fmt::format("\"{}\" is not open", ModelOf(method)));
    }
    path = found->second;
  }
  GANNET_ASSIGN_OR_RETURN(const encoder::ModelFolder folder, encoder::ModelFolder::Read(path));
  return encoder::FingerprintOf(folder);
}

}  // namespace gannet::ranker
