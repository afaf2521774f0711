#include "encoder/checkpoint/torch_zip.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/tensor_pickle.h"
#include "encoder/checkpoint/zip_archive.h"

namespace gannet::encoder {
namespace {

using Entries = std::map<std::string, std::string_view, std::less<>>;

template <typename... Args>
absl::Status Corrupt(fmt::format_string<Args...> format, Args&&... args) {
  return absl::DataLossError(fmt::format(format, std::forward<Args>(args)...));
}

// torch.save before 1.6 wrote its magic number as the first pickle of several.
constexpr std::string_view kLegacy("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14);

// The folder that the archive keeps everything in, with its slash: "archive/".
absl::StatusOr<std::string> FolderOf(const Entries& entries) {
  constexpr std::string_view kPickle = "/data.pkl";
  std::string folder;
  for (const auto& [name, content] : entries) {
    if (!name.ends_with(kPickle) || name.find('/') != name.size() - kPickle.size()) continue;
    if (!folder.empty()) return Corrupt("has both {}data.pkl and {}", folder, name);
    folder = name.substr(0, name.size() - kPickle.size() + 1);
  }
  if (folder.empty()) return Corrupt("no data.pkl: not a file of torch.save");
  const auto order = entries.find(folder + "byteorder");
  if (order != entries.end() && order->second != "little") {
    return Corrupt("its bytes are \"{}\"-endian, expected little", order->second.substr(0, 16));
  }
  return folder;
}

bool IsRowMajor(const PickledTensor& tensor) {
  size_t step = 1;
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] == 1) continue;  // Never stepped over, whatever its stride.
    if (tensor.strides[i] != step) return false;
    step *= tensor.shape[i];
  }
  return true;
}

struct Extent {
  size_t elements = 1;
  size_t reach = 0;  // Elements of the storage from the first to the last, or none.
};

absl::StatusOr<Extent> ExtentOf(const PickledTensor& tensor) {
  Extent extent{.reach = 1};
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    const size_t size = tensor.shape[i];
    size_t step = 0;
    if (__builtin_mul_overflow(extent.elements, size, &extent.elements) ||
        __builtin_mul_overflow(size == 0 ? 0 : size - 1, tensor.strides[i], &step) ||
        __builtin_add_overflow(extent.reach, step, &extent.reach)) {
      return Corrupt("shape {} is too large", ShapeName(tensor.shape));
    }
  }
  if (extent.elements == 0) extent.reach = 0;
  return extent;
}

// The elements in row-major order, of a tensor that ExtentOf and its storage agree with.
std::string Gather(const PickledTensor& tensor, size_t elements, std::string_view storage) {
  const size_t size = DTypeBlockBytes(tensor.dtype);
  std::string gathered;
  gathered.reserve(elements * size);
  std::vector<size_t> index(tensor.shape.size());
  for (size_t i = 0; i < elements; ++i) {
    size_t at = tensor.offset;
    for (size_t k = 0; k < index.size(); ++k) at += index[k] * tensor.strides[k];
    gathered += storage.substr(at * size, size);
    for (size_t k = index.size(); k-- > 0 && ++index[k] == tensor.shape[k];) index[k] = 0;
  }
  return gathered;
}

// Turns the pickle's tensors into views.
class Resolver {
 public:
  Resolver(const Entries& entries, std::string folder, size_t room,
           std::vector<std::string>& gathered)
      : entries_(entries), folder_(std::move(folder)), room_(room), gathered_(gathered) {}

  absl::StatusOr<TensorView> Resolve(const PickledTensor& tensor) {
    const auto entry = entries_.find(fmt::format("{}data/{}", folder_, tensor.storage));
    if (entry == entries_.end()) return Corrupt("no storage {}", tensor.storage);
    const std::string_view storage = entry->second;
    const size_t size = DTypeBlockBytes(tensor.dtype), held = storage.size() / size;
    if (tensor.storage_elements != held || storage.size() % size != 0) {
      return Corrupt("storage {} has {} bytes, expected {} {}", tensor.storage, storage.size(),
                     tensor.storage_elements, DTypeName(tensor.dtype));
    }
    GANNET_ASSIGN_OR_RETURN(const Extent extent, ExtentOf(tensor));
    if (tensor.offset > held || extent.reach > held - tensor.offset) {
      return Corrupt("{} from element {} on reaches beyond the {} of storage {}",
                     ShapeName(tensor.shape), tensor.offset, held, tensor.storage);
    }
    TensorView view{tensor.dtype, tensor.shape, {}};
    if (extent.elements == 0 || IsRowMajor(tensor)) {
      view.bytes = storage.substr(tensor.offset * size, extent.elements * size);
      return view;
    }
    // Steps of 0 make much of little: what is copied is bounded by the size of the file.
    if (extent.elements > room_ / size) {
      return Corrupt("strides [{}] of shape {} make more than the file holds",
                     fmt::join(tensor.strides, ", "), ShapeName(tensor.shape));
    }
    room_ -= extent.elements * size;
    gathered_.push_back(Gather(tensor, extent.elements, storage));
    view.bytes = gathered_.back();
    return view;
  }

 private:
  const Entries& entries_;
  const std::string folder_;
  size_t room_;
  std::vector<std::string>& gathered_;
};

}  // namespace

absl::StatusOr<TorchZipFile> TorchZipFile::Open(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(base::MappedFile file, base::MappedFile::Open(path));
  absl::StatusOr<TorchTensors> content = ReadTorchZip(file.bytes());
  if (!content.ok()) return base::Annotate(content.status(), path.string());
  return TorchZipFile(std::move(file), *std::move(content));
}

absl::StatusOr<TorchTensors> ReadTorchZip(std::string_view bytes) {
  if (bytes.starts_with(kLegacy)) {
    return absl::UnimplementedError(
        "written by torch.save before PyTorch 1.6, which is not read: load it and save it again "
        "with a newer one");
  }
  GANNET_ASSIGN_OR_RETURN(const Entries entries, ReadStoredZip(bytes));
  GANNET_ASSIGN_OR_RETURN(const std::string folder, FolderOf(entries));
  GANNET_ASSIGN_OR_RETURN(const auto pickled,
                          ReadTensorPickle(entries.at(fmt::format("{}data.pkl", folder))));
  const bool parallel = !pickled.empty() && std::ranges::all_of(pickled, [](const auto& tensor) {
    return tensor.first.starts_with("module.");
  });
  TorchTensors content;
  Resolver resolver(entries, folder, bytes.size(), content.gathered);
  content.gathered.reserve(pickled.size());  // Views into short strings must not move.
  for (const auto& [name, tensor] : pickled) {
    absl::StatusOr<TensorView> view = resolver.Resolve(tensor);
    if (!view.ok()) return base::Annotate(view.status(), fmt::format("tensor {}", name));
    const std::string plain = parallel ? name.substr(std::string_view("module.").size()) : name;
    content.tensors.emplace(plain, *std::move(view));
  }
  return content;
}

}  // namespace gannet::encoder
