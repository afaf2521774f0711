#include "encoder/score/duo_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/run/model_input.h"
#include "encoder/run/prepared_text.h"
#include "encoder/run/text_model.h"
#include "encoder/score/sequence_classifier.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {
namespace {

constexpr size_t kLabels = 2;
constexpr size_t kTokenTypes = 3;

struct Specials {
  TokenId first = 0;      // [CLS]
  TokenId separator = 0;  // [SEP]
};

// An empty text shows what the tokenizer puts around one.
absl::StatusOr<Specials> FindSpecials(const TextModel& text_model) {
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(text_model.tokenizer->Encode("", {}, encoding));
  if (encoding.ids.size() == 2) return Specials{encoding.ids[0], encoding.ids[1]};
  return absl::InvalidArgumentError(fmt::format(
      "{}: the tokenizer puts {} special tokens around a text, expected [CLS] and [SEP]",
      text_model.folder.path.string(), encoding.ids.size()));
}

class DuoClassifier final : public DuoEncoder {
 public:
  DuoClassifier(TextModel text_model, ClassificationHead head, Specials specials,
                const DuoOptions& options)
      : classifier_(std::move(text_model), std::move(head)),
        specials_(specials),
        query_tokens_(options.query_tokens) {}

  absl::StatusOr<Preferences> Compare(std::string_view query,
                                      std::span<const std::string_view> passages,
                                      base::ThreadPool& pool) const override;

  const std::filesystem::path& folder() const override { return text_model().folder.path; }

 private:
  const TextModel& text_model() const { return classifier_.text_model(); }

  // At most `limit` tokens of a text, and how many it has.
  absl::StatusOr<std::vector<TokenId>> Tokens(std::string_view text, size_t limit,
                                              TokenCount& count) const;
  ModelInput MakeInput(std::span<const TokenId> query, std::span<const TokenId> first,
                       std::span<const TokenId> second) const;

  const SequenceClassifier classifier_;
  const Specials specials_;
  const size_t query_tokens_;
};

absl::StatusOr<std::vector<TokenId>> DuoClassifier::Tokens(std::string_view text, size_t limit,
                                                           TokenCount& count) const {
  std::string room;
  GANNET_ASSIGN_OR_RETURN(text, PrepareText(text_model().folder, text, room));
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(
      text_model().tokenizer->Encode(text, {.add_special_tokens = false}, encoding));
  count = {.total = encoding.ids.size(), .read = std::min(encoding.ids.size(), limit)};
  encoding.ids.resize(count.read);
  return std::move(encoding.ids);
}

ModelInput DuoClassifier::MakeInput(std::span<const TokenId> query, std::span<const TokenId> first,
                                    std::span<const TokenId> second) const {
  ModelInput input;
  input.ids.push_back(specials_.first);
  uint8_t type = 0;
  for (const std::span<const TokenId> part : {query, first, second}) {
    input.ids.insert(input.ids.end(), part.begin(), part.end());
    input.ids.push_back(specials_.separator);
    input.type_ids.resize(input.ids.size(), type++);
  }
  input.count = {.total = input.ids.size(), .read = input.ids.size()};
  input.status = text_model().model->Check(input.ids, input.type_ids);
  return input;
}

absl::StatusOr<Preferences> DuoClassifier::Compare(std::string_view query,
                                                   std::span<const std::string_view> passages,
                                                   base::ThreadPool& pool) const {
  Preferences result;
  GANNET_ASSIGN_OR_RETURN(const auto query_ids, Tokens(query, query_tokens_ - 2, result.query));
  const size_t each = (text_model().folder.max_tokens - (query_ids.size() + 2)) / 2 - 1;
  const size_t n = passages.size();
  result.preferred.resize(n * n);
  result.tokens.resize(n);
  result.errors.resize(n);
  std::vector<std::vector<TokenId>> ids(n);
  for (size_t i = 0; i < n; ++i) {
    auto tokens = Tokens(passages[i], each, result.tokens[i]);
    result.errors[i] = tokens.status();
    if (tokens.ok()) ids[i] = *std::move(tokens);
  }
  for (size_t i = 0; i < n; ++i) {
    if (!result.errors[i].ok()) continue;
    std::vector<ModelInput> inputs;
    std::vector<size_t> others;
    for (size_t j = 0; j < n; ++j) {
      if (i == j || !result.errors[j].ok()) continue;
      inputs.push_back(MakeInput(query_ids, ids[i], ids[j]));
      others.push_back(j);
    }
    const Classification classified = classifier_.Classify(inputs, pool);
    for (size_t p = 0; p < others.size(); ++p) {
      GANNET_RETURN_IF_ERROR(classified.errors[p]);
      const float against = classified.logits[2 * p] - classified.logits[2 * p + 1];
      result.preferred[i * n + others[p]] = 1 / (1 + std::exp(against));  // softmax(logits)_1
    }
  }
  return result;
}

absl::Status CheckShape(const TextModel& text_model, const ClassificationHead& head,
                        const DuoOptions& options) {
  const std::string folder = text_model.folder.path.string();
  if (head.labels() != kLabels) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} labels, expected {}", folder, head.labels(), kLabels));
  }
  const size_t types = text_model.model->dimensions().token_types;
  if (types < kTokenTypes) {
    return absl::InvalidArgumentError(
        fmt::format("{}: type_vocab_size: {}, but comparing two passages needs {} token types",
                    (text_model.folder.transformer / "config.json").string(), types, kTokenTypes));
  }
  // Each passage needs room for a token and its [SEP].
  const size_t most = text_model.folder.max_tokens;
  if (options.query_tokens < 3 || most < options.query_tokens + 4) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} tokens of the query do not fit the {} that the model reads", folder,
                    options.query_tokens, most));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const DuoEncoder>> DuoEncoder::Open(
    const std::filesystem::path& path, const DuoOptions& options) {
  GANNET_ASSIGN_OR_RETURN(ModelFolder folder, ModelFolder::Read(path));
  GANNET_ASSIGN_OR_RETURN(TextModel text_model, TextModel::Load(std::move(folder), options.model));
  GANNET_ASSIGN_OR_RETURN(ClassificationHead head,
                          ClassificationHead::Load(text_model.folder.transformer));
  GANNET_RETURN_IF_ERROR(CheckShape(text_model, head, options));
  GANNET_ASSIGN_OR_RETURN(const Specials specials, FindSpecials(text_model));
  return std::make_unique<DuoClassifier>(std::move(text_model), std::move(head), specials, options);
}

}  // namespace gannet::encoder
