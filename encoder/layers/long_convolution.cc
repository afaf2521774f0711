#include "encoder/layers/long_convolution.h"

#include <algorithm>
#include <vector>

#include "encoder/kernels/quantize.h"
#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {

using Direction = ImplicitFilter::Direction;
using kernels::LongConvPlan;

namespace {

size_t Blocks(size_t channels) {
  return (channels + LongConvPlan::kBlock - 1) / LongConvPlan::kBlock;
}

}  // namespace

size_t LongConvolution::SpectrumBytes(const LongConvPlan& plan, size_t slab) const {
  const size_t value = precision_ == Precision::kFp32 ? sizeof(float) : sizeof(uint16_t);
  return Blocks(filter_->slab_channels(slab)) * plan.spectrum_size() * value;
}

void LongConvolution::Transform(const LongConvPlan& plan, const Features& features, size_t slab,
                                Buffers& buffers, Spectrum& spectrum) const {
  const ImplicitFilter& filter = *filter_;
  filter.Filter(Direction::kForward, features.forward, slab, buffers.forward);
  filter.Filter(Direction::kBackward, features.backward, slab, buffers.backward);
  const size_t channels = filter.slab_channels(slab), size = plan.spectrum_size();
  const size_t blocks = Blocks(channels);
  const bool exact = precision_ == Precision::kFp32;
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
}

void LongConvolution::ConvolveSlab(const LongConvPlan& plan, const Spectrum& spectrum, size_t slab,
                                   const float* u, kernels::ConvOutput output, Buffers& buffers,
                                   float* y) const {
  const ImplicitFilter& filter = *filter_;
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
  const size_t slabs = filter_->slabs();
  const auto key = [&](size_t slab) {
    return SpectrumCache::Key(filter_.get(), plan.length(), slab);
  };
  SpectrumCache& cache = workspace_->spectra_;
  std::vector<std::shared_ptr<const Spectrum>> spectra;
  for (size_t slab = 0; slab < slabs; ++slab) spectra.push_back(cache.Find(key(slab)));
  const auto features = workspace_->features_.Take();
  if (std::ranges::count(spectra, nullptr) > 0) {
    const ImplicitFilter& filter = *filter_;
    filter.Features(Direction::kForward, plan.length(), pool, features->forward);
    filter.Features(Direction::kBackward, plan.length(), pool, features->backward);
  }
  ForEach(slabs, pool, [&](size_t slab) {
    const auto buffers = workspace_->buffers_.Take();
    buffers->scratch.resize(plan.scratch_size());
    if (spectra[slab] == nullptr && cache.HasRoom(SpectrumBytes(plan, slab))) {
      const auto spectrum = std::make_shared<Spectrum>();
      Transform(plan, *features, slab, *buffers, *spectrum);
      cache.Offer(key(slab), spectrum);
      spectra[slab] = spectrum;
    } else if (spectra[slab] == nullptr) {
      Transform(plan, *features, slab, *buffers, buffers->unkept);
    }
    const Spectrum& spectrum = spectra[slab] == nullptr ? buffers->unkept : *spectra[slab];
    ConvolveSlab(plan, spectrum, slab, u, output, *buffers, y);
  });
}

}  // namespace gannet::encoder
