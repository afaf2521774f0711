#ifndef GANNET_EVAL_REPORT_H_
#define GANNET_EVAL_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "eval/metrics.h"

namespace gannet::eval {

// Everything that a figure depends on.
struct Provenance {
  std::string dataset;              // Name of its folder.
  std::string dataset_fingerprint;  // Over corpus, queries and qrels.
  std::string split;
  uint64_t documents = 0;
  uint64_t queries = 0;

  std::string model;
  std::string model_fingerprint;
  size_t max_tokens = 0;
  std::string similarity;
  std::string precision;  // Of the encoder's arithmetic: "fp32".

  size_t depth = 0;  // Documents retrieved per query.
  EvaluationRules rules;

  // Texts that were longer than the model reads.
  uint64_t cut_documents = 0;
  uint64_t cut_queries = 0;
  // Documents that were in the collection before, whose length this evaluation has not seen.
  uint64_t documents_stored_before = 0;
  // Ill-formed UTF-8 sequences that became U+FFFD, in corpus and queries.
  uint64_t replaced_sequences = 0;
};

// A stage of the pipeline that ranked, and what it did over all queries.
struct StageTotals {
  std::string stage;
  std::string type;
  std::string model;                   // As the pipeline names it; empty for the collection's.
  std::string model_fingerprint = {};  // Over its files.
  size_t depth = 0;
  uint64_t ran = 0;      // Queries,
  uint64_t skipped = 0;  // for want of time: figures that depend on the machine.
  double seconds = 0;
  uint64_t without_score = 0;  // Candidates,
  uint64_t dropped = 0;        // for their score or their group.
  uint64_t tokens_total = 0;
  uint64_t tokens_read = 0;
};

struct Report {
  Provenance provenance;
  std::vector<StageTotals> stages = {};  // Empty: the nearest vectors are the ranking.
  Evaluation evaluation;
  double index_seconds = 0;
  double encode_queries_seconds = 0;
  double retrieve_seconds = 0;
};

// For people: the means, one a line with four decimals, then the provenance.
std::string ReportText(const Report& report);

// For programs: one JSON object with the means in full precision; ends in a line end.
std::string ReportJson(const Report& report);

}  // namespace gannet::eval

#endif  // GANNET_EVAL_REPORT_H_
