#include "encoder/tokenizer/tokenizer.h"

#include <fmt/format.h>

#include <string>
#include <system_error>

#include "base/file.h"
#include "base/status.h"
#include "encoder/checkpoint/gguf.h"
#include "encoder/tokenizer/bert_vocabulary.h"
#include "encoder/tokenizer/gguf_vocabulary.h"
#include "encoder/tokenizer/gpt2_vocabulary.h"
#include "encoder/tokenizer/sentencepiece_file.h"
#include "encoder/tokenizer/tokenizer_json.h"

namespace gannet::encoder {
namespace {

using Result = absl::StatusOr<std::unique_ptr<const Tokenizer>>;

bool Exists(const std::filesystem::path& path) {
  std::error_code unreadable;
  return std::filesystem::exists(path, unreadable);
}

absl::StatusOr<std::string> ReadConfig(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "tokenizer_config.json";
  if (!Exists(file)) return std::string();
  return base::ReadFile(file);
}

// The tokenizer, or its error with the path of what was read.
Result At(const std::filesystem::path& path, Result tokenizer) {
  if (!tokenizer.ok()) return base::Annotate(tokenizer.status(), path.string());
  return tokenizer;
}

Result OpenTokenizerJson(const std::filesystem::path& file) {
  GANNET_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(file));
  return At(file, ReadTokenizerJson(text));
}

Result OpenBertVocabulary(const std::filesystem::path& folder) {
  GANNET_ASSIGN_OR_RETURN(const std::string vocabulary, base::ReadFile(folder / "vocab.txt"));
  GANNET_ASSIGN_OR_RETURN(const std::string config, ReadConfig(folder));
  return At(folder, ReadBertVocabulary(vocabulary, config));
}

Result OpenGpt2Vocabulary(const std::filesystem::path& folder) {
  GANNET_ASSIGN_OR_RETURN(const std::string vocabulary, base::ReadFile(folder / "vocab.json"));
  GANNET_ASSIGN_OR_RETURN(const std::string merges, base::ReadFile(folder / "merges.txt"));
  GANNET_ASSIGN_OR_RETURN(const std::string config, ReadConfig(folder));
  return At(folder, ReadGpt2Vocabulary(vocabulary, merges, config));
}

Result OpenSentencePiece(const std::filesystem::path& file) {
  GANNET_ASSIGN_OR_RETURN(const std::string model, base::ReadFile(file));
  GANNET_ASSIGN_OR_RETURN(const std::string config, ReadConfig(file.parent_path()));
  return At(file, ReadSentencePieceFile(model, config));
}

Result OpenGguf(const std::filesystem::path& file, const TokenizerOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const base::MappedFile mapped, base::MappedFile::Open(file));
  return At(file, ReadGgufVocabulary(mapped.bytes(), options));
}

}  // namespace

Result Tokenizer::Open(const std::filesystem::path& folder, const TokenizerOptions& options) {
  const auto has = [&](const char* name) { return Exists(folder / name); };
  if (has("tokenizer.json")) return OpenTokenizerJson(folder / "tokenizer.json");
  if (has("vocab.json") && has("merges.txt")) return OpenGpt2Vocabulary(folder);
  for (const char* name : {"spiece.model", "tokenizer.model"}) {
    if (has(name)) return OpenSentencePiece(folder / name);
  }
  if (has("vocab.txt")) return OpenBertVocabulary(folder);
  if (const auto gguf = FindGguf(folder)) return OpenGguf(*gguf, options);
  return absl::NotFoundError(
      fmt::format("{}: no tokenizer there (looked for tokenizer.json, vocab.json with merges.txt, "
                  "spiece.model, tokenizer.model, vocab.txt and one .gguf file)",
                  folder.string()));
}

}  // namespace gannet::encoder
