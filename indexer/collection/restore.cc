#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "indexer/collection/copy_files.h"
#include "indexer/collection_files.h"

namespace gannet::indexer {

absl::Status Restore(const std::filesystem::path& snapshot, const std::filesystem::path& folder,
                     base::ThreadPool& pool) {
  GANNET_ASSIGN_OR_RETURN(NewFolder made, NewFolder::Begin(folder));
  // The copy is what is verified: it is what will be used.
  GANNET_RETURN_IF_ERROR(CopyTree(snapshot, made.path()));
  absl::StatusOr<VerifyReport> report = Verify(made.path(), Repair::kNone, pool);
  if (!report.ok()) return base::Annotate(report.status(), snapshot.string());
  if (!report->clean()) {
    return absl::DataLossError(fmt::format("{}: {} problems, the first: {}", snapshot.string(),
                                           report->problems, report->examples.front()));
  }
  return made.Finish();
}

}  // namespace gannet::indexer
