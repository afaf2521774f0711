#ifndef GANNET_BENCH_LONG_CONTEXT_RANDOM_MODELS_H_
#define GANNET_BENCH_LONG_CONTEXT_RANDOM_MODELS_H_

#include <cstddef>
#include <filesystem>

#include "absl/status/status.h"

namespace gannet::bench {

// Model folders (config.json and weights) of the shapes that are used, with random weights: speed
// and memory do not depend on what the weights are.

// togethercomputer/m2-bert-80M-32k-retrieval.
absl::Status WriteM2Bert80M(const std::filesystem::path& folder);
// state-spaces/mamba-130m.
absl::Status WriteMamba130M(const std::filesystem::path& folder);
// SMITH-WP+SP as google-research released it, with positions for 1,024 blocks (32,768 tokens) of
// which it reads as many as a document has; in the names of TensorFlow, with a gannet.json.
absl::Status WriteSmith(const std::filesystem::path& folder);
// sentence-transformers/all-MiniLM-L6-v2 and bert-base-uncased.
absl::Status WriteMiniLm(const std::filesystem::path& folder);
absl::Status WriteBertBase(const std::filesystem::path& folder);

}  // namespace gannet::bench

#endif  // GANNET_BENCH_LONG_CONTEXT_RANDOM_MODELS_H_
