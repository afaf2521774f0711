#include "ranker/rerank/icr.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include "base/status.h"
#include "base/utf8.h"
#include "ranker/rerank/icr_attention.h"
#include "ranker/rerank/icr_scores.h"

namespace gannet::ranker {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What is asked of documents when nothing is asked.
constexpr std::string_view kCalibrationQuery = "N/A";

std::vector<InContextPassage> Select(std::span<const InContextPassage> passages,
                                     std::span<const size_t> members) {
  std::vector<InContextPassage> selected;
  for (const size_t i : members) selected.push_back(passages[i]);
  return selected;
}

std::vector<size_t> CountFrom(size_t first, size_t end) {
  std::vector<size_t> numbers(end - first);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

absl::Status CheckTexts(std::string_view query, std::span<const InContextPassage> passages) {
  if (!base::IsValidUtf8(query)) return absl::InvalidArgumentError("query: not well-formed UTF-8");
  if (base::StripWhiteSpace(query).empty()) return absl::InvalidArgumentError("query: empty");
  for (size_t i = 0; i < passages.size(); ++i) {
    if (!base::IsValidUtf8(passages[i].title) || !base::IsValidUtf8(passages[i].text)) {
      return absl::InvalidArgumentError(fmt::format("passage {}: not well-formed UTF-8", i));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PromptForm> FormOf(const InContextOptions& options) {
  PromptForm form;
  GANNET_ASSIGN_OR_RETURN(form.recipe, FindRecipe(options.recipe));
  GANNET_ASSIGN_OR_RETURN(form.markup, FindMarkup(options.markup));
  GANNET_ASSIGN_OR_RETURN(form.sentence, FindSentence(options.sentence));
  form.max_words = options.max_words.value_or(form.recipe->max_words);
  return form;
}

// Bytes of the prompt, cut to [begin, end), counted from `begin` on after `stripped` others.
encoder::ByteSpan CutTo(encoder::ByteSpan bytes, size_t begin, size_t end, size_t stripped) {
  const size_t last = std::min<size_t>(bytes.end, end) - begin;
  const size_t first = std::min(std::max<size_t>(bytes.begin, begin) - begin, last);
  return {static_cast<uint32_t>(first + stripped), static_cast<uint32_t>(last + stripped)};
}

// A token's place in its passage; `place` is that of the passage in the prompt.
TokenMass Locate(encoder::ByteSpan bytes, const DocumentPlace& place) {
  TokenMass mass;
  if (bytes.end > place.text_begin) {
    mass.bytes = CutTo(bytes, place.text_begin, place.end, place.stripped);
  } else if (bytes.end > place.title_begin) {
    mass.part = TokenMass::Part::kTitle;
    mass.bytes = CutTo(bytes, place.title_begin, place.title_end, place.title_stripped);
  } else {
    mass.part = TokenMass::Part::kMarker;
  }
  return mass;
}

}  // namespace

// The prompt of the query and that of the calibration, over the same passages.
struct InContextReranker::Prompts {
  PromptText text;  // Of the query.
  TokenizedPrompt query = {}, calibration = {};
  size_t shared = 0;  // Tokens that both begin with.

  std::span<const encoder::TokenId> beginning() const { return std::span(query.ids).first(shared); }
  size_t passages() const { return query.documents.size(); }
  size_t tokens() const { return std::max(query.ids.size(), calibration.ids.size()); }
  size_t BlockTokens(size_t d) const {
    return query.block_ends[d] - (d == 0 ? query.first_block : query.block_ends[d - 1]);
  }
  // Tokens beside the documents.
  size_t FrameTokens() const { return tokens() - (query.block_ends.back() - query.first_block); }
  std::vector<PromptEnding> Endings() const {
    return {{std::span(query.ids).subspan(shared), query.attending},
            {std::span(calibration.ids).subspan(shared), calibration.attending}};
  }
};

absl::StatusOr<std::unique_ptr<const InContextReranker>> InContextReranker::Make(
    InContextModel model, const InContextOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const PromptForm form, FormOf(options));
  const encoder::ModelDimensions& dimensions = model.model->dimensions();
  GANNET_RETURN_IF_ERROR(base::Annotate(options.heads.Check(dimensions.layers, dimensions.heads),
                                        model.path.string()));
  return std::unique_ptr<const InContextReranker>(new InContextReranker(
      std::move(model), form, options.order.value_or(form.recipe->order), options.heads));
}

absl::StatusOr<std::unique_ptr<const InContextReranker>> InContextReranker::Open(
    const std::filesystem::path& path, const InContextOptions& options,
    const encoder::ModelOptions& model_options) {
  GANNET_RETURN_IF_ERROR(FormOf(options).status());  // Before much is read.
  GANNET_ASSIGN_OR_RETURN(InContextModel model, InContextModel::Open(path, model_options));
  return Make(std::move(model), options);
}

absl::StatusOr<InContextReranker::Prompts> InContextReranker::WritePrompts(
    std::string_view query, std::span<const InContextPassage> passages,
    std::span<const size_t> members, const InContextRequest& request) const {
  PromptForm form = form_;
  if (request.reading == InContextRequest::Reading::kBlocks && request.blocks != nullptr) {
    form.numbers = PromptForm::Numbers::kAllOne;
  }
  const std::vector<InContextPassage> selected = Select(passages, members);
  Prompts prompts{.text = WritePrompt(form, selected, query)};
  GANNET_ASSIGN_OR_RETURN(prompts.query, TokenizePrompt(*model_.tokenizer, form, prompts.text));
  GANNET_ASSIGN_OR_RETURN(
      prompts.calibration,
      TokenizePrompt(*model_.tokenizer, form, WritePrompt(form, selected, kCalibrationQuery)));
  // Both attend from the same token on, but for tokenizers that look far ahead.
  const size_t most = std::min(prompts.query.attending.begin, prompts.calibration.attending.begin);
  while (prompts.shared < most &&
         prompts.query.ids[prompts.shared] == prompts.calibration.ids[prompts.shared]) {
    ++prompts.shared;
  }
  for (const TokenSpan& document : prompts.query.documents) {
    if (document.end <= prompts.shared) continue;
    return absl::InternalError(fmt::format(
        "the query changes the tokens of the documents before it from token {} on, of {}",
        prompts.shared, document.end));
  }
  return prompts;
}

absl::Status InContextReranker::Check(const Prompts& prompts) const {
  const size_t positions = model().dimensions().positions;
  if (positions == 0 || prompts.tokens() <= positions) {
    // The ids of special tokens are the tokenizer file's own word.
    GANNET_RETURN_IF_ERROR(model().Check(prompts.query.ids, {}));
    return model().Check(prompts.calibration.ids, {});
  }
  // As many documents as there is room for, from the best on.
  size_t used = prompts.FrameTokens(), fitting = 0;
  for (; fitting < prompts.passages(); ++fitting) {
    const bool reversed = order_ == DocumentOrder::kBestLast;
    used += prompts.BlockTokens(reversed ? prompts.passages() - 1 - fitting : fitting);
    if (used > positions) break;
  }
  return absl::OutOfRangeError(
      fmt::format("{} passages take {} tokens with the prompt, of which the model reads {}: the "
                  "first {} fit",
                  prompts.passages(), prompts.tokens(), positions, fitting));
}

encoder::KeyValueCache InContextReranker::ReadBeginning(const Prompts& prompts,
                                                        const InContextRequest& request,
                                                        base::ThreadPool* pool,
                                                        InContextCost& cost) const {
  if (request.reading == InContextRequest::Reading::kBlocks) {
    return ReadBlocks(prompts, request.blocks, pool, cost);
  }
  cost.tokens_run += prompts.shared;
  return EncodeBeginning(model(), prompts.beginning(),
                         heads_.LayersNeeded(model().dimensions().layers), pool);
}

encoder::KeyValueCache InContextReranker::ReadBlocks(const Prompts& prompts,
                                                     DocumentBlockCache* blocks,
                                                     base::ThreadPool* pool,
                                                     InContextCost& cost) const {
  const size_t layers = heads_.LayersNeeded(model().dimensions().layers);
  const TokenizedPrompt& prompt = prompts.query;
  const std::span<const encoder::TokenId> ids = prompts.beginning();
  const std::span<const encoder::TokenId> introduction = ids.first(prompt.first_block);
  const auto recall = [&](std::span<const encoder::TokenId> tokens) {
    return blocks == nullptr ? nullptr : blocks->Find({tokens.begin(), tokens.end()});
  };
  const auto keep = [&](std::span<const encoder::TokenId> tokens,
                        encoder::KeyValueCache cache) -> DocumentBlockCache::Block {
    cost.tokens_run += cache.tokens();
    auto block = std::make_shared<const encoder::KeyValueCache>(std::move(cache));
    if (blocks != nullptr) blocks->Insert({tokens.begin(), tokens.end()}, block);
    return block;
  };
  DocumentBlockCache::Block start = recall(introduction);
  if (start == nullptr) {
    start = keep(introduction, EncodeBeginning(model(), introduction, layers, pool));
  }

  // The blocks that are not kept run as one batch, each after the introduction alone.
  std::vector<size_t> ends = prompt.block_ends;
  if (ends.back() < prompts.shared) ends.push_back(prompts.shared);
  std::vector<DocumentBlockCache::Block> read(ends.size());
  std::vector<size_t> missing;
  encoder::PackedBatch batch;
  const auto tokens_of = [&](size_t b) {
    const size_t begin = b == 0 ? prompt.first_block : ends[b - 1];
    return ids.subspan(begin, ends[b] - begin);
  };
  for (size_t b = 0; b < read.size(); ++b) {
    read[b] = recall(tokens_of(b));
    if (read[b] != nullptr) continue;
    missing.push_back(b);
    batch.Append(tokens_of(b), std::vector<uint8_t>(tokens_of(b).size(), 0));
  }
  if (!missing.empty()) {
    std::vector<encoder::KeyValueCache> caches(missing.size());
    std::vector<float> hidden;
    model().Run(batch, pool, {.layers = layers, .before = start.get(), .keep = caches}, hidden);
    for (size_t m = 0; m < missing.size(); ++m) {
      read[missing[m]] = keep(tokens_of(missing[m]), std::move(caches[m]));
    }
  }

  std::vector<encoder::KeyValuePart> parts = {{start.get(), 0, introduction.size(), 0}};
  for (const DocumentBlockCache::Block& block : read) {
    parts.push_back({block.get(), 0, block->tokens(), introduction.size()});
  }
  encoder::KeyValueCache joined;
  model().Join(parts, pool, joined);
  return joined;
}

absl::StatusOr<std::vector<size_t>> InContextReranker::RankWindow(
    std::string_view query, std::span<const InContextPassage> passages,
    std::span<const size_t> members, const InContextRequest& request, base::ThreadPool* pool,
    InContextResult& result) const {
  std::vector<size_t> placed(members.begin(), members.end());
  if (order_ == DocumentOrder::kBestLast) std::ranges::reverse(placed);
  GANNET_ASSIGN_OR_RETURN(const Prompts prompts, WritePrompts(query, passages, placed, request));
  GANNET_RETURN_IF_ERROR(Check(prompts));

  InContextCost& cost = result.cost;
  const auto start = Clock::now();
  const encoder::KeyValueCache beginning = ReadBeginning(prompts, request, pool, cost);
  cost.beginning_seconds += SecondsSince(start);
  const auto middle = Clock::now();
  const std::vector<PromptEnding> endings = prompts.Endings();
  const auto attention = AttentionTo(model(), beginning, endings, heads_, pool);
  cost.endings_seconds += SecondsSince(middle);
  const size_t ending_tokens = endings[0].ids.size() + endings[1].ids.size();
  cost.tokens += prompts.shared + ending_tokens;
  cost.tokens_run += ending_tokens;
  cost.cache_bytes = std::max(cost.cache_bytes, beginning.bytes());
  ++cost.windows;

  for (size_t d = 0; d < placed.size(); ++d) {
    const TokenSpan span = prompts.query.documents[d];
    const std::vector<double> masses = CalibratedMasses(attention[0], attention[1], span);
    PassageScore& passage = result.passages[placed[d]];
    passage = {.score = ScoreOf(masses),
               .tokens = masses.size(),
               .words_cut = prompts.text.documents[d].words_cut};
    if (passage.words_cut > 0) {
      const std::string_view rest =
          passages[placed[d]].text.substr(prompts.text.documents[d].text_read);
      encoder::Encoding encoding;
      GANNET_RETURN_IF_ERROR(
          model_.tokenizer->Encode(rest, {.add_special_tokens = false}, encoding));
      passage.tokens_cut = encoding.ids.size();
    }
    if (request.explain == InContextRequest::Explain::kNo) continue;
    const double threshold = MassThreshold(masses);
    for (size_t j = 0; j < masses.size(); ++j) {
      TokenMass mass = Locate(prompts.query.offsets[span.begin + j], prompts.text.documents[d]);
      mass.mass = masses[j];
      mass.counted = masses[j] > threshold;
      passage.masses.push_back(mass);
    }
  }
  std::vector<double> scores;
  for (const size_t i : members) scores.push_back(result.passages[i].score);
  std::vector<size_t> ranked;
  for (const size_t place : RankByScore(scores)) ranked.push_back(members[place]);
  return ranked;
}

absl::StatusOr<size_t> InContextReranker::CountThatFit(std::string_view query,
                                                       std::span<const InContextPassage> passages,
                                                       const InContextRequest& request) const {
  GANNET_ASSIGN_OR_RETURN(const Prompts prompts,
                          WritePrompts(query, passages, CountFrom(0, passages.size()), request));
  const size_t positions = model().dimensions().positions;
  if (positions == 0 || prompts.tokens() <= positions) return passages.size();
  // Any window must fit, also one of the longest passages; each bears another number there.
  constexpr size_t kNumberTokens = 2;
  std::vector<std::pair<size_t, size_t>> longest;  // Tokens and passage.
  for (size_t d = 0; d < passages.size(); ++d) {
    longest.emplace_back(prompts.BlockTokens(d) + kNumberTokens, d);
  }
  std::ranges::sort(longest, std::ranges::greater());
  size_t used = prompts.FrameTokens(), fitting = 0;
  for (const auto& [tokens, d] : longest) {
    used += tokens;
    if (used > positions) break;
    ++fitting;
  }
  if (fitting > 0) return fitting;
  return absl::OutOfRangeError(
      fmt::format("passage {} alone takes {} tokens with the prompt, of which the model reads {}",
                  longest.front().second, used, positions));
}

absl::StatusOr<InContextResult> InContextReranker::Rerank(
    std::string_view query, std::span<const InContextPassage> passages,
    const InContextRequest& request, base::ThreadPool* pool) const {
  GANNET_RETURN_IF_ERROR(CheckTexts(query, passages));
  InContextResult result;
  result.order = CountFrom(0, passages.size());
  result.passages.resize(passages.size());
  if (passages.empty()) return result;

  size_t window = passages.size();
  if (request.too_many == InContextRequest::TooMany::kWindows) {
    GANNET_ASSIGN_OR_RETURN(const size_t fitting, CountThatFit(query, passages, request));
    window = request.window == 0 ? fitting : request.window;
    if (window > fitting) {
      return absl::OutOfRangeError(
          fmt::format("window: {} passages, of which {} fit the model", window, fitting));
    }
  }
  // From the end to the top, so that a good passage can rise through every window.
  const size_t stride = std::max<size_t>(1, window / 2);
  for (size_t end = passages.size();; end -= stride) {
    const size_t begin = end > window ? end - window : 0;
    const auto members = std::span(result.order).subspan(begin, end - begin);
    GANNET_ASSIGN_OR_RETURN(const std::vector<size_t> ranked,
                            RankWindow(query, passages, members, request, pool, result));
    std::ranges::copy(ranked, members.begin());
    if (begin == 0) return result;
  }
}

absl::StatusOr<InContextReranker::HeadAttention> InContextReranker::AttentionByHead(
    std::string_view query, std::span<const InContextPassage> passages,
    base::ThreadPool* pool) const {
  GANNET_RETURN_IF_ERROR(CheckTexts(query, passages));
  if (passages.empty()) return absl::InvalidArgumentError("passages: none");
  std::vector<size_t> placed = CountFrom(0, passages.size());
  if (order_ == DocumentOrder::kBestLast) std::ranges::reverse(placed);
  GANNET_ASSIGN_OR_RETURN(const Prompts prompts, WritePrompts(query, passages, placed, {}));
  GANNET_RETURN_IF_ERROR(Check(prompts));
  const encoder::KeyValueCache beginning =
      EncodeBeginning(model(), prompts.beginning(), model().dimensions().layers, pool);
  auto attention = ranker::AttentionByHead(model(), beginning, prompts.Endings(), pool);
  HeadAttention result{.documents = std::vector<TokenSpan>(passages.size()),
                       .tokens = beginning.tokens(),
                       .query = std::move(attention[0]),
                       .calibration = std::move(attention[1])};
  for (size_t d = 0; d < placed.size(); ++d) {
    result.documents[placed[d]] = prompts.query.documents[d];
  }
  return result;
}

}  // namespace gannet::ranker
