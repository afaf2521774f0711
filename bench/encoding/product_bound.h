#ifndef GANNET_BENCH_ENCODING_PRODUCT_BOUND_H_
#define GANNET_BENCH_ENCODING_PRODUCT_BOUND_H_

#include <cstddef>
#include <memory>
#include <string>

#include "base/thread_pool.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/layers/model_options.h"

namespace gannet::bench {

// What no encoder of this shape can exceed on this machine: the rate at which oneDNN alone runs the
// matrix products of its linear layers, on every thread at once. Nothing else is counted: no
// rounding to bf16 or int8, no scaling back, no bias, no attention. (fp32 x fp32 -> fp32,
// bf16 x bf16 -> fp32, u8 x s8 -> s32; fp32 in place of bf16 where oneDNN has no bf16 kernel.)
//
// Every layer has weights of its own, which pass through the caches as in the model; the rows that
// are multiplied stay in the cache.
class ProductBound {
 public:
  // Tries tiles of 64 to 512 rows and keeps the fastest.
  ProductBound(const encoder::EncoderShape& shape, encoder::Precision precision,
               base::ThreadPool& pool);
  ~ProductBound();

  // Tokens per second, measured for about a second.
  double MeasureTokenRate(base::ThreadPool& pool) const;

  size_t tile_rows() const;           // Rows per product.
  const std::string& kernel() const;  // oneDNN's name of it, such as "brg:avx512_core_vnni".

 private:
  class Products;

  std::unique_ptr<const Products> products_;
};

}  // namespace gannet::bench

#endif  // GANNET_BENCH_ENCODING_PRODUCT_BOUND_H_
