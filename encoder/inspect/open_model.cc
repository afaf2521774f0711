#include "encoder/inspect/open_model.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/gannet_file.h"
#include "encoder/checkpoint/gguf.h"

namespace gannet::encoder {
namespace {

enum class Use { kEmbedder, kCrossEncoder };

absl::StatusOr<Use> UseOf(const std::filesystem::path& path) {
  const auto has = [&](const char* name) {
    std::error_code unreadable;
    return std::filesystem::exists(path / name, unreadable);
  };
  GANNET_ASSIGN_OR_RETURN(const std::optional<GannetFile> told, GannetFile::Read(path));
  if (told || has("modules.json")) return Use::kEmbedder;
  if (has("pair_prompt.json")) return Use::kCrossEncoder;
  if (has("config.json")) {
    GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(path / "config.json"));
    GANNET_ASSIGN_OR_RETURN(const auto architectures, file.StringList("architectures"));
    const bool classifier =
        !architectures.empty() && architectures.front().ends_with("ForSequenceClassification");
    return classifier ? Use::kCrossEncoder : Use::kEmbedder;
  }
  if (FindGguf(path)) return Use::kEmbedder;
  return absl::NotFoundError(
      fmt::format("{}: no model there (looked for gannet.json, modules.json, pair_prompt.json, "
                  "config.json and one .gguf file)",
                  path.string()));
}

}  // namespace

absl::StatusOr<AnyModel> OpenModel(const std::filesystem::path& path, const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const Use use, UseOf(path));
  if (use == Use::kCrossEncoder) {
    GANNET_ASSIGN_OR_RETURN(auto model, CrossEncoder::Open(path, {.model = options}));
    return AnyModel(std::move(model));
  }
  GANNET_ASSIGN_OR_RETURN(auto model, Embedder::Open(path, options));
  return AnyModel(std::move(model));
}

}  // namespace gannet::encoder
