#ifndef GANNET_CLI_RANKING_JSON_H_
#define GANNET_CLI_RANKING_JSON_H_

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "ranker/pipeline/pipeline.h"
#include "ranker/rerank/rerank_stage.h"

namespace gannet::cli {

// What pipelines say, as the JSON of docs/pipelines.md.

// {"cross-encoder": 7.3}
nlohmann::ordered_json ScoresJson(std::span<const ranker::StageScore> scores);

nlohmann::ordered_json WindowJson(const ranker::TextWindow& window);

// {"stage": "duo", "skipped": false, "ms": 412.0, "candidates_in": 30, ...}
nlohmann::ordered_json ReportsJson(std::span<const ranker::StageReport> reports);

// With the texts of windows and tokens, which are those of the passage's title and text.
nlohmann::ordered_json ExplanationsJson(std::span<const ranker::Explanation> explanations,
                                        std::string_view title, std::string_view text);

}  // namespace gannet::cli

#endif  // GANNET_CLI_RANKING_JSON_H_
