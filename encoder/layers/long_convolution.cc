#include "encoder/layers/long_convolution.h"

#include <algorithm>
#include <vector>

#include "encoder/kernels/quantize.h"
#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {

using Direction = ImplicitFilter::Direction;
using kernels::LongConvPlan;

std::shared_ptr<const Spectrum> LongConvolution::Transform(const LongConvPlan& plan,
                                                           const Features& features, size_t slab,
                                                           Buffers& buffers) const {
  const ImplicitFilter& filter = parts_->filter;
  filter.Filter(Direction::kForward, features.forward, slab, buffers.forward);
  filter.Filter(Direction::kBackward, features.backward, slab, buffers.backward);
  const size_t channels = filter.slab_channels(slab), size = plan.spectrum_size();
  const size_t blocks = (channels + LongConvPlan::kBlock - 1) / LongConvPlan::kBlock;
  const bool exact = parts_->precision == Precision::kFp32;
  Spectrum spectrum;
  exact ? spectrum.fp32.resize(blocks * size) : spectrum.bf16.resize(blocks * size);
  buffers.spectrum.resize(exact ? 0 : size);
  for (size_t block = 0; block < blocks; ++block) {
    const size_t first = block * LongConvPlan::kBlock;
    float* const out = exact ? &spectrum.fp32[block * size] : buffers.spectrum.data();
    kernels::TransformFilters(plan, &buffers.forward[first], &buffers.backward[first], channels,
                              std::min(LongConvPlan::kBlock, channels - first),
                              buffers.scratch.data(), out);
    if (!exact) kernels::RoundToBf16(buffers.spectrum, &spectrum.bf16[block * size]);
  }
  return std::make_shared<const Spectrum>(std::move(spectrum));
}

void LongConvolution::ConvolveSlab(const LongConvPlan& plan, const Spectrum& spectrum, size_t slab,
                                   const float* u, kernels::ConvOutput output, Buffers& buffers,
                                   float* y) const {
  const ImplicitFilter& filter = parts_->filter;
  const size_t stride = filter.channels(), size = plan.spectrum_size();
  const size_t begin = slab * ImplicitFilter::kSlab, end = begin + filter.slab_channels(slab);
  for (size_t first = begin; first < end; first += LongConvPlan::kBlock) {
    const size_t block = (first - begin) / LongConvPlan::kBlock;
    const kernels::BlockSpectrum of_block{
        spectrum.fp32.empty() ? nullptr : &spectrum.fp32[block * size],
        spectrum.bf16.empty() ? nullptr : &spectrum.bf16[block * size]};
    kernels::LongConv(plan, of_block, &filter.skip()[first], u + first, stride,
                      std::min(LongConvPlan::kBlock, end - first), output, buffers.scratch.data(),
                      y + first);
  }
}

void LongConvolution::Apply(const LongConvPlan& plan, const float* u, kernels::ConvOutput output,
                            base::ThreadPool* pool, float* y) const {
  const size_t slabs = parts_->filter.slabs();
  const auto key = [&](size_t slab) {
    return SpectrumCache::Key(parts_.get(), plan.length(), slab);
  };
  std::vector<std::shared_ptr<const Spectrum>> spectra;
  for (size_t slab = 0; slab < slabs; ++slab) spectra.push_back(parts_->cache->Find(key(slab)));
  Features features;
  if (std::ranges::count(spectra, nullptr) > 0) {
    features.forward = parts_->filter.Features(Direction::kForward, plan.length(), pool);
    features.backward = parts_->filter.Features(Direction::kBackward, plan.length(), pool);
  }
  ForEach(slabs, pool, [&](size_t slab) {
    const auto buffers = parts_->buffers.Take();
    buffers->scratch.resize(plan.scratch_size());
    std::shared_ptr<const Spectrum> spectrum = spectra[slab];
    if (spectrum == nullptr) {
      spectrum = Transform(plan, features, slab, *buffers);
      parts_->cache->Offer(key(slab), spectrum);
    }
    ConvolveSlab(plan, *spectrum, slab, u, output, *buffers, y);
  });
}

}  // namespace gannet::encoder
