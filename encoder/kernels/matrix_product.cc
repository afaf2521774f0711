#include <omp.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <vector>

#include "encoder/kernels/matrix_product_internal.h"

namespace gannet::encoder::kernels {
namespace {

using dnnl::memory;

// oneDNN's CPU runtime is OpenMP; work is split above the product, so each calling thread must see
// a team of one. The setting belongs to the thread and costs nothing to repeat.
void UseOneThread() { omp_set_num_threads(1); }

// oneDNN's kernels for AVX-512 sum every row in the same order. Its older ones for fp32 take six
// rows at a time and sum a remainder of fewer rows in another order: there rows go in whole sixes.
constexpr size_t kOlderKernelRows = 6;

memory::dim Dim(size_t extent) { return static_cast<memory::dim>(extent); }

}  // namespace

MatrixProduct::MatrixProduct(Types types, const void* weight, std::span<const float> bias,
                             size_t inputs, size_t outputs)
    : types_(types), inputs_(inputs), outputs_(outputs) {
  UseOneThread();
  if (!bias.empty()) {
    bias_ = memory(LayoutOfBias(outputs), engine_);
    std::copy(bias.begin(), bias.end(), static_cast<float*>(bias_.get_data_handle()));
  }
  const auto description = Describe({kRowBlock, outputs}, AnyWeights(outputs));
  kernel_ = description.impl_info_str();
  const bool sums_alike = kernel_.starts_with("brg");
  if (types.y == memory::data_type::f32 && !sums_alike) row_multiple_ = kOlderKernelRows;
  weight_ = memory(description.weights_desc(), engine_);
  if (sums_alike && LayoutKeepsBlocksApart()) column_blocks_ = outputs / kColumnBlock;

  // Transposed: the kernel sees [inputs, outputs], the checkpoint holds [outputs, inputs].
  memory stored(memory::desc({Dim(inputs), Dim(outputs)}, types.weight, memory::format_tag::ba),
                engine_, const_cast<void*>(weight));
  dnnl::stream stream(engine_);
  dnnl::reorder(stored, weight_).execute(stream, stored, weight_);
  stream.wait();
}

memory::desc MatrixProduct::LayoutOfX(size_t rows) const {
  return {{Dim(rows), Dim(inputs_)}, types_.x, memory::format_tag::ab};
}

memory::desc MatrixProduct::LayoutOfY(const Shape& shape) const {
  return {{Dim(shape.rows), Dim(shape.columns)}, types_.y, memory::format_tag::ab};
}

memory::desc MatrixProduct::LayoutOfBias(size_t columns) const {
  return {{1, Dim(columns)}, memory::data_type::f32, memory::format_tag::ab};
}

memory::desc MatrixProduct::AnyWeights(size_t columns) const {
  return {{Dim(inputs_), Dim(columns)}, types_.weight, memory::format_tag::any};
}

dnnl::matmul::primitive_desc MatrixProduct::Describe(const Shape& shape,
                                                     const memory::desc& weight) const {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const memory::desc x = LayoutOfX(shape.rows), y = LayoutOfY(shape);
  const dnnl::matmul::desc product =
      bias_ ? dnnl::matmul::desc(x, weight, LayoutOfBias(shape.columns), y)
            : dnnl::matmul::desc(x, weight, y);
  return {product, attributes, engine_};
}

// Whether block b of kColumnBlock columns is the b-th equal part of the packed weights, laid out as
// a matrix of those columns alone would be: then parts of y can be computed from parts of the
// bytes.
bool MatrixProduct::LayoutKeepsBlocksApart() const {
  if (outputs_ % kColumnBlock != 0) return false;
  const memory::desc part = Describe({1, kColumnBlock}, AnyWeights(kColumnBlock)).weights_desc();
  const dnnl_blocking_desc_t& whole_blocks = weight_.get_desc().data.format_desc.blocking;
  const dnnl_blocking_desc_t& part_blocks = part.data.format_desc.blocking;
  const auto part_elements =
      static_cast<memory::dim>(part.get_size() / memory::data_type_size(types_.weight));
  memory::dim columns_inside = 1;
  for (int i = 0; i < whole_blocks.inner_nblks; ++i) {
    if (whole_blocks.inner_idxs[i] == 1) columns_inside *= whole_blocks.inner_blks[i];
  }
  return part.get_size() * (outputs_ / kColumnBlock) == weight_.get_desc().get_size() &&
         columns_inside == Dim(kColumnBlock) && whole_blocks.strides[1] == part_elements &&
         whole_blocks.strides[0] == part_blocks.strides[0] &&
         whole_blocks.inner_nblks == part_blocks.inner_nblks &&
         std::equal(whole_blocks.inner_blks, whole_blocks.inner_blks + whole_blocks.inner_nblks,
                    part_blocks.inner_blks) &&
         std::equal(whole_blocks.inner_idxs, whole_blocks.inner_idxs + whole_blocks.inner_nblks,
                    part_blocks.inner_idxs);
}

std::shared_ptr<const MatrixProduct::Prepared> MatrixProduct::Prepare(const Shape& shape) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = prepared_.find(shape); found != prepared_.end()) return found->second;
  }
  const bool whole = shape.columns == outputs_;
  const auto description = Describe(shape, whole ? weight_.get_desc() : AnyWeights(shape.columns));
  const size_t weight_offset =
      weight_.get_desc().get_size() / outputs_ * shape.first_column;  // Whole: see column_blocks_.
  auto prepared = std::make_shared<Prepared>();
  prepared->matmul = dnnl::matmul(description);
  prepared->weight = memory(description.weights_desc(), engine_,
                            static_cast<std::byte*>(weight_.get_data_handle()) + weight_offset);
  if (bias_) {
    prepared->bias = memory(LayoutOfBias(shape.columns), engine_,
                            static_cast<float*>(bias_.get_data_handle()) + shape.first_column);
  }
  prepared->scratch_bytes = description.scratchpad_desc().get_size();
  const std::unique_lock lock(mutex_);
  return prepared_.try_emplace(shape, std::move(prepared)).first->second;
}

