// Any bytes as a GGUF file: refused with a message, or a file whose every value can be read.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "encoder/checkpoint/gguf.h"
#include "encoder/tokenizer/gguf_vocabulary.h"
#include "tests/encoder/tokenizer/fuzz/check_encoding.h"

namespace gannet::encoder {
namespace {

void CheckContent(std::string_view file) {
  const auto content = GgufContent::Parse(file);
  if (!content.ok()) return;
  for (const auto& [name, tensor] : content->tensors) {
    Require(tensor.bytes.data() >= file.data() &&
            tensor.bytes.data() + tensor.bytes.size() <= file.data() + file.size());
    size_t elements = 1;
    for (const size_t extent : tensor.shape) elements *= extent;
    Require(elements == tensor.elements());
    Require(ToFloats(tensor).size() == elements);
  }
  const GgufMetadata& metadata = content->metadata;
  for (const char* key : {"general.alignment", "tokenizer.ggml.tokens", "tokenizer.ggml.scores"}) {
    const bool of_one_kind = metadata.Integer(key).has_value() + metadata.String(key).has_value() +
                                 metadata.Strings(key).has_value() +
                                 metadata.Integers(key).has_value() +
                                 metadata.Numbers(key).has_value() <=
                             1;
    Require(of_one_kind);
  }
}

}  // namespace
}  // namespace gannet::encoder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gannet::encoder;
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  CheckContent(file);
  const auto tokenizer = ReadGgufVocabulary(file);
  if (tokenizer.ok()) CheckEncoding(**tokenizer, "The don't 100 <s>é▁a\n");
  return 0;
}
