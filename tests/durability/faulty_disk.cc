#include "tests/durability/faulty_disk.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tests/durability/durable_image.h"

namespace gannet::testing {
namespace {

namespace fs = std::filesystem;

// The C library's own version of a call.
template <typename Call>
Call* Real(const char* name) {
  return reinterpret_cast<Call*>(::dlsym(RTLD_NEXT, name));
}

std::string PathOf(int descriptor) {
  char path[4096];
  const ssize_t length =
      ::readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), path, sizeof(path));
  return length < 0 ? std::string() : std::string(path, static_cast<size_t>(length));
}

bool IsIn(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

struct FaultState {
  std::mutex mutex;
  std::optional<DiskFault> fault;
  uint64_t calls = 0;
  std::string struck;
};

FaultState& Faults() {
  static FaultState state;
  return state;
}

enum class Space { kNeeded, kNotNeeded };

// Whether this call is to fail, and with which error number; 0 if not.
int Failure(const char* call, Space space, const std::string& path) {
  FaultState& state = Faults();
  const std::lock_guard lock(state.mutex);
  if (!state.fault.has_value() || !IsIn(path, state.fault->folder.native())) return 0;
  if (state.fault->error_number == ENOSPC && space == Space::kNotNeeded) return 0;
  const uint64_t number = state.calls++;
  const bool strikes = state.fault->lasts == DiskFault::Lasts::kOnce ? number == state.fault->nth
                                                                     : number >= state.fault->nth;
  if (!strikes) return 0;
  if (state.struck.empty()) state.struck = std::string(call) + " " + path;
  return state.fault->error_number;
}

bool Faulty() {
  FaultState& state = Faults();
  const std::lock_guard lock(state.mutex);
  return state.fault.has_value();
}

struct ImageState {
  std::recursive_mutex mutex;  // The image's own files are made by the same calls.
  fs::path disk;
  fs::path image;  // Empty while none is kept.
};

ImageState& Image() {
  static ImageState state;
  return state;
}

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "durable image: %s\n", what.c_str());
  std::abort();
}

struct stat StatusOf(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) Die("stat " + path.string());
  return status;
}

// The image's files come into being whole, also where the process is killed meanwhile.
template <typename Fill>
void Replace(const fs::path& path, const Fill& fill) {
  fs::path temporary = path;
  temporary += ".new";
  fill(temporary);
  std::error_code error;
  fs::rename(temporary, path, error);
  if (error) Die(path.string() + ": " + error.message());
}

void RememberFile(const ImageState& state, const fs::path& path, ino_t inode) {
  Replace(SyncedFile(state.image, inode), [&](const fs::path& copy) {
    std::error_code error;
    fs::copy_file(path, copy, fs::copy_options::overwrite_existing, error);
    if (error) Die(path.string() + ": " + error.message());
  });
}

void RememberEntries(const ImageState& state, const fs::path& folder, ino_t inode) {
  Replace(SyncedFolder(state.image, inode), [&](const fs::path& listing) {
    std::ofstream out(listing);
    for (const FolderEntry& entry : ReadEntries(folder)) out << FormatEntry(entry);
  });
}

// A second name in the image keeps a file's inode number from being given to another file.
void KeepInode(const ImageState& state, const fs::path& path, ino_t inode) {
  std::error_code error;
  fs::create_hard_link(path, KeptFile(state.image, inode), error);
  if (error && error != std::errc::file_exists) Die(path.string() + ": " + error.message());
}

void RememberTree(const ImageState& state, const fs::path& folder) {
  RememberEntries(state, folder, StatusOf(folder).st_ino);
  for (const FolderEntry& entry : ReadEntries(folder)) {
    const fs::path path = folder / entry.name;
    if (entry.is_folder) {
      RememberTree(state, path);
    } else {
      KeepInode(state, path, entry.inode);
      RememberFile(state, path, entry.inode);
    }
  }
}

void AfterOpen(int descriptor, int flags) {
  if ((flags & O_CREAT) == 0) return;
  ImageState& state = Image();
  const std::lock_guard lock(state.mutex);
  if (state.image.empty()) return;
  const std::string path = PathOf(descriptor);
  if (IsIn(path, state.disk.native())) KeepInode(state, path, StatusOf(path).st_ino);
}

// A new folder may have the inode number of one that is gone.
void AfterMakeFolder(const char* path) {
  ImageState& state = Image();
  const std::lock_guard lock(state.mutex);
  if (state.image.empty() || !IsIn(path, state.disk.native())) return;
  std::error_code error;
  fs::remove(SyncedFolder(state.image, StatusOf(path).st_ino), error);
}

void KeepSynced(int descriptor) {
  ImageState& state = Image();
  const std::lock_guard lock(state.mutex);
  if (state.image.empty()) return;
  const std::string path = PathOf(descriptor);
  if (!IsIn(path, state.disk.native())) return;
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) Die("fstat " + path);
  if (S_ISDIR(status.st_mode)) {
    RememberEntries(state, path, status.st_ino);
  } else {
    RememberFile(state, KeptFile(state.image, status.st_ino), status.st_ino);
  }
}

