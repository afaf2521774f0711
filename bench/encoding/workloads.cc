#include "bench/encoding/workloads.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>

#include "base/status.h"
#include "bench/encoding/clock.h"

namespace gannet::bench {
namespace {

using Views = std::vector<std::string_view>;

constexpr size_t kQueries = 300;

Views ViewsOf(const TextSet& set) { return {set.texts.begin(), set.texts.end()}; }

encoder::Embeddings Embed(const Setting& setting, std::span<const std::string_view> texts) {
  auto embeddings = setting.model.Embed(texts, encoder::TextRole::kDocument, setting.pool);
  const absl::Status status = embeddings.ok() ? embeddings->FirstError() : embeddings.status();
  if (!status.ok()) throw std::runtime_error(std::string(base::Message(status)));
  return *std::move(embeddings);
}

// Seconds of embedding the texts, at most `limit` of them a call.
double TimeEmbedding(const Setting& setting, std::span<const std::string_view> texts,
                     size_t limit) {
  const auto start = Clock::now();
  for (size_t i = 0; i < texts.size(); i += limit) {
    Embed(setting, texts.subspan(i, std::min(limit, texts.size() - i)));
  }
  return SecondsSince(start);
}

double TimeEmbedding(const Setting& setting, const TextSet& set) {
  return TimeEmbedding(setting, ViewsOf(set), set.size());
}

// The value that `share` of the values do not exceed.
double Quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const auto place = static_cast<size_t>(share * static_cast<double>(values.size()));
  return values[std::min(place, values.size() - 1)];
}

double Median(const std::vector<double>& values) { return Quantile(values, 0.5); }

double Rounded(double value, int decimals) {
  const double scale = std::pow(10, decimals);
  return std::round(value * scale) / scale;
}
double Ratio(double value) { return Rounded(value, 4); }
int64_t Rate(double value) { return std::llround(value); }

double Cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace

encoder::Embeddings EmbedAll(const Setting& setting, const TextSet& set) {
  return Embed(setting, ViewsOf(set));
}

Figures MeasureMixed(const Setting& setting, const ProductBound& bound) {
  const TextSet& set = setting.texts.mixed();
  const auto tokens = static_cast<double>(set.tokens());
  double best_rate = 0;
  std::vector<double> bounds = {bound.MeasureTokenRate(setting.pool)}, ratios;
  for (int round = 0; round < setting.rounds; ++round) {
    const double rate = tokens / TimeEmbedding(setting, set);
    const double before = bounds.back(), after = bound.MeasureTokenRate(setting.pool);
    best_rate = std::max(best_rate, rate);
    bounds.push_back(after);
    ratios.push_back(rate / ((before + after) / 2));
  }
  const double best_bound = std::ranges::max(bounds);
  return {{"texts", set.size()},
          {"tokens", set.tokens()},
          {"tokens_per_s", Rate(best_rate)},
          {"bound_tokens_per_s", Rate(best_bound)},
          {"bound_kernel", bound.kernel()},
          {"bound_tile_rows", bound.tile_rows()},
          {"ratio_of_best", Ratio(best_rate / best_bound)},
          {"ratio_median", Ratio(Median(ratios))}};
}

Figures MeasureQuery(const Setting& setting) {
  const TextSet query = setting.texts.Query();
  std::vector<double> seconds(kQueries);
  for (double& one : seconds) one = TimeEmbedding(setting, query);
  return {{"tokens", query.tokens()},
          {"p50_ms", Rounded(1e3 * Median(seconds), 3)},
          {"p99_ms", Rounded(1e3 * Quantile(seconds, 0.99), 3)}};
}

Figures MeasurePairs(const Setting& setting) {
  const TextSet pairs = setting.texts.Pairs();
  std::vector<double> seconds(static_cast<size_t>(setting.rounds));
  for (double& round : seconds) round = TimeEmbedding(setting, pairs);
  return {{"texts", pairs.size()},
          {"tokens", pairs.tokens()},
          {"best_s", Rounded(std::ranges::min(seconds), 4)},
          {"median_s", Rounded(Median(seconds), 4)}};
}

std::vector<Figures> MeasureBatchLimits(const Setting& setting, size_t count) {
  const TextSet sample = setting.texts.Sample(count);
  const Views views = ViewsOf(sample);
  std::vector<size_t> limits;
  for (size_t limit = 1; limit < views.size(); limit *= 2) limits.push_back(limit);
  limits.push_back(views.size());

  // All limits in each round, so that a slow spell of the machine meets all of them.
  std::vector<double> rates(limits.size());
  for (int round = 0; round < setting.rounds; ++round) {
    for (size_t i = 0; i < limits.size(); ++i) {
      const double seconds = TimeEmbedding(setting, views, limits[i]);
      rates[i] = std::max(rates[i], static_cast<double>(sample.tokens()) / seconds);
    }
  }
  std::vector<Figures> figures;
  double best = rates[0];
  for (size_t i = 0; i < limits.size(); ++i) {
    figures.push_back({{"limit", limits[i]},
                       {"texts", sample.size()},
                       {"tokens_per_s", Rate(rates[i])},
                       {"ratio_to_best_smaller", Ratio(rates[i] / best)}});
    best = std::max(best, rates[i]);
  }
  return figures;
}

Figures MeasureMixedAgainstEqual(const Setting& setting, size_t count) {
  const TextSet mixed = setting.texts.Sample(count);
  const size_t tokens = mixed.tokens();
  const size_t seen_length = (mixed.squared_tokens() + tokens / 2) / tokens;
  const TextSet at_mean = setting.texts.OfEqualLengths(mixed.size(), tokens);
  const TextSet same_attention =
      setting.texts.OfEqualLengths((tokens + seen_length / 2) / seen_length, tokens);
  std::vector<double> to_mean, to_same_attention;
  for (int round = 0; round < setting.rounds; ++round) {
    const double seconds = TimeEmbedding(setting, mixed);
    to_mean.push_back(seconds / TimeEmbedding(setting, at_mean));
    to_same_attention.push_back(seconds / TimeEmbedding(setting, same_attention));
  }
  const auto attention = static_cast<double>(mixed.squared_tokens());
  return {{"texts", mixed.size()},
          {"tokens", tokens},
          {"mean_length", at_mean.lengths.back()},
          {"time_to_mean_length", Ratio(Median(to_mean))},
          {"attention_to_mean_length",
           Ratio(attention / static_cast<double>(at_mean.squared_tokens()))},
          {"same_attention_length", same_attention.lengths.back()},
          {"time_to_same_attention", Ratio(Median(to_same_attention))},
          {"attention_to_same_attention",
           Ratio(attention / static_cast<double>(same_attention.squared_tokens()))}};
}

Figures CompareVectors(const encoder::Embeddings& vectors, const encoder::Embeddings& reference) {
  double sum = 0, lowest = 1;
  for (size_t i = 0; i < vectors.size(); ++i) {
    const double cosine = Cosine(vectors[i], reference[i]);
    sum += cosine;
    lowest = std::min(lowest, cosine);
  }
  return {{"texts", vectors.size()},
          {"mean_cosine", Rounded(sum / static_cast<double>(vectors.size()), 6)},
          {"minimum_cosine", Rounded(lowest, 6)}};
}

}  // namespace gannet::bench
