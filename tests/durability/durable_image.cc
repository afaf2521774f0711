#include "tests/durability/durable_image.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <system_error>
#include <utility>

namespace gannet::testing {
namespace {

namespace fs = std::filesystem;

std::string ReadWhole(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<FolderEntry> ReadSynced(const fs::path& listing) {
  std::vector<FolderEntry> entries;
  std::ifstream in(listing);
  for (FolderEntry entry;
       in >> entry.inode >> entry.is_folder && in.get() == ' ' && std::getline(in, entry.name);) {
    entries.push_back(entry);
  }
  return entries;
}

class Rebuilder {
 public:
  Rebuilder(fs::path image, Unsynced unsynced, std::mt19937& random)
      : image_(std::move(image)), unsynced_(unsynced), random_(random) {}

  void Rebuild(const fs::path& from, ino_t inode, const fs::path& to);

 private:
  bool Survives() { return unsynced_ == Unsynced::kSomeSurvive && random_() % 2 == 0; }
  std::vector<FolderEntry> Entries(const fs::path& from, ino_t inode);
  std::string Content(ino_t inode);

  const fs::path image_;
  const Unsynced unsynced_;
  std::mt19937& random_;
};

// The synced entries, and those of the changes since then that survive.
std::vector<FolderEntry> Rebuilder::Entries(const fs::path& from, ino_t inode) {
  std::map<std::string, FolderEntry> synced, now;
  for (FolderEntry& entry : ReadSynced(SyncedFolder(image_, inode))) synced[entry.name] = entry;
  if (fs::is_directory(from)) {
    for (FolderEntry& entry : ReadEntries(from)) now[entry.name] = entry;
  }
  std::vector<FolderEntry> entries;
  for (const auto& [name, entry] : synced) {
    const auto current = now.find(name);
    const bool changed = current == now.end() || current->second.inode != entry.inode;
    if (!changed || !Survives()) {
      entries.push_back(entry);
    } else if (current != now.end()) {
      entries.push_back(current->second);
    }
  }
  for (const auto& [name, entry] : now) {
    if (!synced.contains(name) && Survives()) entries.push_back(entry);
  }
  return entries;
}

std::string Rebuilder::Content(ino_t inode) {
  std::string synced = ReadWhole(SyncedFile(image_, inode));
  if (!Survives()) return synced;
  std::string now = ReadWhole(KeptFile(image_, inode));
  if (now.size() > synced.size() && now.starts_with(synced)) {
    now.resize(synced.size() + random_() % (now.size() - synced.size() + 1));
  }
  return now;
}

void Rebuilder::Rebuild(const fs::path& from, ino_t inode, const fs::path& to) {
  fs::create_directory(to);
  for (const FolderEntry& entry : Entries(from, inode)) {
    if (entry.is_folder) {
      Rebuild(from / entry.name, entry.inode, to / entry.name);
    } else {
      std::ofstream(to / entry.name, std::ios::binary) << Content(entry.inode);
    }
  }
}

}  // namespace

void MakeImageFolders(const fs::path& image) {
  for (const char* name : {"kept", "files", "folders"}) fs::create_directories(image / name);
}

fs::path KeptFile(const fs::path& image, ino_t inode) {
  return image / "kept" / std::to_string(inode);
}
fs::path SyncedFile(const fs::path& image, ino_t inode) {
  return image / "files" / std::to_string(inode);
}
fs::path SyncedFolder(const fs::path& image, ino_t inode) {
  return image / "folders" / std::to_string(inode);
}
fs::path CompleteMark(const fs::path& image) { return image / "complete"; }

std::string FormatEntry(const FolderEntry& entry) {
  std::ostringstream line;
  line << entry.inode << ' ' << entry.is_folder << ' ' << entry.name << '\n';
  return line.str();
}

std::vector<FolderEntry> ReadEntries(const fs::path& folder) {
  std::vector<FolderEntry> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) != 0) continue;  // Gone meanwhile.
    entries.push_back({.name = entry.path().filename().string(),
                       .inode = status.st_ino,
                       .is_folder = S_ISDIR(status.st_mode)});
  }
  std::sort(entries.begin(), entries.end(),
            [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
  return entries;
}

void RebuildAfterPowerCut(const fs::path& disk, const fs::path& image, Unsynced unsynced,
                          std::mt19937& random) {
  if (!fs::exists(CompleteMark(image))) {
    fs::remove_all(image);
    return;
  }
  struct stat status {};
  if (::stat(disk.c_str(), &status) != 0) {
    throw fs::filesystem_error("no disk", disk, std::error_code(errno, std::generic_category()));
  }
  fs::path rebuilt = disk;
  rebuilt += ".rebuilt";
  Rebuilder(image, unsynced, random).Rebuild(disk, status.st_ino, rebuilt);
  fs::remove_all(disk);
  fs::remove_all(image);
  fs::rename(rebuilt, disk);
}

}  // namespace gannet::testing
