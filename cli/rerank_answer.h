#ifndef GANNET_CLI_RERANK_ANSWER_H_
#define GANNET_CLI_RERANK_ANSWER_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "eval/rerank_requests.h"
#include "ranker/pipeline/pipeline.h"

namespace gannet::cli {

// One line of JSON: {"id": "q1", "hits": [...]}, and "stages" where there are reports.
std::string AnswerLine(const eval::RerankRequest& request,
                       std::span<const ranker::StageReport> stages);

// What happened to the candidates of all queries.
class RerankTally {
 public:
  // `request` with its candidates as they were answered.
  void Add(const eval::RerankRequest& request, std::span<const ranker::StageReport> stages,
           double seconds);

  // For people, on standard error.
  void Print() const;

 private:
  struct Skips {
    uint64_t queries = 0;
    std::string first_reason;
  };

  uint64_t queries_ = 0;
  uint64_t candidates_ = 0;
  uint64_t cut_ = 0;       // Longer than the model reads.
  uint64_t unscored_ = 0;  // Why, of the first:
  std::string first_problem_;
  uint64_t dropped_ = 0;  // For their score or their group.
  std::map<std::string, Skips> skips_;
  double seconds_ = 0;
};

}  // namespace gannet::cli

#endif  // GANNET_CLI_RERANK_ANSWER_H_
