#include "encoder/models/layered_model.h"

#include <algorithm>
#include <utility>

#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {
namespace {

ModelDimensions Completed(ModelDimensions dimensions, const LayerStack& stack) {
  dimensions.layers = stack.layers;
  dimensions.heads = stack.heads.heads;
  dimensions.causal = stack.causal;
  return dimensions;
}

}  // namespace

LayeredModel::LayeredModel(const ModelDimensions& dimensions, LayerStack stack)
    : Model(Completed(dimensions, stack)),
      stack_(std::move(stack)),
      attention_(stack_.heads, stack_.precision) {}

void LayeredModel::Run(const PackedBatch& batch, base::ThreadPool* pool, const RunOptions& options,
                       std::vector<float>& hidden) const {
  const auto buffers = buffers_.Take();
  const size_t before = options.before == nullptr ? 0 : options.before->tokens();
  buffers->positions = batch.Positions();
  for (size_t& position : buffers->positions) position += before;
  buffers->rotations.resize(stack_.rotaries.size());
  for (size_t r = 0; r < stack_.rotaries.size(); ++r) {
    stack_.rotaries[r].Extend(before + batch.EndOfPositions(), buffers->rotations[r]);
  }
  hidden.resize(batch.rows() * dimensions().hidden);
  if (options.first_layer == 0) {
    Embed(batch, pool, hidden.data());
    if (options.on_layer) options.on_layer(0, hidden);
  }
  const size_t end = std::min(options.layers, stack_.layers);
  for (KeyValueCache& cache : options.keep) {
    cache.Reset(end * stack_.steps_per_layer, heads().kv_heads);
  }
  for (size_t i = options.first_layer; i < end; ++i) {
    for (size_t s = 0; s < stack_.steps_per_layer; ++s) {
      const bool last = i + 1 == end && s + 1 == stack_.steps_per_layer;
      RunStep({.attention = {options.attention, i},
               .keys = {i * stack_.steps_per_layer + s, options.before, options.keep},
               .output = last ? options.output : SequenceRows::kAll},
              batch, pool, *buffers, hidden.data());
    }
    if (i + 1 == end && options.output != SequenceRows::kAll) {
      hidden.resize(batch.sequences() * dimensions().hidden);
    }
    // The last hidden state is seen after the norm that follows the last layer.
    if (i + 1 == stack_.layers) FinalNorm(hidden.size() / dimensions().hidden, hidden.data());
    if (options.on_layer) options.on_layer(i + 1, hidden);
  }
}

void LayeredModel::RunStep(const AttentionStep& of_run, const PackedBatch& batch,
                           base::ThreadPool* pool, Buffers& buffers, float* x) const {
  const size_t step = of_run.keys.step;
  const size_t d = dimensions().hidden;
  const size_t row_width = heads().row_width(), query_width = heads().query_width();
  buffers.query_key_value.resize(batch.rows() * row_width);
  buffers.context.resize(batch.rows() * query_width);

  ForEachSharedTile(batch.rows(), pool, [&](size_t first, size_t rows, base::ThreadPool* of_tile) {
    Project(step, x + first * d, rows, of_tile, &buffers.query_key_value[first * row_width]);
    Rotate(step, first, rows, buffers);
  });
  const auto options = [&](const HeadInput& input) { return ScoreOptions(step, input); };
  attention_.Run(batch, buffers.query_key_value.data(), options, of_run, pool,
                 buffers.context.data());
  size_t left = batch.rows();
  if (of_run.output != SequenceRows::kAll) {
    left = batch.sequences();
    for (size_t s = 0; s < left; ++s) {
      std::copy_n(x + batch.RowOf(s, of_run.output) * d, d, x + s * d);
    }
  }
  ForEachSharedTile(left, pool, [&](size_t first, size_t rows, base::ThreadPool* of_tile) {
    Finish(step, &buffers.context[first * query_width], rows, of_tile, x + first * d);
  });
}

void LayeredModel::Rotate(size_t step, size_t first, size_t rows, Buffers& buffers) const {
  if (stack_.rotary_of_step.empty() || !stack_.rotary_of_step[step]) return;
  const size_t index = *stack_.rotary_of_step[step];
  const RotaryEmbedding& rotary = stack_.rotaries[index];
  const HeadLayout& layout = heads();
  for (size_t row = first; row < first + rows; ++row) {
    const size_t position = buffers.positions[row];
    float* x = &buffers.query_key_value[row * layout.row_width()];
    if (layout.order == HeadLayout::Order::kByKind) {  // Key heads follow the query heads.
      rotary.Rotate(buffers.rotations[index], position, layout.heads + layout.kv_heads,
                    layout.head_dim, x);
      continue;
    }
    for (size_t h = 0; h < layout.heads; ++h) {
      rotary.Rotate(buffers.rotations[index], position, 2, layout.head_dim,
                    x + layout.QueryOffset(h));
    }
  }
}

void LayeredModel::Join(std::span<const KeyValuePart> parts, base::ThreadPool* pool,
                        KeyValueCache& joined) const {
  const size_t steps = parts.front().cache->steps(), key_heads = heads().kv_heads;
  joined.Reset(steps, key_heads);
  ForEach(steps * key_heads, pool, [&](size_t i) {
    const size_t step = i / key_heads, key_head = i % key_heads;
    JoinHead(parts, step, key_head, joined.of_step(step)[key_head]);
  });
}

void LayeredModel::JoinHead(std::span<const KeyValuePart> parts, size_t step, size_t key_head,
                            kernels::PackedHead& joined) const {
  const size_t width = heads().head_dim;
  const bool turned = !stack_.rotary_of_step.empty() && stack_.rotary_of_step[step];
  std::vector<float> keys, values;
  for (const KeyValuePart& part : parts) {
    const kernels::PackedHead& packed = part.cache->of_step(step)[key_head];
    const size_t position = keys.size() / width;
    for (size_t i = part.begin; i < part.end; ++i) {
      keys.resize(keys.size() + width);
      values.resize(values.size() + width);
      packed.ReadKey(i, &keys[keys.size() - width]);
      packed.ReadValue(i, &values[values.size() - width]);
    }
    if (turned && position != part.position) {
      stack_.rotaries[*stack_.rotary_of_step[step]].Shift(
          static_cast<ptrdiff_t>(position) - static_cast<ptrdiff_t>(part.position), width,
          std::span(keys).subspan(position * width));
    }
  }
  joined.Pack({keys.data(), width}, {values.data(), width}, keys.size() / width, width,
              stack_.precision);
}

}  // namespace gannet::encoder
