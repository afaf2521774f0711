#ifndef GANNET_ENCODER_EMBED_TEXT_PLAN_H_
#define GANNET_ENCODER_EMBED_TEXT_PLAN_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "encoder/embed/long_text.h"
#include "encoder/embed/window_range.h"
#include "encoder/run/model_input.h"
#include "encoder/run/text_model.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// What a model is to read of a text: one input for each of its runs, and the rows of the input
// whose pooling makes a vector each; none for all rows together.
struct TextPlan {
  struct Run {
    ModelInput input;
    std::vector<WindowRange> rows;
  };
  TextVectors text;  // But for the values: a span for each vector that the runs make.
  std::vector<Run> runs;
};

// Cuts a text into the windows of `options`, which are checked. The text is tokenised once: windows
// are slices of its tokens, each with the special tokens and the prompt of the whole around it, and
// the spans of a window are those of its tokens. Errors are those of the text.
class TextPlanner {
 public:
  // All must outlive the planner.
  TextPlanner(const TextModel& model, const LongTextOptions& options, const std::string& prompt)
      : model_(model), options_(options), prompt_(prompt) {}

  // `encoding` is room to work in.
  absl::Status Plan(std::string_view text, Encoding& encoding, TextPlan& plan) const;

 private:
  // The tokens of a text among those of the encoding, and where they stand.
  struct Tokens {
    WindowRange own;              // In the encoding, between special tokens and prompt.
    std::vector<ByteSpan> bytes;  // [own] In the text; both ends ascending.
    size_t budget = 0;            // Most of them that a run can read.
  };

  // The tokens of `text` itself, which the tokenizer has seen as `given`.
  void Locate(std::string_view text, std::string_view given, const Encoding& encoding,
              Tokens& tokens) const;
  absl::StatusOr<std::vector<WindowRange>> Cut(std::string_view text, const Tokens& tokens) const;
  absl::StatusOr<std::vector<WindowRange>> CutByTokens(std::string_view text,
                                                       const Tokens& tokens) const;
  std::vector<WindowRange> CutByWords(std::string_view text, const Tokens& tokens) const;

  void PlanWhole(std::string_view text, const Encoding& encoding, const Tokens& tokens,
                 TextPlan& plan) const;
  absl::Status PlanParts(std::string_view text, const Encoding& encoding, bool fits, Tokens& tokens,
                         TextPlan& plan) const;
  void PlanChunks(const Encoding& encoding, const Tokens& tokens,
                  const std::vector<WindowRange>& chunks, TextPlan& plan) const;
  // Tokens `range` of the text, with what stands around them.
  ModelInput InputOf(const Encoding& encoding, const Tokens& tokens, WindowRange range) const;

  const TextModel& model_;
  const LongTextOptions& options_;
  const std::string& prompt_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_TEXT_PLAN_H_
