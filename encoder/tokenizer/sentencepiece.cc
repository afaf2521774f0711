#include "encoder/tokenizer/sentencepiece.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "base/status.h"
#include "base/utf8.h"
#include "encoder/tokenizer/bpe.h"
#include "encoder/tokenizer/code_point.h"
#include "encoder/tokenizer/unigram.h"

namespace gannet::encoder {
namespace {

using Kind = SentencePieceVocabulary::Kind;
using Piece = SentencePieceVocabulary::Piece;

constexpr std::string_view kEscapedSpace = "\u2581";

// Whether pieces of this kind are matched in the text.
bool IsMatched(Kind kind) { return kind == Kind::kNormal || kind == Kind::kUserDefined; }

absl::StatusOr<TokenId> FillVocabulary(const std::vector<Piece>& pieces, Vocabulary& vocabulary) {
  TokenId unknown = Vocabulary::kNone;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const auto error = [&](std::string_view what) {
      return absl::InvalidArgumentError(fmt::format("pieces[{}]: {}", i, what));
    };
    if (pieces[i].text.empty()) return error("an empty piece");
    if (!base::IsValidUtf8(pieces[i].text)) return error("not well-formed UTF-8");
    if (!std::isfinite(pieces[i].score)) return error("the score is not finite");
    const absl::Status added = vocabulary.Add(pieces[i].text, id);
    if (!added.ok()) return error(base::Message(added));
    if (!IsMatched(pieces[i].kind)) vocabulary.Hide(id);
    if (pieces[i].kind == Kind::kUnknown) {
      if (unknown != Vocabulary::kNone) return error("a second unknown piece");
      unknown = id;
    }
  }
  if (unknown != Vocabulary::kNone) return unknown;
  return absl::InvalidArgumentError("pieces: none is the unknown piece");
}

std::unique_ptr<const TokenModel> MakeUnigram(const SentencePieceVocabulary& spec, TokenId unknown,
                                              const Vocabulary& vocabulary) {
  float lowest = std::numeric_limits<float>::max();
  float highest = std::numeric_limits<float>::lowest();
  for (const Piece& piece : spec.pieces) {
    if (piece.kind != Kind::kNormal) continue;
    lowest = std::min(lowest, piece.score);
    highest = std::max(highest, piece.score);
  }
  std::vector<double> scores;
  for (const Piece& piece : spec.pieces) {
    // A user-defined symbol always wins over its parts.
    scores.push_back(piece.kind == Kind::kUserDefined
                         ? static_cast<float>(piece.text.size()) * highest - 0.1
                         : piece.score);
  }
  return std::make_unique<Unigram>(vocabulary, std::move(scores),
                                   Unigram::Options{.unknown = unknown,
                                                    .byte_fallback = spec.byte_fallback,
                                                    .lowest_score = lowest,
                                                    .flavor = Unigram::Flavor::kSentencePiece});
}

// SentencePiece merges any two neighbours that make a piece, the piece with the highest score
// first. As a table of merges: every way to cut a piece in two, ranked by score.
absl::StatusOr<MergeTable> MakeMerges(const std::vector<Piece>& pieces,
                                      const Vocabulary& vocabulary) {
  std::map<float, uint32_t, std::greater<>> ranks;
  size_t cuts = 0;
  for (const Piece& piece : pieces) {
    ranks[piece.score] = 0;
    cuts += CountCodePoints(piece.text) - 1;
  }
  uint32_t next = 0;
  for (auto& [score, rank] : ranks) rank = next++;
  MergeTable table(cuts);
  const auto find = [&](std::string_view text) {
    const TokenId id = vocabulary.Find(text);
    return id != Vocabulary::kNone && IsMatched(pieces[static_cast<size_t>(id)].kind)
               ? id
               : Vocabulary::kNone;
  };
  for (size_t id = 0; id < pieces.size(); ++id) {
    const Piece& piece = pieces[id];
    if (piece.kind != Kind::kNormal) continue;
    const std::string_view text = piece.text;
    for (size_t cut = CodePointLength(text[0]); cut < text.size();
         cut += CodePointLength(text[cut])) {
      const TokenId left = find(text.substr(0, cut));
      const TokenId right = find(text.substr(cut));
      if (left == Vocabulary::kNone || right == Vocabulary::kNone) continue;
      table.Add(left, right, {ranks[piece.score], static_cast<TokenId>(id)});
    }
  }
  return table;
}

absl::StatusOr<std::unique_ptr<const TokenModel>> MakeBpe(const SentencePieceVocabulary& spec,
                                                          TokenId unknown,
                                                          const Vocabulary& vocabulary) {
  for (size_t i = 0; i < spec.pieces.size(); ++i) {
    if (spec.pieces[i].kind == Kind::kUnused) {
      return absl::InvalidArgumentError(fmt::format(
          "pieces[{}]: \"{}\" is unused, which BPE models cannot have", i, spec.pieces[i].text));
    }
  }
  GANNET_ASSIGN_OR_RETURN(MergeTable merges, MakeMerges(spec.pieces, vocabulary));
  Bpe::Options options;
  options.unknown = unknown;
  options.unknown_handling = Bpe::Unknown::kFused;
  options.byte_fallback = spec.byte_fallback;
  return std::make_unique<Bpe>(vocabulary, std::move(merges), std::move(options));
}

}  // namespace

