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
// computed once for each length and kept in `cache`, as far as it has room; unless the precision is
// fp32 they are rounded to bfloat16, kept or not.
class LongConvolution {
 public:
  LongConvolution(ImplicitFilter filter, Precision precision, std::shared_ptr<SpectrumCache> cache)
      : parts_(std::make_unique<Parts>(std::move(filter), precision, std::move(cache))) {}

  // y := y ⊙ conv(u), or y + conv(u), for plan.length() rows of filter().channels() values.
  void Apply(const kernels::LongConvPlan& plan, const float* u, kernels::ConvOutput output,
             base::ThreadPool* pool, float* y) const;

  const ImplicitFilter& filter() const { return parts_->filter; }

 private:
  struct Buffers {
    std::vector<float> forward, backward;  // Filters of a slab, [length, channels].
    std::vector<float> spectrum;           // Of a block, before it is rounded.
    std::vector<float> scratch;
  };
  // At an address that stays, by which the cache knows its spectra.
  struct Parts {
    Parts(ImplicitFilter filter_in, Precision precision_in, std::shared_ptr<SpectrumCache> cache_in)
        : filter(std::move(filter_in)), precision(precision_in), cache(std::move(cache_in)) {}

    const ImplicitFilter filter;
    const Precision precision;
    const std::shared_ptr<SpectrumCache> cache;
    base::ObjectPool<Buffers> buffers;
  };

  // e₃ of both directions.
  struct Features {
    std::vector<float> forward, backward;
  };

  std::shared_ptr<const Spectrum> Transform(const kernels::LongConvPlan& plan,
                                            const Features& features, size_t slab,
                                            Buffers& buffers) const;
  void ConvolveSlab(const kernels::LongConvPlan& plan, const Spectrum& spectrum, size_t slab,
                    const float* u, kernels::ConvOutput output, Buffers& buffers, float* y) const;

  std::unique_ptr<Parts> parts_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_LONG_CONVOLUTION_H_
