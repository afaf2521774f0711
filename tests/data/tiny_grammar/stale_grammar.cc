// The first field of a grammar's tables, the version that they were made for: one that tree-sitter
// has not taken since 2018.
extern "C" const void* tree_sitter_stale() {
  static const unsigned kVersion = 8;
  return &kVersion;
}
