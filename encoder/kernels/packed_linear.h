#ifndef GANNET_ENCODER_KERNELS_PACKED_LINEAR_H_
#define GANNET_ENCODER_KERNELS_PACKED_LINEAR_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "encoder/kernels/precision.h"

namespace gannet::encoder::kernels {

// y = x Wᵀ + b with the weights packed once for the machine's matrix kernels (oneDNN). Runs on the
// calling thread only; may be called from several threads at once. A row of y depends on its row of
// x alone: its bytes are the same for any number of rows.
class PackedLinear {
 public:
  // The most rows one call of Apply takes.
  static constexpr size_t kMaxRows = 128;

  // How many rows are best given to one call here: a tile that fits the caches with its outputs,
  // larger on machines that multiply faster than weights can be read again (AMX).
  static size_t TileRows();

  // `weight` is [outputs, inputs], row-major, as checkpoints store it; `bias` is [outputs]. Every
  // precision works on every machine, slower where instructions are missing: see path(). int8
  // rounds weights times `balance` and inputs divided by it, [inputs], positive; empty for ones.
  static absl::StatusOr<PackedLinear> Pack(std::span<const float> weight,
                                           std::span<const float> bias, size_t inputs,
                                           size_t outputs, Precision precision = Precision::kFp32,
                                           std::span<const float> balance = {});

  PackedLinear(PackedLinear&&) noexcept;
  PackedLinear& operator=(PackedLinear&&) noexcept;
  ~PackedLinear();

  size_t inputs() const;
  size_t outputs() const;

  // The first rows that a layer was given.
  struct InputSample {
    static constexpr size_t kMostRows = 64;

    std::mutex mutex;
    std::vector<float> rows;  // [rows, inputs], at most kMostRows of them.
  };

  // The same layer, noting down in `sample` what it is given.
  static PackedLinear Sampled(PackedLinear linear, std::shared_ptr<InputSample> sample);

  // In how many parts the outputs can be computed one by one; 1 when only as a whole. Part i of
  // column_parts() has the outputs from i * outputs() / column_parts() on.
  size_t column_parts() const;

  // What runs the product here: "bf16 by brg:avx512_core_bf16", "bf16 emulated by gemm:jit", ...
  const std::string& path() const;

  // Changes any stretch of outputs in place, value by value.
  using Epilogue = absl::FunctionRef<void(std::span<float> outputs)>;
  static void KeepOutputs(std::span<float>) {}

  // y = epilogue(x Wᵀ + b), with x: [rows, inputs], y: [rows, outputs], both row-major;
  // 1 <= rows <= kMaxRows.
  void Apply(const float* x, size_t rows, float* y, Epilogue epilogue = KeepOutputs) const;

  // Parts [first, first + count) of the outputs, with the bytes that Apply gives them: for a lone
  // query, whose few rows are too few to share out. `y` is the whole matrix, [rows, outputs].
  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  Epilogue epilogue = KeepOutputs) const;

  // The product as one precision computes it.
  class Kernel;

 private:
  explicit PackedLinear(std::unique_ptr<Kernel> kernel);

  std::unique_ptr<Kernel> kernel_;
};

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_PACKED_LINEAR_H_
