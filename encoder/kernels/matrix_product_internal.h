#ifndef GANNET_ENCODER_KERNELS_MATRIX_PRODUCT_INTERNAL_H_
#define GANNET_ENCODER_KERNELS_MATRIX_PRODUCT_INTERNAL_H_

#include <cstddef>
#include <dnnl.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/object_pool.h"

namespace gannet::encoder::kernels {

// y = x Wᵀ (+ b) by oneDNN on the calling thread, with W packed once; element types as given. Its
// own exceptions come out of the constructor when the machine has no kernel for the types.
class MatrixProduct {
 public:
  // Rows that oneDNN is given at a time: they fit the caches with what comes out of them.
  static constexpr size_t kRowBlock = 64;

  // Columns of y that one call may be asked for: whole blocks of this many, where the kernel's
  // layout of the weights keeps blocks apart (see column_blocks()).
  static constexpr size_t kColumnBlock = 64;

  struct Types {
    dnnl::memory::data_type x;
    dnnl::memory::data_type weight;
    dnnl::memory::data_type y;
  };

  // `weight` is [outputs, inputs], row-major, of type types.weight; `bias` is [outputs] or empty.
  MatrixProduct(Types types, const void* weight, std::span<const float> bias, size_t inputs,
                size_t outputs);
  MatrixProduct(const MatrixProduct&) = delete;
  MatrixProduct& operator=(const MatrixProduct&) = delete;

  size_t inputs() const { return inputs_; }
  size_t outputs() const { return outputs_; }

  // oneDNN's name of the kernel, such as "brg:avx512_core".
  std::string_view kernel() const { return kernel_; }

  // x: [rows, inputs], y: [rows, outputs], rows >= 1. A row of y has the same bytes for
  // any number of rows. Safe to call from several threads.
  void Multiply(const void* x, size_t rows, void* y);

  // In how many parts of kColumnBlock columns y can be computed; 1 when only as a whole.
  size_t column_blocks() const { return column_blocks_; }

  // Blocks [first, first + count) of the columns of y, with the bytes that Multiply gives them, as
  // a matrix of their own: y is [rows, count * kColumnBlock]. (oneDNN's fast kernels cannot write
  // into a wider matrix.)
  void MultiplyBlocks(const void* x, size_t rows, size_t first, size_t count, void* y);

 private:
  // What one product is made for.
  struct Shape {
    size_t rows = 0;
    size_t columns = 0;
    size_t first_column = 0;

    friend bool operator<(const Shape& a, const Shape& b) {
      return std::tie(a.rows, a.columns, a.first_column) <
             std::tie(b.rows, b.columns, b.first_column);
    }
  };

  // What one run of a product hands to oneDNN: dear enough to make that runs share it in turn.
  struct Call {
    dnnl::stream stream;
    dnnl::memory x, y, scratch;
    std::vector<dnnl_exec_arg_t> arguments;
  };

  // A product ready to run. Made when first needed (under a millisecond), then kept.
  struct Prepared {
    dnnl::matmul matmul;
    dnnl::memory weight, bias;  // Of the columns; the bytes are the product's.
    size_t scratch_bytes = 0;
    mutable base::ObjectPool<Call> calls = {};
  };

  dnnl::matmul::primitive_desc Describe(const Shape& shape, const dnnl::memory::desc& weight) const;
  dnnl::memory::desc LayoutOfX(size_t rows) const;
  dnnl::memory::desc LayoutOfY(const Shape& shape) const;
  dnnl::memory::desc LayoutOfBias(size_t columns) const;
  dnnl::memory::desc AnyWeights(size_t columns) const;
  bool LayoutKeepsBlocksApart() const;
  std::shared_ptr<const Prepared> Prepare(const Shape& shape);
  void SetUp(const Shape& shape, const Prepared& prepared, Call& call) const;
  // At most kRowBlock rows.
  void MultiplyBlock(const void* x, size_t rows, void* y);
  void MultiplyWhole(const void* x, size_t rows, void* y);
  void Run(const Shape& shape, const void* x, void* y);

  const Types types_;
  const size_t inputs_;
  const size_t outputs_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  std::string_view kernel_;
  size_t row_multiple_ = 1;  // Products are run on multiples of this many rows.
  dnnl::memory weight_;      // In the layout that the kernel chose.
  size_t column_blocks_ = 1;
  dnnl::memory bias_;        // Empty when there is none.
  std::shared_mutex mutex_;  // Of prepared_.
  std::map<Shape, std::shared_ptr<const Prepared>> prepared_;
};

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_MATRIX_PRODUCT_INTERNAL_H_
