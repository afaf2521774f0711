#ifndef GANNET_BASE_CHECKSUM_H_
#define GANNET_BASE_CHECKSUM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gannet::base {

// XXH3, 64 bits, of `bytes`: detects change and corruption, not an adversary.
uint64_t Xxh3(std::string_view bytes);

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of `bytes`, for formats that ask for it.
uint32_t Crc32c(std::string_view bytes);

// A CRC-32C as LevelDB and TensorFlow store it beside the bytes: turned by 15 bits to the right and
// moved by a constant, so that the CRC of bytes with CRCs in them says something.
constexpr uint32_t MaskCrc32c(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8U; }

// Streaming XXH3, 128 bits: fingerprints of models, collections and documents.
class Fingerprinter {
 public:
  Fingerprinter();
  Fingerprinter(Fingerprinter&&) noexcept;
  Fingerprinter& operator=(Fingerprinter&&) noexcept;
  ~Fingerprinter();

  void Update(std::string_view bytes);

  // Adds the length before the bytes, so that ("ab", "c") and ("a", "bc") differ.
  void UpdateField(std::string_view bytes);

  // 32 lower-case hexadecimal digits of all bytes so far.
  std::string HexDigest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Streaming digest of the kinds that file hubs publish.
class Digest {
 public:
  enum class Kind { kSha1, kSha256 };

  explicit Digest(Kind kind);
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  ~Digest();

  void Update(std::string_view bytes);

  // Lower-case hexadecimal digits of all bytes so far; ends the stream.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gannet::base

#endif  // GANNET_BASE_CHECKSUM_H_
