#include "cli/hub/pull.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/format.h"
#include "base/progress.h"
#include "base/status.h"
#include "cli/hub/download.h"
#include "cli/hub/file_selection.h"
#include "cli/hub/hub_client.h"
#include "cli/hub/model_cache.h"

namespace gannet::cli {
namespace {

bool Exists(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// Describes the files that the snapshot of the commit does not have yet. A commit never changes, so
// a file that is there is the right one.
absl::StatusOr<std::vector<RemoteFile>> DescribeMissing(HubClient& hub, const CachedModel& model,
                                                        const RepositoryListing& listing) {
  std::vector<RemoteFile> missing;
  for (const std::string& file : SelectModelFiles(listing.files)) {
    if (Exists(model.Snapshot(listing.commit) / file)) continue;
    GANNET_ASSIGN_OR_RETURN(RemoteFile remote, hub.Describe(listing.commit, file));
    missing.push_back(std::move(remote));
  }
  return missing;
}

uint64_t BytesOnDisk(const CachedModel& model, const RemoteFile& file) {
  std::error_code error;
  if (Exists(model.Blob(file.checksum))) return file.size.value_or(0);
  const uint64_t bytes = std::filesystem::file_size(model.Incomplete(file.checksum), error);
  return error ? 0 : bytes;
}

absl::Status CheckRoom(const CachedModel& model, const std::vector<RemoteFile>& files) {
  GANNET_RETURN_IF_ERROR(base::CreateDirectories(model.folder()));
  uint64_t needed = 0;
  for (const RemoteFile& file : files) {
    const uint64_t there = BytesOnDisk(model, file);
    if (file.size && *file.size > there) needed += *file.size - there;
  }
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(model.folder(), error);
  if (error || space.available >= needed) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("{}: {} are needed, {} are free", model.folder().string(),
                  base::FormatBytes(needed), base::FormatBytes(space.available)));
}

absl::Status Download(HubClient& hub, const CachedModel& model, const std::string& commit,
                      const std::vector<RemoteFile>& files, std::FILE* progress_stream) {
  uint64_t total = 0;
  for (const RemoteFile& file : files) total += file.size.value_or(0);
  base::Progress progress(
      {.label = "downloading", .unit = "MiB", .total = total, .stream = progress_stream});
  uint64_t finished = 0;
  for (const RemoteFile& file : files) {
    const auto observe = [&](uint64_t bytes) {
      progress.Update(finished + bytes, (finished + bytes) >> 20);
    };
    GANNET_RETURN_IF_ERROR(DownloadBlob(hub, file, model, observe));
    GANNET_RETURN_IF_ERROR(model.Link(commit, file.name, file.checksum));
    finished += file.size.value_or(0);
    observe(0);
  }
  progress.Finish();
  return absl::OkStatus();
}

// What `revision` stands for from now on. A commit stands for itself.
absl::Status NoteRevision(const CachedModel& model, const std::string& revision,
                          const std::string& commit) {
  if (revision == commit) return absl::OkStatus();
  const std::filesystem::path ref = model.Ref(revision);
  GANNET_RETURN_IF_ERROR(base::CreateDirectories(ref.parent_path()));
  return base::WriteFileAtomically(ref, commit);
}

absl::StatusOr<std::filesystem::path> PullFromHub(const PullOptions& options,
                                                  const HubSettings& settings,
                                                  const CachedModel& model) {
  HubClient hub(settings, options.id);
  GANNET_ASSIGN_OR_RETURN(const RepositoryListing listing, hub.List(options.revision));
  if (SelectModelFiles(listing.files).empty()) {
    return absl::NotFoundError(
        fmt::format("model \"{}\": none of its {} files belongs to a model folder", options.id,
                    listing.files.size()));
  }
  GANNET_ASSIGN_OR_RETURN(const std::vector<RemoteFile> missing,
                          DescribeMissing(hub, model, listing));
  if (!missing.empty()) {
    GANNET_RETURN_IF_ERROR(CheckRoom(model, missing));
    GANNET_RETURN_IF_ERROR(Download(hub, model, listing.commit, missing, options.progress_stream));
  }
  GANNET_RETURN_IF_ERROR(NoteRevision(model, options.revision, listing.commit));
  return model.Snapshot(listing.commit);
}

}  // namespace

absl::StatusOr<std::filesystem::path> PullModel(const PullOptions& options,
                                                const HubSettings& settings) {
  GANNET_RETURN_IF_ERROR(CheckModelId(options.id));
  GANNET_RETURN_IF_ERROR(CheckRelativePath(options.revision, "revision"));
  const CachedModel model(settings.cache, options.id);
  if (!settings.offline) return PullFromHub(options, settings, model);
  absl::StatusOr<std::filesystem::path> snapshot = model.FindSnapshot(options.revision);
  if (snapshot.ok()) return snapshot;
  return absl::NotFoundError(
      fmt::format("{}; offline (--offline or HF_HUB_OFFLINE), so the hub is not asked",
                  base::Message(snapshot.status())));
}

}  // namespace gannet::cli
