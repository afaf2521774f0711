#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/commands.h"

namespace gannet::cli {
namespace {

using ::testing::HasSubstr;

// Runs "gannet serve flags..." and returns what it ends with.
absl::Status Serve(std::vector<std::string> flags) {
  CLI::App app;
  Action action;
  AddServeCommand(app, action);
  flags.insert(flags.begin(), "serve");
  std::reverse(flags.begin(), flags.end());  // CLI11 takes them from the back.
  app.parse(flags);
  return action();
}

TEST(ServeCommandTest, CollectionNeedsANameAndAFolder) {
  for (const char* flag : {"animals", "=folder", "animals=", "="}) {
    const absl::Status status = Serve({"--collection", flag});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(base::Message(status),
              "--collection \"" + std::string(flag) + "\": expected NAME=DIR");
  }
}

TEST(ServeCommandTest, AddressIsChecked) {
  const absl::Status status = Serve({"--collection", "animals=folder", "--listen", "localhost"});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(base::Message(status)),
              HasSubstr("address \"localhost\": there is no port"));
}

TEST(ServeCommandTest, ACollectionIsRequired) {
  EXPECT_THROW(Serve({"--listen", "127.0.0.1:0"}), CLI::RequiredError);
}

TEST(ServeCommandTest, NumbersAreChecked) {
  for (const char* flag :
       {"--threads=0", "--max-in-flight=0", "--max-k=0", "--max-query-bytes=0",
        "--max-message-bytes=0", "--max-message-bytes=2147483648", "--drain-seconds=-1"}) {
    EXPECT_THROW(Serve({"--collection", "animals=folder", flag}), CLI::ValidationError) << flag;
  }
}

}  // namespace
}  // namespace gannet::cli
