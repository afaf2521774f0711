#ifndef GANNET_INDEXER_JOB_CORPUS_FILES_H_
#define GANNET_INDEXER_JOB_CORPUS_FILES_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gannet::indexer {

// The files that inputs of a corpus stand for, one after another: each input itself or, where it is
// a folder, every regular file below, in the order of paths (component by component). Names that
// begin with a dot are passed over, links to folders are not followed. Memory holds the names of
// the folders on the way to the current file, not all names.
class CorpusFiles {
 public:
  // Errors name the input: kNotFound, or kInvalidArgument for a folder without files.
  static absl::StatusOr<CorpusFiles> Open(const std::vector<std::filesystem::path>& inputs);

  struct File {
    std::filesystem::path path;
    std::string id;  // The path below the folder that was given, or the file's name.
  };
  absl::StatusOr<std::optional<File>> Next();

  uint64_t bytes() const { return bytes_; }  // Of all files; 0 when it cannot be known.

 private:
  struct Folder {
    std::filesystem::path root;                  // The input it belongs to.
    std::vector<std::filesystem::path> entries;  // What is left of it, the next one last.
  };

  absl::Status Enter(const std::filesystem::path& root, const std::filesystem::path& folder);
  // Adds up what is below an input.
  absl::Status Measure(const std::filesystem::path& input);

  std::vector<std::filesystem::path> inputs_;  // What is left of them, the next one last.
  std::vector<Folder> folders_;                // From the input down to where the next file is.
  uint64_t bytes_ = 0;
  bool measurable_ = true;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_JOB_CORPUS_FILES_H_
