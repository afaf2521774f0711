#include "encoder/score/cross_encoder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/checksum.h"
#include "base/object_pool.h"
#include "base/status.h"
#include "base/utf8.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/run/model_input.h"
#include "encoder/run/prepared_text.h"
#include "encoder/run/text_model.h"
#include "encoder/score/pair_prompt.h"
#include "encoder/score/sequence_classifier.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {
namespace {

float Sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

// A prompt with its unchanging parts as tokens.
struct TokenizedPrompt {
  PairPrompt prompt;
  std::vector<TokenId> before, after;

  static absl::StatusOr<TokenizedPrompt> Make(PairPrompt prompt, const Tokenizer& tokenizer);
};

absl::StatusOr<std::vector<TokenId>> IdsOf(const Tokenizer& tokenizer, std::string_view text) {
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(tokenizer.Encode(text, {.add_special_tokens = false}, encoding));
  return std::move(encoding.ids);
}

absl::StatusOr<TokenizedPrompt> TokenizedPrompt::Make(PairPrompt prompt,
                                                      const Tokenizer& tokenizer) {
  TokenizedPrompt tokenized{std::move(prompt), {}, {}};
  GANNET_ASSIGN_OR_RETURN(tokenized.before, IdsOf(tokenizer, tokenized.prompt.before));
  GANNET_ASSIGN_OR_RETURN(tokenized.after, IdsOf(tokenizer, tokenized.prompt.after));
  return tokenized;
}

class PairClassifier final : public CrossEncoder {
 public:
  struct Reading {
    std::vector<std::string> labels;
    ScoreActivation activation = ScoreActivation::kIdentity;
    size_t max_tokens = 0;
    std::optional<TokenizedPrompt> prompt;
    std::string fingerprint;
    std::vector<Assumption> assumptions;
  };

  PairClassifier(TextModel text_model, ClassificationHead head, Reading reading)
      : classifier_(std::move(text_model), std::move(head)), reading_(std::move(reading)) {}

  PairScores Score(std::span<const TextPair> pairs, base::ThreadPool& pool) const override;

  const std::vector<std::string>& labels() const override { return reading_.labels; }
  ScoreActivation activation() const override { return reading_.activation; }
  size_t max_tokens() const override { return reading_.max_tokens; }
  ModelOptions options() const override { return text_model().options; }
  std::string ComputePath() const override { return text_model().compute_path; }
  ModelFacts facts() const override;
  const std::filesystem::path& folder() const override { return text_model().folder.path; }
  const std::string& name() const override { return text_model().folder.name; }
  const std::string& fingerprint() const override { return reading_.fingerprint; }

 private:
  const TextModel& text_model() const { return classifier_.text_model(); }

  absl::Status Tokenize(const TextPair& pair, ModelInput& input) const;
  absl::Status TokenizePair(const TextPair& pair, ModelInput& input) const;
  absl::Status TokenizePrompt(const TextPair& pair, ModelInput& input) const;

