#include "encoder/score/sequence_classifier.h"

#include <algorithm>

#include "encoder/models/model.h"
#include "encoder/run/finite.h"

namespace gannet::encoder {

void SequenceClassifier::ClassifyGroup(std::span<const ModelInput> inputs,
                                       std::span<const size_t> members, base::ThreadPool* pool,
                                       Classification& result) const {
  const auto buffers = group_buffers_.Take();
  PackInputs(inputs, members, buffers->batch);
  text_model_.model->Run(buffers->batch, pool, {.output = head_.rows()}, buffers->states);
  const std::vector<float> representations = head_.Represent(buffers->batch, buffers->states);
  const std::vector<float> logits = head_.Logits(representations);

  const size_t d = text_model_.model->dimensions().hidden, labels = head_.labels();
  for (size_t s = 0; s < members.size(); ++s) {
    const auto representation = std::span(representations).subspan(s * d, d);
    const auto of_labels = std::span(logits).subspan(s * labels, labels);
    absl::Status& status = result.errors[members[s]];
    status = CheckFinite(representation);
    if (status.ok()) status = CheckFinite(of_labels);
    if (!status.ok()) continue;
    std::ranges::copy(representation, &result.representations[members[s] * d]);
    std::ranges::copy(of_labels, &result.logits[members[s] * labels]);
  }
}

Classification SequenceClassifier::Classify(std::span<const ModelInput> inputs,
                                            base::ThreadPool& pool) const {
  Classification result;
  result.representations.resize(inputs.size() * text_model_.model->dimensions().hidden);
  result.logits.resize(inputs.size() * head_.labels());
  for (const ModelInput& input : inputs) result.errors.push_back(input.status);
  ForEachGroup(inputs, pool, [&](std::span<const size_t> members, base::ThreadPool* of_group) {
    ClassifyGroup(inputs, members, of_group, result);
  });
  return result;
}

}  // namespace gannet::encoder
