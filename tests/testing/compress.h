#ifndef GANNET_TESTS_TESTING_COMPRESS_H_
#define GANNET_TESTS_TESTING_COMPRESS_H_

#include <string>
#include <string_view>

#include "base/input_stream.h"

namespace gannet::testing {

// `bytes` as one member, stream or frame of the format.
std::string Compress(base::Compression compression, std::string_view bytes);

}  // namespace gannet::testing

#endif  // GANNET_TESTS_TESTING_COMPRESS_H_
