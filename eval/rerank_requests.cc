#include "eval/rerank_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/input_stream.h"
#include "base/status.h"
#include "eval/lines.h"
#include "indexer/job/corpus_reader.h"

namespace gannet::eval {
namespace {

using Json = nlohmann::json;

absl::StatusOr<std::string> StringOr(const Json& object, const char* name, std::string absent) {
  const auto found = object.find(name);
  if (found == object.end()) return absent;
  if (found->is_string()) return found->get<std::string>();
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is a {}, expected a string", name, found->type_name()));
}

absl::StatusOr<ranker::Candidate> ParsePassage(const Json& passage, size_t place) {
  ranker::Candidate candidate;
  candidate.id = fmt::format("{}", place);
  if (passage.is_string()) {
    candidate.text = passage.get<std::string>();
    return candidate;
  }
  if (!passage.is_object()) {
    return absl::InvalidArgumentError(
        fmt::format("a {}, expected a string or an object", passage.type_name()));
  }
  if (!passage.contains("text")) return absl::InvalidArgumentError("no field \"text\"");
  GANNET_ASSIGN_OR_RETURN(candidate.id, StringOr(passage, "id", candidate.id));
  GANNET_ASSIGN_OR_RETURN(candidate.title, StringOr(passage, "title", ""));
  GANNET_ASSIGN_OR_RETURN(candidate.text, StringOr(passage, "text", ""));
  if (const auto score = passage.find("score"); score != passage.end()) {
    if (!score->is_number()) {
      return absl::InvalidArgumentError(
          fmt::format("\"score\" is a {}, expected a number", score->type_name()));
    }
    candidate.score = score->get<float>();
    candidate.stage_scores.push_back({"input", candidate.score});
  }
  if (const auto metadata = passage.find("metadata"); metadata != passage.end()) {
    if (!metadata->is_object()) {
      return absl::InvalidArgumentError(
          fmt::format("\"metadata\" is a {}, expected an object", metadata->type_name()));
    }
    candidate.metadata_json = metadata->dump();
  }
  return candidate;
}

absl::StatusOr<RerankRequest> ParseRequest(std::string_view line, size_t number) {
  const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::InvalidArgumentError("not a JSON object in UTF-8");
  RerankRequest request;
  GANNET_ASSIGN_OR_RETURN(request.query_id, StringOr(object, "id", fmt::format("{}", number)));
  if (!object.contains("query")) return absl::InvalidArgumentError("no field \"query\"");
  GANNET_ASSIGN_OR_RETURN(request.query, StringOr(object, "query", ""));
  const auto passages = object.find("passages");
  if (passages == object.end() || !passages->is_array()) {
    return absl::InvalidArgumentError("no list \"passages\"");
  }
  for (size_t i = 0; i < passages->size(); ++i) {
    absl::StatusOr<ranker::Candidate> candidate = ParsePassage((*passages)[i], i);
    if (!candidate.ok()) {
      return base::Annotate(candidate.status(), fmt::format("passages[{}]", i));
    }
    request.candidates.push_back(*std::move(candidate));
  }
  return request;
}

}  // namespace

absl::StatusOr<std::vector<RerankRequest>> ReadRerankRequests(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(const std::string text, base::ReadDecompressed(path));
  std::vector<RerankRequest> requests;
  Lines lines(text);
  std::string_view line;
  while (lines.Next(line)) {
    if (IsBlank(line)) continue;
    absl::StatusOr<RerankRequest> request = ParseRequest(line, lines.number());
    if (!request.ok()) {
      return base::Annotate(request.status(), fmt::format("{}:{}", path.string(), lines.number()));
    }
    requests.push_back(*std::move(request));
  }
  return requests;
}

absl::StatusOr<RetrievedCandidates> RetrievedCandidates::Read(const Run& run,
                                                              const Dataset& dataset, size_t depth,
                                                              const EvaluationRules& rules) {
  std::unordered_map<std::string_view, const Query*> queries;
  for (const Query& query : dataset.queries) queries.emplace(query.id, &query);
  RetrievedCandidates candidates;
  candidates.cut_.tag = run.tag;
  for (const Ranking& ranking : run.rankings) {
    const auto query = queries.find(ranking.query_id);
    if (query == queries.end()) {
      ++candidates.unjudged_queries_;
      continue;
    }
    Ranking cut{.query_id = ranking.query_id, .documents = {}};
    for (const RetrievedDocument* document : Ordered(ranking, rules)) {
      if (cut.documents.size() == depth) break;
      cut.documents.push_back(*document);
    }
    candidates.rankings_.push_back(*query->second);
    candidates.cut_.rankings.push_back(std::move(cut));
  }
  if (candidates.size() == 0) {
    return absl::InvalidArgumentError(
        fmt::format("none of the run's {} queries is among the {} of {}", run.rankings.size(),
                    dataset.queries.size(), dataset.QrelsFile().string()));
  }
  GANNET_RETURN_IF_ERROR(candidates.ReadTexts(dataset));
  return candidates;
}

absl::Status RetrievedCandidates::ReadTexts(const Dataset& dataset) {
  std::unordered_set<std::string_view> wanted;
  for (const Ranking& ranking : cut_.rankings) {
    for (const RetrievedDocument& document : ranking.documents) wanted.insert(document.id);
  }
  GANNET_ASSIGN_OR_RETURN(auto reader, indexer::CorpusReader::Open(CorpusOf(dataset)));
  while (true) {
    GANNET_ASSIGN_OR_RETURN(std::optional<indexer::Document> document, reader.Next());
    if (!document) break;
    if (!wanted.contains(document->id)) continue;
    std::string id = document->id;
    documents_.insert_or_assign(std::move(id), *std::move(document));
  }
  for (const Ranking& ranking : cut_.rankings) {
    for (const RetrievedDocument& document : ranking.documents) {
      if (documents_.contains(document.id)) continue;
      return absl::InvalidArgumentError(fmt::format("document \"{}\" of query \"{}\" is not in {}",
                                                    document.id, ranking.query_id,
                                                    dataset.CorpusPlace().string()));
    }
  }
  return absl::OkStatus();
}

RerankRequest RetrievedCandidates::MakeRequest(size_t i) const {
  RerankRequest request{.query_id = rankings_[i].id, .query = rankings_[i].text, .candidates = {}};
  for (const RetrievedDocument& retrieved : cut_.rankings[i].documents) {
    const indexer::Document& document = documents_.at(retrieved.id);
    const auto score = static_cast<float>(retrieved.score);
    ranker::Candidate candidate;
    candidate.id = document.id;
    candidate.title = document.title;
    candidate.text = document.text;
    candidate.metadata_json = document.metadata_json;
    candidate.score = score;
    candidate.stage_scores.push_back({"run", score});
    request.candidates.push_back(std::move(candidate));
  }
  return request;
}

Ranking MakeRanking(const RerankRequest& request) {
  const std::vector<float> scores = ranker::FallingScores(request.candidates);
  Ranking ranking{.query_id = request.query_id, .documents = {}};
  for (size_t i = 0; i < scores.size(); ++i) {
    ranking.documents.push_back({.id = request.candidates[i].id, .score = scores[i]});
  }
  return ranking;
}

}  // namespace gannet::eval
