#ifndef GANNET_ENCODER_CHECKPOINT_MODEL_FOLDER_H_
#define GANNET_ENCODER_CHECKPOINT_MODEL_FOLDER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/config_file.h"

namespace gannet::encoder {

// Ways to make one vector of a text's token vectors; several are concatenated in this order. The
// last is the pooler that the model was trained with, over its first token vector.
enum class Pooling { kCls, kMax, kMean, kMeanSqrtLen, kWeightedMean, kLastToken, kPooler };

// What was taken for granted about a model whose folder does not say it, for people: about
// "pooling", taken "mean, not normalised", because of "no modules.json".
struct Assumption {
  std::string about;
  std::string taken;
  std::string because;
};

// Assumes what is `taken` for a field that the file does not have; nothing where it has it.
void AssumeAbsent(const ConfigFile& file, std::string_view field, std::string taken,
                  std::vector<Assumption>& assumptions);

std::string_view PoolingName(Pooling pooling);  // "cls", "mean", ...

// The family of a config.json: its model_type, or what fields that no other family has tell. What
// had to be taken for granted is added to `assumptions`, where they are asked for.
absl::StatusOr<std::string> ModelFamily(const ConfigFile& file,
                                        std::vector<Assumption>* assumptions = nullptr);

// How a bi-encoder folder in Hugging Face or sentence-transformers layout wants to be used.
// Sources: sentence-transformers' modules.json, sentence_bert_config.json, 1_Pooling/config.json,
// config_sentence_transformers.json. A folder without modules.json is a transformer with mean
// pooling and no normalisation, as sentence-transformers treats it; but M2-BERT has its pooler, and
// a Mamba retriever the normalised vector of an end-of-text token that is put after the text.
struct ModelFolder {
  std::filesystem::path path;         // Of the folder, absolute.
  std::filesystem::path transformer;  // Of config.json, weights and tokenizer; often `path` itself.
  std::vector<std::filesystem::path> modules;  // Folders of modules.json's entries, in its order.
  std::string name;  // For people: the last part of the path that says something.

  // What makes the vectors: a transformer and poolings, or the mean over a table of token vectors
  // (see OpenStaticEmbedder).
  enum class Kind { kTransformer, kStatic, kModel2Vec } kind = Kind::kTransformer;
  std::vector<Pooling> poolings = {Pooling::kMean};

  // Of a pooling with weights of its own (see PerceiverPooler), which takes the place of
  // `poolings`: its module's folder.
  std::optional<std::filesystem::path> trainable_pooling;

  // The modules after the pooling, in order.
  struct AfterPooling {
    enum class Kind { kDense, kLayerNorm, kNormalize } kind = Kind::kNormalize;
    std::filesystem::path path;
  };
  std::vector<AfterPooling> after_pooling;
  // Longest input in tokens, special tokens included: sentence_bert_config.json's max_seq_length,
  // else the smaller of config.json's max_position_embeddings (Model2Vec: seq_length) and
  // tokenizer_config.json's model_max_length; 0 when none of them is there.
  size_t max_tokens = 0;
  std::optional<int32_t> appended_token;  // Put after the ids of a text, which are cut to fit it.
  bool lower_case = false;                // Text is lower-cased before the tokenizer sees it.
  std::string query_prompt;               // Put before every query.
  std::string document_prompt;            // Put before every document.
  std::optional<std::string> similarity;  // similarity_fn_name, as it stands.
  std::vector<Assumption> assumptions;    // What the folder does not say.

  // `folder` may also be a GGUF file, which then is path and transformer alike. Errors name the
  // file and field. A module that Gannet does not know is refused by its name.
  static absl::StatusOr<ModelFolder> Read(const std::filesystem::path& folder);
};

// 32 hexadecimal digits over the name and content of every file of the folder that bears on its
// vectors: configurations, tokenizer and weights.
absl::StatusOr<std::string> FingerprintOf(const ModelFolder& folder);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_MODEL_FOLDER_H_
