#ifndef GANNET_TESTS_TESTING_M2BERT_TENSORS_H_
#define GANNET_TESTS_TESTING_M2BERT_TENSORS_H_

#include <cstddef>
#include <string>

#include "tests/testing/tensor_writer.h"

namespace gannet::testing {

// The shape of an M2-BERT.
struct M2BertShape {
  size_t vocabulary = 104;  // A multiple of 8.
  size_t hidden = 24;
  size_t layers = 2;
  size_t intermediate = 48;
  size_t longest = 40;
  size_t order = 8;
};

// Random weights under the names of the released checkpoints, pooler included; of the tied
// frequencies only the first, as safetensors files have them.
FloatTensors M2BertTensors(const M2BertShape& shape);

// config.json of that shape, as the released ones.
std::string M2BertConfig(const M2BertShape& shape);

}  // namespace gannet::testing

#endif  // GANNET_TESTS_TESTING_M2BERT_TENSORS_H_