  const SequenceClassifier classifier_;
  const Reading reading_;
  mutable base::ObjectPool<Encoding> encodings_;
};

// [CLS] query [SEP] passage [SEP], or what the tokenizer makes of a pair
absl::Status PairClassifier::TokenizePair(const TextPair& pair, ModelInput& input) const {
  const ModelFolder& folder = text_model().folder;
  std::string query_room, passage_room;
  GANNET_ASSIGN_OR_RETURN(const std::string_view query,
                          PrepareText(folder, pair.query, query_room));
  GANNET_ASSIGN_OR_RETURN(const std::string_view passage,
                          PrepareText(folder, pair.passage, passage_room));
  const auto encoding = encodings_.Take();
  GANNET_RETURN_IF_ERROR(text_model().tokenizer->EncodePair(
      query, passage, {.max_tokens = reading_.max_tokens}, *encoding));
  input.ids = encoding->ids;
  input.type_ids = encoding->type_ids;
  input.count = {.total = encoding->tokens_total, .read = encoding->ids.size()};
  return absl::OkStatus();
}

// before, what the prompt makes of the pair, after
absl::Status PairClassifier::TokenizePrompt(const TextPair& pair, ModelInput& input) const {
  const auto& [prompt, before, after] = *reading_.prompt;
  for (const std::string_view text : {pair.query, pair.passage}) {
    if (!base::IsValidUtf8(text)) return absl::InvalidArgumentError("not well-formed UTF-8");
  }
  const size_t fixed = before.size() + after.size();
  if (reading_.max_tokens != 0 && reading_.max_tokens <= fixed) {
    return absl::InvalidArgumentError(
        fmt::format("at most {} tokens leave no room for the pair beside the {} of the prompt",
                    reading_.max_tokens, fixed));
  }
  const auto encoding = encodings_.Take();
  const size_t most = reading_.max_tokens == 0 ? 0 : reading_.max_tokens - fixed;
  GANNET_RETURN_IF_ERROR(
      text_model().tokenizer->Encode(prompt.Fill(pair.query, pair.passage),
                                     {.add_special_tokens = false, .max_tokens = most}, *encoding));
  for (const std::span<const TokenId> part : {std::span(before), {encoding->ids}, {after}}) {
    input.ids.insert(input.ids.end(), part.begin(), part.end());
  }
  input.type_ids.assign(input.ids.size(), 0);
  input.count = {.total = fixed + encoding->tokens_total, .read = input.ids.size()};
  return absl::OkStatus();
}

absl::Status PairClassifier::Tokenize(const TextPair& pair, ModelInput& input) const {
  GANNET_RETURN_IF_ERROR(reading_.prompt ? TokenizePrompt(pair, input) : TokenizePair(pair, input));
  return text_model().model->Check(input.ids, input.type_ids);
}

ModelFacts PairClassifier::facts() const {
  ModelFacts facts{.dimensions = text_model().model->dimensions(),
                   .uses = {{"labels", fmt::format("{}", fmt::join(labels(), ", "))},
                            {"activation", std::string(ScoreActivationName(activation()))}},
                   .assumptions = reading_.assumptions};
  if (reading_.prompt) facts.uses.emplace_back("instruction", reading_.prompt->prompt.instruction);
  for (const Assumption& assumption : text_model().folder.assumptions) {
    if (assumption.about == "longest input") facts.assumptions.push_back(assumption);
  }
  return facts;
}

PairScores PairClassifier::Score(std::span<const TextPair> pairs, base::ThreadPool& pool) const {
  std::vector<ModelInput> inputs(pairs.size());
  pool.ParallelFor(pairs.size(),
                   [&](size_t i) { inputs[i].status = Tokenize(pairs[i], inputs[i]); });
  Classification result = classifier_.Classify(inputs, pool);
  PairScores scores{.labels = labels().size(),
                    .logits = std::move(result.logits),
                    .activations = {},
                    .tokens = {},
                    .errors = std::move(result.errors)};
  scores.activations = scores.logits;
  if (activation() == ScoreActivation::kSigmoid) {
    for (float& value : scores.activations) value = Sigmoid(value);
  }
  for (const ModelInput& input : inputs) scores.tokens.push_back(input.count);
  return scores;
}

// id2label's names in the order of the ids, as transformers would fill them in where it has none.
absl::StatusOr<std::vector<std::string>> ReadLabels(const ConfigFile& file, size_t count) {
  GANNET_ASSIGN_OR_RETURN(auto names, file.Strings("id2label"));
  std::vector<std::string> labels;
  for (size_t i = 0; i < count; ++i) {
    std::string& name = names[fmt::format("{}", i)];
    labels.push_back(name.empty() ? fmt::format("LABEL_{}", i) : name);
  }
  return labels;
}

// The torch class that the folder names, sentence-transformers' way and that before its version 4.
absl::StatusOr<ScoreActivation> ReadActivation(const ConfigFile& file, size_t labels,
                                               std::vector<Assumption>& assumptions) {
  constexpr std::string_view kOlderField = "sbert_ce_default_activation_function";
  const auto parse = [&](const ConfigFile& from, std::string_view field,
                         const std::string& name) -> absl::StatusOr<ScoreActivation> {
    const std::string_view kind = std::string_view(name).substr(name.rfind('.') + 1);
    if (kind == "Identity") return ScoreActivation::kIdentity;
    if (kind == "Sigmoid") return ScoreActivation::kSigmoid;
    return from.Error(field,
                      fmt::format("\"{}\" is not supported, expected Identity or Sigmoid", name));
  };
  GANNET_ASSIGN_OR_RETURN(const ConfigFile own, file.Object("sentence_transformers"));
  GANNET_ASSIGN_OR_RETURN(const std::string name, own.StringOr("activation_fn", ""));
  if (!name.empty()) return parse(own, "activation_fn", name);
  GANNET_ASSIGN_OR_RETURN(const std::string older, file.StringOr(kOlderField, ""));
  if (!older.empty()) return parse(file, kOlderField, older);
  const ScoreActivation usual =
      labels == 1 ? ScoreActivation::kSigmoid : ScoreActivation::kIdentity;
  assumptions.push_back({"activation", std::string(ScoreActivationName(usual)),
                         fmt::format("none named, and {} labels", labels)});
  return usual;
}

absl::StatusOr<TokenId> AnswerToken(const Tokenizer& tokenizer, const std::string& answer) {
  GANNET_ASSIGN_OR_RETURN(const std::vector<TokenId> ids, IdsOf(tokenizer, answer));
  if (ids.size() == 1) return ids[0];
  return absl::InvalidArgumentError(
      fmt::format("the answer \"{}\" is {} tokens, expected one", answer, ids.size()));
}

absl::StatusOr<bool> IsLanguageModel(const ConfigFile& file) {
  GANNET_ASSIGN_OR_RETURN(const auto architectures, file.StringList("architectures"));
  return !architectures.empty() && architectures.front().ends_with("ForCausalLM");
}

absl::StatusOr<ClassificationHead> LoadHead(const ConfigFile& file, const TextModel& text_model,
                                            const std::optional<PairPrompt>& prompt) {
  GANNET_ASSIGN_OR_RETURN(const bool language_model, IsLanguageModel(file));
  const std::filesystem::path& folder = text_model.folder.transformer;
  if (!language_model) return ClassificationHead::Load(folder);
  if (!prompt) {
    return file.Error("architectures",
                      "a language model that was published without a prompt for pairs: "
                      "pair_prompt.json can bring one");
  }
  GANNET_ASSIGN_OR_RETURN(const TokenId yes, AnswerToken(*text_model.tokenizer, prompt->yes));
  GANNET_ASSIGN_OR_RETURN(const TokenId no, AnswerToken(*text_model.tokenizer, prompt->no));
  return ClassificationHead::LoadAnswers(folder, yes, no);
}

std::string FingerprintOf(const TextModel& text_model, const PairClassifier::Reading& reading) {
  base::Fingerprinter fingerprint;
  fingerprint.UpdateField(text_model.fingerprint);
  fingerprint.UpdateField(fmt::format("pairs of {} tokens", reading.max_tokens));
  if (reading.prompt) {
    const PairPrompt& prompt = reading.prompt->prompt;
    for (const std::string& part :
         {prompt.before, prompt.pair, prompt.after, prompt.instruction, prompt.yes, prompt.no}) {
      fingerprint.UpdateField(part);
    }
  }
  return fingerprint.HexDigest();
}

// The smallest of the limits that are not 0.
size_t SmallestLimit(std::initializer_list<size_t> limits) {
  size_t smallest = 0;
  for (const size_t limit : limits) {
    if (limit != 0 && (smallest == 0 || limit < smallest)) smallest = limit;
  }
  return smallest;
}

}  // namespace

