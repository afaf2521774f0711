#include "indexer/store/seal.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"

namespace gannet::indexer {

// "gannet seal <XXH3 of the rest> <number of the manifest> <its bytes> <totals>\n"
namespace {

constexpr std::string_view kMagic = "gannet seal ";
constexpr size_t kDigits = 16;
constexpr std::string_view kManifestPrefix = "MANIFEST-";

std::string Checksum(std::string_view text) { return fmt::format("{:016x}", base::Xxh3(text)); }

// A number at the head of `text`, which is left at what follows the character after it.
bool TakeNumber(std::string_view& text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data() + text.size()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
  return true;
}

// The manifest that the store's file CURRENT names; totals are left at nothing.
absl::StatusOr<Seal> CurrentManifest(const std::filesystem::path& store) {
  Seal current;
  const std::filesystem::path pointer = store / "CURRENT";
  GANNET_ASSIGN_OR_RETURN(const std::string name, base::ReadFile(pointer));
  std::string_view rest = name;
  if (rest.starts_with(kManifestPrefix)) rest.remove_prefix(kManifestPrefix.size());
  if (!name.ends_with('\n') || rest.size() == name.size() || !TakeNumber(rest, current.manifest) ||
      !rest.empty()) {
    return absl::DataLossError(fmt::format("{}: names no manifest", pointer.string()));
  }
  const std::filesystem::path manifest = store / name.substr(0, name.size() - 1);
  std::error_code error;
  current.manifest_bytes = std::filesystem::file_size(manifest, error);
  if (error) {
    return absl::DataLossError(fmt::format("{}: {}", manifest.string(), error.message()));
  }
  return current;
}

}  // namespace

absl::Status WriteSeal(const std::filesystem::path& path, const std::filesystem::path& store,
                       const Totals& totals) {
  GANNET_ASSIGN_OR_RETURN(const Seal current, CurrentManifest(store));
  const std::string text =
      fmt::format("{} {} {}\n", current.manifest, current.manifest_bytes, EncodeTotals(totals));
  return base::WriteFileAtomically(path, fmt::format("{}{} {}", kMagic, Checksum(text), text));
}

absl::StatusOr<std::optional<Seal>> ReadSeal(const std::filesystem::path& path) {
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
  rest.remove_prefix(kDigits + 1);
  Seal seal;
  if (!TakeNumber(rest, seal.manifest) || !TakeNumber(rest, seal.manifest_bytes)) return damaged;
  absl::StatusOr<Totals> totals = DecodeTotals(rest);
  if (!totals.ok()) return base::Annotate(totals.status(), path.string());
  seal.totals = *totals;
  return seal;
}

absl::Status CheckManifest(const std::optional<Seal>& seal, const std::filesystem::path& store) {
  if (!seal.has_value()) return absl::OkStatus();
  GANNET_ASSIGN_OR_RETURN(const Seal current, CurrentManifest(store));
  const bool older = current.manifest < seal->manifest;
  const bool shorter =
      current.manifest == seal->manifest && current.manifest_bytes < seal->manifest_bytes;
  if (!older && !shorter) return absl::OkStatus();
  return absl::DataLossError(fmt::format(
      "{}: the collection was left at change {} with {} documents and with manifest {} of {} "
      "bytes, "
      "but its store comes back with manifest {} of {}: files of the store were lost, cut or "
      "replaced by older ones",
      store.string(), seal->totals.sequence, seal->totals.documents, seal->manifest,
      seal->manifest_bytes, current.manifest, current.manifest_bytes));
}

absl::Status CheckSeal(const std::filesystem::path& path, const std::optional<Seal>& seal,
                       const Totals& totals) {
  // A collection is created by its first change, which a crash may part from the first seal.
  if (!seal.has_value()) {
    if (totals.sequence <= 1) return absl::OkStatus();
    return absl::DataLossError(
        fmt::format("{}: missing, for a store at change {}", path.string(), totals.sequence));
  }
  const Totals& sealed = seal->totals;
  if (totals.sequence < sealed.sequence ||
      (totals.sequence == sealed.sequence && totals != sealed)) {
    return absl::DataLossError(fmt::format(
        "{}: the collection was left at change {} with {} documents, but its store comes back at "
        "change {} with {}: files of the store were lost or replaced by older ones",
        path.string(), sealed.sequence, sealed.documents, totals.sequence, totals.documents));
  }
  return absl::OkStatus();
}

}  // namespace gannet::indexer
