#ifndef GANNET_ENCODER_LAYERS_ROTARY_H_
#define GANNET_ENCODER_LAYERS_ROTARY_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/config_file.h"

namespace gannet::encoder {

// What a family takes when config.json does not say it.
struct RotaryDefaults {
  double theta = 10000;
  double rotated_share = 1;  // Of each head's values; the rest pass as they are.
  // Entry of rope_parameters for models with one per kind of layer ("sliding_attention"); empty
  // for models with one for all.
  std::string layer_type = "";
  // Where the older spelling keeps them.
  std::string theta_field = "rope_theta";
  std::string share_field = "partial_rotary_factor";
  std::string scaling_field = "rope_scaling";
};

// Rotary position embedding (Su et al. 2021, arXiv:2104.09864), in the form of GPT-NeoX and Llama:
// value i of a head is paired with value i + r/2 of its first r values, and the pair at position p
// is turned by the angle p f_i, f_i = theta^(−2i/r). Angles are rounded to fp32 where transformers
// rounds them. Immutable.
class RotaryEmbedding {
 public:
  // Cosines and sines of positions 0, 1, ...; made as far as they were needed, and kept.
  struct Table {
    std::vector<float> cosines;  // [positions, r/2]
    std::vector<float> sines;
  };

  // Reads rope_parameters (transformers 5) or rope_theta and rope_scaling (before) of config.json.
  // rope_type default, linear (f_i / factor), llama3 (the slow frequencies / factor, Llama 3.1) and
  // divisors (f_i / divisors[i], from GGUF files) are known; others are refused by name.
  static absl::StatusOr<RotaryEmbedding> Read(const ConfigFile& file, size_t head_dim,
                                              const RotaryDefaults& defaults);

  size_t rotated() const { return 2 * frequencies_.size(); }  // r
  std::span<const float> frequencies() const { return frequencies_; }

  // Makes the table reach positions 0 ... positions - 1.
  void Extend(size_t positions, Table& table) const;

  // Turns `heads` heads of `head_dim` values, one after another at x, for one position below the
  // table's end.
  void Rotate(const Table& table, size_t position, size_t heads, size_t head_dim, float* x) const;

  // Turns rows of `head_dim` values by `distance` positions: what was rotated for position p is
  // then as if rotated for p + distance, but for one more rounding.
  void Shift(ptrdiff_t distance, size_t head_dim, std::span<float> rows) const;

 private:
  explicit RotaryEmbedding(std::vector<float> frequencies) : frequencies_(std::move(frequencies)) {}

  std::vector<float> frequencies_;  // f
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_ROTARY_H_
