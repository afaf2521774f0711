#include "indexer/vector/vector_file.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using testing::TemporaryFolder;

class VectorFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    numbers_.resize(37);
    std::iota(numbers_.begin(), numbers_.end(), 5U);
    const FileSection sections[] = {{"numbers", BytesOf(std::span<const uint32_t>(numbers_))},
                                    {"nothing", ""},
                                    {"text", "gannet"}};
    ASSERT_OK(WriteVectorFile(path_, "test", "0123abcd", sections));
    ASSERT_OK_AND_ASSIGN(content_, base::ReadFile(path_));
  }

  absl::Status OpenAs(std::string_view content) const {
    const auto path = folder_.Write("changed", content);
    return VectorFile::Open(path, "test").status();
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "file";
  std::vector<uint32_t> numbers_;
  std::string content_;
};

TEST_F(VectorFileTest, SectionsComeBackAlignedAndVerified) {
  ASSERT_OK_AND_ASSIGN(const auto file, VectorFile::Open(path_, "test"));
  EXPECT_EQ(file->fingerprint(), "0123abcd");
  ASSERT_OK_AND_ASSIGN(const auto numbers, file->Array<uint32_t>("numbers"));
  EXPECT_TRUE(std::ranges::equal(numbers, numbers_));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(numbers.data()) % 64, 0u);
  ASSERT_OK_AND_ASSIGN(const auto text, file->Section("text"));
  EXPECT_EQ(text, "gannet");
  ASSERT_OK_AND_ASSIGN(const auto nothing, file->Section("nothing"));
  EXPECT_TRUE(nothing.empty());
  EXPECT_EQ(file->Array<uint32_t>("text").status().code(), absl::StatusCode::kDataLoss);
  const absl::Status missing = file->Section("absent").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(base::Message(missing).find(path_.string() + ": section absent"),
            std::string_view::npos);
}

TEST_F(VectorFileTest, AFlipInAnyByteIsNoticed) {
  for (size_t at = 0; at < content_.size(); ++at) {
    std::string changed = content_;
    changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
    const absl::Status status = OpenAs(changed);
    ASSERT_FALSE(status.ok()) << "byte " << at;
    ASSERT_NE(base::Message(status).find("changed: "), std::string_view::npos) << status;
  }
}

TEST_F(VectorFileTest, AnyOtherLengthIsNoticed) {
  for (size_t size = 0; size < content_.size(); ++size) {
    ASSERT_EQ(OpenAs(content_.substr(0, size)).code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(OpenAs(content_ + '\0').code(), absl::StatusCode::kDataLoss);
}

TEST_F(VectorFileTest, ErrorsNameTheSection) {
  std::string changed = content_;
  changed[content_.find("gannet")] = 'G';
  const absl::Status status = OpenAs(changed);
  EXPECT_NE(base::Message(status).find("changed: section text: checksum mismatch"),
            std::string_view::npos)
      << status;
}

TEST_F(VectorFileTest, OtherKindsAndVersionsAreRefusedByName) {
  const absl::Status kind = VectorFile::Open(path_, "other").status();
  EXPECT_EQ(kind.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(base::Message(kind).find("a file of kind test, expected other"),
            std::string_view::npos);
  std::string changed = content_;
  changed[8] = 9;
  const absl::Status version = OpenAs(changed);
  EXPECT_EQ(version.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(base::Message(version).find("version 9, this program reads 1"), std::string_view::npos);
  EXPECT_EQ(VectorFile::Open(folder_.path() / "absent", "test").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(VectorFileTest, NamesThatDoNotFitAreRefused) {
  const FileSection long_name[] = {{"a section name of over 24 bytes", ""}};
  EXPECT_FALSE(WriteVectorFile(path_, "test", "f", long_name).ok());
  EXPECT_FALSE(WriteVectorFile(path_, "a kind of over 16 bytes", "f", {}).ok());
  EXPECT_FALSE(WriteVectorFile(path_, "test", std::string(65, 'f'), {}).ok());
  EXPECT_FALSE(WriteVectorFile(path_, "test", "f", std::vector<FileSection>(65)).ok());
  ASSERT_OK_AND_ASSIGN(const std::string now, base::ReadFile(path_));
  EXPECT_EQ(now, content_) << "what was there is untouched";
}

}  // namespace
}  // namespace gannet::indexer
