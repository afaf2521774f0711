// A sequence of everything that is done to a collection, over and over, each time with another of
// its calls to the disk failing.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection_files.h"
#include "tests/durability/faulty_disk.h"
#include "tests/durability/writer_script.h"
#include "tests/testing/shared_data.h"

namespace gannet::testing {
namespace {

using indexer::Access;
using indexer::Collection;
using ::testing::HasSubstr;

struct Kind {
  std::string name;
  int error_number;
  DiskFault::Lasts lasts;
};

struct Step {
  std::string name;
  std::function<absl::Status()> run;
  std::function<void(ScriptState&)> effect = [](ScriptState&) {};
};

class FaultTest : public ::testing::TestWithParam<Kind> {
 protected:
  // Runs the sequence with one fault after another, from the first call (or that of number
  // GANNET_FIRST_CALL) on and every `stride` calls, until it is through before the fault strikes.
  void RunAll(uint64_t stride);

 private:
  void Run(uint64_t nth);
  std::vector<Step> Sequence();
  Step Operation(uint64_t number);
  Step Open();
  Step Close();
  void Perform(const Step& step);
  void CheckRefused(const absl::Status& refused, const ScriptState& before);
  void Recover(const ScriptState& before);
  void CheckHas(const ScriptState& expected);
  absl::StatusOr<bool> Has(const ScriptState& expected) const;