namespace {

// Calls multiply(x, rows, y) for at most `most` rows at a time.
template <typename Multiply>
void ForEachRowBlock(const void* x, size_t x_bytes, size_t rows, void* y, size_t y_bytes,
                     size_t most, Multiply multiply) {
  for (size_t r = 0; r < rows; r += most) {
    multiply(static_cast<const std::byte*>(x) + r * x_bytes, std::min(most, rows - r),
             static_cast<std::byte*>(y) + r * y_bytes);
  }
}

}  // namespace

void MatrixProduct::Multiply(const void* x, size_t rows, void* y) {
  ForEachRowBlock(
      x, inputs_ * memory::data_type_size(types_.x), rows, y,
      outputs_ * memory::data_type_size(types_.y), kRowBlock,
      [&](const void* block, size_t count, void* out) { MultiplyBlock(block, count, out); });
}

void MatrixProduct::MultiplyBlock(const void* x, size_t rows, void* y) {
  assert(rows >= 1 && rows <= kRowBlock);
  const size_t rest = rows % row_multiple_;
  const size_t whole = rows - rest;
  if (whole > 0) MultiplyWhole(x, whole, y);
  if (rest == 0) return;
  const size_t x_bytes = inputs_ * memory::data_type_size(types_.x);
  const size_t y_bytes = outputs_ * memory::data_type_size(types_.y);
  thread_local std::vector<std::byte> padded_x, padded_y;
  padded_x.assign(row_multiple_ * x_bytes, std::byte{0});
  padded_y.resize(row_multiple_ * y_bytes);
  std::memcpy(padded_x.data(), static_cast<const std::byte*>(x) + whole * x_bytes, rest * x_bytes);
  MultiplyWhole(padded_x.data(), row_multiple_, padded_y.data());
  std::memcpy(static_cast<std::byte*>(y) + whole * y_bytes, padded_y.data(), rest * y_bytes);
}

void MatrixProduct::MultiplyWhole(const void* x, size_t rows, void* y) {
  Run({rows, outputs_}, x, y);
}

void MatrixProduct::MultiplyBlocks(const void* x, size_t rows, size_t first, size_t count,
                                   void* y) {
  assert(first + count <= column_blocks_ && count >= 1 && rows >= 1);
  const size_t columns = count * kColumnBlock;
  ForEachRowBlock(x, inputs_ * memory::data_type_size(types_.x), rows, y,
                  columns * memory::data_type_size(types_.y), kRowBlock,
                  [&](const void* block, size_t block_rows, void* out) {
                    Run({block_rows, columns, first * kColumnBlock}, block, out);
                  });
}

// Everything but where the operands lie.
void MatrixProduct::SetUp(const Shape& shape, const Prepared& prepared, Call& call) const {
  const memory::desc scratch_layout({Dim(prepared.scratch_bytes)}, memory::data_type::u8,
                                    memory::format_tag::a);
  call.stream = dnnl::stream(engine_);
  call.x = memory(LayoutOfX(shape.rows), engine_, nullptr);
  call.y = memory(LayoutOfY(shape), engine_, nullptr);
  call.scratch = memory(scratch_layout, engine_, nullptr);
  call.arguments = {{DNNL_ARG_SRC, call.x.get()},
                    {DNNL_ARG_WEIGHTS, prepared.weight.get()},
                    {DNNL_ARG_DST, call.y.get()},
                    {DNNL_ARG_SCRATCHPAD, call.scratch.get()}};
  if (bias_) call.arguments.push_back({DNNL_ARG_BIAS, prepared.bias.get()});
}

void MatrixProduct::Run(const Shape& shape, const void* x, void* y) {
  UseOneThread();
  const std::shared_ptr<const Prepared> prepared = Prepare(shape);
  const auto call = prepared->calls.Take();
  if (call->arguments.empty()) SetUp(shape, *prepared, *call);
  thread_local std::vector<std::byte> scratch;
  if (scratch.size() < prepared->scratch_bytes) scratch.resize(prepared->scratch_bytes);
  call->x.set_data_handle(const_cast<void*>(x));
  call->y.set_data_handle(y);
  call->scratch.set_data_handle(scratch.data());
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(prepared->matmul.get(), call->stream.get(),
                             static_cast<int>(call->arguments.size()), call->arguments.data()),
      "a matrix product cannot run");
  call->stream.wait();
}

}  // namespace gannet::encoder::kernels
