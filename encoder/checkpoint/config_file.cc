#include "encoder/checkpoint/config_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file.h"
#include "base/status.h"

namespace gannet::encoder {
namespace {

using Json = nlohmann::json;

// Python writes an infinite float as a bare word, which JSON does not have: as transformers spells
// it since version 5, {"__float__": "Infinity"}.
std::string SpellOutInfinity(std::string_view text) {
  constexpr std::string_view kWord = "Infinity";
  std::string spelt;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!in_string && text.substr(i).starts_with(kWord)) {
      spelt += R"({"__float__": "Infinity"})";
      i += kWord.size() - 1;
      continue;
    }
    spelt += text[i];
    if (text[i] == '"') in_string = !in_string;
    if (in_string && text[i] == '\\' && i + 1 < text.size()) spelt += text[++i];
  }
  return spelt;
}

std::optional<double> NumberIn(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == Json{{"__float__", "Infinity"}}) return std::numeric_limits<double>::infinity();
  return std::nullopt;
}

absl::StatusOr<Json> ParseText(const std::filesystem::path& path, std::string_view text) {
  try {
    return Json::parse(SpellOutInfinity(text));
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

absl::StatusOr<Json> ParseFile(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  return ParseText(path, text);
}

// A value as it stands in the file, short enough for a message.
std::string Excerpt(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace

struct ConfigFile::Content {
  Json object;

  // The value of a field, or nullptr when it is absent or null.
  const Json* Find(std::string_view field) const {
    const auto found = object.find(field);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }
};

absl::StatusOr<ConfigFile> ConfigFile::Open(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  return Parse(path, text);
}

absl::StatusOr<ConfigFile> ConfigFile::Parse(const std::filesystem::path& path,
                                             std::string_view text) {
  GANNET_ASSIGN_OR_RETURN(Json parsed, ParseText(path, text));
  if (!parsed.is_object()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: expected a JSON object, found {}", path.string(), Excerpt(parsed)));
  }
  return ConfigFile(path, "", std::make_shared<const Content>(Content{std::move(parsed)}));
}

ConfigFile::ConfigFile(std::filesystem::path path, std::string parent,
                       std::shared_ptr<const Content> content)
    : path_(std::move(path)), parent_(std::move(parent)), content_(std::move(content)) {}
ConfigFile::ConfigFile(const ConfigFile&) = default;
ConfigFile::ConfigFile(ConfigFile&&) noexcept = default;
ConfigFile& ConfigFile::operator=(ConfigFile&&) noexcept = default;
ConfigFile::~ConfigFile() = default;

absl::Status ConfigFile::Error(std::string_view field, std::string_view what) const {
  return absl::InvalidArgumentError(
      fmt::format("{}: {}{}: {}", path_.string(), parent_, field, what));
}

bool ConfigFile::Has(std::string_view field) const { return content_->Find(field) != nullptr; }

absl::StatusOr<size_t> ConfigFile::Size(std::string_view field) const {
  const Json* value = content_->Find(field);
  if (value == nullptr) return Error(field, "missing");
  if (!value->is_number_unsigned() || value->get<uint64_t>() == 0 ||
      value->get<uint64_t>() > std::numeric_limits<int32_t>::max()) {
    return Error(field, fmt::format("expected a whole number from 1, found {}", Excerpt(*value)));
  }
  return value->get<size_t>();
}

absl::StatusOr<double> ConfigFile::Number(std::string_view field) const {
  const Json* value = content_->Find(field);
  if (value == nullptr) return Error(field, "missing");
  if (!value->is_number()) {
    return Error(field, fmt::format("expected a number, found {}", Excerpt(*value)));
  }
  return value->get<double>();
}

absl::StatusOr<std::string> ConfigFile::String(std::string_view field) const {
  const Json* value = content_->Find(field);
  if (value == nullptr) return Error(field, "missing");
  if (!value->is_string()) {
    return Error(field, fmt::format("expected a string, found {}", Excerpt(*value)));
  }
  return value->get<std::string>();
}

absl::StatusOr<size_t> ConfigFile::SizeOr(std::string_view field, size_t absent) const {
  if (!Has(field)) return absent;
  return Size(field);
}

absl::StatusOr<double> ConfigFile::NumberOr(std::string_view field, double absent) const {
  if (!Has(field)) return absent;
  return Number(field);
}

absl::StatusOr<std::string> ConfigFile::StringOr(std::string_view field, std::string absent) const {
  if (!Has(field)) return absent;
  return String(field);
}

absl::StatusOr<bool> ConfigFile::BoolOr(std::string_view field, bool absent) const {
  const Json* value = content_->Find(field);
  if (value == nullptr) return absent;
  if (!value->is_boolean()) {
    return Error(field, fmt::format("expected true or false, found {}", Excerpt(*value)));
  }
  return value->get<bool>();
}

absl::StatusOr<ConfigFile> ConfigFile::Object(std::string_view field) const {
  const Json* value = content_->Find(field);
  if (value != nullptr && !value->is_object()) {
    return Error(field, fmt::format("expected an object, found {}", Excerpt(*value)));
  }
  return ConfigFile(
      path_, fmt::format("{}{}.", parent_, field),
      std::make_shared<const Content>(Content{value == nullptr ? Json::object() : *value}));
}

absl::StatusOr<std::vector<std::string>> ConfigFile::StringList(std::string_view field) const {
  std::vector<std::string> strings;
  const Json* value = content_->Find(field);
  if (value == nullptr) return strings;
  if (!value->is_array()) {
    return Error(field, fmt::format("expected a list, found {}", Excerpt(*value)));
  }
  for (const Json& entry : *value) {
    if (!entry.is_string()) {
      return Error(field, fmt::format("expected strings, found {}", Excerpt(entry)));
    }
    strings.push_back(entry.get<std::string>());
  }
  return strings;
}

absl::StatusOr<std::vector<double>> ConfigFile::NumberList(std::string_view field) const {
  std::vector<double> numbers;
  const Json* value = content_->Find(field);
  if (value == nullptr) return numbers;
  if (!value->is_array()) {
    return Error(field, fmt::format("expected a list, found {}", Excerpt(*value)));
  }
  for (const Json& entry : *value) {
    const std::optional<double> number = NumberIn(entry);
    if (!number) return Error(field, fmt::format("expected numbers, found {}", Excerpt(entry)));
    numbers.push_back(*number);
  }
  return numbers;
}

absl::StatusOr<std::map<std::string, std::string>> ConfigFile::Strings(
    std::string_view field) const {
  std::map<std::string, std::string> strings;
  const Json* value = content_->Find(field);
  if (value == nullptr) return strings;
  if (!value->is_object()) {
    return Error(field, fmt::format("expected an object, found {}", Excerpt(*value)));
  }
  for (const auto& [name, entry] : value->items()) {
    if (!entry.is_string()) {
      return Error(fmt::format("{}.{}", field, name),
                   fmt::format("expected a string, found {}", Excerpt(entry)));
    }
    strings.emplace(name, entry.get<std::string>());
  }
  return strings;
}

absl::Status ConfigFile::ExpectFields(std::span<const std::string_view> known) const {
  for (const auto& [name, value] : content_->object.items()) {
    if (std::ranges::find(known, name) == known.end()) {
      return Error(name, fmt::format("no such field; expected {}", fmt::join(known, ", ")));
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> ConfigFile::TrueFields() const {
  std::vector<std::string> fields;
  for (const auto& [name, value] : content_->object.items()) {
    if (value.is_boolean() && value.get<bool>()) fields.push_back(name);
  }
  return fields;
}

absl::StatusOr<std::vector<ModuleEntry>> ReadModules(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(const Json parsed, ParseFile(path));
  const auto malformed = [&](std::string_view what) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", path.string(), what));
  };
  if (!parsed.is_array() || parsed.empty()) return malformed("expected a list of modules");
  std::vector<ModuleEntry> modules;
  for (const Json& entry : parsed) {
    if (!entry.is_object() || !entry.contains("path") || !entry["path"].is_string() ||
        !entry.contains("type") || !entry["type"].is_string()) {
      return malformed(
          fmt::format("expected a module with path and type, found {}", Excerpt(entry)));
    }
    modules.push_back({entry["path"].get<std::string>(), entry["type"].get<std::string>()});
  }
  return modules;
}

}  // namespace gannet::encoder
