#include "encoder/tokenizer/gguf_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/utf8.h"
#include "encoder/checkpoint/gguf.h"
#include "encoder/tokenizer/bert_normalizer.h"
#include "encoder/tokenizer/bert_pre_tokenizer.h"
#include "encoder/tokenizer/bpe.h"
#include "encoder/tokenizer/pipeline_builder.h"
#include "encoder/tokenizer/post_processor_json.h"
#include "encoder/tokenizer/sentencepiece.h"
#include "encoder/tokenizer/split_pre_tokenizers.h"
#include "encoder/tokenizer/unicode_normalizer.h"
#include "encoder/tokenizer/wordpiece.h"

namespace gannet::encoder {
namespace {

using Result = absl::StatusOr<std::unique_ptr<const Tokenizer>>;
using Kind = SentencePieceVocabulary::Kind;

// Keys are given without this.
constexpr std::string_view kPrefix = "tokenizer.ggml.";

absl::Status Error(std::string_view key, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}{}: {}", kPrefix, key, what));
}

std::string Full(std::string_view key) { return fmt::format("{}{}", kPrefix, key); }

// The kinds of tokens have the numbers that SentencePiece gives them.
absl::StatusOr<std::vector<Kind>> ReadKinds(const GgufMetadata& metadata, size_t tokens) {
  constexpr std::array<Kind, 6> kKinds = {Kind::kNormal,      Kind::kUnknown, Kind::kControl,
                                          Kind::kUserDefined, Kind::kUnused,  Kind::kByte};
  std::vector<Kind> kinds(tokens, Kind::kNormal);
  const auto numbers = metadata.Integers(Full("token_type"));
  if (!numbers) return kinds;
  if (numbers->size() != tokens) {
    return Error("token_type", fmt::format("{} entries for {} tokens", numbers->size(), tokens));
  }
  for (size_t i = 0; i < tokens; ++i) {
    const int64_t number = (*numbers)[i];
    if (number < 1 || number > static_cast<int64_t>(kKinds.size())) {
      return Error("token_type", fmt::format("[{}]: kind {} is not known", i, number));
    }
    kinds[i] = kKinds[static_cast<size_t>(number) - 1];
  }
  return kinds;
}

bool ReadFlag(const GgufMetadata& metadata, std::string_view key, bool fallback) {
  const std::optional<int64_t> value = metadata.Integer(Full(key));
  return value ? *value != 0 : fallback;
}

absl::StatusOr<TokenId> ReadTokenId(const GgufMetadata& metadata, std::string_view key,
                                    const Vocabulary& vocabulary) {
  const std::optional<int64_t> id = metadata.Integer(Full(key));
  if (!id) return Error(key, "missing");
  if (*id < 0 || *id >= vocabulary.end_id()) {
    return Error(key, fmt::format("{} is not the id of a token", *id));
  }
  return static_cast<TokenId>(*id);
}

absl::Status SetTemplates(const GgufMetadata& metadata, bool bos_by_default,
                          PipelineBuilder& builder) {
  std::optional<TokenId> bos, eos;
  if (ReadFlag(metadata, "add_bos_token", bos_by_default)) {
    GANNET_ASSIGN_OR_RETURN(bos, ReadTokenId(metadata, "bos_token_id", builder.vocabulary));
  }
  if (ReadFlag(metadata, "add_eos_token", false)) {
    GANNET_ASSIGN_OR_RETURN(eos, ReadTokenId(metadata, "eos_token_id", builder.vocabulary));
  }
  return SetBosEosTemplates(bos, eos, builder);
}

absl::Status AddTokens(const std::vector<std::string_view>& tokens, Vocabulary& vocabulary) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!base::IsValidUtf8(tokens[i])) {
      return Error("tokens", fmt::format("[{}]: not well-formed UTF-8", i));
    }
    const absl::Status added = vocabulary.Add(std::string(tokens[i]), static_cast<TokenId>(i));
    if (!added.ok()) return Error("tokens", fmt::format("[{}]: {}", i, base::Message(added)));
  }
  return absl::OkStatus();
}

