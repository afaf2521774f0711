#include "tests/testing/torch_writer.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

namespace gannet::testing {
namespace {

template <typename Integer>
std::string Bytes(Integer value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

}  // namespace

std::string ZipContent(const std::vector<std::pair<std::string, std::string>>& entries,
                       ZipForm form) {
  const bool zip64 = form == ZipForm::kZip64;
  std::string file, directory;
  for (const auto& [name, content] : entries) {
    const uint64_t offset = file.size(), size = content.size();
    const auto name_size = static_cast<uint16_t>(name.size());
    file += Bytes<uint32_t>(0x04034b50) + std::string(4, '\0') + Bytes<uint16_t>(0) +
            std::string(8, '\0') + Bytes(static_cast<uint32_t>(size)) +
            Bytes(static_cast<uint32_t>(size)) + Bytes(name_size) + Bytes<uint16_t>(0) + name +
            content;
    const std::string extra =
        zip64 ? Bytes<uint16_t>(1) + Bytes<uint16_t>(24) + Bytes(size) + Bytes(size) + Bytes(offset)
              : "";
    const auto in32 = [&](uint64_t v) { return zip64 ? 0xFFFFFFFF : static_cast<uint32_t>(v); };
    directory += Bytes<uint32_t>(0x02014b50) + std::string(4, '\0') + Bytes<uint16_t>(0) +
                 Bytes<uint16_t>(0) + std::string(8, '\0') + Bytes(in32(size)) + Bytes(in32(size)) +
                 Bytes(name_size) + Bytes(static_cast<uint16_t>(extra.size())) +
                 std::string(10, '\0') + Bytes(in32(offset)) + name + extra;
  }
  const uint64_t begin = file.size(), count = entries.size();
  file += directory;
  if (zip64) {
    const uint64_t end64 = file.size();
    file += Bytes<uint32_t>(0x06064b50) + Bytes<uint64_t>(44) + std::string(12, '\0') +
            Bytes(count) + Bytes(count) + Bytes<uint64_t>(directory.size()) + Bytes(begin);
    file += Bytes<uint32_t>(0x07064b50) + Bytes<uint32_t>(0) + Bytes(end64) + Bytes<uint32_t>(1);
  }
  const auto count16 = zip64 ? uint16_t{0xFFFF} : static_cast<uint16_t>(count);
  return file + Bytes<uint32_t>(0x06054b50) + std::string(4, '\0') + Bytes(count16) +
         Bytes(count16) + Bytes(zip64 ? 0xFFFFFFFF : static_cast<uint32_t>(directory.size())) +
         Bytes(zip64 ? 0xFFFFFFFF : static_cast<uint32_t>(begin)) + Bytes<uint16_t>(0);
}

std::string PickledString(std::string_view text) {
  return fmt::format("X{}{}", Bytes(static_cast<uint32_t>(text.size())), text);
}

std::string PickledNumber(long long number) {
  return "\x8a\x08" + Bytes(static_cast<int64_t>(number));
}

std::string PickledTuple(const std::vector<long long>& numbers) {
  std::string tuple = "(";
  for (const long long number : numbers) tuple += PickledNumber(number);
  return tuple + "t";
}

std::string Pickled(const TensorPickle& tensor) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + PickledString("storage") + "ctorch\n" +
         tensor.type + "\n" + PickledString(tensor.key) + PickledString("cpu") +
         PickledNumber(tensor.elements) + "tQ" + PickledNumber(tensor.offset) +
         PickledTuple(tensor.shape) + PickledTuple(tensor.strides) +
         "\x89"
         "ccollections\nOrderedDict\n)RtR";
}

std::string PickledDict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string pickle = "\x80\x02}(";
  for (const auto& [name, value] : items) pickle += PickledString(name) + value;
  return pickle + "u.";
}

std::string TorchContent(const FloatTensors& tensors, ZipForm form) {
  std::vector<std::pair<std::string, std::string>> items, entries;
  entries.emplace_back("archive/data.pkl", "");
  for (const auto& [name, tensor] : tensors) {
    TensorPickle pickle{.key = fmt::format("{}", items.size()),
                        .elements = static_cast<long long>(tensor.values.size()),
                        .shape = {tensor.shape.begin(), tensor.shape.end()},
                        .strides = std::vector<long long>(tensor.shape.size())};
    long long step = 1;
    for (size_t i = tensor.shape.size(); i-- > 0;) {
      pickle.strides[i] = step;
      step *= pickle.shape[i];
    }
    entries.emplace_back("archive/data/" + pickle.key,
                         std::string(reinterpret_cast<const char*>(tensor.values.data()),
                                     tensor.values.size() * sizeof(float)));
    items.emplace_back(name, Pickled(pickle));
  }
  entries[0].second = PickledDict(items);
  entries.emplace_back("archive/byteorder", "little");
  return ZipContent(entries, form);
}

}  // namespace gannet::testing
