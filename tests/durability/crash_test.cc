// Writers are killed over and over, at any moment: in a change, in maintenance, in opening. What
// was acknowledged is there afterwards, and nothing that was not asked for; also where the power
// goes with the process, and takes with it all that was not synced.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <sstream>
#include <string>

#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection_files.h"
#include "tests/durability/durable_image.h"
#include "tests/durability/writer_script.h"
#include "tests/indexer/collection/made_documents.h"
#include "tests/testing/shared_data.h"

namespace gannet::testing {
namespace {

using indexer::Access;
using indexer::Collection;
using std::chrono::steady_clock;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

// A child process that runs collection_writer until it is killed.
class Writer {
 public:
  explicit Writer(const std::vector<std::string>& arguments);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { ::close(output_); }

  // Lets it go on for so long, reading what it says; returns earlier at its end.
  void LetRun(std::chrono::microseconds time);
  bool WaitUntilOpen();
  // Kills it, and reads the rest. False when it had ended by itself.
  bool Kill();

  const std::string& said() const { return said_; }

 private:
  bool ReadMore();  // False at the end.

  pid_t id_ = -1;
  int output_ = -1;
  std::string said_;
};

Writer::Writer(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {GANNET_COLLECTION_WRITER};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    ADD_FAILURE() << "no pipe";
    return;
  }
  output_ = ends[0];
  id_ = ::fork();
  if (id_ == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  ::close(ends[1]);
}

bool Writer::ReadMore() {
  std::array<char, 4096> bytes;
  const ssize_t got = ::read(output_, bytes.data(), bytes.size());
  if (got > 0) said_.append(bytes.data(), static_cast<size_t>(got));
  return got > 0;
}

void Writer::LetRun(std::chrono::microseconds time) {
  const auto deadline = steady_clock::now() + time;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return;
    const timespec timeout = {.tv_sec = left.count() / 1'000'000'000,
                              .tv_nsec = left.count() % 1'000'000'000};
    pollfd ready = {.fd = output_, .events = POLLIN, .revents = 0};
    if (::ppoll(&ready, 1, &timeout, nullptr) <= 0 || !ReadMore()) return;
  }
}

bool Writer::WaitUntilOpen() {
  while (said_.find("open\n") == std::string::npos) {
    if (!ReadMore()) return false;
  }
  return true;
}

bool Writer::Kill() {
  ::kill(id_, SIGKILL);
  int status = 0;
  ::waitpid(id_, &status, 0);
  while (ReadMore()) continue;
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

enum class Crash {
  kKill,      // What the process wrote is there, synced or not.
  kPowerCut,  // What it synced is there.
};

class CrashTest : public ::testing::Test {
 protected:
  void Run(Crash crash, uint64_t rounds);

 private:
  void BeginAnew();
  void Round(uint64_t round);
  void CountAcknowledged(const std::string& said);
  void Check(uint64_t round);
  void CheckDocuments(const Collection& collection, uint64_t round);
  void CheckSearch(const Collection& collection);
  void CheckSnapshots();

  const TemporaryFolder folder_;
  const std::filesystem::path disk_ = folder_.path() / "disk";
  const std::filesystem::path image_ = folder_.path() / "image";
  base::ThreadPool pool_{1};
  Crash crash_ = Crash::kKill;
  uint64_t seed_ = 0;
  std::mt19937 random_;
  std::array<ScriptState, kScriptWriters> states_;
  std::array<uint64_t, kScriptWriters> acknowledged_{};  // In this round.
  uint64_t operations_ = 0;
  uint64_t in_flight_kept_ = 0;  // Unacknowledged operations that are there all the same.
  uint64_t while_opening_ = 0;
  uint64_t snapshots_ = 0;
};

void CrashTest::BeginAnew() {
  std::filesystem::remove_all(disk_);
  std::filesystem::create_directories(disk_);
  for (ScriptState& state : states_) state.clear();
}

void CrashTest::CountAcknowledged(const std::string& said) {
  acknowledged_.fill(0);
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) {
    ASSERT_FALSE(line.starts_with("error")) << line;
    if (line == "open") continue;
    std::istringstream words(line);
    size_t writer = 0;
    uint64_t operation = 0;
    ASSERT_TRUE(words >> writer >> operation) << line;
    ASSERT_EQ(operation, acknowledged_.at(writer)++);
  }
}

// The moment is drawn either from the beginning or from when the collection is open.
void CrashTest::Round(uint64_t round) {
  std::vector<std::string> arguments = {disk_.string(), std::to_string(seed_),
                                        std::to_string(round)};
  if (crash_ == Crash::kPowerCut) arguments.push_back(image_.string());
  Writer writer(arguments);
  if (round % 3 != 0) {
    ASSERT_TRUE(writer.WaitUntilOpen()) << writer.said();
  }
  writer.LetRun(std::chrono::microseconds(random_() % 200'000));
  ASSERT_TRUE(writer.Kill()) << writer.said();
  ASSERT_NO_FATAL_FAILURE(CountAcknowledged(writer.said()));
  while_opening_ += writer.said().empty() ? 1 : 0;
  if (crash_ == Crash::kPowerCut) {
    const Unsynced unsynced = random_() % 2 == 0 ? Unsynced::kLost : Unsynced::kSomeSurvive;
    RebuildAfterPowerCut(disk_, image_, unsynced, random_);
  }
}

// Each writer's documents are those after its acknowledged operations, or after one more.
void CrashTest::CheckDocuments(const Collection& collection, uint64_t round) {
  size_t documents = 0;
  for (size_t writer = 0; writer < kScriptWriters; ++writer) {
    ScriptState& state = states_[writer];
    ScriptPlace place{.seed = seed_, .round = round, .writer = writer};
    for (; place.operation < acknowledged_[writer]; ++place.operation) {
      DrawOperation(place).Apply(state);
    }
    operations_ += acknowledged_[writer];
    ASSERT_OK_AND_ASSIGN(const ScriptState found, ReadState(collection, writer));
    if (found != state) {
      DrawOperation(place).Apply(state);
      ++in_flight_kept_;
    }
    ASSERT_TRUE(found == state) << "writer " << writer << " after " << acknowledged_[writer]
                                << " operations";
    documents += state.size();
  }
  ASSERT_EQ(collection.size(), documents);
}

// Segments and growing part hold the documents that the store has, each once.
void CrashTest::CheckSearch(const Collection& collection) {
  for (const auto mode : {indexer::SearchMode::kExact, indexer::SearchMode::kAutomatic}) {
    ASSERT_OK_AND_ASSIGN(const auto answer,
                         collection.Search(indexer::RandomVector(random_, kScriptDimension),
                                           {.k = collection.size() + 10, .mode = mode}));
    ASSERT_EQ(answer.documents.size(), collection.size());
    for (const indexer::ScoredDocument& document : answer.documents) {
      ASSERT_OK(collection.Get(document.key).status());
    }
  }
}

// A snapshot is there whole or not at all.
void CrashTest::CheckSnapshots() {
  for (const FolderEntry& entry : ReadEntries(disk_)) {
    if (!entry.name.starts_with("snapshot-")) continue;
    const std::filesystem::path path = disk_ / entry.name;
    if (path.native().find(".partial.") == std::string::npos) {
      ASSERT_OK_AND_ASSIGN(const auto report, Verify(path, indexer::Repair::kNone, pool_));
      ASSERT_EQ(report.problems, 0u) << path << ": " << report.examples.front();
      ++snapshots_;
    }
    std::filesystem::remove_all(path);
  }
}

void CrashTest::Check(uint64_t round) {
  ASSERT_NO_FATAL_FAILURE(CheckSnapshots());
  const std::filesystem::path path = disk_ / "c";
  // Now a reader is the first to see what is left, now a writer, now the next round's process.
  const Access access = round % 2 == 0 ? Access::kRead : Access::kWrite;
  auto collection = Collection::Open(path, {.access = access});
  if (!collection.ok()) {
    // The first process was killed before it had made the collection.
    for (const uint64_t acknowledged : acknowledged_) ASSERT_EQ(acknowledged, 0u);
    for (const ScriptState& state : states_) ASSERT_TRUE(state.empty()) << collection.status();
    collection = Collection::OpenOrCreate(path, ScriptSchema());
  }
  ASSERT_OK(collection.status());
  ASSERT_NO_FATAL_FAILURE(CheckDocuments(**collection, round));
  ASSERT_NO_FATAL_FAILURE(CheckSearch(**collection));
  ASSERT_OK_AND_ASSIGN(const auto info, (*collection)->Info());
  for (const std::string& line : info.open_report) {
    EXPECT_NE(line.find("belongs to no segment, removed"), std::string::npos) << line;
  }
  collection->reset();
  ASSERT_OK_AND_ASSIGN(const auto report, Verify(path, indexer::Repair::kNone, pool_));
  ASSERT_EQ(report.problems, 0u) << report.examples.front();
}

void CrashTest::Run(Crash crash, uint64_t rounds) {
  crash_ = crash;
  seed_ = FromEnvironment("GANNET_SEED", std::random_device()());
  rounds = FromEnvironment("GANNET_ROUNDS", rounds);
  random_.seed(static_cast<unsigned>(seed_));
  fmt::print("GANNET_SEED={} GANNET_ROUNDS={}\n", seed_, rounds);
  for (uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    if (round % 25 == 0) BeginAnew();
    ASSERT_NO_FATAL_FAILURE(Round(round));
    ASSERT_NO_FATAL_FAILURE(Check(round));
  }
  fmt::print(
      "{} operations acknowledged and there, {} more in flight and there whole, {} rounds killed "
      "while opening, {} snapshots\n",
      operations_, in_flight_kept_, while_opening_, snapshots_);
  EXPECT_GT(operations_, rounds);
}

TEST_F(CrashTest, LosesNothingWhenKilled) { Run(Crash::kKill, 20); }

TEST_F(CrashTest, LosesNothingWhenThePowerGoes) { Run(Crash::kPowerCut, 20); }

class CrashSlowTest : public CrashTest {};

TEST_F(CrashSlowTest, LosesNothingWhenKilled) { Run(Crash::kKill, 200); }

TEST_F(CrashSlowTest, LosesNothingWhenThePowerGoes) { Run(Crash::kPowerCut, 100); }

}  // namespace
}  // namespace gannet::testing
