#ifndef GANNET_ENCODER_EMBED_ONE_VECTOR_H_
#define GANNET_ENCODER_EMBED_ONE_VECTOR_H_

#include <cstddef>
#include <vector>

#include "encoder/embed/long_text.h"

namespace gannet::encoder {

// One vector of those of a text's windows, [windows, dimension], at least one; a single one is left
// as it is. The strategy has one vector (LongTextOptions::one_vector).
std::vector<float> OneVector(LongTextOptions::Strategy strategy, std::vector<float> windows,
                             size_t dimension);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_ONE_VECTOR_H_
