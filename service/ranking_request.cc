#include "service/ranking_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"

namespace gannet::service {

absl::Status CheckQuery(std::string_view query, size_t max_bytes) {
  if (base::StripWhiteSpace(query).empty()) {
    return absl::InvalidArgumentError("query: must not be empty");
  }
  if (query.size() > max_bytes) {
    return absl::InvalidArgumentError(
        fmt::format("query: {} bytes, this server reads at most {}", query.size(), max_bytes));
  }
  return absl::OkStatus();
}

absl::Status CallTime::Limit(uint32_t time_budget_ms) {
  if (time_budget_ms == 0) {
    return absl::InvalidArgumentError("time_budget_ms: 0, must be at least 1");
  }
  const Clock::time_point end = arrival + std::chrono::milliseconds(time_budget_ms);
  deadline = deadline ? std::min(*deadline, end) : end;
  return absl::OkStatus();
}

}  // namespace gannet::service
