#ifndef GANNET_EVAL_DATASET_H_
#define GANNET_EVAL_DATASET_H_

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/qrels.h"
#include "indexer/job/corpus_reader.h"

namespace gannet::eval {

struct Query {
  std::string id;
  std::string text;  // Well-formed UTF-8.
};

// One split of a folder in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/<split>.tsv; or one
// task of a folder in LoCo's: documents and queries, whose rows say their task.
struct Dataset {
  std::filesystem::path folder;
  std::vector<std::filesystem::path> corpus_files;  // At least one; one after another.
  std::vector<std::filesystem::path> queries_files;
  std::string split;
  std::string task;               // Of LoCo; empty for BEIR.
  std::vector<Query> queries;     // Those of the qrels, in their order.
  size_t replaced_sequences = 0;  // Ill-formed UTF-8 of the queries that became U+FFFD.
  size_t left_out_queries = 0;    // Of LoCo, whose passage has no text.
  Qrels qrels;

  std::filesystem::path QrelsFile() const { return folder / "qrels" / (split + ".tsv"); }
  // The file of the corpus, or where there are several the folder that holds them.
  std::filesystem::path CorpusPlace() const;
};

// Opens a split. The corpus is located, not read: documents go through the indexer's own reader.
// Errors name file and line; a split that is not there comes with those that are.
absl::StatusOr<Dataset> OpenDataset(const std::filesystem::path& folder, std::string_view split);

// True for a folder that holds documents as LoCo has them.
bool HoldsLocoRows(const std::filesystem::path& folder);

// Opens a task of a folder that holds rows of LoCo as they are published (Saad-Falcon et al. 2024,
// arXiv:2402.07440): queries {qid, query, answer_pids, dataset}, documents {pid, passage, dataset}.
// Documents are documents.jsonl, or documents.parquet, or all .jsonl and .parquet files below
// documents/, of which those whose name begins with the split ("test-00000-of-00002.parquet") count
// when there are any; shards of other splits alone are an error; so for queries. Every answer is
// relevant with grade 1; a query whose answers have no passage (null, as in QASPER) is left out.
// Errors name file and row; a task that is not there, or none, comes with those that are.
absl::StatusOr<Dataset> OpenLocoTask(const std::filesystem::path& folder, std::string_view split,
                                     std::string_view task);

// How the documents of a dataset are read.
indexer::CorpusOptions CorpusOf(const Dataset& dataset);

// 32 hexadecimal digits over the bytes of the corpus, the queries and the qrels of the split; of a
// task also over its name.
absl::StatusOr<std::string> Fingerprint(const Dataset& dataset);

}  // namespace gannet::eval

#endif  // GANNET_EVAL_DATASET_H_
