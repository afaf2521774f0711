#include "encoder/score/term_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/checksum.h"
#include "base/status.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/models/split_model.h"
#include "encoder/run/finite.h"
#include "encoder/run/model_input.h"
#include "encoder/run/text_model.h"
#include "encoder/score/segment_tokens.h"

namespace gannet::encoder {
namespace {

// Part of a passage, or a query, with the places of its tokens in the pair.
struct Segment {
  std::vector<TokenId> ids;
  std::vector<size_t> positions;
  uint8_t type = 0;
};

size_t CeilingOfQuotient(size_t a, size_t b) { return (a + b - 1) / b; }

class SplitEncoder final : public TermEncoder {
 public:
  SplitEncoder(std::unique_ptr<const TextModel> text_model, SplitModel model,
               SegmentTokens segments, const TermEncoderOptions& options, std::string fingerprint)
      : text_model_(std::move(text_model)),
        model_(std::move(model)),
        segments_(segments),
        join_layer_(options.join_layer),
        query_slots_(options.query_slots),
        fingerprint_(std::move(fingerprint)) {}

  size_t width() const override { return model_.width(); }
  bool compresses() const override { return model_.compresses(); }
  std::vector<Terms> EncodePassages(std::span<const std::string_view> passages,
                                    base::ThreadPool& pool) const override;
  Terms EncodeQuery(std::string_view query, base::ThreadPool& pool) const override;
  absl::StatusOr<TermScores> Score(const Terms& query, std::span<const Terms> passages,
                                   base::ThreadPool& pool) const override;
  const std::filesystem::path& folder() const override { return text_model_->folder.path; }
  const std::string& name() const override { return text_model_->folder.name; }
  TermEncoderOptions options() const override {
    return {.model = text_model_->options, .join_layer = join_layer_, .query_slots = query_slots_};
  }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  // [passage, or a chunk of it, and [SEP]] ...
  absl::StatusOr<std::vector<Segment>> CutPassage(std::string_view passage,
                                                  TokenCount& count) const;
  absl::StatusOr<Terms> Encode(std::span<const Segment> segments, base::ThreadPool* pool) const;
  absl::StatusOr<Terms> EncodePassage(std::string_view passage) const;
  absl::StatusOr<Terms> EncodeQueryTerms(std::string_view query, base::ThreadPool* pool) const;
  absl::StatusOr<float> ScoreOne(const Terms& query, const Terms& passage,
                                 base::ThreadPool* pool) const;

