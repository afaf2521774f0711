#ifndef GANNET_ENCODER_CODE_WORD_CHARACTER_H_
#define GANNET_ENCODER_CODE_WORD_CHARACTER_H_

namespace gannet::encoder {

// Letters, digits, the underscore, and every byte that is not ASCII.
inline bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CODE_WORD_CHARACTER_H_
