#include "encoder/models/hierarchical.h"

#include <algorithm>
#include <cmath>

#include "encoder/kernels/row_ops.h"
#include "encoder/layers/row_tiles.h"
#include "encoder/models/hmde.h"
#include "encoder/models/smith.h"

namespace gannet::encoder {
namespace {

void Tanh(std::span<float> x) {
  for (float& v : x) v = std::tanh(v);
}

// v := v / √max(Σ v², 1e-12)
void NormalizeL2(std::span<float> v) {
  double squares = 0;
  for (const float x : v) squares += static_cast<double>(x) * x;
  const double norm = std::sqrt(std::max(squares, 1e-12));
  for (float& x : v) x = static_cast<float>(x / norm);
}

// out += weight · row
void AddScaled(float weight, std::span<const float> row, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] += weight * row[i];
}

// The mean of the rows of each sequence, [sequences, d].
std::vector<float> MeanRows(const PackedBatch& batch, std::span<const float> hidden, size_t d) {
  std::vector<float> means(batch.sequences() * d);
  for (size_t s = 0; s < batch.sequences(); ++s) {
    const std::span<float> mean = std::span(means).subspan(s * d, d);
    for (size_t row = batch.offsets[s]; row < batch.offsets[s + 1]; ++row) {
      AddScaled(1, hidden.subspan(row * d, d), mean);
    }
    for (float& v : mean) v /= static_cast<float>(batch.length(s));
  }
  return means;
}

}  // namespace

std::vector<float> SequenceHead::Apply(const PackedBatch& batch, std::span<const float> hidden,
                                       size_t d, base::ThreadPool* pool) const {
  if (rows == SequenceRows::kAll) return MeanRows(batch, hidden, d);
  std::vector<float> vectors(hidden.begin(), hidden.end());
  if (!dense) return vectors;
  ForEachTile(batch.sequences(), pool, [&](size_t first, size_t count) {
    std::vector<float> pooled(count * d);
    dense->pool.Apply(&hidden[first * d], count, pooled.data(), Tanh);
    dense->dense.Apply(pooled.data(), count, &vectors[first * d], kernels::Relu);
    for (size_t s = first; s < first + count; ++s) {
      NormalizeL2(std::span(vectors).subspan(s * d, d));
    }
  });
  return vectors;
}

void DocumentEmbedding::Append(std::span<const float> blocks, size_t d,
                               std::vector<float>& x) const {
  const size_t begin = x.size();
  x.insert(x.end(), first.begin(), first.end());
  x.insert(x.end(), blocks.begin(), blocks.end());
  float* rows = x.data() + begin;
  const size_t size = x.size() - begin;
  if (!positions.empty()) kernels::Add(std::span(positions).first(size), rows);
  if (norm) norm->Apply(rows, nullptr, size / d, rows);
}

std::vector<float> BlockCombination::WeightsOf(std::span<const float> blocks, size_t padded) const {
  const size_t d = padded_block.size(), read = blocks.size() / d;
  if (weights != Weights::kAttention) {
    const auto all = static_cast<float>(read + padded);
    return std::vector<float>(read + 1, weights == Weights::kSum ? 1 : 1 / all);
  }
  std::vector<float> rows(blocks.begin(), blocks.end());
  if (padded > 0) rows.insert(rows.end(), padded_block.begin(), padded_block.end());
  const size_t width = attention->context.size(), count = rows.size() / d;
  std::vector<float> scores(count);
  ForEachTile(count, nullptr, [&](size_t first, size_t of_tile) {
    std::vector<float> features(of_tile * width);
    attention->dense.Apply(&rows[first * d], of_tile, features.data(), Tanh);
    for (size_t r = 0; r < of_tile; ++r) {
      double score = 0;
      for (size_t i = 0; i < width; ++i) {
        score += static_cast<double>(features[r * width + i]) * attention->context[i];
      }
      scores[first + r] = static_cast<float>(score);
    }
  });
  const float most = std::ranges::max(scores);
  double sum = 0;
  for (size_t r = 0; r < count; ++r) {
    scores[r] = std::exp(scores[r] - most);
    sum += (r < read ? 1.0 : static_cast<double>(padded)) * scores[r];
  }
  for (float& v : scores) v = static_cast<float>(v / sum);
  scores.resize(read + 1);
  return scores;
}

void BlockCombination::Apply(std::span<const float> blocks, size_t most,
                             std::span<float> out) const {
  const size_t d = out.size(), read = blocks.size() / d, padded = most - read;
  const std::vector<float> w = WeightsOf(blocks, padded);
  std::ranges::fill(out, 0.0F);
  for (size_t s = 0; s < read; ++s) AddScaled(w[s], blocks.subspan(s * d, d), out);
  AddScaled(w[read] * static_cast<float>(padded), padded_block, out);
}

absl::StatusOr<HierarchicalModel> HierarchicalModel::Load(const std::filesystem::path& folder,
                                                          const GannetFile& file,
                                                          const ModelOptions& options) {
  auto parts = file.model == "smith" ? LoadSmith(folder, file.fields, options)
                                     : LoadHmde(folder, file.fields, options);
  if (!parts.ok()) return std::move(parts).status();
  return HierarchicalModel(*std::move(parts));
}

std::vector<float> HierarchicalModel::EncodeBlocks(const PackedBatch& blocks,
                                                   base::ThreadPool* pool) const {
  std::vector<float> hidden;
  parts_.block_encoder->Run(blocks, pool, {.output = parts_.block_head.rows}, hidden);
  return parts_.block_head.Apply(blocks, hidden, block_dimension(), pool);
}

PackedBatch HierarchicalModel::PackDocuments(std::span<const std::span<const float>> documents,
                                             std::vector<float>& inputs) const {
  const size_t d = block_dimension();
  PackedBatch batch;
  for (const std::span<const float> blocks : documents) {
    parts_.document_embedding.Append(blocks, d, inputs);
    const size_t rows = inputs.size() / d;
    if (rows > batch.rows()) {
      batch.ids.resize(rows);
      batch.type_ids.resize(rows);
      batch.offsets.push_back(rows);
    }
  }
  return batch;
}

std::vector<float> HierarchicalModel::EncodeDocuments(
    std::span<const std::span<const float>> documents, base::ThreadPool* pool) const {
  const size_t d = block_dimension();
  std::vector<float> hidden;
  const PackedBatch batch = PackDocuments(documents, hidden);
  std::vector<float> vectors;
  if (batch.sequences() > 0) {
    parts_.document_encoder->Run(batch, pool, {.output = parts_.document_head.rows}, hidden);
    vectors = parts_.document_head.Apply(batch, hidden, d, pool);
  }
  std::vector<float> representations;
  auto vector = vectors.cbegin();
  for (const std::span<const float> blocks : documents) {
    if (parts_.combination) {
      representations.resize(representations.size() + d);
      parts_.combination->Apply(blocks, parts_.shape.blocks, std::span(representations).last(d));
    }
    const bool empty = blocks.empty() && !parts_.empty_document.empty();
    const auto from = empty ? parts_.empty_document.cbegin() : vector;
    representations.insert(representations.end(), from, from + static_cast<ptrdiff_t>(d));
    if (!empty) vector += static_cast<ptrdiff_t>(d);
  }
  return representations;
}

std::vector<float> HierarchicalModel::DocumentRows(std::span<const float> blocks) const {
  std::vector<float> hidden;
  const PackedBatch batch = PackDocuments({&blocks, 1}, hidden);
  parts_.document_encoder->Run(batch, nullptr, {}, hidden);
  return hidden;
}

}  // namespace gannet::encoder
