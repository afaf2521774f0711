#ifndef GANNET_RANKER_RERANK_ICR_SCORES_H_
#define GANNET_RANKER_RERANK_ICR_SCORES_H_

#include <cstddef>
#include <span>
#include <vector>

#include "ranker/rerank/icr_prompt.h"

namespace gannet::ranker {

// c_j: what the query takes from each token of a document beyond what the calibration query takes.
// `query` and `calibration` are s_j over the prompt; both cover the span.
std::vector<double> CalibratedMasses(std::span<const double> query,
                                     std::span<const double> calibration, TokenSpan document);

// τ = mean c − 2 · std c (unbiased): tokens at or below it are left out of the score. -∞, which
// leaves none out, where there are fewer than two tokens and thus no deviation.
double MassThreshold(std::span<const double> masses);

// Σ of the masses above the threshold; 0 for a document without tokens.
double ScoreOf(std::span<const double> masses);

// The scores of documents from s_j of the query and of the calibration.
std::vector<double> ScoreDocuments(std::span<const double> query,
                                   std::span<const double> calibration,
                                   std::span<const TokenSpan> documents);

// Positions by falling score; equal ones keep their order.
std::vector<size_t> RankByScore(std::span<const double> scores);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_ICR_SCORES_H_