absl::Status AddSentencePiece(SentencePieceVocabulary spec, PipelineBuilder& builder) {
  GANNET_ASSIGN_OR_RETURN(const TokenId unknown, FillVocabulary(spec.pieces, builder.vocabulary));
  std::vector<std::pair<std::string_view, int32_t>> symbols;
  for (size_t i = 0; i < spec.pieces.size(); ++i) {
    if (spec.pieces[i].kind != Kind::kUserDefined) continue;
    const auto id = static_cast<TokenId>(i);
    symbols.emplace_back(spec.pieces[i].text, id);
    if (spec.algorithm == SentencePieceVocabulary::Algorithm::kBpe) {
      builder.AddSymbol(spec.pieces[i].text, id);
    }
  }
  if (spec.algorithm == SentencePieceVocabulary::Algorithm::kUnigram) {
    builder.model = MakeUnigram(spec, unknown, builder.vocabulary);
  } else {
    GANNET_ASSIGN_OR_RETURN(builder.model, MakeBpe(spec, unknown, builder.vocabulary));
  }
  builder.normalizer = std::make_unique<SentencePieceNormalizer>(spec, Trie(std::move(symbols)));
  return absl::OkStatus();
}

SentencePieceNormalizer::SentencePieceNormalizer(SentencePieceVocabulary& vocabulary, Trie symbols)
    : character_map_(std::move(vocabulary.character_map)),
      symbols_(std::move(symbols)),
      space_(vocabulary.escape_spaces ? kEscapedSpace : " "),
      add_dummy_prefix_(vocabulary.add_dummy_prefix),
      remove_extra_spaces_(vocabulary.remove_extra_spaces) {}

absl::Status SentencePieceNormalizer::Normalize(AlignedText& text) const {
  const std::string_view in = text.text();
  TextRewriter rewriter(text);
  size_t at = 0;
  while (remove_extra_spaces_ && at < in.size()) {
    const auto prefix = NormalizePrefix(in.substr(at));
    if (prefix.text != " ") break;
    at += prefix.length;
  }
  if (at < in.size() && add_dummy_prefix_) rewriter.Put(space_, at);
  bool after_space = remove_extra_spaces_;
  size_t end = 0;  // Behind the last byte that is not a space.
  while (at < in.size()) {
    const auto prefix = NormalizePrefix(in.substr(at));
    std::string_view written = prefix.text;
    while (after_space && written.starts_with(' ')) written.remove_prefix(1);
    for (size_t i = 0; i < written.size();) {
      const size_t length = CodePointLength(written[i]);
      const bool space = written[i] == ' ';
      rewriter.Put(space ? std::string_view(space_) : written.substr(i, length), at);
      if (!space && written.substr(i, length) != space_) end = rewriter.size();
      i += length;
    }
    if (!written.empty()) after_space = written.ends_with(' ');
    if (!remove_extra_spaces_) after_space = false;
    at += prefix.length;
  }
  rewriter.Finish();
  if (remove_extra_spaces_ && end < text.text().size()) {
    TextRewriter cut(text);
    cut.Keep(0, end);
    cut.Finish();
  }
  return absl::OkStatus();
}

CharacterMap::Replacement SentencePieceNormalizer::NormalizePrefix(std::string_view text) const {
  size_t symbol = 0;
  Trie::Node node = Trie::kRoot;
  for (size_t i = 0; i < text.size() && node != Trie::kNone; ++i) {
    if (i > 0 && symbols_.Value(node) != Trie::kNone) symbol = i;
    node = symbols_.Step(node, text[i]);
  }
  if (node != Trie::kNone && symbols_.Value(node) != Trie::kNone) symbol = text.size();
  if (symbol > 0) return {symbol, text.substr(0, symbol)};
  if (character_map_) {
    if (const auto found = character_map_->FindLongest(text)) return *found;
  }
  const size_t length = CodePointLength(text[0]);
  return {length, text.substr(0, length)};
}

}  // namespace gannet::encoder
