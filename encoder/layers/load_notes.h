#ifndef GANNET_ENCODER_LAYERS_LOAD_NOTES_H_
#define GANNET_ENCODER_LAYERS_LOAD_NOTES_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "encoder/kernels/packed_linear.h"

namespace gannet::encoder {

// What loading a model did with its linear layers, and what it is to do with them for calibration.
struct LoadNotes {
  using Samples = std::map<std::string, std::shared_ptr<kernels::PackedLinear::InputSample>>;

  // How many linear layers are computed in which way: "bf16 by brg:avx512_core_bf16" -> 24.
  std::map<std::string, size_t> paths;

  // Calibration, first load: every layer notes down, by its name, what it is given.
  bool sampling = false;
  Samples samples;

  // Calibration, second load: layers that suffer from int8 on the samples, and stay in bf16.
  std::vector<std::string> kept_in_bf16;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_LOAD_NOTES_H_
