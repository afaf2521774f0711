#ifndef GANNET_ENCODER_CODE_EXCERPT_H_
#define GANNET_ENCODER_CODE_EXCERPT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// A text put together from parts of some code in their order, which knows where each byte is from.
class Excerpt {
 public:
  explicit Excerpt(std::string_view code) : code_(code) {}

  void Append(ByteSpan part);
  void AppendWithSingleSpaces(ByteSpan part);                   // Runs of spaces become one.
  void Append(const Excerpt& other);                            // Of the same code.
  void AppendForeign(std::string_view text) { text_ += text; }  // What is not of the code.

  const std::string& text() const { return text_; }

  // The part of the code that bytes of the text were made from; foreign text stands for nothing
  // behind the part before it.
  ByteSpan InCode(ByteSpan bytes) const;

 private:
  struct Part {
    size_t begin = 0;  // In the text.
    ByteSpan code;
  };

  // Where the byte `byte` of the text, counted from the part that holds `within`, lies in the code.
  uint32_t Place(size_t within, size_t byte) const;

  std::string_view code_;
  std::string text_;
  std::vector<Part> parts_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CODE_EXCERPT_H_
