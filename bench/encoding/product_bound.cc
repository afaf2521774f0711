#include "bench/encoding/product_bound.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <dnnl.hpp>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bench/encoding/clock.h"

namespace gannet::bench {
namespace {

using dnnl::memory;
using Type = memory::data_type;

// Rows that a thread sends through one layer before it takes the next.
constexpr size_t kRowsPerLayer = 1024;
constexpr size_t kTiles[] = {64, 128, 256, 512};
constexpr double kTrialSeconds = 0.2, kMeasureSeconds = 1;

struct Types {
  Type x, weight, y;
};

Types TypesOf(encoder::Precision precision) {
  switch (precision) {
    case encoder::Precision::kFp32:
      break;
    case encoder::Precision::kBf16:
      if (encoder::kernels::HasBf16()) return {Type::bf16, Type::bf16, Type::f32};
      break;
    case encoder::Precision::kInt8:
      return {Type::u8, Type::s8, Type::s32};
  }
  return {Type::f32, Type::f32, Type::f32};
}

memory::dim Dim(size_t extent) { return static_cast<memory::dim>(extent); }

// Values as activations and weights have them: multiplying constants draws less power, and runs at
// a higher clock, than multiplying data.
void FillRandomly(memory& target, const dnnl::engine& engine, std::mt19937& generator) {
  const memory::desc layout = target.get_desc();
  const memory::dims dims = layout.dims();
  const memory::desc plain(dims, Type::f32, memory::format_tag::ab);
  memory values(plain, engine);
  const bool integers = layout.data_type() == Type::u8 || layout.data_type() == Type::s8;
  std::normal_distribution<float> normal(layout.data_type() == Type::u8 ? 128.0F : 0.0F,
                                         integers ? 30.0F : 1.0F);
  auto* data = static_cast<float*>(values.get_data_handle());
  std::generate_n(data, dims[0] * dims[1], [&] { return normal(generator); });
  dnnl::stream stream(engine);
  dnnl::reorder(values, target).execute(stream, values, target);
  stream.wait();
}

}  // namespace

// The products of all linear layers, `tile_rows` rows at a time.
class ProductBound::Products {
 public:
  Products(const encoder::EncoderShape& shape, const Types& types, size_t tile_rows, int threads)
      : tile_rows_(tile_rows), layers_(shape.layers), threads_(static_cast<size_t>(threads)) {
    omp_set_num_threads(1);
    const size_t d = shape.hidden;
    const std::pair<size_t, size_t> matrices[] = {
        {d, 3 * d}, {d, d}, {d, shape.intermediate}, {shape.intermediate, d}};
    std::mt19937 generator(1);
    for (const auto& [inputs, outputs] : matrices) {
      const Product product = Describe(types, inputs, outputs);
      for (size_t layer = 0; layer < layers_; ++layer) {
        weights_.emplace_back(product.description.weights_desc(), engine_);
        FillRandomly(weights_.back(), engine_, generator);
      }
      for (size_t thread = 0; thread < threads_; ++thread) {
        rows_.push_back({memory(product.description.src_desc(), engine_),
                         memory(product.description.dst_desc(), engine_),
                         memory(product.description.scratchpad_desc(), engine_)});
        FillRandomly(rows_.back().x, engine_, generator);
      }
      products_.push_back(product);
    }
    kernel_ = products_.front().description.impl_info_str();
  }

  size_t tile_rows() const { return tile_rows_; }
  const std::string& kernel() const { return kernel_; }

  // Tokens per second, measured for about `seconds` after a pass that warms up.
  double MeasureTokenRate(base::ThreadPool& pool, double seconds) const {
    const size_t pass = threads_ * layers_;
    const double passes = seconds / TimeLayers(pool, pass);
    const size_t runs = pass * std::max<size_t>(1, static_cast<size_t>(std::lround(passes)));
    const double seconds_per_layer = TimeLayers(pool, runs) / static_cast<double>(runs);
    return static_cast<double>(kRowsPerLayer) / (seconds_per_layer * static_cast<double>(layers_));
  }

 private:
  struct Product {
    dnnl::matmul::primitive_desc description;
    dnnl::matmul matmul;
  };
  struct Rows {
    memory x;  // [tile, inputs]
    memory y;  // [tile, outputs]
    memory scratch;
  };

  Product Describe(const Types& types, size_t inputs, size_t outputs) const {
    using Tag = memory::format_tag;
    const memory::desc x({Dim(tile_rows_), Dim(inputs)}, types.x, Tag::ab);
    const memory::desc weight({Dim(inputs), Dim(outputs)}, types.weight, Tag::any);
    const memory::desc y({Dim(tile_rows_), Dim(outputs)}, types.y, Tag::ab);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);  // The library's is one thread's.
    const dnnl::matmul::primitive_desc description({x, weight, y}, attributes, engine_);
    return {description, dnnl::matmul(description)};
  }

  // Seconds of running layers `runs` times in turn; each thread takes the next when it is free.
  double TimeLayers(base::ThreadPool& pool, size_t runs) const {
    std::atomic<size_t> next{0};
    const auto start = Clock::now();
    pool.ParallelFor(threads_, [&](size_t thread) {
      omp_set_num_threads(1);
      dnnl::stream stream(engine_);
      for (size_t run = next++; run < runs; run = next++) RunLayer(run % layers_, thread, stream);
    });
    return SecondsSince(start);
  }

  void RunLayer(size_t layer, size_t thread, dnnl::stream& stream) const {
    for (size_t p = 0; p < products_.size(); ++p) {
      const Rows& rows = rows_[p * threads_ + thread];
      const std::unordered_map<int, memory> arguments = {
          {DNNL_ARG_SRC, rows.x},
          {DNNL_ARG_WEIGHTS, weights_[p * layers_ + layer]},
          {DNNL_ARG_DST, rows.y},
          {DNNL_ARG_SCRATCHPAD, rows.scratch}};
      for (size_t row = 0; row < kRowsPerLayer; row += tile_rows_) {
        products_[p].matmul.execute(stream, arguments);
      }
    }
  }

  const size_t tile_rows_;
  const size_t layers_;
  const size_t threads_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  std::vector<Product> products_;  // One for each matrix of a layer.
  std::vector<memory> weights_;    // [products, layers]
  std::vector<Rows> rows_;         // [products, threads]
  std::string kernel_;
};

ProductBound::ProductBound(const encoder::EncoderShape& shape, encoder::Precision precision,
                           base::ThreadPool& pool) {
  const Types types = TypesOf(precision);
  double best = 0;
  for (const size_t rows : kTiles) {
    auto products = std::make_unique<const Products>(shape, types, rows, pool.threads());
    const double rate = products->MeasureTokenRate(pool, kTrialSeconds);
    if (rate > best) {
      best = rate;
      products_ = std::move(products);
    }
  }
}

ProductBound::~ProductBound() = default;

double ProductBound::MeasureTokenRate(base::ThreadPool& pool) const {
  return products_->MeasureTokenRate(pool, kMeasureSeconds);
}

size_t ProductBound::tile_rows() const { return products_->tile_rows(); }
const std::string& ProductBound::kernel() const { return products_->kernel(); }

}  // namespace gannet::bench
