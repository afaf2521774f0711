#ifndef GANNET_TESTS_TESTING_HIERARCHICAL_FOLDER_H_
#define GANNET_TESTS_TESTING_HIERARCHICAL_FOLDER_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

#include "tests/testing/shared_data.h"

namespace gannet::testing {

// A folder of tests/data with a gannet.json and a vocabulary of special tokens, "." and "w5", "w6",
// ... up to its size.
class HierarchicalFolder {
 public:
  HierarchicalFolder(std::string_view data, std::string_view gannet_json, size_t vocabulary);

  // SMITH in a TensorFlow checkpoint, with that doc_rep_combine_mode.
  static HierarchicalFolder Smith(std::string_view mode);
  static HierarchicalFolder Hmde();

  const std::filesystem::path& path() const { return folder_->path(); }

 private:
  std::unique_ptr<TemporaryFolder> folder_ = std::make_unique<TemporaryFolder>();
};

}  // namespace gannet::testing

#endif  // GANNET_TESTS_TESTING_HIERARCHICAL_FOLDER_H_
