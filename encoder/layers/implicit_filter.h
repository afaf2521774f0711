#ifndef GANNET_ENCODER_LAYERS_IMPLICIT_FILTER_H_
#define GANNET_ENCODER_LAYERS_IMPLICIT_FILTER_H_

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/model_options.h"

namespace gannet::encoder {

struct ImplicitFilterShape {
  size_t channels = 0;  // d
  size_t longest = 0;   // L_max: rows of the table of features.
  size_t features = 0;  // e: values of a feature.
  size_t order = 0;     // Width of the filter's layers.
};

// The filters of a long convolution as functions of the position (Poli et al. 2023,
// arXiv:2302.10866), one for what came before and one for what follows:
//   e₁ = sin(ω ⊙ (W₀ z_t + b₀)), e₂ = sin(ω ⊙ (W₂ e₁ + b₂)), e₃ = sin(ω ⊙ (W₄ e₂ + b₄))
//   k_tc = (W₆ e₃)_c exp(−τ_t |δ_c|)
// with z and τ tables of L_max rows, of which a shorter sequence uses the first. All in fp32: the
// sines magnify what their arguments lack.
class ImplicitFilter {
 public:
  enum class Direction { kForward, kBackward };

  // Channels of one slab; the last may have fewer.
  static constexpr size_t kSlab = 64;

  // Names begin with `name` + "."; files without tied tensors may hold ω of one sine only.
  static absl::StatusOr<ImplicitFilter> Load(const Checkpoint& checkpoint, const std::string& name,
                                             const ImplicitFilterShape& shape,
                                             const ModelOptions& options);

  size_t channels() const { return deltas_.size(); }
  size_t slabs() const { return (channels() + kSlab - 1) / kSlab; }
  size_t slab_channels(size_t slab) const { return std::min(kSlab, channels() - slab * kSlab); }
  std::span<const float> skip() const { return skip_; }  // D, [d]

  // e₃ of the first `length` positions, [length, order].
  std::vector<float> Features(Direction direction, size_t length, base::ThreadPool* pool) const;

  // k of the channels of a slab, from all rows of Features: [length, slab_channels(slab)].
  void Filter(Direction direction, std::span<const float> features, size_t slab,
              std::vector<float>& filter) const;

 private:
  struct Network {
    std::vector<kernels::PackedLinear> layers;      // W₀, W₂, W₄
    std::array<std::vector<float>, 3> frequencies;  // ω of each.
    std::vector<kernels::PackedLinear> slabs;       // W₆, cut by channels.
  };

  static absl::StatusOr<Network> LoadNetwork(const Checkpoint& checkpoint, const std::string& name,
                                             std::string_view direction,
                                             const ImplicitFilterShape& shape,
                                             const ModelOptions& options);
  const Network& NetworkOf(Direction direction) const {
    return direction == Direction::kForward ? forward_ : backward_;
  }

  size_t features_ = 0;        // e
  std::vector<float> z_;       // [L_max, e]
  std::vector<float> tau_;     // [L_max]
  std::vector<float> deltas_;  // |δ|, [d]
  std::vector<float> skip_;    // D, [d]
  Network forward_;
  Network backward_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_IMPLICIT_FILTER_H_
