#include "bench/encoding/text_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>

#include "base/status.h"

namespace gannet::bench {
namespace {

constexpr size_t kQueryTokens = 16, kPairs = 100, kPairTokens = 128;

encoder::Encoding Encode(const encoder::Tokenizer& tokenizer, const std::string& text) {
  encoder::Encoding encoding;
  const absl::Status status = tokenizer.Encode(text, {}, encoding);
  if (!status.ok()) throw std::runtime_error(std::string(base::Message(status)));
  return encoding;
}

}  // namespace

void TextSet::Add(std::string text, size_t length) {
  texts.push_back(std::move(text));
  lengths.push_back(length);
}

size_t TextSet::tokens() const { return std::accumulate(lengths.begin(), lengths.end(), size_t{}); }

size_t TextSet::squared_tokens() const {
  return std::inner_product(lengths.begin(), lengths.end(), lengths.begin(), size_t{});
}

TextSets::TextSets(std::unique_ptr<const encoder::Tokenizer> tokenizer, size_t max_tokens,
                   const std::vector<std::string>& paths)
    : tokenizer_(std::move(tokenizer)) {
  for (const std::string& path : paths) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(fmt::format("{}: cannot be read", path));
    for (std::string line; std::getline(file, line);) {
      auto text = nlohmann::json::parse(line).at("text").get<std::string>();
      const size_t length = std::min(Encode(*tokenizer_, text).ids.size(), max_tokens);
      mixed_.Add(std::move(text), length);
    }
  }
  by_length_.resize(mixed_.size());
  std::iota(by_length_.begin(), by_length_.end(), size_t{});
  std::ranges::stable_sort(by_length_, {}, [&](size_t i) { return mixed_.lengths[i]; });
}

TextSet TextSets::Query() const {
  const auto longer = std::ranges::upper_bound(by_length_, kQueryTokens, {},
                                               [&](size_t i) { return mixed_.lengths[i]; });
  if (longer == by_length_.begin()) {
    throw std::runtime_error(fmt::format("no text has at most {} tokens", kQueryTokens));
  }
  const size_t length = mixed_.lengths[*std::prev(longer)];
  const auto first =
      std::ranges::lower_bound(by_length_, length, {}, [&](size_t i) { return mixed_.lengths[i]; });
  TextSet query;
  query.Add(mixed_.texts[*first], length);
  return query;
}

TextSet TextSets::Pairs() const {
  const auto first = std::ranges::lower_bound(by_length_, kPairTokens, {},
                                              [&](size_t i) { return mixed_.lengths[i]; });
  return CutFrom({first, by_length_.end()}, std::vector<size_t>(kPairs, kPairTokens));
}

TextSet TextSets::Sample(size_t count) const {
  std::vector<size_t> order(mixed_.size());
  std::iota(order.begin(), order.end(), size_t{});
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  order.resize(std::min(count, order.size()));
  TextSet sample;
  for (const size_t i : order) sample.Add(mixed_.texts[i], mixed_.lengths[i]);
  return sample;
}

TextSet TextSets::OfEqualLengths(size_t count, size_t tokens) const {
  std::vector<size_t> lengths(count, tokens / count);
  for (size_t i = 0; i < tokens % count; ++i) ++lengths[i];
  const auto first = std::ranges::lower_bound(by_length_, lengths[0], {},
                                              [&](size_t i) { return mixed_.lengths[i]; });
  return CutFrom({first, by_length_.end()}, lengths);
}

std::optional<std::string> TextSets::Cut(const std::string& text, size_t length) const {
  const encoder::Encoding whole = Encode(*tokenizer_, text);
  if (whole.ids.size() == length) return text;
  // [CLS], length - 2 tokens of the text, [SEP]
  const std::string beginning = text.substr(0, whole.offsets[length - 2].end);
  if (Encode(*tokenizer_, beginning).ids.size() != length) return std::nullopt;
  return beginning;
}

TextSet TextSets::CutFrom(std::span<const size_t> candidates,
                          std::span<const size_t> lengths) const {
  TextSet cut;
  size_t next = 0, failures = 0;
  while (cut.size() < lengths.size()) {
    if (failures == candidates.size()) {
      throw std::runtime_error(fmt::format("no text can be cut to {} tokens", lengths[cut.size()]));
    }
    const size_t length = lengths[cut.size()];
    if (auto text = Cut(mixed_.texts[candidates[next]], length)) {
      cut.Add(*std::move(text), length);
      failures = 0;
    } else {
      ++failures;
    }
    next = (next + 1) % candidates.size();
  }
  return cut;
}

}  // namespace gannet::bench
