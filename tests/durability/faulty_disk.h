#ifndef GANNET_TESTS_DURABILITY_FAULTY_DISK_H_
#define GANNET_TESTS_DURABILITY_FAULTY_DISK_H_

#include <cstdint>
#include <filesystem>
#include <string>

// A program that is linked with faulty_disk.cc makes its file calls through it, those of RocksDB
// and of the standard library among them: one seam for all files, which the product knows nothing
// of.
namespace gannet::testing {

struct DiskFault {
  std::filesystem::path folder;  // Calls for files in it, and below, are counted.
  uint64_t nth = 0;              // Which of them fails; 0 is the first.
  int error_number = 0;
  enum class Lasts { kOnce, kUntilLifted } lasts = Lasts::kOnce;  // Or all calls from then on?
};

// A fault in the calls open, write, pwrite, read, pread, fsync, fdatasync, ftruncate, truncate,
// rename, link, unlink, remove and mkdir; with ENOSPC, in those of them that a full disk fails. One
// at a time; lifted when the object goes.
class InjectedFault {
 public:
  explicit InjectedFault(const DiskFault& fault);
  InjectedFault(const InjectedFault&) = delete;
  InjectedFault& operator=(const InjectedFault&) = delete;
  ~InjectedFault();

  void Lift();

  // The call that failed first, as "fsync /path"; empty while none has.
  std::string struck() const;
};

// From now on keeps in the folder `image` (outside `disk`) what a power cut would leave of the
// folder `disk`: the content that each file had when it was last synced, and the entries that each
// folder had then. What is on the disk now counts as synced. The image is whole at any moment, so
// that the process may be killed. See RebuildAfterPowerCut.
void KeepDurableImage(const std::filesystem::path& disk, const std::filesystem::path& image);

}  // namespace gannet::testing

#endif  // GANNET_TESTS_DURABILITY_FAULTY_DISK_H_
