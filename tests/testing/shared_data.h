#ifndef GANNET_TESTS_TESTING_SHARED_DATA_H_
#define GANNET_TESTS_TESTING_SHARED_DATA_H_

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace gannet::testing {

// The path of `relative` in the shared folder (environment variable GANNET_SHARED, else the
// default of the build), or nullopt when it is not there.
std::optional<std::filesystem::path> FindShared(std::string_view relative);

// The path of `relative` in tests/data, which a bare clone has too.
std::filesystem::path TestData(std::string_view relative);

// The folder of the grammars that are built of tests/data/tiny_grammar: tiny, and stale, whose
// tables tree-sitter does not take.
std::filesystem::path TestGrammars();

// A fresh folder for one test, removed with everything in it when the object goes.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }

  // Writes a file below the folder, with its parent folders, and returns its path.
  std::filesystem::path Write(std::string_view relative, std::string_view content) const;

 private:
  std::filesystem::path path_;
};

}  // namespace gannet::testing

// In a test: declares `variable` as the path of shared data, or skips the test with the reason.
#define GANNET_SHARED_OR_SKIP(variable, relative)                                           \
  const auto variable##_found = ::gannet::testing::FindShared(relative);                    \
  if (!variable##_found) {                                                                  \
    GTEST_SKIP() << "no " << (relative) << " below GANNET_SHARED: nothing to compare with"; \
  }                                                                                         \
  const std::filesystem::path& variable = *variable##_found

#define GANNET_CONCAT_TEST_(a, b) GANNET_CONCAT_TEST_INNER_(a, b)
#define GANNET_CONCAT_TEST_INNER_(a, b) a##b

// In a test: evaluates a StatusOr, fails the test with its message, or moves the value out.
#define ASSERT_OK_AND_ASSIGN(target, expression)                 \
  auto GANNET_CONCAT_TEST_(status_or_, __LINE__) = (expression); \
  ASSERT_TRUE(GANNET_CONCAT_TEST_(status_or_, __LINE__).ok())    \
      << GANNET_CONCAT_TEST_(status_or_, __LINE__).status();     \
  target = *std::move(GANNET_CONCAT_TEST_(status_or_, __LINE__))

#define ASSERT_OK(expression)                         \
  do {                                                \
    const auto& gannet_status = (expression);         \
    ASSERT_TRUE(gannet_status.ok()) << gannet_status; \
  } while (false)

#endif  // GANNET_TESTS_TESTING_SHARED_DATA_H_
