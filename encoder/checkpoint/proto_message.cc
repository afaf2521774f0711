#include "encoder/checkpoint/proto_message.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "base/status.h"
#include "encoder/checkpoint/varint.h"

namespace gannet::encoder {
namespace {

// Takes a little-endian number of Integer's size off the front.
template <typename Integer>
std::optional<uint64_t> TakeFixed(std::string_view& bytes) {
  Integer value = 0;
  if (bytes.size() < sizeof(value)) return std::nullopt;
  std::memcpy(&value, bytes.data(), sizeof(value));
  bytes.remove_prefix(sizeof(value));
  return value;
}

std::optional<uint64_t> TakeNumber(ProtoField::Type type, std::string_view& bytes) {
  switch (type) {
    case ProtoField::Type::kFixed64:
      return TakeFixed<uint64_t>(bytes);
    case ProtoField::Type::kFixed32:
      return TakeFixed<uint32_t>(bytes);
    default:
      return TakeVarint(bytes);  // A number, or the length of bytes.
  }
}

}  // namespace

absl::Status ReadProtoMessage(std::string_view message,
                              absl::FunctionRef<absl::Status(const ProtoField& field)> see) {
  while (!message.empty()) {
    const std::optional<uint64_t> tag = TakeVarint(message);
    if (!tag) return absl::DataLossError("a message is cut off in the number of a field");
    ProtoField field{.number = *tag >> 3, .type = static_cast<ProtoField::Type>(*tag & 7)};
    const uint64_t type = *tag & 7;
    if (type != 0 && type != 1 && type != 2 && type != 5) {
      return absl::DataLossError(
          fmt::format("field {} has wire type {}, which no field has", field.number, type));
    }
    const std::optional<uint64_t> value = TakeNumber(field.type, message);
    const bool bytes = field.type == ProtoField::Type::kBytes;
    if (!value || (bytes && *value > message.size())) {
      return absl::DataLossError(fmt::format("field {} is cut off", field.number));
    }
    field.value = *value;
    if (bytes) {
      field.bytes = message.substr(0, *value);
      message.remove_prefix(*value);
    }
    GANNET_RETURN_IF_ERROR(see(field));
  }
  return absl::OkStatus();
}

}  // namespace gannet::encoder
