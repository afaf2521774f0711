#include "encoder/models/pooler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/layers/linear.h"

namespace gannet::encoder {
namespace {

// Where a family keeps its pooler.
struct PoolerName {
  std::string_view model_type;
  std::string_view prefix;  // In the checkpoint of a classifier.
  std::string_view dense;
};
constexpr std::array<PoolerName, 6> kNames = {{{"albert", "albert.", "pooler"},
                                               {"bert", "bert.", "pooler.dense"},
                                               {"m2_bert", "bert.", "pooler.dense"},
                                               {"mpnet", "mpnet.", "pooler.dense"},
                                               {"roberta", "roberta.", "pooler.dense"},
                                               {"xlm-roberta", "roberta.", "pooler.dense"}}};

}  // namespace

absl::StatusOr<Pooler> Pooler::Load(const std::filesystem::path& folder,
                                    const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder / "config.json"));
  GANNET_ASSIGN_OR_RETURN(const std::string type, ModelFamily(file));
  GANNET_ASSIGN_OR_RETURN(const size_t d, file.Size("hidden_size"));
  const auto name = std::ranges::find(kNames, type, &PoolerName::model_type);
  if (name == kNames.end()) {
    return file.Error("model_type", fmt::format("\"{}\" has no pooler", type));
  }
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix(fmt::format("{}.weight", name->dense), {"", name->prefix, "encoder."});
  GANNET_ASSIGN_OR_RETURN(auto dense,
                          LoadLinear(checkpoint, name->dense, d, d, Bias::kPresent, options));
  return Pooler(std::move(dense));
}

std::vector<float> Pooler::Apply(std::span<const float> first) const {
  const size_t d = dense_.inputs(), rows = first.size() / d;
  std::vector<float> pooled(first.size());
  for (size_t begin = 0; begin < rows; begin += kernels::PackedLinear::kMaxRows) {
    const size_t count = std::min(kernels::PackedLinear::kMaxRows, rows - begin);
    dense_.Apply(&first[begin * d], count, &pooled[begin * d]);
  }
  for (float& v : pooled) v = std::tanh(v);
  return pooled;
}

std::vector<float> Pooler::Apply(const PackedBatch& batch, std::span<const float> hidden) const {
  const size_t d = dense_.inputs();
  std::vector<float> first;
  for (size_t s = 0; s < batch.sequences(); ++s) {
    const std::span<const float> row = hidden.subspan(batch.offsets[s] * d, d);
    first.insert(first.end(), row.begin(), row.end());
  }
  return Apply(first);
}

}  // namespace gannet::encoder
