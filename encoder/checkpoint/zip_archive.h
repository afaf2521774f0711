#ifndef GANNET_ENCODER_CHECKPOINT_ZIP_ARCHIVE_H_
#define GANNET_ENCODER_CHECKPOINT_ZIP_ARCHIVE_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gannet::encoder {

// The entries of a zip archive that lies in memory, by name, as views of `bytes`. Entries must be
// stored as they are (neither compressed nor encrypted) in one file; zip64 is understood. Every
// offset and length is checked. (PKWARE's APPNOTE 6.3.10)
absl::StatusOr<std::map<std::string, std::string_view, std::less<>>> ReadStoredZip(
    std::string_view bytes);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_ZIP_ARCHIVE_H_
