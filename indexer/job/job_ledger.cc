#include "indexer/job/job_ledger.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/checksum.h"

namespace gannet::indexer {
namespace {

using Json = nlohmann::json;

constexpr int kLedgerVersion = 1;

bool ParseNumber(std::string_view text, uint32_t& number) {
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stopped == end;
}

}  // namespace

absl::StatusOr<Shard> Shard::Parse(std::string_view text) {
  Shard shard;
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || !ParseNumber(text.substr(0, slash), shard.index) ||
      !ParseNumber(text.substr(slash + 1), shard.count) || shard.index >= shard.count) {
    return absl::InvalidArgumentError(
        fmt::format("shard \"{}\": expected I/N with I from 0 to N - 1, as 0/3", text));
  }
  return shard;
}

std::string Shard::ToString() const { return fmt::format("{}/{}", index, count); }

bool Shard::Takes(std::string_view id) const {
  return count == 1 || base::Xxh3(id) % count == index;
}

std::string JobLedger::ToJson() const {
  const Json json = {{"version", kLedgerVersion},
                     {"shard", {shard.index, shard.count}},
                     {"base_key", base_key},
                     {"records", records},
                     {"consumed", consumed},
                     {"first", first},
                     {"finished", finished},
                     {"documents", counts.documents},
                     {"unchanged", counts.unchanged},
                     {"empty_texts", counts.empty_texts},
                     {"long_texts", counts.long_texts},
                     {"cut_texts", counts.cut_texts},
                     {"other_shards", counts.other_shards},
                     {"replaced_sequences", counts.replaced_sequences},
                     {"skipped_records", counts.skipped_records},
                     {"skipped_examples", counts.skipped_examples},
                     {"tokens_total", counts.tokens_total},
                     {"tokens_read", counts.tokens_read},
                     {"windows", counts.windows},
                     {"blocks", counts.blocks}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<JobLedger> JobLedger::Parse(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("version") != kLedgerVersion) {
      return absl::FailedPreconditionError(
          fmt::format("the job's ledger is of version {}, this program knows {}",
                      json.at("version").dump(), kLedgerVersion));
    }
    JobLedger ledger;
    ledger.shard = {.index = json.at("shard").at(0), .count = json.at("shard").at(1)};
    ledger.base_key = json.at("base_key");
    ledger.records = json.at("records");
    ledger.consumed = json.at("consumed");
    ledger.first = json.at("first");
    ledger.finished = json.at("finished");
    // Earlier programs counted neither windows nor blocks.
    ledger.counts = {.documents = json.at("documents"),
                     .unchanged = json.at("unchanged"),
                     .empty_texts = json.at("empty_texts"),
                     .long_texts = json.value("long_texts", uint64_t{0}),
                     .cut_texts = json.at("cut_texts"),
                     .other_shards = json.at("other_shards"),
                     .replaced_sequences = json.at("replaced_sequences"),
                     .skipped_records = json.at("skipped_records"),
                     .skipped_examples = json.at("skipped_examples"),
                     .tokens_total = json.value("tokens_total", uint64_t{0}),
                     .tokens_read = json.at("tokens_read"),
                     .windows = json.value("windows", uint64_t{0}),
                     .blocks = json.value("blocks", uint64_t{0})};
    return ledger;
  } catch (const Json::exception& error) {
    return absl::DataLossError(fmt::format("the job's ledger cannot be read: {}", error.what()));
  }
}

}  // namespace gannet::indexer
