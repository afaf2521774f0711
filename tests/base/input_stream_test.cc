#include "base/input_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/status.h"
#include "tests/testing/compress.h"
#include "tests/testing/shared_data.h"

namespace gannet::base {
namespace {

using ::testing::AllOf;
using testing::Compress;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

// Compresses to about half its size.
std::string Sample(size_t size) {
  std::mt19937 random(5);
  std::string sample;
  while (sample.size() < size) sample += static_cast<char>('a' + random() % 16);
  return sample;
}

class InputStreamTest : public ::testing::TestWithParam<Compression> {
 protected:
  const TemporaryFolder folder_;
};

TEST_P(InputStreamTest, GivesTheBytesThatWereCompressed) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{5}, size_t{1'000'000}}) {
    const std::string bytes = Sample(size);
    const std::string compressed = Compress(GetParam(), bytes);
    const auto path = folder_.Write("input", compressed);
    ASSERT_OK_AND_ASSIGN(InputStream stream, InputStream::Open(path));
    EXPECT_EQ(stream.compression(), GetParam());
    ASSERT_OK_AND_ASSIGN(const std::string read, stream.ReadAll());
    EXPECT_TRUE(read == bytes) << size;
    EXPECT_EQ(stream.file_bytes_read(), compressed.size());
    std::string more(1, '\0');
    ASSERT_OK_AND_ASSIGN(const size_t after_the_end, stream.Read(more));
    EXPECT_EQ(after_the_end, 0u);
  }
}

TEST_P(InputStreamTest, ReadsInAnyPortions) {
  const std::string bytes = Sample(100'000);
  ASSERT_OK_AND_ASSIGN(InputStream stream,
                       InputStream::Open(folder_.Write("input", Compress(GetParam(), bytes))));
  std::mt19937 random(3);
  std::string read;
  for (;;) {
    std::string portion(1 + random() % 5'000, '\0');
    ASSERT_OK_AND_ASSIGN(const size_t got, stream.Read(portion));
    read += portion.substr(0, got);
    if (got == 0) break;
  }
  EXPECT_TRUE(read == bytes);
}

TEST_P(InputStreamTest, ReadsSeveralMembersAsOne) {
  const std::string one = Sample(300'000), two = Sample(7), three = Sample(500'000);
  const auto path =
      folder_.Write("input", Compress(GetParam(), one) + Compress(GetParam(), "") +
                                 Compress(GetParam(), two) + Compress(GetParam(), three));
  ASSERT_OK_AND_ASSIGN(const std::string read, ReadDecompressed(path));
  EXPECT_TRUE(read == one + two + three);
}

INSTANTIATE_TEST_SUITE_P(Formats, InputStreamTest,
                         ::testing::Values(Compression::kNone, Compression::kGzip, Compression::kXz,
                                           Compression::kZstd),
                         [](const auto& test) { return std::string(CompressionName(test.param)); });

class CompressedStreamTest : public InputStreamTest {};

TEST_P(CompressedStreamTest, WhatIsCutShortIsAnErrorNamingThePlace) {
  const std::string compressed = Compress(GetParam(), Sample(400'000));
  for (const size_t size : {size_t{7}, size_t{20}, compressed.size() / 2, compressed.size() - 1}) {
    const auto path = folder_.Write("input", compressed.substr(0, size));
    const absl::Status status = ReadDecompressed(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
    EXPECT_THAT(std::string(Message(status)),
                AllOf(HasSubstr(path.string()), HasSubstr("at byte "), HasSubstr("cut short")))
        << size;
  }
}

TEST_P(CompressedStreamTest, DamageIsAnErrorNamingThePlace) {
  const std::string bytes = Sample(50'000);
  const std::string compressed = Compress(GetParam(), bytes);
  std::mt19937 random(9);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = compressed;
    // Behind the mark and the header: a bit of the data or of its checksums.
    const size_t position = 12 + random() % (damaged.size() - 12);
    damaged[position] = static_cast<char>(damaged[position] ^ 1 << random() % 8);
    const auto path = folder_.Write("input", damaged);
    const absl::StatusOr<std::string> read = ReadDecompressed(path);
    ASSERT_FALSE(read.ok()) << "bit of byte " << position;
    EXPECT_THAT(std::string(Message(read.status())),
                AllOf(HasSubstr(path.string()), HasSubstr("at byte ")));
  }
}

TEST_P(CompressedStreamTest, GarbageBehindTheEndIsAnError) {
  const auto path = folder_.Write("input", Compress(GetParam(), "text") + "garbage");
  EXPECT_EQ(ReadDecompressed(path).status().code(), absl::StatusCode::kDataLoss);
}

INSTANTIATE_TEST_SUITE_P(Formats, CompressedStreamTest,
                         ::testing::Values(Compression::kGzip, Compression::kXz,
                                           Compression::kZstd),
                         [](const auto& test) { return std::string(CompressionName(test.param)); });

TEST(InputStreamOpenTest, ZerosBehindGzipArePadding) {
  const TemporaryFolder folder;
  const std::string member = Compress(Compression::kGzip, "text");
  const auto path =
      folder.Write("input", member + std::string(600'000, '\0') + member + std::string(3, '\0'));
  ASSERT_OK_AND_ASSIGN(const std::string read, ReadDecompressed(path));
  EXPECT_EQ(read, "texttext");
}

TEST(InputStreamOpenTest, ErrorsNameThePath) {
  const absl::Status missing = InputStream::Open("/nonexistent/file").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Message(missing)), HasSubstr("/nonexistent/file"));
  const TemporaryFolder folder;
  EXPECT_THAT(std::string(Message(InputStream::Open(folder.path()).status())),
              HasSubstr(folder.path().string()));
}

}  // namespace
}  // namespace gannet::base
