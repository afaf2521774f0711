#ifndef GANNET_RANKER_PIPELINE_COST_ESTIMATE_H_
#define GANNET_RANKER_PIPELINE_COST_ESTIMATE_H_

#include <mutex>
#include <optional>

namespace gannet::ranker {

// What a unit of a stage's work takes, as it was measured lately. Safe to use from several threads.
class CostEstimate {
 public:
  // A measurement counts this much, all earlier ones together the rest.
  static constexpr double kNewest = 0.2;
  // What a skipped run leaves of the estimate: a stage that was slow once, because the machine was
  // busy or its model not yet in memory, is tried again some time.
  static constexpr double kAfterSkip = 0.99;

  // Seconds for so much work; nullopt before anything was measured.
  std::optional<double> Predict(double work) const {
    const std::lock_guard lock(mutex_);
    if (!per_unit_) return std::nullopt;
    return *per_unit_ * work;
  }

  void Measured(double work, double seconds) {
    if (work <= 0) return;
    const std::lock_guard lock(mutex_);
    const double newest = seconds / work;
    per_unit_ = per_unit_ ? (1 - kNewest) * *per_unit_ + kNewest * newest : newest;
  }

  void Skipped() {
    const std::lock_guard lock(mutex_);
    if (per_unit_) *per_unit_ *= kAfterSkip;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<double> per_unit_;  // Seconds.
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_PIPELINE_COST_ESTIMATE_H_
