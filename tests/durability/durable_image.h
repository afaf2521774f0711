#ifndef GANNET_TESTS_DURABILITY_DURABLE_IMAGE_H_
#define GANNET_TESTS_DURABILITY_DURABLE_IMAGE_H_

#include <sys/types.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

// What was synced of a folder, by inode numbers, as KeepDurableImage keeps it; and the disk that a
// power cut makes of it.
namespace gannet::testing {

struct FolderEntry {
  std::string name;
  ino_t inode = 0;
  bool is_folder = false;
};

// The places of an image.
void MakeImageFolders(const std::filesystem::path& image);
std::filesystem::path KeptFile(const std::filesystem::path& image, ino_t inode);
std::filesystem::path SyncedFile(const std::filesystem::path& image, ino_t inode);
std::filesystem::path SyncedFolder(const std::filesystem::path& image, ino_t inode);
std::filesystem::path CompleteMark(const std::filesystem::path& image);  // Says it was begun.

std::string FormatEntry(const FolderEntry& entry);  // A line of a SyncedFolder.
std::vector<FolderEntry> ReadEntries(const std::filesystem::path& folder);  // Of a real folder.

// What becomes of changes that were not synced.
enum class Unsynced {
  kLost,
  kSomeSurvive,  // Any of them, at random; of what was appended to a file also a part.
};

// Replaces the folder `disk`, of a process that was killed, by what a power cut at that moment
// would have left of it, and removes the image. Before the image was complete nothing was changed.
void RebuildAfterPowerCut(const std::filesystem::path& disk, const std::filesystem::path& image,
                          Unsynced unsynced, std::mt19937& random);

}  // namespace gannet::testing

#endif  // GANNET_TESTS_DURABILITY_DURABLE_IMAGE_H_
