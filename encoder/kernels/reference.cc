#include "encoder/kernels/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace gannet::encoder::kernels::reference {

// x: [rows, inputs], weight: [outputs, inputs], bias: [outputs], y: [rows, outputs].
void Linear(std::span<const float> x, std::span<const float> weight, std::span<const float> bias,
            std::span<float> y) {
  const size_t outputs = bias.size();
  const size_t inputs = weight.size() / outputs;
  for (size_t r = 0; r < x.size() / inputs; ++r) {
    for (size_t o = 0; o < outputs; ++o) {
      double sum = bias[o];
      for (size_t i = 0; i < inputs; ++i) {
        sum += static_cast<double>(x[r * inputs + i]) * weight[o * inputs + i];
      }
      y[r * outputs + o] = static_cast<float>(sum);
    }
  }
}

void Gelu(std::span<float> x) {
  for (float& v : x) {
    const double value = v;
    v = static_cast<float>(0.5 * value * std::erfc(-value / std::numbers::sqrt2));
  }
}

void GeluTanh(std::span<float> x) {
  for (float& v : x) {
    const double value = v;
    const double inner =
        std::sqrt(2 / std::numbers::pi) * (value + 0.044715 * value * value * value);
    v = static_cast<float>(0.5 * value * (1 + std::tanh(inner)));
  }
}

void Silu(std::span<float> x) {
  for (float& v : x) v = static_cast<float>(v / (1 + std::exp(-static_cast<double>(v))));
}

void Relu(std::span<float> x) {
  for (float& v : x) {
    if (v < 0) v = 0;
  }
}

void Softplus(std::span<float> x) {
  for (float& v : x) {
    v = static_cast<float>(v > 30 ? v : std::log1p(std::exp(static_cast<double>(v))));
  }
}

void AddLayerNorm(const float* x, const float* residual, size_t rows,
                  const LayerNormParameters& parameters, float* out) {
  const size_t size = parameters.gamma.size();
  for (size_t r = 0; r < rows; ++r) {
    std::vector<double> row(size);
    double mean = 0;
    for (size_t i = 0; i < size; ++i) {
      row[i] = x[r * size + i];
      if (residual != nullptr) row[i] += residual[r * size + i];
      mean += row[i] / static_cast<double>(size);
    }
    double variance = 0;
    for (const double v : row) variance += (v - mean) * (v - mean) / static_cast<double>(size);
    for (size_t i = 0; i < size; ++i) {
      const double normal = (row[i] - mean) / std::sqrt(variance + parameters.epsilon);
      out[r * size + i] = static_cast<float>(normal * parameters.gamma[i] + parameters.beta[i]);
    }
  }
}

void RmsNorm(const float* x, size_t rows, std::span<const float> gamma, float epsilon, float* out) {
  const size_t size = gamma.size();
  for (size_t r = 0; r < rows; ++r) {
    double squares = 0;
    for (size_t i = 0; i < size; ++i) {
      squares += static_cast<double>(x[r * size + i]) * x[r * size + i];
    }
    const double root = std::sqrt(squares / static_cast<double>(size) + epsilon);
    for (size_t i = 0; i < size; ++i) {
      out[r * size + i] = static_cast<float>(x[r * size + i] / root * gamma[i]);
    }
  }
}

void RotateHalves(std::span<float> x, const float* cosines, const float* sines) {
  const size_t half = x.size() / 2;
  for (size_t i = 0; i < half; ++i) {
    const double a = x[i], b = x[half + i];
    x[i] = static_cast<float>(a * cosines[i] - b * sines[i]);
    x[half + i] = static_cast<float>(b * cosines[i] + a * sines[i]);
  }
}

void Attend(HeadRows queries, HeadRows keys, HeadRows values, size_t rows, size_t length,
            size_t head_dim, const AttentionOptions& options, float* out, size_t out_stride) {
  for (size_t r = 0; r < rows; ++r) {
    const size_t position = options.first_query + r;
    std::vector<double> p(length);
    std::vector<float> bias(length);
    if (options.bias) options.bias(position, 0, bias);
    for (size_t j = 0; j < length; ++j) {
      for (size_t i = 0; i < head_dim; ++i) {
        p[j] += static_cast<double>(queries.data[r * queries.stride + i]) *
                keys.data[j * keys.stride + i];
      }
      p[j] *= options.scale;
      const double cap = options.soft_cap;
      if (cap != 0) p[j] = cap * std::tanh(p[j] / cap);
      p[j] += bias[j];
      const bool seen =
          position <= j ? j - position <= options.right : position - j <= options.left;
      if (!seen) p[j] = -std::numeric_limits<double>::infinity();
    }
    const double max = std::max(*std::max_element(p.begin(), p.end()), -1e300);
    double total = 0;
    for (double& v : p) total += v = std::exp(v - max);
    for (size_t i = 0; i < head_dim; ++i) {
      double sum = 0;
      for (size_t j = 0; j < length; ++j) sum += p[j] * values.data[j * values.stride + i];
      out[r * out_stride + i] = static_cast<float>(total == 0 ? 0 : sum / total);
    }
  }
}

void CausalConv(const CausalConvWeights& weights, const float* x, size_t stride, size_t before,
                size_t rows, float* out) {
  const size_t channels = weights.channels();
  for (size_t t = 0; t < rows; ++t) {
    for (size_t c = 0; c < channels; ++c) {
      double sum = weights.bias[c];
      for (size_t back = 0; back < weights.taps && back <= before + t; ++back) {
        const float w = weights.weight[(weights.taps - 1 - back) * channels + c];
        sum += static_cast<double>(w) * *(x + t * stride + c - back * stride);
      }
      out[t * channels + c] = static_cast<float>(sum);
    }
  }
}

void SelectiveScan(std::span<const float> a, std::span<const float> d, size_t states,
                   const ScanInput& input, std::span<double> state, float* y, size_t y_stride) {
  const auto at = [](const StridedRows& m, size_t t, size_t c) -> double {
    return m.data[t * m.stride + c];
  };
  for (size_t t = 0; t < input.rows; ++t) {
    for (size_t c = 0; c < d.size(); ++c) {
      const double x = at(input.x, t, c), delta = at(input.delta, t, c);
      double sum = d[c] * x;
      for (size_t n = 0; n < states; ++n) {
        double& s = state[c * states + n];
        const double of_state = a[a.size() == d.size() ? c : c * states + n];
        s = std::exp(delta * of_state) * s + delta * x * at(input.b, t, n);
        sum += s * at(input.c, t, n);
      }
      if (input.gate.data != nullptr) {
        const double z = at(input.gate, t, c);
        sum *= z / (1 + std::exp(-z));
      }
      y[t * y_stride + c] = static_cast<float>(sum);
    }
  }
}

void LongConv(std::span<const float> forward, std::span<const float> backward, double skip,
              std::span<const float> u, std::span<double> y) {
  for (size_t t = 0; t < u.size(); ++t) {
    y[t] = skip * u[t];
    for (size_t s = 0; s < u.size(); ++s) {
      y[t] += static_cast<double>(s <= t ? forward[t - s] : backward[s - t - 1]) * u[s];
    }
  }
}

}  // namespace gannet::encoder::kernels::reference
