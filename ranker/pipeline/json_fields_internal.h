#ifndef GANNET_RANKER_PIPELINE_JSON_FIELDS_INTERNAL_H_
#define GANNET_RANKER_PIPELINE_JSON_FIELDS_INTERNAL_H_

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/status.h"

namespace gannet::ranker {

// Reads the fields of a JSON object, all of which are optional and none of which may be left over.
// The first problem is kept, with its place ("pipeline.stages[1].depth: ..."), and later reads do
// nothing. A field that is absent leaves its target as it is.
class JsonFields {
 public:
  // `json` must outlive the reader.
  JsonFields(const nlohmann::json& json, std::string place);

  bool ok() const { return status_.ok(); }
  bool Has(const char* name) { return Find(name) != nullptr; }

  void Text(const char* name, std::string& target);
  void Number(const char* name, float& target);

  // A whole number from 0 to the greatest of its type.
  void Count(const char* name, size_t& target);
  void Count(const char* name, uint32_t& target);

  // A text that `parse` makes a value of; its error becomes the field's.
  template <typename Parse, typename Value>
  void Parsed(const char* name, const Parse& parse, Value& target) {
    std::string text;
    const nlohmann::json* const found = Find(name);
    if (found == nullptr) return;
    Text(name, text);
    if (!ok()) return;
    auto parsed = parse(text);
    if (!parsed.ok()) return Fail(name, base::Message(parsed.status()));
    target = *std::move(parsed);
  }

  template <typename Value>
  void Choice(const char* name, std::initializer_list<std::pair<std::string_view, Value>> choices,
              Value& target) {
    Parsed(
        name,
        [&](std::string_view text) -> absl::StatusOr<Value> {
          std::string known;
          for (const auto& [choice, value] : choices) {
            if (choice == text) return value;
            known.append(known.empty() ? "" : " or ").append(choice);
          }
          return absl::InvalidArgumentError(Unexpected(known, text));
        },
        target);
  }

  // An object, and a list of objects.
  void Object(const char* name, absl::FunctionRef<void(JsonFields&)> read);
  void Objects(const char* name, absl::FunctionRef<void(JsonFields&)> read);

  void Fail(const char* name, std::string_view problem);

  // The first problem; a field that nobody has read is one.
  absl::Status Finish() const;

 private:
  static std::string Unexpected(std::string_view expected, std::string_view found);

  // Null where the field is absent or a problem was found before.
  const nlohmann::json* Find(const char* name);
  void ReadCount(const char* name, uint64_t most, uint64_t& target);
  void ReadObject(const nlohmann::json& json, std::string place,
                  absl::FunctionRef<void(JsonFields&)> read);

  const nlohmann::json* json_;
  const std::string place_;
  std::set<std::string_view> known_;
  absl::Status status_;
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_PIPELINE_JSON_FIELDS_INTERNAL_H_
