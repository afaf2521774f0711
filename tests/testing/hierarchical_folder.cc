#include "tests/testing/hierarchical_folder.h"

#include <fmt/format.h>

#include <string>

namespace gannet::testing {
namespace {

constexpr std::string_view kHmde = R"({"model": "hmde", "sentence_tokens": 7,
  "document_positions": 6, "upper_positional": true, "dcls_token_id": 24,
  "upper_config": {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 4,
                   "intermediate_size": 16}})";
constexpr std::string_view kSmith = R"({"model": "smith", "max_sent_length_by_word": 8,
  "max_doc_length_by_sentence": 6, "loop_sent_number_per_doc": 5,
  "doc_rep_combine_mode": "MODE", "doc_rep_combine_attention_size": 12,
  "sent_bert_config": {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 16},
  "doc_bert_config": {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 8}})";

}  // namespace

HierarchicalFolder::HierarchicalFolder(std::string_view data, std::string_view gannet_json,
                                       size_t vocabulary) {
  for (const auto& entry : std::filesystem::directory_iterator(TestData(data))) {
    std::filesystem::copy(entry.path(), path() / entry.path().filename());
  }
  std::string words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n.\n";
  for (size_t i = 5; i < vocabulary; ++i) words += fmt::format("w{}\n", i);
  folder_->Write("vocab.txt", words);
  folder_->Write("gannet.json", gannet_json);
}

HierarchicalFolder HierarchicalFolder::Smith(std::string_view mode) {
  std::string file(kSmith);
  file.replace(file.find("MODE"), 4, mode);
  return {"smith_tf", file, 60};
}

HierarchicalFolder HierarchicalFolder::Hmde() { return {"hmde", kHmde, 24}; }

}  // namespace gannet::testing
