#include "ranker/rerank/icr_heads.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/status.h"

namespace gannet::ranker {
namespace {

constexpr PublishedHeads kPublished[] = {
    {"qrhead/llama-3.1-8b/nq",
     "14-22,13-16,14-28,14-31,16-19,14-1,16-26,17-24,14-0,13-0,16-25,13-12,13-1,13-10,17-27,20-14"},
    {"qrhead/llama-3.1-8b/lme",
     "13-18,13-21,8-11,14-13,17-29,13-1,13-13,14-29,14-31,13-8,16-1,17-21,13-3,10-31,13-4,14-22"},
    {"qrhead/llama-3.2-3b/nq",
     "13-16,12-12,13-23,13-21,15-18,12-3,21-20,12-1,13-2,13-1,12-6,12-11,13-0,15-22,18-19,18-11"},
    {"qrhead/llama-3.2-3b/lme",
     "15-18,15-22,16-15,18-19,13-23,12-1,21-20,20-11,18-11,18-18,13-16,16-16,18-15,19-8,15-17,"
     "17-2"},
    {"qrhead/llama-3.2-1b/nq",
     "8-21,8-14,7-22,6-31,8-28,10-26,10-0,5-5,8-3,6-30,8-0,7-26,7-25,7-23,11-4,8-20"},
    {"qrhead/qwen2.5-7b/nq",
     "16-19,16-2,16-20,16-14,16-0,15-24,16-18,17-18,16-1,19-18,19-19,18-16,16-17,19-25,19-17,"
     "20-21"},
    {"core/mistral-7b-v0.2", "15-21,15-1,16-12,15-7,9-26,12-11,12-7,18-0"},
    {"core/llama-3.1-8b", "13-18,13-1,14-13,13-21,14-31,13-13,8-11,14-20"},
    {"core/granite-3.2-8b", "19-1,17-20,19-19,34-28,17-25,17-7,19-4,19-31"},
    {"core/phi-4", "17-1,23-1,19-5,19-29,19-34,19-0,18-6,19-7"},
};

std::optional<size_t> ParseNumber(std::string_view text) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

absl::StatusOr<HeadSet> HeadSet::Parse(std::string_view text) {
  if (text == "all") return HeadSet();
  std::set<AttentionHead> heads;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    const size_t dash = std::min(part.find('-'), part.size());
    const auto layer = ParseNumber(part.substr(0, dash));
    const auto head = ParseNumber(part.substr(std::min(dash + 1, part.size())));
    if (!layer || !head) {
      return absl::InvalidArgumentError(
          fmt::format("heads: \"{}\" is not LAYER-HEAD, as in 14-22,13-16", part));
    }
    heads.insert({*layer, *head});
    begin = end + 1;
  }
  return HeadSet(std::move(heads));
}

size_t HeadSet::LayersNeeded(size_t layers) const {
  return IsAll() ? layers : heads_.rbegin()->layer + 1;
}

absl::Status HeadSet::Check(size_t layers, size_t heads) const {
  for (const AttentionHead& head : heads_) {
    if (head.layer < layers && head.head < heads) continue;
    return absl::InvalidArgumentError(
        fmt::format("heads: {}-{} is not among the {} heads of the model's {} layers", head.layer,
                    head.head, heads, layers));
  }
  return absl::OkStatus();
}

std::string HeadSet::ToString() const {
  if (IsAll()) return "all";
  std::string text;
  for (const AttentionHead& head : heads_) {
    text += fmt::format("{}{}-{}", text.empty() ? "" : ",", head.layer, head.head);
  }
  return text;
}

std::span<const PublishedHeads> ListPublishedHeads() { return kPublished; }

absl::StatusOr<HeadSet> FindHeads(std::string_view name_or_set) {
  for (const PublishedHeads& published : kPublished) {
    if (published.name == name_or_set) return HeadSet::Parse(published.heads);
  }
  absl::StatusOr<HeadSet> heads = HeadSet::Parse(name_or_set);
  if (heads.ok() || name_or_set.find('/') == std::string_view::npos) return heads;
  std::string known;
  for (const PublishedHeads& published : kPublished) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", published.name);
  }
  return absl::NotFoundError(fmt::format("heads: \"{}\" is not among {}", name_or_set, known));
}

}  // namespace gannet::ranker
