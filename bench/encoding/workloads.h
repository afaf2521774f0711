#ifndef GANNET_BENCH_ENCODING_WORKLOADS_H_
#define GANNET_BENCH_ENCODING_WORKLOADS_H_

#include <nlohmann/json.hpp>
#include <vector>

#include "base/thread_pool.h"
#include "bench/encoding/product_bound.h"
#include "bench/encoding/text_sets.h"
#include "encoder/embed/embedder.h"

namespace gannet::bench {

// What every workload runs on. Each measures `rounds` times, tokenisation included, and returns its
// figures by name: one object, to be printed as one line.
struct Setting {
  const encoder::Embedder& model;
  const TextSets& texts;
  base::ThreadPool& pool;
  int rounds;
};
using Figures = nlohmann::ordered_json;

// Vectors of all texts of a set, in one call.
encoder::Embeddings EmbedAll(const Setting& setting, const TextSet& set);

// Tokens per second over the whole mix in one call, and the ratio to the bound, which is measured
// before and after each round.
Figures MeasureMixed(const Setting& setting, const ProductBound& bound);

// Milliseconds of one short query alone: median and 99th percentile.
Figures MeasureQuery(const Setting& setting);

// Seconds of 100 texts of 128 tokens: what a cross-encoder of this shape does for one query.
Figures MeasurePairs(const Setting& setting);

// Tokens per second of `count` texts of the mix, embedded 1, 2, 4, ... texts a call, then all in
// one call: one object for each limit, with the ratio to the best of the smaller limits.
std::vector<Figures> MeasureBatchLimits(const Setting& setting, size_t count);

// The time of `count` texts of mixed lengths beside the same number of tokens in equal lengths,
// twice: at the mean length Σℓ / n, and at the mean length seen by a token, Σℓ² / Σℓ, where
// attention (which costs Σℓ²) has the same work too.
Figures MeasureMixedAgainstEqual(const Setting& setting, size_t count);

// Mean and minimum cosine of vectors to those of the reference.
Figures CompareVectors(const encoder::Embeddings& vectors, const encoder::Embeddings& reference);

}  // namespace gannet::bench

#endif  // GANNET_BENCH_ENCODING_WORKLOADS_H_