Result ReadLlama(const GgufMetadata& metadata, const std::vector<std::string_view>& tokens,
                 const std::vector<Kind>& kinds) {
  const auto scores = metadata.Numbers(Full("scores"));
  if (!scores || scores->size() != tokens.size()) {
    return Error("scores", "not one for each token");
  }
  SentencePieceVocabulary vocabulary;
  vocabulary.algorithm = SentencePieceVocabulary::Algorithm::kBpe;
  vocabulary.byte_fallback = true;
  vocabulary.add_dummy_prefix = ReadFlag(metadata, "add_space_prefix", true);
  vocabulary.remove_extra_spaces = false;
  for (size_t i = 0; i < tokens.size(); ++i) {
    vocabulary.pieces.push_back(
        {std::string(tokens[i]), static_cast<float>((*scores)[i]), kinds[i]});
  }
  PipelineBuilder builder;
  GANNET_RETURN_IF_ERROR(AddSentencePiece(std::move(vocabulary), builder));
  GANNET_RETURN_IF_ERROR(SetTemplates(metadata, true, builder));
  return std::move(builder).Build();
}

// What "tokenizer.ggml.pre" names.
struct NamedPreTokenizer {
  std::string_view name;
  std::string_view regex;
  bool nfc = false;  // Whether the model's own tokenizer normalizes to NFC.
  bool prefer_whole_piece = false;
};
constexpr std::string_view kLlama3Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

absl::StatusOr<NamedPreTokenizer> FindPreTokenizer(const GgufMetadata& metadata) {
  const std::optional<std::string_view> name = metadata.String(Full("pre"));
  // Files of GPT-NeoX are older than the entry.
  if (!name) return NamedPreTokenizer{.name = "", .regex = kGpt2Regex, .nfc = true};
  const std::array<NamedPreTokenizer, 3> known = {
      {{.name = "gpt-2", .regex = kGpt2Regex},
       {.name = "llama-bpe", .regex = kLlama3Regex, .prefer_whole_piece = true},
       {.name = "qwen2", .regex = kQwen2Regex, .nfc = true}}};
  for (const NamedPreTokenizer& entry : known) {
    if (entry.name == *name) return entry;
  }
  return Error("pre", fmt::format("pre-tokenizer \"{}\" is not known", *name));
}

absl::StatusOr<MergeTable> ReadMerges(const GgufMetadata& metadata, const Vocabulary& vocabulary) {
  const auto merges = metadata.Strings(Full("merges"));
  if (!merges) return Error("merges", "missing");
  MergeTable table(merges->size());
  for (size_t i = 0; i < merges->size(); ++i) {
    const std::string_view merge = (*merges)[i];
    const size_t space = merge.find(' ', 1);
    const absl::Status added = space == merge.npos
                                   ? absl::InvalidArgumentError("expected two tokens")
                                   : AddMerge(merge.substr(0, space), merge.substr(space + 1), "",
                                              static_cast<uint32_t>(i), vocabulary, table);
    if (!added.ok()) return Error("merges", fmt::format("[{}]: {}", i, base::Message(added)));
  }
  return table;
}

