#ifndef GANNET_CLI_RANKING_TEXT_H_
#define GANNET_CLI_RANKING_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "ranker/pipeline/pipeline.h"
#include "ranker/rerank/rerank_stage.h"

namespace gannet::cli {

// What a stage did, on one line without its end: "duo: 30 candidates in 412.0 ms".
std::string ReportText(const ranker::StageReport& report);

// Why a stage scored a passage as it did, for people, on one line of about `columns` bytes without
// its end: the window that won, or the passage where the query takes most from it, with the tokens
// that give most set in «angle quotes».
std::string ExplanationText(const ranker::Explanation& explanation, std::string_view title,
                            std::string_view text, size_t columns);

}  // namespace gannet::cli

#endif  // GANNET_CLI_RANKING_TEXT_H_
