#include "cli/term_model.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "base/status.h"
#include "cli/model_location.h"
#include "encoder/score/stored_terms.h"

namespace gannet::cli {
namespace {

// That of the model's own compressor, which is then asked for.
constexpr std::string_view kCompressed = "compressed";

absl::StatusOr<encoder::TermFormat> FormatOf(const TermFlags& flags) {
  if (flags.format.empty() || flags.format == kCompressed) return encoder::TermFormat::kFp16;
  return encoder::ParseTermFormat(flags.format);
}

absl::StatusOr<encoder::TermEncoderOptions> OptionsOf(const TermFlags& flags) {
  encoder::TermEncoderOptions options;
  options.join_layer = flags.join_layer;
  if (flags.query_slots != 0) options.query_slots = flags.query_slots;
  if (!flags.precision.empty()) {
    GANNET_ASSIGN_OR_RETURN(options.model.precision, encoder::ParsePrecision(flags.precision));
  }
  return options;
}

// Whether what flags say is what a collection has.
absl::Status CheckFlags(const TermFlags& flags, const indexer::TermSchema& kept) {
  const auto differ = [](std::string_view what, const auto& has, const auto& asked) {
    return absl::FailedPreconditionError(
        fmt::format("the collection's terms have {} {}, not {}", what, has, asked));
  };
  GANNET_ASSIGN_OR_RETURN(const encoder::TermFormat format, FormatOf(flags));
  GANNET_ASSIGN_OR_RETURN(const encoder::TermEncoderOptions options, OptionsOf(flags));
  if (!flags.format.empty() && format != kept.format) {
    return differ("format", encoder::TermFormatName(kept.format), encoder::TermFormatName(format));
  }
  if (flags.join_layer != 0 && options.join_layer != kept.options.join_layer) {
    return differ("layer", kept.options.join_layer, options.join_layer);
  }
  if (flags.query_slots != 0 && options.query_slots != kept.options.query_slots) {
    return differ("query length", kept.options.query_slots, options.query_slots);
  }
  if (!flags.precision.empty() && options.model.precision != kept.options.model.precision) {
    return differ("precision", encoder::PrecisionName(kept.options.model.precision),
                  encoder::PrecisionName(options.model.precision));
  }
  return absl::OkStatus();
}

}  // namespace

void AddTermOptions(CLI::App& command, const std::string& prefix, TermFlags& flags) {
  const std::string option = "--" + prefix;
  command.add_option(option + "layer", flags.join_layer,
                     "Layers that passages go through alone; query and passage are joined behind");
  command.add_option(option + "format", flags.format,
                     "How terms are kept: fp32, fp16 (default), int8, or compressed (by the "
                     "compressor that the model has learned, as fp16)");
  command.add_option(option + "query-length", flags.query_slots,
                     "Places for the tokens of a query (default 32); longer ones are cut");
  command.add_option(option + "precision", flags.precision,
                     "How the model of the terms multiplies: fp32 (default), bf16, int8, or auto");
}

absl::StatusOr<TermModel> OpenTermModel(const TermFlags& flags,
                                        const std::optional<indexer::TermSchema>& kept) {
  if (kept) {
    GANNET_RETURN_IF_ERROR(CheckFlags(flags, *kept));
    if (flags.model.empty() && !std::filesystem::exists(kept->model_folder)) {
      return absl::NotFoundError(
          fmt::format("{}: the model {} of the collection's terms is no longer there; say where it "
                      "is",
                      kept->model_folder.string(), kept->model_name));
    }
  } else if (flags.model.empty()) {
    return absl::InvalidArgumentError("the collection keeps no terms, and no model is named");
  }
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path folder,
                          flags.model.empty() ? kept->model_folder : ResolveModel(flags.model));
  TermModel model;
  encoder::TermFormat format = encoder::TermFormat::kFp16;
  encoder::TermEncoderOptions options;
  if (kept) {
    format = kept->format;
    options = kept->options;
  } else {
    GANNET_ASSIGN_OR_RETURN(format, FormatOf(flags));
    GANNET_ASSIGN_OR_RETURN(options, OptionsOf(flags));
  }
  GANNET_ASSIGN_OR_RETURN(model.encoder, encoder::TermEncoder::Open(folder, options));
  if (flags.format == kCompressed && !model.encoder->compresses()) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: has learned no compressor; keep its terms as fp16 or int8", folder.string()));
  }
  model.schema = indexer::TermSchema::Of(*model.encoder, format);
  return model;
}

}  // namespace gannet::cli
