#include "indexer/store/seal.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"

namespace gannet::indexer {

// "gannet seal <XXH3 of the rest> <totals>\n"
namespace {

constexpr std::string_view kMagic = "gannet seal ";
constexpr size_t kDigits = 16;

std::string Checksum(std::string_view text) { return fmt::format("{:016x}", base::Xxh3(text)); }

}  // namespace

absl::Status WriteSeal(const std::filesystem::path& path, const Totals& totals) {
  const std::string text = EncodeTotals(totals) + "\n";
  return base::WriteFileAtomically(path, fmt::format("{}{} {}", kMagic, Checksum(text), text));
}

absl::StatusOr<std::optional<Totals>> ReadSeal(const std::filesystem::path& path) {
  const absl::StatusOr<std::string> content = base::ReadFile(path);
  if (absl::IsNotFound(content.status())) return std::nullopt;
  GANNET_RETURN_IF_ERROR(content.status());
  const absl::Status damaged =
      absl::DataLossError(fmt::format("{}: damaged; verify with repair writes it anew where "
                                      "everything else is well",
                                      path.string()));
  std::string_view rest = *content;
  if (!rest.starts_with(kMagic)) return damaged;
  rest.remove_prefix(kMagic.size());
  if (rest.size() <= kDigits || rest[kDigits] != ' ' ||
      rest.substr(0, kDigits) != Checksum(rest.substr(kDigits + 1))) {
    return damaged;
  }
  absl::StatusOr<Totals> totals = DecodeTotals(rest.substr(kDigits + 1));
  if (!totals.ok()) return base::Annotate(totals.status(), path.string());
  return *totals;
}

absl::Status CheckSeal(const std::filesystem::path& path, const std::optional<Totals>& seal,
                       const Totals& totals) {
  // A collection is created by its first change, which a crash may part from the first seal.
  if (!seal.has_value()) {
    if (totals.sequence <= 1) return absl::OkStatus();
    return absl::DataLossError(
        fmt::format("{}: missing, for a store at change {}", path.string(), totals.sequence));
  }
  if (totals.sequence < seal->sequence || (totals.sequence == seal->sequence && totals != *seal)) {
    return absl::DataLossError(fmt::format(
        "{}: the collection was left at change {} with {} documents, but its store comes back at "
        "change {} with {}: files of the store were lost or replaced by older ones",
        path.string(), seal->sequence, seal->documents, totals.sequence, totals.documents));
  }
  return absl::OkStatus();
}

}  // namespace gannet::indexer
