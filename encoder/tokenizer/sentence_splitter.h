#ifndef GANNET_ENCODER_TOKENIZER_SENTENCE_SPLITTER_H_
#define GANNET_ENCODER_TOKENIZER_SENTENCE_SPLITTER_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// The sentences of a text, as bytes of it: ascending, not overlapping, none empty, without the
// white space around them; what lies between them is white space. Sentences end where Unicode annex
// 29 ends them in any language (ICU's root rules), and at blank lines; a single line break is a
// space, so that wrapped text splits as unwrapped text does. Ill-formed UTF-8 is an error.
//
// The hierarchical encoders were released with NLTK's punkt, whose tables are trained for each
// language: it keeps "Dr. Nakamura" together and needs a space behind a stop, where annex 29 ends a
// sentence at the stop of "Dr. ", and knows the stops of scripts that have no spaces.
absl::StatusOr<std::vector<ByteSpan>> SplitSentences(std::string_view text);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_TOKENIZER_SENTENCE_SPLITTER_H_
