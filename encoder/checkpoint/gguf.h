#ifndef GANNET_ENCODER_CHECKPOINT_GGUF_H_
#define GANNET_ENCODER_CHECKPOINT_GGUF_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file.h"
#include "encoder/checkpoint/tensor.h"

namespace gannet::encoder {

// The key-value part of a GGUF file. Strings are views into the bytes of the file.
class GgufMetadata {
 public:
  // Types of values, by GGUF's numbers.
  enum class Type : uint32_t {
    kUint8,
    kInt8,
    kUint16,
    kInt16,
    kUint32,
    kInt32,
    kFloat32,
    kBool,
    kString,
    kArray,
    kUint64,
    kInt64,
    kFloat64
  };

  // The value of a key; nothing when there is none or it is of another kind. Integers and booleans
  // of any width are int64_t, floating-point numbers double; Number takes both.
  std::optional<std::string_view> String(std::string_view key) const;
  std::optional<int64_t> Integer(std::string_view key) const;
  std::optional<double> Number(std::string_view key) const;
  std::optional<std::vector<std::string_view>> Strings(std::string_view key) const;
  std::optional<std::vector<int64_t>> Integers(std::string_view key) const;
  std::optional<std::vector<double>> Numbers(std::string_view key) const;

  bool Has(std::string_view key) const { return values_.contains(key); }

 private:
  friend class GgufReader;

  // Elements as they lie in the file, checked to be within it.
  struct Array {
    Type type = Type::kUint8;
    uint64_t size = 0;
    std::string_view bytes;
  };
  using Value = std::variant<std::string_view, int64_t, double, Array>;

  template <typename T>
  const T* Find(std::string_view key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : std::get_if<T>(&found->second);
  }

  std::map<std::string_view, Value> values_;
};

// What a GGUF file (versions 2 and 3, little-endian) says, as views into its bytes. Every length,
// count and offset is checked against the file before it is used, and nothing is allocated beyond
// what the file itself holds: names do not repeat, tensors have 1 to 4 extents and lie aligned one
// after another up to the end, without overlaps or holes. Errors name the key or tensor, the value
// and the byte. Source: github.com/ggml-org/ggml, docs/gguf.md.
struct GgufContent {
  GgufMetadata metadata;
  // Shapes are row-major, as everywhere here: GGUF lists extents from the innermost.
  std::map<std::string, TensorView, std::less<>> tensors;

  static absl::StatusOr<GgufContent> Parse(std::string_view bytes);
};

// A .gguf file, mapped into memory. Errors name the file.
class GgufFile {
 public:
  static absl::StatusOr<GgufFile> Open(const std::filesystem::path& path);

  const GgufMetadata& metadata() const { return content_.metadata; }
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return content_.tensors; }
  const std::filesystem::path& path() const { return file_.path(); }

  // An error about a key or tensor of this file: "path: what: value".
  absl::Status Error(std::string_view subject, std::string_view what) const;

 private:
  GgufFile(base::MappedFile file, GgufContent content)
      : file_(std::move(file)), content_(std::move(content)) {}

  base::MappedFile file_;
  GgufContent content_;
};

// The GGUF file that `path` stands for: itself, or the only one of a folder; nothing when there is
// none, or more than one.
std::optional<std::filesystem::path> FindGguf(const std::filesystem::path& path);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_GGUF_H_
