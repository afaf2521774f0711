#ifndef GANNET_ENCODER_CHECKPOINT_GANNET_FILE_H_
#define GANNET_ENCODER_CHECKPOINT_GANNET_FILE_H_

#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/config_file.h"

namespace gannet::encoder {

// gannet.json of a model folder: what Gannet must be told because the model's own files do not say
// it. Which fields there are depends on the model, whose reader refuses all others (see
// ConfigFile::ExpectFields).
struct GannetFile {
  static constexpr std::string_view kName = "gannet.json";

  std::string model;  // "model": how the folder is to be read.
  ConfigFile fields;  // The whole object.

  // Nothing where the folder has no such file and, by its weights, needs none. Errors name the file
  // and the field; where weights of SMITH, HMDE or SEA lie without it, they say what to write
  // there.
  static absl::StatusOr<std::optional<GannetFile>> Read(const std::filesystem::path& folder);
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_GANNET_FILE_H_
