#ifndef GANNET_ENCODER_CODE_GRAMMAR_H_
#define GANNET_ENCODER_CODE_GRAMMAR_H_

#include <filesystem>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "encoder/code/syntax_tree.h"

namespace gannet::encoder {

// The folder in which grammars are looked for: the environment variable GANNET_GRAMMARS, else
// gannet/grammars below XDG_DATA_HOME (~/.local/share). A model folder cannot name another: it is
// data, and a grammar is code.
std::filesystem::path GrammarFolder();

// The file of a language's grammar in a folder: libtree-sitter-LANG.so.
std::filesystem::path GrammarFile(const std::filesystem::path& folder, std::string_view language);

// A tree-sitter grammar, a shared library. Immutable; safe to use from several threads.
class Grammar {
 public:
  // Loads the library of `file`, which `language` names the symbol in: tree_sitter_LANG. Errors
  // name the file: kNotFound where there is none; one that is no library, has no such symbol, or
  // was made for another version of tree-sitter.
  static absl::StatusOr<std::shared_ptr<const Grammar>> Open(const std::filesystem::path& file,
                                                             std::string_view language);

  ~Grammar();

  // The tree of any text, well-formed code or not: what the grammar does not know becomes nodes
  // like any other. An error where the text is too long for tree-sitter (4 GiB).
  absl::StatusOr<SyntaxTree> Parse(std::string_view code) const;

 private:
  struct Library;

  explicit Grammar(std::unique_ptr<const Library> library);

  const std::unique_ptr<const Library> library_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CODE_GRAMMAR_H_
