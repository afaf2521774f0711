#include "base/checksum.h"

#include <gtest/gtest.h>

namespace gannet::base {
namespace {

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
TEST(Crc32cTest, EqualsThePublishedTestVectors) {
  std::string ascending;
  for (char c = 0; c < 32; ++c) ascending += c;
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  EXPECT_EQ(Crc32c(ascending), 0x46DD794EU);
  EXPECT_EQ(Crc32c(""), 0U);
}

TEST(DigestTest, EqualsThePublishedTestVectors) {
  Digest sha256(Digest::Kind::kSha256);
  sha256.Update("a");
  sha256.Update("bc");
  EXPECT_EQ(sha256.Finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Digest sha1(Digest::Kind::kSha1);
  sha1.Update("abc");
  EXPECT_EQ(sha1.Finish(), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(FingerprinterTest, IsXxh3Of128BitsAndDoesNotDependOnTheSplit) {
  EXPECT_EQ(Fingerprinter().HexDigest(), "99aa06d3014798d86001c324468d497f");  // XXH3_128bits("")
  Fingerprinter whole, parts;
  whole.Update("hello world");
  parts.Update("hello ");
  parts.Update("world");
  EXPECT_EQ(whole.HexDigest(), parts.HexDigest());
}

TEST(FingerprinterTest, FieldsDoNotRunTogether) {
  Fingerprinter a, b;
  a.UpdateField("ab");
  a.UpdateField("c");
  b.UpdateField("a");
  b.UpdateField("bc");
  EXPECT_NE(a.HexDigest(), b.HexDigest());
}

TEST(Xxh3Test, EqualsThePublishedValueOfTheEmptyString) {
  EXPECT_EQ(Xxh3(""), 0x2d06800538d394c2u);
}

}  // namespace
}  // namespace gannet::base
