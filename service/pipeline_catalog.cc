#include "service/pipeline_catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "base/name_list.h"
#include "base/status.h"
#include "base/utf8.h"
#include "ranker/pipeline/pipeline_json.h"
#include "service/pipeline_message.h"

namespace gannet::service {
namespace {

constexpr size_t kMaxNameBytes = 128;
constexpr size_t kPipelinesKept = 64;

}  // namespace

absl::Status PipelineCatalog::Add(const std::string& name, const ranker::PipelineSpec& spec) {
  if (name.empty() || name.size() > kMaxNameBytes || !base::IsValidUtf8(name)) {
    return absl::InvalidArgumentError(
        fmt::format("pipeline name \"{}\": expected 1 to {} bytes of UTF-8",
                    base::RepairUtf8(name).text, kMaxNameBytes));
  }
  if (named_.contains(name)) {
    return absl::AlreadyExistsError(fmt::format("pipeline \"{}\" is given twice", name));
  }
  auto pipeline = ranker::Pipeline::Make(spec, *models_, ranker::ModelAccess::kOpen);
  if (!pipeline.ok()) {
    return base::Annotate(pipeline.status(), fmt::format("pipeline \"{}\"", name));
  }
  named_.emplace(name, *std::move(pipeline));
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const ranker::Pipeline>> PipelineCatalog::Find(
    std::string_view name) const {
  if (const auto found = named_.find(name); found != named_.end()) return found->second;
  if (name.size() > kMaxNameBytes) {
    return absl::NotFoundError(fmt::format("no pipeline has a name of {} bytes; there are: {}",
                                           name.size(), base::ListKeys(named_)));
  }
  return absl::NotFoundError(
      fmt::format("no pipeline \"{}\"; there are: {}", name, base::ListKeys(named_)));
}

absl::Status PipelineCatalog::CheckLimits(const ranker::PipelineSpec& spec) const {
  for (size_t i = 0; i < spec.stages.size(); ++i) {
    const ranker::StageSpec& stage = spec.stages[i];
    const size_t texts = ranker::MostTexts(stage);
    if (texts > limits_.max_stage_texts) {
      return absl::InvalidArgumentError(
          fmt::format("pipeline.stages[{}].depth: {} candidates make up to {} texts to read, this "
                      "server reads at most {}",
                      i, stage.depth, texts, limits_.max_stage_texts));
    }
    const auto* in_context = std::get_if<ranker::InContextMethod>(&stage.method);
    if (in_context != nullptr && in_context->block_cache_mib > 0) {
      return absl::InvalidArgumentError(
          fmt::format("pipeline.stages[{}].block_cache_mib: only the server's own pipelines keep "
                      "documents",
                      i));
    }
  }
  if (spec.Retrieves() && spec.stages.front().depth > limits_.max_depth) {
    return absl::InvalidArgumentError(
        fmt::format("pipeline.stages[0].depth: {}, this server retrieves at most {}",
                    spec.stages.front().depth, limits_.max_depth));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const ranker::Pipeline>> PipelineCatalog::Open(
    const v1::Pipeline& message) const {
  if (message.ByteSizeLong() > ranker::kMaxPipelineBytes) {
    return absl::InvalidArgumentError(fmt::format("pipeline: {} bytes, at most {} are read",
                                                  message.ByteSizeLong(),
                                                  ranker::kMaxPipelineBytes));
  }
  std::string bytes = message.SerializeAsString();
  const std::lock_guard lock(mutex_);
  const auto known = std::ranges::find(of_requests_, bytes, &Opened::first);
  if (known != of_requests_.end()) {
    of_requests_.splice(of_requests_.begin(), of_requests_, known);
    return known->second;
  }
  GANNET_ASSIGN_OR_RETURN(const ranker::PipelineSpec spec, ReadPipeline(message));
  GANNET_RETURN_IF_ERROR(CheckLimits(spec));
  GANNET_ASSIGN_OR_RETURN(std::shared_ptr<const ranker::Pipeline> pipeline,
                          ranker::Pipeline::Make(spec, *models_, ranker::ModelAccess::kOpenedOnly));
  of_requests_.emplace_front(std::move(bytes), pipeline);
  if (of_requests_.size() > kPipelinesKept) of_requests_.pop_back();
  return pipeline;
}

}  // namespace gannet::service
