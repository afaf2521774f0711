#ifndef GANNET_EVAL_REPORT_H_
#define GANNET_EVAL_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "eval/metrics.h"
#include "eval/texts_read.h"

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

  std::string long_text;  // What became of long documents: LongTextOptions::ToString.
  TextsRead documents_read;
  TextsRead queries_read;
  // Queries of the dataset that are not asked, because nothing that there is answers them.
  uint64_t left_out_queries = 0;
  // Documents that were in the collection before, whose length this evaluation has not seen.
  uint64_t documents_stored_before = 0;
  // Ill-formed UTF-8 sequences that became U+FFFD, in corpus and queries.
  uint64_t replaced_sequences = 0;
};

struct Report {
  Provenance provenance;
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