  const std::unique_ptr<const TextModel> text_model_;
  const SplitModel model_;        // Of the text model, as are
  const SegmentTokens segments_;  // the segments.
  const size_t join_layer_;
  const size_t query_slots_;
  const std::string fingerprint_;
};

// Chunks of S = ⌈D / n⌉ tokens; the [SEP] of a shorter last one keeps its place behind S.
absl::StatusOr<std::vector<Segment>> SplitEncoder::CutPassage(std::string_view passage,
                                                              TokenCount& count) const {
  constexpr size_t kAll = static_cast<size_t>(-1);
  GANNET_ASSIGN_OR_RETURN(const auto ids, segments_.Tokens(passage, kAll, count));
  if (ids.size() > kMaxTermTokens) {
    return absl::InvalidArgumentError(
        fmt::format("{} tokens, the terms of at most {} can be kept", ids.size(), kMaxTermTokens));
  }
  const size_t most = text_model_->folder.max_tokens - query_slots_ - 3;
  const size_t chunks = std::max<size_t>(1, CeilingOfQuotient(ids.size(), most));
  const size_t length = CeilingOfQuotient(ids.size(), chunks);
  std::vector<Segment> segments;
  for (size_t c = 0; c < chunks; ++c) {
    const size_t begin = c * length, end = std::min(begin + length, ids.size());
    Segment segment{.ids = {ids.begin() + static_cast<ptrdiff_t>(begin),
                            ids.begin() + static_cast<ptrdiff_t>(end)},
                    .positions = std::vector<size_t>(end - begin),
                    .type = 1};
    std::iota(segment.positions.begin(), segment.positions.end(), query_slots_ + 2);
    segment.ids.push_back(segments_.separator());
    segment.positions.push_back(query_slots_ + 2 + length);
    segments.push_back(std::move(segment));
  }
  return segments;
}

absl::StatusOr<Terms> SplitEncoder::Encode(std::span<const Segment> segments,
                                           base::ThreadPool* pool) const {
  PackedBatch batch;
  Terms terms;
  for (const Segment& segment : segments) {
    const std::vector<uint8_t> types(segment.ids.size(), segment.type);
    GANNET_RETURN_IF_ERROR(text_model_->model->Check(segment.ids, types));
    batch.Append(segment.ids, types);
    batch.given_positions.insert(batch.given_positions.end(), segment.positions.begin(),
                                 segment.positions.end());
    terms.chunks.push_back(segment.ids.size());
  }
  terms.values = model_.Terms(batch, pool);
  GANNET_RETURN_IF_ERROR(CheckFinite(terms.values));
  return terms;
}

absl::StatusOr<Terms> SplitEncoder::EncodePassage(std::string_view passage) const {
  TokenCount count;
  GANNET_ASSIGN_OR_RETURN(const std::vector<Segment> segments, CutPassage(passage, count));
  GANNET_ASSIGN_OR_RETURN(Terms terms, Encode(segments, nullptr));
  terms.tokens = count;
  return terms;
}

std::vector<Terms> SplitEncoder::EncodePassages(std::span<const std::string_view> passages,
                                                base::ThreadPool& pool) const {
  std::vector<Terms> encoded(passages.size());
  pool.ParallelFor(passages.size(), [&](size_t i) {
    absl::StatusOr<Terms> terms = EncodePassage(passages[i]);
    if (terms.ok()) {
      encoded[i] = *std::move(terms);
    } else {
      encoded[i].status = terms.status();
    }
  });
  return encoded;
}

// [CLS] and the query from place 0 on, [SEP] at Q + 1
absl::StatusOr<Terms> SplitEncoder::EncodeQueryTerms(std::string_view query,
                                                     base::ThreadPool* pool) const {
  TokenCount count;
  GANNET_ASSIGN_OR_RETURN(const auto ids, segments_.Tokens(query, query_slots_, count));
  Segment segment{.ids = {segments_.first()}, .positions = {}, .type = 0};
  segment.ids.insert(segment.ids.end(), ids.begin(), ids.end());
  segment.positions.resize(segment.ids.size());
  std::iota(segment.positions.begin(), segment.positions.end(), size_t{0});
  segment.ids.push_back(segments_.separator());
  segment.positions.push_back(query_slots_ + 1);
  GANNET_ASSIGN_OR_RETURN(Terms terms, Encode(std::span(&segment, 1), pool));
  terms.tokens = count;
  return terms;
}

Terms SplitEncoder::EncodeQuery(std::string_view query, base::ThreadPool& pool) const {
  absl::StatusOr<Terms> terms = EncodeQueryTerms(query, &pool);
  if (terms.ok()) return *std::move(terms);
  Terms none;
  none.status = terms.status();
  return none;
}

absl::StatusOr<float> SplitEncoder::ScoreOne(const Terms& query, const Terms& passage,
                                             base::ThreadPool* pool) const {
  GANNET_RETURN_IF_ERROR(passage.status);
  const size_t rows = std::accumulate(passage.chunks.begin(), passage.chunks.end(), size_t{0});
  if (passage.chunks.empty() || passage.values.size() != rows * width()) {
    return absl::InvalidArgumentError(
        fmt::format("{} values for {} terms of {}", passage.values.size(), rows, width()));
  }
  PackedBatch pairs;
  std::vector<float> terms;
  auto next = passage.values.begin();
  for (const size_t chunk : passage.chunks) {
    const size_t length = query.chunks[0] + chunk;
    pairs.Append(std::vector<TokenId>(length), std::vector<uint8_t>(length));
    const auto end = next + static_cast<ptrdiff_t>(chunk * width());
    terms.insert(terms.end(), query.values.begin(), query.values.end());
    terms.insert(terms.end(), next, end);
    next = end;
  }
  const std::vector<float> first = model_.Join(pairs, terms, pool);
  const size_t d = text_model_->model->dimensions().hidden, chunks = passage.chunks.size();
  std::vector<float> mean(d);
  for (size_t i = 0; i < first.size(); ++i) mean[i % d] += first[i] / static_cast<float>(chunks);
  const std::vector<float> score = model_.Scores(mean);
  GANNET_RETURN_IF_ERROR(CheckFinite(score));
  return score[0];
}

absl::StatusOr<TermScores> SplitEncoder::Score(const Terms& query, std::span<const Terms> passages,
                                               base::ThreadPool& pool) const {
  GANNET_RETURN_IF_ERROR(query.status);
  if (query.chunks.size() != 1 || query.values.size() != query.chunks[0] * width()) {
    return absl::InvalidArgumentError("the terms of the query are not of this model");
  }
  TermScores scores{.scores = std::vector<float>(passages.size()),
                    .errors = std::vector<absl::Status>(passages.size())};
  pool.ParallelFor(passages.size(), [&](size_t i) {
    const absl::StatusOr<float> score = ScoreOne(query, passages[i], nullptr);
    scores.errors[i] = score.status();
    if (score.ok()) scores.scores[i] = *score;
  });
  return scores;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const TermEncoder>> TermEncoder::Open(
    const std::filesystem::path& path, const TermEncoderOptions& options) {
  GANNET_ASSIGN_OR_RETURN(ModelFolder folder, ModelFolder::Read(path));
  GANNET_ASSIGN_OR_RETURN(TextModel loaded, TextModel::Load(std::move(folder), options.model));
  if (options.query_slots == 0 || loaded.folder.max_tokens < options.query_slots + 4) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} places for the query of the {} that the model reads leave none for a "
                    "passage, or are none",
                    loaded.folder.path.string(), options.query_slots, loaded.folder.max_tokens));
  }
  auto text_model = std::make_unique<const TextModel>(std::move(loaded));
  GANNET_ASSIGN_OR_RETURN(
      SplitModel model,
      SplitModel::Load(text_model->folder.transformer, options.join_layer, *text_model->model));
  if (model.labels() != 1) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {} labels, expected one", text_model->folder.path.string(), model.labels()));
  }
  GANNET_ASSIGN_OR_RETURN(const SegmentTokens segments, SegmentTokens::Make(*text_model));
  base::Fingerprinter fingerprint;
  fingerprint.UpdateField(text_model->fingerprint);
  fingerprint.UpdateField(fmt::format("terms {} {}", options.join_layer, options.query_slots));
  return std::make_unique<SplitEncoder>(std::move(text_model), std::move(model), segments, options,
                                        fingerprint.HexDigest());
}

}  // namespace gannet::encoder