// -1 with errno set where the call is to fail.
int Check(const char* call, Space space, const std::string& path) {
  const int failure = Failure(call, space, path);
  if (failure == 0) return 0;
  errno = failure;
  return -1;
}

int Check(const char* call, Space space, int descriptor) {
  if (!Faulty()) return 0;  // Names of descriptors cost time.
  const int before = errno;
  const std::string path = PathOf(descriptor);
  errno = before;
  return Check(call, space, path);
}

// The third argument of an open that may create a file.
mode_t ModeOf(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

InjectedFault::InjectedFault(const DiskFault& fault) {
  FaultState& state = Faults();
  const std::lock_guard lock(state.mutex);
  state.fault = fault;
  state.calls = 0;
  state.struck.clear();
}

InjectedFault::~InjectedFault() { Lift(); }

void InjectedFault::Lift() {
  FaultState& state = Faults();
  const std::lock_guard lock(state.mutex);
  state.fault.reset();
}

std::string InjectedFault::struck() const {
  FaultState& state = Faults();
  const std::lock_guard lock(state.mutex);
  return state.struck;
}

void KeepDurableImage(const fs::path& disk, const fs::path& image) {
  ImageState& state = Image();
  const std::lock_guard lock(state.mutex);
  MakeImageFolders(image);
  state.disk = disk;
  state.image = image;
  RememberTree(state, disk);
  const std::ofstream complete(CompleteMark(image));
}

}  // namespace gannet::testing

// The calls themselves, under the names by which everybody knows them.
using gannet::testing::AfterMakeFolder;
using gannet::testing::AfterOpen;
using gannet::testing::Check;
using gannet::testing::KeepSynced;
using gannet::testing::ModeOf;
using gannet::testing::PathOf;
using gannet::testing::Real;
using gannet::testing::Space;

extern "C" {

int open(const char* path, int flags, ...) {
  static auto* const real = Real<int(const char*, int, ...)>("open");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  if (Check("open", (flags & O_CREAT) != 0 ? Space::kNeeded : Space::kNotNeeded, path) != 0)
    return -1;
  const int descriptor = real(path, flags, mode);
  if (descriptor >= 0) AfterOpen(descriptor, flags);
  return descriptor;
}

ssize_t write(int descriptor, const void* data, size_t size) {
  static auto* const real = Real<ssize_t(int, const void*, size_t)>("write");
  return Check("write", Space::kNeeded, descriptor) != 0 ? -1 : real(descriptor, data, size);
}

ssize_t pwrite(int descriptor, const void* data, size_t size, off_t offset) {
  static auto* const real = Real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return Check("pwrite", Space::kNeeded, descriptor) != 0 ? -1
                                                          : real(descriptor, data, size, offset);
}

ssize_t read(int descriptor, void* data, size_t size) {
  static auto* const real = Real<ssize_t(int, void*, size_t)>("read");
  return Check("read", Space::kNotNeeded, descriptor) != 0 ? -1 : real(descriptor, data, size);
}

ssize_t pread(int descriptor, void* data, size_t size, off_t offset) {
  static auto* const real = Real<ssize_t(int, void*, size_t, off_t)>("pread");
  return Check("pread", Space::kNotNeeded, descriptor) != 0 ? -1
                                                            : real(descriptor, data, size, offset);
}

int fsync(int descriptor) {
  if (Check("fsync", Space::kNeeded, descriptor) != 0) return -1;
  KeepSynced(descriptor);
  return 0;
}

int fdatasync(int descriptor) {
  if (Check("fdatasync", Space::kNeeded, descriptor) != 0) return -1;
  KeepSynced(descriptor);
  return 0;
}

int ftruncate(int descriptor, off_t size) noexcept {
  static auto* const real = Real<int(int, off_t)>("ftruncate");
  return Check("ftruncate", Space::kNeeded, descriptor) != 0 ? -1 : real(descriptor, size);
}

int truncate(const char* path, off_t size) noexcept {
  static auto* const real = Real<int(const char*, off_t)>("truncate");
  return Check("truncate", Space::kNotNeeded, path) != 0 ? -1 : real(path, size);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = Real<int(const char*, const char*)>("rename");
  return Check("rename", Space::kNeeded, to) != 0 ? -1 : real(from, to);
}

int link(const char* from, const char* to) noexcept {
  static auto* const real = Real<int(const char*, const char*)>("link");
  return Check("link", Space::kNeeded, to) != 0 ? -1 : real(from, to);
}

int unlink(const char* path) noexcept {
  static auto* const real = Real<int(const char*)>("unlink");
  return Check("unlink", Space::kNotNeeded, path) != 0 ? -1 : real(path);
}

int remove(const char* path) noexcept {
  static auto* const real = Real<int(const char*)>("remove");
  return Check("remove", Space::kNotNeeded, path) != 0 ? -1 : real(path);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static auto* const real = Real<int(const char*, mode_t)>("mkdir");
  if (Check("mkdir", Space::kNeeded, path) != 0 || real(path, mode) != 0) return -1;
  AfterMakeFolder(path);
  return 0;
}

}  // extern "C"
