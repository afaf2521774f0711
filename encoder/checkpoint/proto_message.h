#ifndef GANNET_ENCODER_CHECKPOINT_PROTO_MESSAGE_H_
#define GANNET_ENCODER_CHECKPOINT_PROTO_MESSAGE_H_

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace gannet::encoder {

// One field of a protocol buffer as it lies on the wire.
struct ProtoField {
  enum class Type { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  uint64_t number = 0;
  Type type = Type::kVarint;
  uint64_t value = 0;           // Of the numeric types.
  std::string_view bytes = {};  // Of kBytes: a string, or a message within.
};

// Calls see(field) for the fields of a message in their order, as views of `message`; an error of
// `see` ends the reading. Lengths are checked; groups are refused. The few messages of a TensorFlow
// checkpoint are read so, where a generated reader would be another dependency of this room.
// (protobuf.dev/programming-guides/encoding)
absl::Status ReadProtoMessage(std::string_view message,
                              absl::FunctionRef<absl::Status(const ProtoField& field)> see);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_PROTO_MESSAGE_H_
