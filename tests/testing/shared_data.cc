#include "tests/testing/shared_data.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace gannet::testing {

std::optional<std::filesystem::path> FindShared(std::string_view relative) {
  const char* set = std::getenv("GANNET_SHARED");
  const std::filesystem::path root = set != nullptr ? set : GANNET_SHARED_DEFAULT;
  std::filesystem::path found = root / relative;
  if (std::filesystem::exists(found)) return found;
  return std::nullopt;
}

std::filesystem::path TestData(std::string_view relative) {
  return std::filesystem::path(GANNET_TEST_DATA) / relative;
}

std::filesystem::path TestGrammars() { return GANNET_TEST_GRAMMARS; }

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "gannet-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    ADD_FAILURE() << "cannot create " << pattern;
  }
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TemporaryFolder::Write(std::string_view relative,
                                             std::string_view content) const {
  const std::filesystem::path path = path_ / relative;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

}  // namespace gannet::testing
