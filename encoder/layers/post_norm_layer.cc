#include "encoder/layers/post_norm_layer.h"

#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "encoder/layers/shared_linear.h"

namespace gannet::encoder {

PostNormNames PostNormNames::OfBert(size_t index) { return LikeBert("encoder", index); }

PostNormNames PostNormNames::LikeBert(std::string_view encoder, size_t index) {
  const std::string layer = fmt::format("{}.layer.{}.", encoder, index);
  return {.query = layer + "attention.self.query",
          .key = layer + "attention.self.key",
          .value = layer + "attention.self.value",
          .attention_output = layer + "attention.output.dense",
          .attention_norm = layer + "attention.output.LayerNorm",
          .up = layer + "intermediate.dense",
          .down = layer + "output.dense",
          .output_norm = layer + "output.LayerNorm"};
}

absl::StatusOr<PostNormLayer> PostNormLayer::Load(const Checkpoint& checkpoint,
                                                  const PostNormNames& names,
                                                  const EncoderShape& shape,
                                                  const ModelOptions& options) {
  const size_t d = shape.hidden;
  const auto linear = [&](const std::string& name, size_t inputs, size_t outputs) {
    return LoadLinear(checkpoint, name, inputs, outputs, Bias::kPresent, options);
  };
  const auto norm = [&](const std::string& name) {
    return LayerNorm::Load(checkpoint, name, d, shape.norm_epsilon);
  };
  GANNET_ASSIGN_OR_RETURN(auto query_key_value,
                          LoadLinears(checkpoint, {names.query, names.key, names.value}, d,
                                      {d, d, d}, Bias::kPresent, options));
  GANNET_ASSIGN_OR_RETURN(auto attention_output, linear(names.attention_output, d, d));
  GANNET_ASSIGN_OR_RETURN(auto attention_norm, norm(names.attention_norm));
  GANNET_ASSIGN_OR_RETURN(auto up, linear(names.up, d, shape.intermediate));
  GANNET_ASSIGN_OR_RETURN(auto down, linear(names.down, shape.intermediate, d));
  GANNET_ASSIGN_OR_RETURN(auto output_norm, norm(names.output_norm));
  return PostNormLayer{
      std::move(query_key_value),
      std::move(attention_output),
      std::move(attention_norm),
      {std::move(up), std::move(down), kernels::ActivationFor(options.precision, shape.activation)},
      std::move(output_norm)};
}

void PostNormLayer::Finish(const float* context, size_t rows, base::ThreadPool* pool,
                           Buffers& buffers, float* x) const {
  buffers.attended.resize(rows * attention_output.outputs());
  buffers.output.resize(rows * attention_output.outputs());

  ApplyShared(attention_output, context, rows, pool, buffers.attended.data());
  attention_norm.Apply(buffers.attended.data(), x, rows, buffers.attended.data());
  feed_forward.Apply(buffers.attended.data(), rows, pool, buffers.feed_forward,
                     buffers.output.data());
  output_norm.Apply(buffers.output.data(), buffers.attended.data(), rows, x);
}

}  // namespace gannet::encoder
