#include "encoder/code/grammar.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <tree_sitter/api.h>

#include <cstdlib>
#include <limits>
#include <string>
#include <utility>

namespace gannet::encoder {
namespace {

struct CloseLibrary {
  void operator()(void* handle) const { ::dlclose(handle); }
};

struct DeleteParser {
  void operator()(TSParser* parser) const { ::ts_parser_delete(parser); }
};

struct DeleteTree {
  void operator()(TSTree* tree) const { ::ts_tree_delete(tree); }
};

// Deletes what a cursor holds.
struct Cursor {
  explicit Cursor(const TSTree* tree) : cursor(::ts_tree_cursor_new(::ts_tree_root_node(tree))) {}
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor() { ::ts_tree_cursor_delete(&cursor); }

  TSTreeCursor cursor;
};

// The grammars of some languages have several kinds of comments, each named like line_comment.
SyntaxKind KindOf(std::string_view type) {
  if (type == "string") return SyntaxKind::kString;
  return type.ends_with("comment") ? SyntaxKind::kComment : SyntaxKind::kOther;
}

SyntaxNode Describe(TSNode node) {
  const TSPoint start = ::ts_node_start_point(node);
  return {.kind = KindOf(::ts_node_type(node)),
          .bytes = {::ts_node_start_byte(node), ::ts_node_end_byte(node)},
          .start = {start.row, start.column}};
}

// In a loop: code may nest deeper than the stack.
SyntaxTree Flatten(const TSTree* parsed) {
  SyntaxTree tree;
  std::vector<uint32_t> open;  // The nodes from the root to the cursor's.
  Cursor at(parsed);
  const auto close = [&] {
    tree[open.back()].subtree_end = static_cast<uint32_t>(tree.size());
    open.pop_back();
  };
  while (true) {
    open.push_back(static_cast<uint32_t>(tree.size()));
    tree.push_back(Describe(::ts_tree_cursor_current_node(&at.cursor)));
    if (::ts_tree_cursor_goto_first_child(&at.cursor)) continue;
    close();
    while (!::ts_tree_cursor_goto_next_sibling(&at.cursor)) {
      if (!::ts_tree_cursor_goto_parent(&at.cursor)) return tree;
      close();
    }
  }
}

}  // namespace

struct Grammar::Library {
  std::unique_ptr<void, CloseLibrary> handle;
  const TSLanguage* language = nullptr;
};

std::filesystem::path GrammarFolder() {
  if (const char* set = std::getenv("GANNET_GRAMMARS"); set != nullptr && *set != '\0') return set;
  const std::filesystem::path below = std::filesystem::path("gannet") / "grammars";
  if (const char* set = std::getenv("XDG_DATA_HOME"); set != nullptr && *set != '\0') {
    return set / below;
  }
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home == nullptr ? "" : home) / ".local" / "share" / below;
}

std::filesystem::path GrammarFile(const std::filesystem::path& folder, std::string_view language) {
  return folder / fmt::format("libtree-sitter-{}.so", language);
}

absl::StatusOr<std::shared_ptr<const Grammar>> Grammar::Open(const std::filesystem::path& file,
                                                             std::string_view language) {
  if (!std::filesystem::exists(file)) {
    return absl::NotFoundError(fmt::format("{}: no such grammar", file.string()));
  }
  const auto wrong = [&](std::string_view what) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", file.string(), what));
  };
  auto library = std::make_unique<Library>();
  library->handle.reset(
      ::dlopen(std::filesystem::absolute(file).c_str(), RTLD_NOW | RTLD_LOCAL));  // NOLINT
  if (library->handle == nullptr) return wrong(::dlerror());
  const std::string symbol = fmt::format("tree_sitter_{}", language);
  void* const found = ::dlsym(library->handle.get(), symbol.c_str());
  if (found == nullptr) return wrong(fmt::format("no function {} in it", symbol));
  library->language = reinterpret_cast<const TSLanguage* (*)()>(found)();
  const uint32_t version = ::ts_language_version(library->language);
  if (version < TREE_SITTER_MIN_COMPATIBLE_LANGUAGE_VERSION ||
      version > TREE_SITTER_LANGUAGE_VERSION) {
    return wrong(fmt::format("made for version {} of tree-sitter's tables, expected {} to {}",
                             version, TREE_SITTER_MIN_COMPATIBLE_LANGUAGE_VERSION,
                             TREE_SITTER_LANGUAGE_VERSION));
  }
  return std::shared_ptr<const Grammar>(new Grammar(std::move(library)));
}

Grammar::Grammar(std::unique_ptr<const Library> library) : library_(std::move(library)) {}
Grammar::~Grammar() = default;

absl::StatusOr<SyntaxTree> Grammar::Parse(std::string_view code) const {
  if (code.size() >= std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError(
        fmt::format("{} bytes are more than tree-sitter reads", code.size()));
  }
  const std::unique_ptr<TSParser, DeleteParser> parser(::ts_parser_new());
  if (!::ts_parser_set_language(parser.get(), library_->language)) {
    return absl::InternalError("tree-sitter does not take the grammar");
  }
  const std::unique_ptr<TSTree, DeleteTree> tree(::ts_parser_parse_string(
      parser.get(), nullptr, code.data(), static_cast<uint32_t>(code.size())));
  if (tree == nullptr) return absl::InternalError("tree-sitter gave no tree");
  return Flatten(tree.get());
}

}  // namespace gannet::encoder
