#ifndef GANNET_ENCODER_SCORE_STORED_TERMS_H_
#define GANNET_ENCODER_SCORE_STORED_TERMS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/score/term_encoder.h"

namespace gannet::encoder {

// How the values of terms are stored: 4, 2 and 1 bytes each; int8 with a scale and a zero for each
// term.
enum class TermFormat { kFp32, kFp16, kInt8 };

std::string_view TermFormatName(TermFormat format);  // "fp32", "fp16", "int8"
absl::StatusOr<TermFormat> ParseTermFormat(std::string_view name);

// The terms of a passage as bytes, little-endian: u8 format, u8 0, u16 width, u32 chunks, u64
// tokens of the passage, u32 rows of each chunk, then the values row by row (int8: f32 scale and
// i32 zero before those of a row). `width` is TermEncoder::width(). Refuses terms that have an
// error, and values that fp16 cannot hold.
absl::StatusOr<std::string> PackTerms(const Terms& terms, size_t width, TermFormat format);

// What packed terms say of themselves, which is checked against their length alone.
struct TermsOutline {
  TermFormat format = TermFormat::kFp32;
  uint64_t tokens = 0;         // Of the passage.
  std::vector<size_t> chunks;  // Rows of each.
  size_t rows = 0;             // Of all.
};
absl::StatusOr<TermsOutline> OutlineTerms(std::string_view bytes, size_t width);

// Back; bytes that are not terms of this width are kDataLoss.
absl::StatusOr<Terms> UnpackTerms(std::string_view bytes, size_t width);

// The packed terms of each passage; what it has none for is its status.
std::vector<absl::StatusOr<std::string>> EncodePackedTerms(
    const TermEncoder& model, std::span<const std::string_view> passages, TermFormat format,
    base::ThreadPool& pool);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_SCORE_STORED_TERMS_H_
