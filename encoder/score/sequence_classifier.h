#ifndef GANNET_ENCODER_SCORE_SEQUENCE_CLASSIFIER_H_
#define GANNET_ENCODER_SCORE_SEQUENCE_CLASSIFIER_H_

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/object_pool.h"
#include "base/thread_pool.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/models/classification_head.h"
#include "encoder/run/model_input.h"
#include "encoder/run/text_model.h"

namespace gannet::encoder {

// What a classifier says about its inputs, in their order; zeros for an input with an error.
struct Classification {
  std::vector<float> representations;  // [inputs, d], what the head makes its logits of.
  std::vector<float> logits;           // [inputs, labels]
  std::vector<absl::Status> errors;    // [inputs]
};

// A text model with a classification head. Immutable; safe to use from several threads.
class SequenceClassifier {
 public:
  SequenceClassifier(TextModel text_model, ClassificationHead head)
      : text_model_(std::move(text_model)), head_(std::move(head)) {}

  const TextModel& text_model() const { return text_model_; }
  const ClassificationHead& head() const { return head_; }

  // The same input gives the same bytes whatever it travels with and however many threads work.
  Classification Classify(std::span<const ModelInput> inputs, base::ThreadPool& pool) const;

 private:
  struct GroupBuffers {
    PackedBatch batch;
    std::vector<float> states;
  };

  void ClassifyGroup(std::span<const ModelInput> inputs, std::span<const size_t> members,
                     base::ThreadPool* pool, Classification& result) const;

  const TextModel text_model_;
  const ClassificationHead head_;
  mutable base::ObjectPool<GroupBuffers> group_buffers_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_SCORE_SEQUENCE_CLASSIFIER_H_
