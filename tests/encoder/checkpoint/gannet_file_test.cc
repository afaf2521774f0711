#include "encoder/checkpoint/gannet_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

std::string ErrorOf(std::string_view text) {
  const TemporaryFolder folder;
  folder.Write(GannetFile::kName, text);
  const auto file = GannetFile::Read(folder.path());
  EXPECT_FALSE(file.ok()) << text;
  return std::string(base::Message(file.status()));
}

TEST(GannetFileTest, IsNothingWhereThereIsNone) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const auto file, GannetFile::Read(folder.path()));
  EXPECT_FALSE(file.has_value());
}

TEST(GannetFileTest, SaysTheModelAndKeepsTheFields) {
  const TemporaryFolder folder;
  folder.Write(GannetFile::kName, R"({"model": "smith", "tower": 2})");
  ASSERT_OK_AND_ASSIGN(const auto file, GannetFile::Read(folder.path()));
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->model, "smith");
  EXPECT_EQ(file->fields.Size("tower").value_or(0), 2U);
}

TEST(GannetFileTest, RefusesWhatItCannotRead) {
  EXPECT_THAT(ErrorOf("{"), HasSubstr("gannet.json"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("expected a JSON object, found []"));
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("model: missing, expected smith, hmde or sea"));
  EXPECT_THAT(ErrorOf(R"({"model": 3})"), HasSubstr("model: expected a string, found 3"));
}

TEST(GannetFileTest, NamesAFieldThatIsNotKnown) {
  const TemporaryFolder folder;
  folder.Write(GannetFile::kName, R"({"model": "smith", "towr": 2, "inner": {"a": 1, "b": 2}})");
  ASSERT_OK_AND_ASSIGN(const auto file, GannetFile::Read(folder.path()));
  ASSERT_TRUE(file.has_value());
  const auto error = [](const ConfigFile& fields, std::span<const std::string_view> known) {
    return std::string(base::Message(fields.ExpectFields(known)));
  };
  constexpr std::array<std::string_view, 3> kAll = {"model", "towr", "inner"};
  EXPECT_EQ(error(file->fields, kAll), "");
  constexpr std::array<std::string_view, 3> kKnown = {"model", "tower", "inner"};
  EXPECT_THAT(error(file->fields, kKnown),
              HasSubstr("gannet.json: towr: no such field; expected model, tower, inner"));
  constexpr std::array<std::string_view, 1> kInner = {"a"};
  ASSERT_OK_AND_ASSIGN(const ConfigFile inner, file->fields.Object("inner"));
  EXPECT_THAT(error(inner, kInner), HasSubstr("gannet.json: inner.b: no such field; expected a"));
}

}  // namespace
}  // namespace gannet::encoder