Result ReadGpt2(const GgufMetadata& metadata, const std::vector<std::string_view>& tokens,
                const std::vector<Kind>& kinds) {
  PipelineBuilder builder;
  GANNET_RETURN_IF_ERROR(AddTokens(tokens, builder.vocabulary));
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (kinds[i] != Kind::kNormal) builder.vocabulary.Hide(id);
    if (kinds[i] == Kind::kUserDefined && !tokens[i].empty()) {
      builder.AddSymbol(std::string(tokens[i]), id);
    }
  }
  if (!Bpe::SpellsEveryByte(builder.vocabulary)) return Error("tokens", "a byte has no token");
  GANNET_ASSIGN_OR_RETURN(const NamedPreTokenizer named, FindPreTokenizer(metadata));
  if (named.nfc) builder.normalizer = std::make_unique<UnicodeNormalizer>(NormalizationForm::kNfc);
  GANNET_ASSIGN_OR_RETURN(auto pattern, MakeRegexPattern(named.regex));
  builder.pre_tokenizer = std::make_unique<PatternSplitter>(
      std::move(pattern), DelimiterBehavior::kIsolated, Delimiter::kMatches);
  GANNET_ASSIGN_OR_RETURN(MergeTable merges, ReadMerges(metadata, builder.vocabulary));
  builder.model =
      std::make_unique<Bpe>(builder.vocabulary, std::move(merges),
                            Bpe::Options{.symbols = Bpe::Symbols::kBytes,
                                         .prefer_whole_piece = named.prefer_whole_piece});
  GANNET_RETURN_IF_ERROR(SetTemplates(metadata, false, builder));
  return std::move(builder).Build();
}

// GGUF writes U+2581 before entries that begin a word and nothing before those that continue one.
std::string WordPieceEntry(std::string_view token, Kind kind) {
  constexpr std::string_view kBeginsWord = "\u2581";
  if (kind == Kind::kControl || kind == Kind::kUnknown) return std::string(token);
  if (token.starts_with(kBeginsWord)) return std::string(token.substr(kBeginsWord.size()));
  return fmt::format("##{}", token);
}

Result ReadBert(const GgufMetadata& metadata, const std::vector<std::string_view>& tokens,
                const std::vector<Kind>& kinds) {
  PipelineBuilder builder;
  std::vector<std::string> spelled;
  for (size_t i = 0; i < tokens.size(); ++i) spelled.push_back(WordPieceEntry(tokens[i], kinds[i]));
  GANNET_RETURN_IF_ERROR(
      AddTokens(std::vector<std::string_view>(spelled.begin(), spelled.end()), builder.vocabulary));
  GANNET_ASSIGN_OR_RETURN(const TokenId unknown,
                          ReadTokenId(metadata, "unknown_token_id", builder.vocabulary));
  GANNET_ASSIGN_OR_RETURN(const TokenId cls,
                          ReadTokenId(metadata, "cls_token_id", builder.vocabulary));
  // The key is misspelt in the files.
  GANNET_ASSIGN_OR_RETURN(const TokenId sep,
                          ReadTokenId(metadata, "seperator_token_id", builder.vocabulary));
  const std::string unknown_token(builder.vocabulary.Token(unknown));
  builder.normalizer = std::make_unique<BertNormalizer>(BertNormalizer::Options{});
  builder.pre_tokenizer = std::make_unique<BertPreTokenizer>();
  builder.model = std::make_unique<WordPiece>(builder.vocabulary,
                                              WordPiece::Options{.unknown_token = unknown_token});
  SetBertTemplates(cls, sep, builder);
  return std::move(builder).Build();
}

}  // namespace

Result ReadGgufVocabulary(std::string_view file, const TokenizerOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const GgufContent content, GgufContent::Parse(file));
  const GgufMetadata& metadata = content.metadata;
  const std::optional<std::string_view> model = metadata.String(Full("model"));
  const auto tokens = metadata.Strings(Full("tokens"));
  if (!model) return Error("model", "missing");
  if (!tokens) return Error("tokens", "missing");
  GANNET_ASSIGN_OR_RETURN(std::vector<Kind> kinds, ReadKinds(metadata, tokens->size()));
  if (options.gguf_control_tokens == TokenizerOptions::ControlTokens::kFound && *model != "bert") {
    std::ranges::replace(kinds, Kind::kControl, Kind::kUserDefined);
  }
  if (*model == "llama") return ReadLlama(metadata, *tokens, kinds);
  if (*model == "gpt2") return ReadGpt2(metadata, *tokens, kinds);
  if (*model == "bert") return ReadBert(metadata, *tokens, kinds);
  return Error("model", fmt::format("\"{}\" is not known", *model));
}

}  // namespace gannet::encoder
