#include "encoder/checkpoint/gannet_file.h"

#include <fmt/format.h>

#include <array>
#include <system_error>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"

namespace gannet::encoder {
namespace {

// A model that needs a gannet.json, known by a tensor that no other model has.
struct ToldModel {
  std::string_view name;
  std::string_view tensor;
  std::string_view fields;  // That the file must have.
};

constexpr std::array<ToldModel, 3> kToldModels = {
    {{"SMITH", "doc_bert.doc_embeddings.position_embeddings.weight",
      R"({"model": "smith", "sent_bert_config": {...}, "doc_bert_config": {...}} with the objects of )"
      "the release's two bert_config files"},
     {"HMDE", "upper_embeddings.word_embeddings.weight",
      R"({"model": "hmde", "upper_positional": true or false, "dcls_token_id": the row of [DCLS] in )"
      R"(upper_embeddings, "upper_config": {"hidden_size": ..., "num_hidden_layers": ..., )"
      R"("num_attention_heads": ..., "intermediate_size": ...}})"},
     {"SEA", "fusion_layer.embedding_common.0.weight",
      R"({"model": "sea", "language": the name of a grammar, such as "python"})"}}};

// An error where the weights are those of a model that needs the file.
absl::Status ExpectOtherModel(const std::filesystem::path& folder) {
  const absl::StatusOr<Checkpoint> checkpoint = Checkpoint::Open(folder);
  if (!checkpoint.ok()) return absl::OkStatus();  // Whoever reads the weights says what is wrong.
  for (const ToldModel& model : kToldModels) {
    if (!checkpoint->Has(model.tensor)) continue;
    return absl::NotFoundError(fmt::format(
        "{}: not there, and the weights are those of {} ({}), which need it: write {} (more fields "
        "are in docs/long_context.md)",
        (folder / GannetFile::kName).string(), model.name, model.tensor, model.fields));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<GannetFile>> GannetFile::Read(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kName;
  std::error_code unreadable;
  if (!std::filesystem::exists(path, unreadable)) {
    GANNET_RETURN_IF_ERROR(ExpectOtherModel(folder));
    return std::nullopt;
  }
  GANNET_ASSIGN_OR_RETURN(ConfigFile fields, ConfigFile::Open(path));
  if (!fields.Has("model")) return fields.Error("model", "missing, expected smith, hmde or sea");
  GANNET_ASSIGN_OR_RETURN(std::string model, fields.String("model"));
  return GannetFile{std::move(model), std::move(fields)};
}

}  // namespace gannet::encoder
