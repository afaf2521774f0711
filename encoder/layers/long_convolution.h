#ifndef GANNET_ENCODER_LAYERS_LONG_CONVOLUTION_H_
#define GANNET_ENCODER_LAYERS_LONG_CONVOLUTION_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "base/object_pool.h"
#include "base/thread_pool.h"
#include "encoder/kernels/long_conv.h"
#include "encoder/layers/implicit_filter.h"
#include "encoder/layers/model_options.h"
#include "encoder/layers/spectrum_cache.h"

namespace gannet::encoder {

// y = D u + Σ_{s<=t} f_{t−s} u_s + Σ_{s>t} b_{s−t−1} u_s with implicit filters f and b. Spectra are
// computed once for each length and kept, as far as there is room; unless the precision is fp32
// they are rounded to bfloat16, kept or not.
class LongConvolution {
 public:
  // What the long convolutions of a model share, because only one of them runs at a time for a
  // text: of a long text the buffers of each would be as large as its activations.
  class Workspace;

  LongConvolution(ImplicitFilter filter, Precision precision, std::shared_ptr<Workspace> workspace)
      : filter_(std::make_unique<const ImplicitFilter>(std::move(filter))),
        precision_(precision),
        workspace_(std::move(workspace)) {}

  // y := y ⊙ conv(u), or y + conv(u), for plan.length() rows of filter().channels() values.
  void Apply(const kernels::LongConvPlan& plan, const float* u, kernels::ConvOutput output,
             base::ThreadPool* pool, float* y) const;

  const ImplicitFilter& filter() const { return *filter_; }

 private:
  struct Buffers {
    std::vector<float> forward, backward;  // Filters of a slab, [length, channels].
    std::vector<float> spectrum;           // Of a block, before it is rounded.
    std::vector<float> scratch;
    Spectrum unkept;  // Of a slab that the cache has no room for.
  };
  // e₃ of both directions.
  struct Features {
    std::vector<float> forward, backward;
  };

  // Bytes of the spectrum of a slab.
  size_t SpectrumBytes(const kernels::LongConvPlan& plan, size_t slab) const;
  void Transform(const kernels::LongConvPlan& plan, const Features& features, size_t slab,
                 Buffers& buffers, Spectrum& spectrum) const;
  void ConvolveSlab(const kernels::LongConvPlan& plan, const Spectrum& spectrum, size_t slab,
                    const float* u, kernels::ConvOutput output, Buffers& buffers, float* y) const;

  // At an address that stays, by which the cache knows its spectra.
  std::unique_ptr<const ImplicitFilter> filter_;
  Precision precision_;
  std::shared_ptr<Workspace> workspace_;
};

// Safe to use from several threads.
class LongConvolution::Workspace {
 public:
  explicit Workspace(size_t most_spectrum_bytes) : spectra_(most_spectrum_bytes) {}

 private:
  friend class LongConvolution;

  SpectrumCache spectra_;
  base::ObjectPool<Buffers> buffers_;
  base::ObjectPool<Features> features_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_LONG_CONVOLUTION_H_
