#include "encoder/checkpoint/gannet_file.h"

#include <system_error>
#include <utility>

#include "base/status.h"

namespace gannet::encoder {

absl::StatusOr<std::optional<GannetFile>> GannetFile::Read(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kName;
  std::error_code unreadable;
  if (!std::filesystem::exists(path, unreadable)) return std::nullopt;
  GANNET_ASSIGN_OR_RETURN(ConfigFile fields, ConfigFile::Open(path));
  GANNET_ASSIGN_OR_RETURN(std::string model, fields.String("model"));
  return GannetFile{std::move(model), std::move(fields)};
}

}  // namespace gannet::encoder
