#include "service/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/name_list.h"
#include "base/status.h"
#include "base/utf8.h"

namespace gannet::service {
namespace {

using Models = std::vector<std::shared_ptr<const encoder::Embedder>>;

constexpr size_t kMaxNameBytes = 128;

std::shared_ptr<const encoder::Embedder> Find(const Models& models, std::string_view fingerprint) {
  const auto found = std::ranges::find_if(
      models, [&](const auto& model) { return model->fingerprint() == fingerprint; });
  return found == models.end() ? nullptr : *found;
}

// Opens the folders, with the options that a collection was made with, into `models`.
absl::Status OpenModels(std::span<const std::filesystem::path> folders,
                        const encoder::ModelOptions& options, Models& models) {
  for (const std::filesystem::path& folder : folders) {
    GANNET_ASSIGN_OR_RETURN(std::shared_ptr<const encoder::Embedder> model,
                            encoder::Embedder::Open(folder, options));
    if (Find(models, model->fingerprint()) == nullptr) models.push_back(std::move(model));
  }
  return absl::OkStatus();
}

// The model that a collection was made with: one of `models`, or one newly opened, from `folders`
// or from where it was then, and added to them.
absl::StatusOr<std::shared_ptr<const encoder::Embedder>> FindOrOpenModel(
    const indexer::CollectionSchema& schema, std::span<const std::filesystem::path> folders,
    Models& models) {
  if (auto known = Find(models, schema.model_fingerprint)) return known;
  GANNET_RETURN_IF_ERROR(OpenModels(folders, schema.model_options, models));
  if (auto known = Find(models, schema.model_fingerprint)) return known;
  const std::string needed =
      fmt::format("needs the model {} ({})", schema.model_name, schema.model_fingerprint);
  absl::StatusOr<std::shared_ptr<const encoder::Embedder>> opened =
      encoder::Embedder::Open(schema.model_folder, schema.model_options);
  if (!opened.ok()) return base::Annotate(opened.status(), needed);
  if ((*opened)->fingerprint() != schema.model_fingerprint) {
    return absl::FailedPreconditionError(fmt::format("{}, but {} now holds {} ({})", needed,
                                                     schema.model_folder.string(),
                                                     (*opened)->name(), (*opened)->fingerprint()));
  }
  models.push_back(*opened);
  return *std::move(opened);
}

absl::Status CheckName(std::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("a collection needs a name");
  if (name.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(
        fmt::format("collection name of {} bytes: at most {}", name.size(), kMaxNameBytes));
  }
  if (!base::IsValidUtf8(name)) {
    return absl::InvalidArgumentError(
        fmt::format("collection name \"{}\" is not UTF-8", base::RepairUtf8(name).text));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Catalog> Catalog::Open(std::span<const Source> sources,
                                      std::span<const std::filesystem::path> model_folders) {
  Models models;
  Catalog catalog;
  for (const Source& source : sources) {
    GANNET_ASSIGN_OR_RETURN(std::unique_ptr<const indexer::Collection> collection,
                            indexer::Collection::Open(source.folder));
    auto model = FindOrOpenModel(collection->schema(), model_folders, models);
    if (!model.ok()) {
      return base::Annotate(model.status(), fmt::format("collection \"{}\" ({})", source.name,
                                                        source.folder.string()));
    }
    GANNET_RETURN_IF_ERROR(catalog.Add(source.name, *std::move(model), std::move(collection)));
  }
  return catalog;
}

absl::Status Catalog::Add(std::string name, std::shared_ptr<const encoder::Embedder> model,
                          std::unique_ptr<const indexer::Collection> collection) {
  GANNET_RETURN_IF_ERROR(CheckName(name));
  if (entries_.contains(name)) {
    return absl::AlreadyExistsError(fmt::format("collection \"{}\" is given twice", name));
  }
  GANNET_ASSIGN_OR_RETURN(const ranker::Searcher searcher,
                          ranker::Searcher::Make(*model, *collection));
  CatalogEntry entry{name, std::move(model), std::move(collection), searcher};
  entries_.emplace(std::move(name), std::move(entry));
  return absl::OkStatus();
}

absl::StatusOr<const CatalogEntry*> Catalog::Find(std::string_view name) const {
  if (const auto found = entries_.find(name); found != entries_.end()) return &found->second;
  if (name.size() > kMaxNameBytes) {
    return absl::NotFoundError(fmt::format("no collection has a name of {} bytes; there are: {}",
                                           name.size(), base::ListKeys(entries_)));
  }
  return absl::NotFoundError(
      fmt::format("no collection \"{}\"; there are: {}", name, base::ListKeys(entries_)));
}

}  // namespace gannet::service
