#include "encoder/layers/rotary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/status.h"
#include "encoder/kernels/row_ops.h"

namespace gannet::encoder {
namespace {

// The fields of one rotary embedding, from either spelling of config.json.
struct RotaryFields {
  ConfigFile scaling;  // rope_type (or type), factor, ...
  double theta = 0;
  double rotated_share = 0;
};

absl::StatusOr<double> PositiveNumber(const ConfigFile& file, std::string_view field) {
  GANNET_ASSIGN_OR_RETURN(const double value, file.Number(field));
  if (!(value > 0)) return file.Error(field, fmt::format("{} is not above 0", value));
  return value;
}

absl::StatusOr<double> PositiveNumberOr(const ConfigFile& file, std::string_view field,
                                        double absent) {
  if (!file.Has(field)) return absent;
  return PositiveNumber(file, field);
}

absl::StatusOr<RotaryFields> ReadParameters(const ConfigFile& file,
                                            const RotaryDefaults& defaults) {
  GANNET_ASSIGN_OR_RETURN(ConfigFile parameters, file.Object("rope_parameters"));
  if (!defaults.layer_type.empty() && parameters.Has(defaults.layer_type)) {
    GANNET_ASSIGN_OR_RETURN(parameters, parameters.Object(defaults.layer_type));
  }
  RotaryFields fields{parameters};
  GANNET_ASSIGN_OR_RETURN(fields.theta, PositiveNumberOr(parameters, "rope_theta", defaults.theta));
  GANNET_ASSIGN_OR_RETURN(
      fields.rotated_share,
      PositiveNumberOr(parameters, "partial_rotary_factor", defaults.rotated_share));
  return fields;
}

absl::StatusOr<RotaryFields> ReadOlderFields(const ConfigFile& file,
                                             const RotaryDefaults& defaults) {
  GANNET_ASSIGN_OR_RETURN(ConfigFile scaling, file.Object(defaults.scaling_field));
  RotaryFields fields{std::move(scaling)};
  GANNET_ASSIGN_OR_RETURN(fields.theta,
                          PositiveNumberOr(file, defaults.theta_field, defaults.theta));
  GANNET_ASSIGN_OR_RETURN(fields.rotated_share,
                          PositiveNumberOr(file, defaults.share_field, defaults.rotated_share));
  return fields;
}

// Llama 3.1: wavelengths beyond the trained context are stretched by the factor, short ones kept,
// those between blended.
absl::Status ScaleAsLlama3(const ConfigFile& file, std::vector<float>& frequencies) {
  GANNET_ASSIGN_OR_RETURN(const double factor, PositiveNumber(file, "factor"));
  GANNET_ASSIGN_OR_RETURN(const double low, PositiveNumber(file, "low_freq_factor"));
  GANNET_ASSIGN_OR_RETURN(const double high, PositiveNumber(file, "high_freq_factor"));
  GANNET_ASSIGN_OR_RETURN(const double context,
                          PositiveNumber(file, "original_max_position_embeddings"));
  if (high <= low) {
    return file.Error("high_freq_factor",
                      fmt::format("{} is not above low_freq_factor {}", high, low));
  }
  for (float& f : frequencies) {
    const double wavelength = 2 * std::numbers::pi / f;
    const double smooth = (context / wavelength - low) / (high - low);
    if (wavelength > context / low) {
      f = static_cast<float>(f / factor);
    } else if (wavelength >= context / high) {
      f = static_cast<float>((1 - smooth) * f / factor + smooth * f);
    }
  }
  return absl::OkStatus();
}

// One divisor for each frequency, as GGUF files keep what Llama 3.1's factors come to.
absl::Status DivideEach(const ConfigFile& file, std::vector<float>& frequencies) {
  GANNET_ASSIGN_OR_RETURN(const std::vector<double> divisors, file.NumberList("divisors"));
  if (divisors.size() != frequencies.size()) {
    return file.Error("divisors", fmt::format("{} entries for {} frequencies", divisors.size(),
                                              frequencies.size()));
  }
  for (size_t i = 0; i < divisors.size(); ++i) {
    if (!(divisors[i] > 0)) {
      return file.Error("divisors", fmt::format("[{}]: {} is not above 0", i, divisors[i]));
    }
    frequencies[i] = static_cast<float>(frequencies[i] / divisors[i]);
  }
  return absl::OkStatus();
}

absl::Status Scale(const ConfigFile& file, std::vector<float>& frequencies) {
  const std::string_view field = file.Has("rope_type") ? "rope_type" : "type";
  GANNET_ASSIGN_OR_RETURN(const std::string type, file.StringOr(field, "default"));
  if (type == "default") return absl::OkStatus();
  if (type == "llama3") return ScaleAsLlama3(file, frequencies);
  if (type == "divisors") return DivideEach(file, frequencies);
  if (type != "linear") {
    return file.Error(
        field, fmt::format("\"{}\" is not supported, expected default, linear or llama3", type));
  }
  GANNET_ASSIGN_OR_RETURN(const double factor, PositiveNumber(file, "factor"));
  for (float& f : frequencies) f = static_cast<float>(f / factor);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RotaryEmbedding> RotaryEmbedding::Read(const ConfigFile& file, size_t head_dim,
                                                      const RotaryDefaults& defaults) {
  GANNET_ASSIGN_OR_RETURN(const RotaryFields fields, file.Has("rope_parameters")
                                                         ? ReadParameters(file, defaults)
                                                         : ReadOlderFields(file, defaults));
  // An odd r is rounded up to pairs, but its frequencies are spread over r as it stands, as in
  // transformers.
  const double share = std::min(fields.rotated_share, 2.0);  // Which is refused below.
  const auto rotated = static_cast<size_t>(static_cast<double>(head_dim) * share);
  std::vector<float> frequencies((rotated + 1) / 2);
  if (frequencies.empty() || 2 * frequencies.size() > head_dim) {
    return file.Error(defaults.share_field,
                      fmt::format("{} of {} values per head cannot be turned in pairs",
                                  fields.rotated_share, head_dim));
  }
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = static_cast<double>(2 * i) / static_cast<double>(rotated);
    frequencies[i] = static_cast<float>(std::pow(fields.theta, -exponent));
  }
  GANNET_RETURN_IF_ERROR(Scale(fields.scaling, frequencies));
  return RotaryEmbedding(std::move(frequencies));
}

void RotaryEmbedding::Extend(size_t positions, Table& table) const {
  const size_t half = frequencies_.size();
  for (size_t p = table.cosines.size() / half; p < positions; ++p) {
    for (const float f : frequencies_) {
      const double angle = static_cast<float>(p) * f;
      table.cosines.push_back(static_cast<float>(std::cos(angle)));
      table.sines.push_back(static_cast<float>(std::sin(angle)));
    }
  }
}

void RotaryEmbedding::Rotate(const Table& table, size_t position, size_t heads, size_t head_dim,
                             float* x) const {
  const size_t half = frequencies_.size();
  for (size_t h = 0; h < heads; ++h) {
    kernels::RotateHalves({x + h * head_dim, 2 * half}, &table.cosines[position * half],
                          &table.sines[position * half]);
  }
}

void RotaryEmbedding::Shift(ptrdiff_t distance, size_t head_dim, std::span<float> rows) const {
  std::vector<float> cosines, sines;
  for (const float f : frequencies_) {
    const double angle = static_cast<double>(distance) * f;
    cosines.push_back(static_cast<float>(std::cos(angle)));
    sines.push_back(static_cast<float>(std::sin(angle)));
  }
  for (size_t row = 0; row < rows.size(); row += head_dim) {
    kernels::RotateHalves(rows.subspan(row, rotated()), cosines.data(), sines.data());
  }
}

}  // namespace gannet::encoder