  const TemporaryFolder folder_;
  const std::filesystem::path disk_ = folder_.path() / "disk";
  base::ThreadPool pool_{1};
  std::unique_ptr<Collection> collection_;
  ScriptState state_;
  std::optional<InjectedFault> fault_;
  uint64_t refusals_ = 0;
  uint64_t read_only_ = 0;
};

const auto kKinds =
    ::testing::Values(Kind{"OneInputOutputError", EIO, DiskFault::Lasts::kOnce},
                      Kind{"InputOutputErrors", EIO, DiskFault::Lasts::kUntilLifted},
                      Kind{"FullDiskForAMoment", ENOSPC, DiskFault::Lasts::kOnce},
                      Kind{"FullDisk", ENOSPC, DiskFault::Lasts::kUntilLifted});

std::string NameOf(const ::testing::TestParamInfo<Kind>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Kinds, FaultTest, kKinds, NameOf);

Step FaultTest::Operation(uint64_t number) {
  const ScriptOperation operation = DrawOperation({.seed = 5, .operation = number});
  return {.name = fmt::format("operation {}", number),
          .run = [this, operation] { return operation.Apply(*collection_); },
          .effect = [operation](ScriptState& state) { operation.Apply(state); }};
}

Step FaultTest::Open() {
  return {.name = "open", .run = [this] {
            auto opened = Collection::OpenOrCreate(disk_ / "c", ScriptSchema(),
                                                   {.access = Access::kWrite, .seal_rows = 15});
            if (opened.ok()) collection_ = *std::move(opened);
            return opened.status();
          }};
}

// What fails in it is logged.
Step FaultTest::Close() {
  return {.name = "close", .run = [this] {
            collection_.reset();
            return absl::OkStatus();
          }};
}

std::vector<Step> FaultTest::Sequence() {
  const Step maintain = {.name = "maintain",
                         .run = [this] { return collection_->Maintain(pool_).status(); }};
  const Step compact = {.name = "compact",
                        .run = [this] { return collection_->Compact(pool_).status(); }};
  const Step snapshot = {.name = "snapshot", .run = [this] {
                           // A disk that fails may not even let go of what was begun.
                           std::error_code error;
                           if (GetParam().error_number == EIO) {
                             std::filesystem::remove_all(disk_ / "snapshot", error);
                           }
                           return collection_->Snapshot(disk_ / "snapshot");
                         }};
  const Step measure = {.name = "measure recall", .run = [this] {
                          return collection_->MeasureRecall({.queries = 2}, pool_).status();
                        }};
  std::vector<Step> steps = {Open()};
  uint64_t operation = 0;
  const auto operations = [&](uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) steps.push_back(Operation(operation++));
  };
  operations(7);
  steps.push_back(maintain);
  operations(6);
  steps.insert(steps.end(), {maintain, compact});
  operations(3);
  steps.insert(steps.end(), {snapshot, measure, Close(), Open()});
  operations(3);
  steps.insert(steps.end(), {maintain, Close(), Open(), compact, Close()});
  return steps;
}

// Whether store and search have these documents, unless they cannot be read.
absl::StatusOr<bool> FaultTest::Has(const ScriptState& expected) const {
  GANNET_ASSIGN_OR_RETURN(const ScriptState found, ReadState(*collection_, 0));
  const std::vector<float> query(kScriptDimension, 1.0F);
  GANNET_ASSIGN_OR_RETURN(const auto answer, collection_->Search(query, {.k = 1000}));
  return found == expected && collection_->size() == expected.size() &&
         answer.documents.size() == expected.size();
}

// Reading, too, may be what fails: with an error, not with a wrong answer.
void FaultTest::CheckHas(const ScriptState& expected) {
  absl::StatusOr<bool> has = Has(expected);
  if (!has.ok()) {
    ASSERT_FALSE(fault_->struck().empty());
    EXPECT_THAT(std::string(base::Message(has.status())), HasSubstr(disk_.string()));
    ++refusals_;
    fault_->Lift();
    has = Has(expected);
  }
  ASSERT_OK(has.status());
  ASSERT_TRUE(*has);
}

// The error names a file; nothing of the change is seen; and if no more changes are taken, the
// reason is said.
void FaultTest::CheckRefused(const absl::Status& refused, const ScriptState& before) {
  ++refusals_;
  EXPECT_THAT(std::string(base::Message(refused)), HasSubstr(disk_.string()));
  if (collection_ == nullptr) return;
  const indexer::CollectionHealth health = collection_->health();
  if (!health.writable) {
    ++read_only_;
    EXPECT_FALSE(health.reason.empty());
    const absl::Status later = DrawOperation({.seed = 5}).Apply(*collection_);
    EXPECT_EQ(later.code(), absl::StatusCode::kUnavailable) << later;
    EXPECT_THAT(std::string(base::Message(later)), HasSubstr(health.reason));
  }
  CheckHas(before);
}

// Once the disk works again so does the collection, with or without the change that failed.
void FaultTest::Recover(const ScriptState& before) {
  fault_->Lift();
  if (collection_ == nullptr) return;
  if (!collection_->health().writable) {
    ASSERT_OK(collection_->Resume());
  }
  ASSERT_TRUE(collection_->health().writable);
  ASSERT_OK_AND_ASSIGN(const bool undone, Has(before));
  if (!undone) CheckHas(state_);
}

void FaultTest::Perform(const Step& step) {
  const ScriptState before = state_;
  step.effect(state_);
  absl::Status done = step.run();
  // A second time where the error of a background thread is heard of only then.
  for (int tries = 0; tries < 2 && !done.ok(); ++tries) {
    SCOPED_TRACE(base::Message(done));
    ASSERT_FALSE(fault_->struck().empty());
    ASSERT_NO_FATAL_FAILURE(CheckRefused(done, before));
    ASSERT_NO_FATAL_FAILURE(Recover(before));
    done = step.run();
  }
  ASSERT_OK(done);
}

void FaultTest::Run(uint64_t nth) {
  collection_.reset();
  std::filesystem::remove_all(folder_.path() / "disk");
  std::filesystem::create_directories(disk_);
  state_.clear();
  fault_.emplace(DiskFault{.folder = disk_,
                           .nth = nth,
                           .error_number = GetParam().error_number,
                           .lasts = GetParam().lasts});
  for (const Step& step : Sequence()) {
    SCOPED_TRACE(step.name);
    ASSERT_NO_FATAL_FAILURE(Perform(step)) << fault_->struck();
    if (collection_ == nullptr) continue;
    ASSERT_NO_FATAL_FAILURE(CheckHas(state_)) << fault_->struck();
  }
  fault_->Lift();
  ASSERT_OK(Open().run());
  ASSERT_NO_FATAL_FAILURE(CheckHas(state_));
  collection_.reset();
  for (const char* name : {"c", "snapshot"}) {
    ASSERT_OK_AND_ASSIGN(const auto report, Verify(disk_ / name, indexer::Repair::kNone, pool_));
    EXPECT_EQ(report.problems, 0u) << name << ": " << report.examples.front();
  }
}

void FaultTest::RunAll(uint64_t stride) {
  std::map<std::string, uint64_t> struck;
  const char* first = std::getenv("GANNET_FIRST_CALL");
  uint64_t nth = first != nullptr ? std::strtoull(first, nullptr, 10) : 0;
  for (;; nth += stride) {
    SCOPED_TRACE(fmt::format("call {}", nth));
    ASSERT_NO_FATAL_FAILURE(Run(nth));
    const std::string call = fault_->struck();
    if (call.empty()) break;
    ++struck[call.substr(0, call.find(' '))];
    if (HasFailure()) break;
  }
  fmt::print("every {}th of {} calls failed: {} errors, {} of them ended changes until resumed\n",
             stride, nth, refusals_, read_only_);
  for (const auto& [call, times] : struck) fmt::print("  {} {} times\n", call, times);
  EXPECT_GT(refusals_, 0u);
  EXPECT_GT(read_only_, 0u);
}

TEST_P(FaultTest, IsReportedAndLosesNothing) { RunAll(23); }

class FaultSlowTest : public FaultTest {};

INSTANTIATE_TEST_SUITE_P(Kinds, FaultSlowTest, kKinds, NameOf);

TEST_P(FaultSlowTest, OfAnyCallIsReportedAndLosesNothing) { RunAll(1); }

}  // namespace
}  // namespace gannet::testing