std::string_view ScoreActivationName(ScoreActivation activation) {
  return activation == ScoreActivation::kIdentity ? "identity" : "sigmoid";
}

absl::Status PairScores::FirstError() const {
  for (size_t i = 0; i < errors.size(); ++i) {
    GANNET_RETURN_IF_ERROR(base::Annotate(errors[i], fmt::format("pair {}", i)));
  }
  return absl::OkStatus();
}

// log softmax(z)_1 = −log(1 + exp(z_0 − z_1)), without overflow
float PairScores::Relevance(size_t i) const {
  if (labels == 1) return logits[i];
  const float against = logits[i * labels] - logits[i * labels + 1];
  return -(std::max(against, 0.0F) + std::log1p(std::exp(-std::abs(against))));
}

float PairScores::Probability(size_t i) const {
  return labels == 1 ? Sigmoid(logits[i]) : Sigmoid(logits[i * labels + 1] - logits[i * labels]);
}

absl::StatusOr<std::unique_ptr<const CrossEncoder>> CrossEncoder::Open(
    const std::filesystem::path& path, const CrossEncoderOptions& options) {
  GANNET_ASSIGN_OR_RETURN(ModelFolder folder, ModelFolder::Read(path));
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file,
                          ConfigFile::Open(folder.transformer / "config.json"));
  GANNET_ASSIGN_OR_RETURN(const std::string type, file.StringOr("model_type", "bert"));
  GANNET_ASSIGN_OR_RETURN(std::optional<PairPrompt> prompt,
                          PairPrompt::Find(folder.transformer, type));
  if (prompt && options.instruction) prompt->instruction = *options.instruction;
  if (!prompt && options.instruction) {
    return absl::InvalidArgumentError(
        fmt::format("{}: a model that takes no instruction was given one", folder.path.string()));
  }
  GANNET_ASSIGN_OR_RETURN(TextModel text_model, TextModel::Load(std::move(folder), options.model));
  GANNET_ASSIGN_OR_RETURN(ClassificationHead head, LoadHead(file, text_model, prompt));

  PairClassifier::Reading reading;
  GANNET_ASSIGN_OR_RETURN(reading.labels, ReadLabels(file, head.labels()));
  GANNET_ASSIGN_OR_RETURN(reading.activation,
                          ReadActivation(file, head.labels(), reading.assumptions));
  reading.max_tokens = SmallestLimit(
      {options.max_tokens, text_model.folder.max_tokens, prompt ? prompt->max_tokens : 0});
  if (prompt) {
    GANNET_ASSIGN_OR_RETURN(reading.prompt,
                            TokenizedPrompt::Make(*std::move(prompt), *text_model.tokenizer));
  }
  reading.fingerprint = FingerprintOf(text_model, reading);
  return std::make_unique<PairClassifier>(std::move(text_model), std::move(head),
                                          std::move(reading));
}

}  // namespace gannet::encoder
