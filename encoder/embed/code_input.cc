#include "encoder/embed/code_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/status.h"

namespace gannet::encoder {
namespace {

constexpr std::string_view kBeforeOthers = "@";

// Which bytes of the code some block has.
class ReadBytes {
 public:
  explicit ReadBytes(size_t size) : read_(size, false) {}

  void Mark(ByteSpan span) { std::fill(At(span.begin), At(span.end), true); }
  bool HasAll(ByteSpan span) {
    return std::find(At(span.begin), At(span.end), false) == At(span.end);
  }

 private:
  std::vector<bool>::iterator At(uint32_t byte) { return read_.begin() + byte; }

  std::vector<bool> read_;
};

}  // namespace

absl::StatusOr<CodeInputs> CodeInputs::Make(const TextModel& model, size_t limit) {
  CodeInputs inputs(model);
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(
      model.tokenizer->Encode(kBeforeOthers, {.add_special_tokens = false}, encoding));
  if (encoding.ids.size() != 1) {
    return absl::InvalidArgumentError(
        fmt::format("{}: the tokenizer makes {} tokens of \"{}\", expected 1: code cannot be given "
                    "to it token by token",
                    model.folder.transformer.string(), encoding.ids.size(), kBeforeOthers));
  }
  GANNET_RETURN_IF_ERROR(model.tokenizer->Encode(kBeforeOthers, {}, encoding));
  const auto text = std::ranges::find(encoding.special_tokens_mask, 0);
  const auto place = encoding.ids.begin() + (text - encoding.special_tokens_mask.begin());
  inputs.before_.assign(encoding.ids.begin(), place);
  inputs.after_.assign(place + 1, encoding.ids.end());
  inputs.room_ = limit - std::min(limit, inputs.before_.size() + inputs.after_.size());
  return inputs;
}

absl::Status CodeInputs::Tokenize(std::string_view token, Place place, Encoding& encoding) const {
  const EncodeOptions options{.add_special_tokens = false};
  if (place == Place::kFirst) return model_->tokenizer->Encode(token, options, encoding);
  GANNET_RETURN_IF_ERROR(
      model_->tokenizer->Encode(fmt::format("{} {}", kBeforeOthers, token), options, encoding));
  encoding.ids.erase(encoding.ids.begin());
  return absl::OkStatus();
}

absl::StatusOr<CodeInputs::Block> CodeInputs::Encode(const CodeBlock& tokens, Extent extent) const {
  Block block;
  block.input.ids = before_;
  Encoding encoding;
  size_t used = 0;
  for (const CodeToken& token : tokens) {
    if (extent == Extent::kWhatFits && used >= room_) break;
    const Place place = block.sizes.empty() ? Place::kFirst : Place::kBehind;
    GANNET_RETURN_IF_ERROR(Tokenize(token.text, place, encoding));
    const size_t taken = std::min(encoding.ids.size(), room_ - used);
    block.input.ids.insert(block.input.ids.end(), encoding.ids.begin(),
                           encoding.ids.begin() + static_cast<ptrdiff_t>(taken));
    block.sizes.push_back(encoding.ids.size());
    used += taken;
  }
  block.input.ids.insert(block.input.ids.end(), after_.begin(), after_.end());
  block.input.type_ids.resize(block.input.ids.size(), 0);
  block.input.status = model_->model->Check(block.input.ids, block.input.type_ids);
  return block;
}

absl::StatusOr<std::vector<ModelInput>> CodeInputs::Of(const SplitCode& split,
                                                       TokenCount& count) const {
  ReadBytes read(split.code.size());
  std::vector<ModelInput> inputs;
  std::vector<size_t> sizes;  // Of the tokens of the whole code.
  for (const CodeBlock& tokens : split.blocks) {
    const bool whole = inputs.empty();
    GANNET_ASSIGN_OR_RETURN(Block block, Encode(tokens, whole ? Extent::kAll : Extent::kWhatFits));
    for (size_t k = 0, end = 0; k < block.sizes.size(); ++k) {
      end += block.sizes[k];
      if (end <= room_) read.Mark(tokens[k].code);
    }
    inputs.push_back(std::move(block.input));
    if (whole) sizes = std::move(block.sizes);
  }
  count.total = count.read = before_.size() + after_.size();
  for (size_t k = 0, left = room_; k < sizes.size(); ++k) {
    const size_t direct = std::min(sizes[k], left);
    left -= direct;
    count.total += sizes[k];
    count.read += read.HasAll(split.blocks[0][k].code) ? sizes[k] : direct;
  }
  return inputs;
}

}  // namespace gannet::encoder
