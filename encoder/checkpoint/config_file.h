#ifndef GANNET_ENCODER_CHECKPOINT_CONFIG_FILE_H_
#define GANNET_ENCODER_CHECKPOINT_CONFIG_FILE_H_

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gannet::encoder {

// One JSON object of a model folder (config.json and its kin), read by field. Errors name the file,
// the field and the value that was found. A field that is null counts as absent.
class ConfigFile {
 public:
  static absl::StatusOr<ConfigFile> Open(const std::filesystem::path& path);

  // The same from the text of a JSON object; errors name `path`.
  static absl::StatusOr<ConfigFile> Parse(const std::filesystem::path& path, std::string_view text);

  ConfigFile(const ConfigFile&);
  ConfigFile(ConfigFile&&) noexcept;
  ConfigFile& operator=(ConfigFile&&) noexcept;
  ~ConfigFile();

  const std::filesystem::path& path() const { return path_; }
  bool Has(std::string_view field) const;

  // A required field. Sizes are whole numbers from 1 to 2^31 - 1.
  absl::StatusOr<size_t> Size(std::string_view field) const;
  absl::StatusOr<double> Number(std::string_view field) const;
  absl::StatusOr<std::string> String(std::string_view field) const;

  // The same with a value for an absent field; a field of another type is still an error.
  absl::StatusOr<size_t> SizeOr(std::string_view field, size_t absent) const;
  absl::StatusOr<double> NumberOr(std::string_view field, double absent) const;
  absl::StatusOr<bool> BoolOr(std::string_view field, bool absent) const;
  absl::StatusOr<std::string> StringOr(std::string_view field, std::string absent) const;

  // An object inside this one, without fields when it is absent; its errors name the whole path of
  // a field ("rope_parameters.factor").
  absl::StatusOr<ConfigFile> Object(std::string_view field) const;

  // A list; empty when absent. Numbers may be infinite.
  absl::StatusOr<std::vector<std::string>> StringList(std::string_view field) const;
  absl::StatusOr<std::vector<double>> NumberList(std::string_view field) const;

  // An object of strings; empty when absent.
  absl::StatusOr<std::map<std::string, std::string>> Strings(std::string_view field) const;

  // An error that names the first field, if there is one, that is not among `known`.
  absl::Status ExpectFields(std::span<const std::string_view> known) const;

  // Names of the fields whose value is `true`.
  std::vector<std::string> TrueFields() const;

  // An error about a field of this file: "path: field: what".
  absl::Status Error(std::string_view field, std::string_view what) const;

 private:
  struct Content;

  ConfigFile(std::filesystem::path path, std::string parent,
             std::shared_ptr<const Content> content);

  std::filesystem::path path_;
  std::string parent_;  // Put before the names of fields: empty, or "rope_parameters.".
  std::shared_ptr<const Content> content_;
};

// modules.json: the modules of a sentence-transformers folder, in order.
struct ModuleEntry {
  std::string path;  // Relative to the model folder; empty for the folder itself.
  std::string type;  // "sentence_transformers.models.Pooling"
};
absl::StatusOr<std::vector<ModuleEntry>> ReadModules(const std::filesystem::path& path);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_CONFIG_FILE_H_
