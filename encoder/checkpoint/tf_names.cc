#include "encoder/checkpoint/tf_names.h"

namespace gannet::encoder {
namespace {

constexpr std::string_view kKernel = "/kernel";
constexpr std::string_view kLayer = "layer_";

bool IsLayer(std::string_view part) {
  return part.starts_with(kLayer) && part.size() > kLayer.size() &&
         part.find_first_not_of("0123456789", kLayer.size()) == part.npos;
}

}  // namespace

std::string FromTfName(std::string_view name) {
  const bool matrix = IsTfKernel(name);
  if (matrix) name.remove_suffix(kKernel.size());
  std::string renamed;
  for (size_t begin = 0; begin <= name.size();) {
    const std::string_view part = name.substr(begin, name.find('/', begin) - begin);
    if (!renamed.empty()) renamed += '.';
    renamed += part;
    if (IsLayer(part)) renamed[renamed.size() - part.size() + kLayer.size() - 1] = '.';
    begin += part.size() + 1;
  }
  return matrix || name.ends_with("_embeddings") ? renamed + ".weight" : renamed;
}

bool IsTfName(std::string_view name) { return name.find('/') != name.npos; }

bool IsTfKernel(std::string_view name) { return name.ends_with(kKernel); }

}  // namespace gannet::encoder
