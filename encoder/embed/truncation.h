#ifndef GANNET_ENCODER_EMBED_TRUNCATION_H_
#define GANNET_ENCODER_EMBED_TRUNCATION_H_

#include <cstddef>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "encoder/embed/embedder.h"

namespace gannet::encoder {

// Fills `out` from the first out.size() values of `vector`, which has at least as many.
void TruncateVector(std::span<const float> vector, Truncation truncation, std::span<float> out);

// `model` with its vectors truncated to `dimension` values, from 1 to those it has; another number
// is an error. The fingerprint tells truncated vectors from full ones. Embedder::Open does this
// where its options say a dimension.
absl::StatusOr<std::unique_ptr<const Embedder>> Truncate(std::unique_ptr<const Embedder> model,
                                                         size_t dimension, Truncation truncation);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_TRUNCATION_H_
