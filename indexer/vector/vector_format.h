#ifndef GANNET_INDEXER_VECTOR_VECTOR_FORMAT_H_
#define GANNET_INDEXER_VECTOR_VECTOR_FORMAT_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace gannet::indexer {

// How the values of a vector are stored, from the most bytes to the fewest. kInt8: whole numbers in
// [-127, 127] times one scale per vector, its greatest magnitude / 127; a query is brought to the
// same form, so that scores are exact integer products times two scales.
enum class VectorFormat : uint8_t { kFp32, kFp16, kInt8 };

std::string_view VectorFormatName(VectorFormat format);  // "fp32", "fp16", "int8"
absl::StatusOr<VectorFormat> ParseVectorFormat(std::string_view name);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_VECTOR_FORMAT_H_
