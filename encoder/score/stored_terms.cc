#include "encoder/score/stored_terms.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/kernels/half.h"
#include "encoder/kernels/quantize.h"

namespace gannet::encoder {
namespace {

struct Header {
  uint8_t format = 0;
  uint8_t zero = 0;
  uint16_t width = 0;
  uint32_t chunks = 0;
  uint64_t tokens = 0;
};
static_assert(sizeof(Header) == 16);

constexpr int kLevels = 256;

// In the order of TermFormat.
constexpr std::array<std::string_view, 3> kFormatNames = {"fp32", "fp16", "int8"};

template <typename T>
void Append(const T& value, std::string& bytes) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
T Take(std::string_view& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  bytes.remove_prefix(sizeof(value));
  return value;
}

size_t BytesOfRow(TermFormat format, size_t width) {
  if (format == TermFormat::kFp32) return width * sizeof(float);
  if (format == TermFormat::kFp16) return width * sizeof(uint16_t);
  return width + sizeof(float) + sizeof(int32_t);
}

absl::Status AppendRow(std::span<const float> row, TermFormat format, std::string& bytes) {
  if (format == TermFormat::kInt8) {
    std::vector<uint8_t> quantized(row.size());
    const kernels::RowScale scale =
        kernels::QuantizeRow(row, /*factors=*/{}, kLevels, quantized.data());
    Append(scale.scale, bytes);
    Append(scale.zero, bytes);
    bytes.append(quantized.begin(), quantized.end());
    return absl::OkStatus();
  }
  for (const float value : row) {
    if (format == TermFormat::kFp32) {
      Append(value, bytes);
      continue;
    }
    const uint16_t half = kernels::ToFp16(value);
    if (!std::isfinite(kernels::FromFp16(half))) {
      return absl::InvalidArgumentError(fmt::format("{} does not fit fp16", value));
    }
    Append(half, bytes);
  }
  return absl::OkStatus();
}

void TakeRow(TermFormat format, std::string_view& bytes, std::span<float> row) {
  if (format == TermFormat::kInt8) {
    const auto scale = Take<float>(bytes);
    const auto zero = Take<int32_t>(bytes);
    for (float& value : row) {
      value = scale * static_cast<float>(static_cast<int64_t>(Take<uint8_t>(bytes)) - zero);
    }
    return;
  }
  for (float& value : row) {
    value =
        format == TermFormat::kFp32 ? Take<float>(bytes) : kernels::FromFp16(Take<uint16_t>(bytes));
  }
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(fmt::format("stored terms: {}", what));
}

}  // namespace

std::string_view TermFormatName(TermFormat format) {
  return kFormatNames[static_cast<size_t>(format)];
}

absl::StatusOr<TermFormat> ParseTermFormat(std::string_view name) {
  for (size_t i = 0; i < kFormatNames.size(); ++i) {
    if (name == kFormatNames[i]) return static_cast<TermFormat>(i);
  }
  return absl::InvalidArgumentError(
      fmt::format("term format \"{}\" is not fp32, fp16 or int8", name));
}

absl::StatusOr<std::string> PackTerms(const Terms& terms, size_t width, TermFormat format) {
  GANNET_RETURN_IF_ERROR(terms.status);
  const size_t rows = std::accumulate(terms.chunks.begin(), terms.chunks.end(), size_t{0});
  if (width == 0 || width > std::numeric_limits<uint16_t>::max() ||
      terms.values.size() != rows * width) {
    return absl::InvalidArgumentError(
        fmt::format("{} values for {} terms of {}", terms.values.size(), rows, width));
  }
  std::string bytes;
  Append(Header{.format = static_cast<uint8_t>(format),
                .zero = 0,
                .width = static_cast<uint16_t>(width),
                .chunks = static_cast<uint32_t>(terms.chunks.size()),
                .tokens = terms.tokens.total},
         bytes);
  for (const size_t chunk : terms.chunks) Append(static_cast<uint32_t>(chunk), bytes);
  for (size_t r = 0; r < rows; ++r) {
    GANNET_RETURN_IF_ERROR(
        AppendRow(std::span(terms.values).subspan(r * width, width), format, bytes));
  }
  return bytes;
}

absl::StatusOr<TermsOutline> OutlineTerms(std::string_view bytes, size_t width) {
  if (bytes.size() < sizeof(Header)) return Damaged("too short");
  const auto header = Take<Header>(bytes);
  if (header.format > static_cast<uint8_t>(TermFormat::kInt8) || header.zero != 0) {
    return Damaged(fmt::format("format {} is not known", header.format));
  }
  if (header.width != width) {
    return Damaged(fmt::format("width {}, expected {}", header.width, width));
  }
  if (bytes.size() / sizeof(uint32_t) < header.chunks) return Damaged("cut in the chunks");
  TermsOutline outline{.format = static_cast<TermFormat>(header.format),
                       .tokens = header.tokens,
                       .chunks = {},
                       .rows = 0};
  for (uint32_t c = 0; c < header.chunks; ++c) {
    outline.chunks.push_back(Take<uint32_t>(bytes));
    outline.rows += outline.chunks.back();
  }
  const size_t of_row = BytesOfRow(outline.format, width);
  if (bytes.size() % of_row != 0 || bytes.size() / of_row != outline.rows) {
    return Damaged(fmt::format("{} bytes for {} terms of {}", bytes.size(), outline.rows, of_row));
  }
  return outline;
}

absl::StatusOr<Terms> UnpackTerms(std::string_view bytes, size_t width) {
  GANNET_ASSIGN_OR_RETURN(TermsOutline outline, OutlineTerms(bytes, width));
  bytes.remove_prefix(sizeof(Header) + outline.chunks.size() * sizeof(uint32_t));
  Terms terms;
  terms.tokens = {outline.tokens, outline.tokens};
  terms.chunks = std::move(outline.chunks);
  terms.values.resize(outline.rows * width);
  for (size_t r = 0; r < outline.rows; ++r) {
    TakeRow(outline.format, bytes, std::span(terms.values).subspan(r * width, width));
  }
  for (const float value : terms.values) {
    if (!std::isfinite(value)) return Damaged("a value is not finite");
  }
  return terms;
}

std::vector<absl::StatusOr<std::string>> EncodePackedTerms(
    const TermEncoder& model, std::span<const std::string_view> passages, TermFormat format,
    base::ThreadPool& pool) {
  const std::vector<Terms> terms = model.EncodePassages(passages, pool);
  std::vector<absl::StatusOr<std::string>> packed(terms.size());
  pool.ParallelFor(terms.size(),
                   [&](size_t i) { packed[i] = PackTerms(terms[i], model.width(), format); });
  return packed;
}

}  // namespace gannet::encoder
