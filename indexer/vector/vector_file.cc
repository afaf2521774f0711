#include "indexer/vector/vector_file.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "base/checksum.h"
#include "base/status.h"

namespace gannet::indexer {
namespace {

static_assert(std::endian::native == std::endian::little, "files are mapped as they are");

constexpr std::string_view kMagic = "GANNETVF";
constexpr uint32_t kVersion = 1;
constexpr uint32_t kMostSections = 64;
constexpr size_t kAlignment = 64;

struct Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t sections;
  uint64_t file_bytes;
  uint64_t checksum;
  std::array<char, 16> kind;
  std::array<char, 64> fingerprint;
  std::array<char, 16> zeros;
};
static_assert(sizeof(Header) == 128);

struct Entry {
  std::array<char, 24> name;
  uint64_t offset;
  uint64_t bytes;
  uint64_t checksum;
};
static_assert(sizeof(Entry) == 48);

size_t Aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

size_t DataBegin(size_t sections) { return Aligned(sizeof(Header) + sections * sizeof(Entry)); }

template <size_t kSize>
absl::Status SetName(std::string_view what, std::string_view name, std::array<char, kSize>& out) {
  if (name.size() > kSize || name.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        fmt::format("{} \"{}\": expected at most {} bytes, none zero", what, name, kSize));
  }
  out = {};
  std::copy(name.begin(), name.end(), out.begin());
  return absl::OkStatus();
}

template <size_t kSize>
std::string_view NameIn(const std::array<char, kSize>& name) {
  return {name.data(), strnlen(name.data(), kSize)};
}

// Of the bytes before the sections, with zero in the place of the checksum itself.
uint64_t HeadChecksum(std::string_view head) {
  std::string copy(head);
  std::memset(copy.data() + offsetof(Header, checksum), 0, sizeof(Header::checksum));
  return base::Xxh3(copy);
}

}  // namespace

absl::Status WriteVectorFile(const std::filesystem::path& path, std::string_view kind,
                             std::string_view fingerprint, std::span<const FileSection> sections) {
  if (sections.size() > kMostSections) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} sections, at most {}", path.string(), sections.size(), kMostSections));
  }
  Header header{};
  std::copy(kMagic.begin(), kMagic.end(), header.magic.begin());
  header.version = kVersion;
  header.sections = static_cast<uint32_t>(sections.size());
  GANNET_RETURN_IF_ERROR(SetName("kind", kind, header.kind));
  GANNET_RETURN_IF_ERROR(SetName("fingerprint", fingerprint, header.fingerprint));
  header.file_bytes = DataBegin(sections.size());
  for (const FileSection& section : sections) header.file_bytes += Aligned(section.bytes.size());

  // Head, then each section and what fills it up; large sections are written from where they lie.
  std::string head(DataBegin(sections.size()), '\0');
  std::vector<std::string_view> parts = {head};
  std::vector<std::string> filled;  // Small sections that need filling up, as a whole.
  filled.reserve(sections.size());
  size_t offset = head.size();
  for (size_t i = 0; i < sections.size(); ++i) {
    std::string_view bytes = sections[i].bytes;
    Entry entry{};
    entry.offset = offset;
    entry.bytes = bytes.size();
    GANNET_RETURN_IF_ERROR(SetName("section", sections[i].name, entry.name));
    if (bytes.size() % kAlignment != 0) {
      bytes = filled.emplace_back(bytes).append(Aligned(bytes.size()) - bytes.size(), '\0');
    }
    entry.checksum = base::Xxh3(bytes);
    std::memcpy(head.data() + sizeof(Header) + i * sizeof(Entry), &entry, sizeof(Entry));
    parts.push_back(bytes);
    offset += bytes.size();
  }
  std::memcpy(head.data(), &header, sizeof(Header));
  header.checksum = HeadChecksum(head);
  std::memcpy(head.data(), &header, sizeof(Header));
  return base::WriteFileAtomically(path, parts);
}

