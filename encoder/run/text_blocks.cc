#include "encoder/run/text_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "encoder/tokenizer/sentence_splitter.h"

namespace gannet::encoder {

std::vector<std::vector<TokenId>> FillBlocks(std::span<const std::vector<TokenId>> sentences,
                                             const BlockShape& shape) {
  const bool greedy = shape.filling == BlockShape::Filling::kGreedy;
  std::vector<std::vector<TokenId>> blocks;
  for (const std::vector<TokenId>& sentence : sentences) {
    if (sentence.empty()) continue;
    const bool fits =
        greedy && !blocks.empty() && blocks.back().size() + sentence.size() <= shape.capacity();
    if (!fits) blocks.emplace_back();
    blocks.back().insert(blocks.back().end(), sentence.begin(), sentence.end());
  }
  return blocks;
}

absl::StatusOr<BlockSplitter> BlockSplitter::Make(const Tokenizer& tokenizer,
                                                  const HierarchicalModel& model) {
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(tokenizer.Encode("", {}, encoding));
  if (encoding.ids.size() == 2) {
    return BlockSplitter(tokenizer, model, encoding.ids[0], encoding.ids[1]);
  }
  return absl::InvalidArgumentError(
      fmt::format("the tokenizer puts {} special tokens around a text, expected [CLS] and [SEP]",
                  encoding.ids.size()));
}

absl::StatusOr<std::vector<TokenId>> BlockSplitter::TokensOf(std::string_view text) const {
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(tokenizer_->Encode(text, {.add_special_tokens = false}, encoding));
  return std::move(encoding.ids);
}

ModelInput BlockSplitter::Wrap(std::span<const TokenId> tokens) const {
  ModelInput input;
  input.ids.push_back(first_);
  input.ids.insert(input.ids.end(), tokens.begin(), tokens.end());
  input.ids.insert(input.ids.end(), model_->shape().separators, separator_);
  input.type_ids.resize(input.ids.size());
  input.count = {.total = input.ids.size(), .read = input.ids.size()};
  input.status = model_->block_encoder().Check(input.ids, input.type_ids);
  return input;
}

BlockedText BlockSplitter::Read(std::span<const std::vector<TokenId>> blocks) const {
  const BlockShape& shape = model_->shape();
  BlockedText text;
  for (const std::vector<TokenId>& tokens : blocks) {
    text.count.total += 1 + tokens.size() + shape.separators;
    if (text.blocks.size() == shape.blocks) continue;
    const ModelInput& block = text.blocks.emplace_back(
        Wrap(std::span(tokens).first(std::min(tokens.size(), shape.capacity()))));
    text.count.read += block.ids.size();
    if (text.status.ok()) text.status = block.status;
  }
  text.count.blocks = text.blocks.size();
  return text;
}

BlockedText BlockSplitter::Split(std::string_view text) const {
  const absl::StatusOr<std::vector<ByteSpan>> spans = SplitSentences(text);
  if (!spans.ok()) return {.blocks = {}, .count = {}, .status = spans.status()};
  std::vector<std::vector<TokenId>> sentences;
  for (const ByteSpan span : *spans) {
    auto tokens = TokensOf(text.substr(span.begin, span.end - span.begin));
    if (!tokens.ok()) return {.blocks = {}, .count = {}, .status = tokens.status()};
    sentences.push_back(*std::move(tokens));
  }
  return Read(FillBlocks(sentences, model_->shape()));
}

BlockedText BlockSplitter::Whole(std::string_view text) const {
  auto tokens = TokensOf(text);
  if (!tokens.ok()) return {.blocks = {}, .count = {}, .status = tokens.status()};
  return Read({&*tokens, 1});
}

}  // namespace gannet::encoder
