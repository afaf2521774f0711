#ifndef GANNET_ENCODER_CHECKPOINT_TF_NAMES_H_
#define GANNET_ENCODER_CHECKPOINT_TF_NAMES_H_

#include <string>
#include <string_view>

namespace gannet::encoder {

// The name that transformers gives what TensorFlow's graphs call `name`:
// "bert/encoder/layer_0/attention/self/query/kernel" -> "bert.encoder.layer.0.attention.self.query.
// weight", "bert/embeddings/word_embeddings" -> "bert.embeddings.word_embeddings.weight". Norms
// keep gamma and beta.
std::string FromTfName(std::string_view name);

// Whether a name is TensorFlow's: its parts are separated by slashes, which no other has.
bool IsTfName(std::string_view name);

// Whether it is a linear layer's matrix, which TensorFlow stores as [inputs, outputs].
bool IsTfKernel(std::string_view name);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_TF_NAMES_H_