absl::StatusOr<std::shared_ptr<const VectorFile>> VectorFile::Open(
    const std::filesystem::path& path, std::string_view kind) {
  GANNET_ASSIGN_OR_RETURN(base::MappedFile mapped, base::MappedFile::Open(path));
  const std::shared_ptr<VectorFile> file(new VectorFile(std::move(mapped)));
  GANNET_RETURN_IF_ERROR(file->Verify(kind));
  return file;
}

absl::Status VectorFile::Damaged(std::string_view where, std::string_view what) const {
  return absl::DataLossError(fmt::format("{}: {}: {}", path().string(), where, what));
}

absl::Status VectorFile::WrongLength(std::string_view name, size_t bytes,
                                     size_t value_bytes) const {
  return Damaged(fmt::format("section {}", name),
                 fmt::format("{} bytes are no whole values of {}", bytes, value_bytes));
}

absl::Status VectorFile::Verify(std::string_view kind) {
  const std::string_view bytes = file_.bytes();
  Header header;
  if (bytes.size() < sizeof(Header)) {
    return Damaged("header", fmt::format("a file of {} bytes", bytes.size()));
  }
  std::memcpy(&header, bytes.data(), sizeof(Header));
  if (std::string_view(header.magic.data(), header.magic.size()) != kMagic) {
    return Damaged("header", "not a vector file");
  }
  if (header.version != kVersion) {
    return absl::FailedPreconditionError(fmt::format("{}: version {}, this program reads {}",
                                                     path().string(), header.version, kVersion));
  }
  if (header.sections > kMostSections || header.file_bytes != bytes.size() ||
      DataBegin(header.sections) > bytes.size()) {
    return Damaged("header", fmt::format("{} sections in {} bytes of {}", header.sections,
                                         bytes.size(), header.file_bytes));
  }
  const size_t data_begin = DataBegin(header.sections);
  if (HeadChecksum(bytes.substr(0, data_begin)) != header.checksum) {
    return Damaged("header", "checksum mismatch");
  }
  if (NameIn(header.kind) != kind) {
    return absl::FailedPreconditionError(fmt::format("{}: a file of kind {}, expected {}",
                                                     path().string(), NameIn(header.kind), kind));
  }
  fingerprint_ = NameIn(header.fingerprint);
  checksum_ = header.checksum;
  for (size_t i = 0; i < header.sections; ++i) {
    GANNET_RETURN_IF_ERROR(VerifySection(i, data_begin));
  }
  return absl::OkStatus();
}

absl::Status VectorFile::VerifySection(size_t number, size_t data_begin) {
  const std::string_view bytes = file_.bytes();
  const char* at = bytes.data() + sizeof(Header) + number * sizeof(Entry);
  Entry entry;
  std::memcpy(&entry, at, sizeof(Entry));
  const std::string_view name(at, NameIn(entry.name).size());  // In the map, which stays.
  const std::string where = fmt::format("section {}", name);
  if (entry.offset < data_begin || entry.offset % kAlignment != 0 || entry.offset > bytes.size() ||
      entry.bytes > bytes.size() || Aligned(entry.bytes) > bytes.size() - entry.offset) {
    return Damaged(where,
                   fmt::format("{} bytes at {} of {}", entry.bytes, entry.offset, bytes.size()));
  }
  if (base::Xxh3(bytes.substr(entry.offset, Aligned(entry.bytes))) != entry.checksum) {
    return Damaged(where, "checksum mismatch");
  }
  sections_.push_back({name, bytes.substr(entry.offset, entry.bytes)});
  return absl::OkStatus();
}

absl::StatusOr<std::string_view> VectorFile::Section(std::string_view name) const {
  for (const FileSection& section : sections_) {
    if (section.name == name) return section.bytes;
  }
  return Damaged(fmt::format("section {}", name), "missing");
}

}  // namespace gannet::indexer
