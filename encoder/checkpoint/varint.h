#ifndef GANNET_ENCODER_CHECKPOINT_VARINT_H_
#define GANNET_ENCODER_CHECKPOINT_VARINT_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace gannet::encoder {

// Takes a number of seven bits a byte, the low ones first, off the front of `bytes`, as protocol
// buffers and LevelDB write them; nothing where it does not end in 64 bits or within `bytes`.
std::optional<uint64_t> TakeVarint(std::string_view& bytes);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_VARINT_H_
