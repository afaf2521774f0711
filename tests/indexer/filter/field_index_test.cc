#include "indexer/filter/field_index.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using Fields = std::vector<FieldEntry>;

// Documents in memory, as the store would hold them.
class DocumentTable final : public FieldSource {
 public:
  absl::Status VisitField(
      std::string_view field,
      absl::FunctionRef<void(const FieldValue&, DocumentKey)> visit) const override {
    const std::lock_guard lock(mutex_);
    ++fields_visited_;
    if (!status_.ok()) return status_;
    for (const auto& [key, fields] : documents_) {
      for (const FieldEntry& entry : fields) {
        if (entry.field == field) visit(entry.value, key);
      }
    }
    return absl::OkStatus();
  }

  absl::Status VisitDocuments(absl::FunctionRef<void(DocumentKey)> visit) const override {
    const std::lock_guard lock(mutex_);
    if (!status_.ok()) return status_;
    for (const auto& [key, fields] : documents_) visit(key);
    return absl::OkStatus();
  }

  // Gives a document these fields, or takes it away, and returns the change.
  FieldChange Set(DocumentKey key, std::optional<Fields> after) {
    const std::lock_guard lock(mutex_);
    FieldChange change{.key = key, .before = {}, .after = after};
    const auto found = documents_.find(key);
    if (found != documents_.end()) change.before = found->second;
    if (after.has_value()) {
      documents_[key] = *std::move(after);
    } else if (found != documents_.end()) {
      documents_.erase(found);
    }
    return change;
  }

  DocumentSet Matching(const Filter& filter) const {
    DocumentSet matching;
    for (const auto& [key, fields] : documents_) {
      if (filter.Matches(fields)) matching.Add(key);
    }
    return matching;
  }

  void FailWith(absl::Status status) { status_ = std::move(status); }
  const std::map<DocumentKey, Fields>& documents() const { return documents_; }
  int fields_visited() const { return fields_visited_; }

 private:
  mutable std::mutex mutex_;
  mutable int fields_visited_ = 0;
  absl::Status status_;
  std::map<DocumentKey, Fields> documents_;
};

class RandomWorld {
 public:
  explicit RandomWorld(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t limit) { return random_() % limit; }

  FieldValue Value() {
    switch (Below(4)) {
      case 0:
        return Below(2) == 0;
      case 1:
        return Number::Of(static_cast<int64_t>(Below(20)) - 10);
      case 2:
        return Number::Of(static_cast<double>(Below(40)) / 4);
      default:
        return fmt::format("v{}", Below(10));
    }
  }

  std::string Field() { return fmt::format("f{}", Below(5)); }

  Fields Document() {
    Fields fields;
    for (uint64_t i = Below(6); i > 0; --i) fields.push_back({Field(), Value()});
    std::ranges::sort(fields);
    fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
    return fields;
  }

  Filter RandomFilter(int depth) {
    Filter filter{.kind = static_cast<Filter::Kind>(depth > 0 ? Below(6) : 3 + Below(3))};
    switch (filter.kind) {
      case Filter::Kind::kAnd:
      case Filter::Kind::kOr:
        for (uint64_t i = 1 + Below(3); i > 0; --i)
          filter.children.push_back(RandomFilter(depth - 1));
        break;
      case Filter::Kind::kNot:
        filter.children.push_back(RandomFilter(depth - 1));
        break;
      case Filter::Kind::kIn:
        filter.field = Field();
        for (uint64_t i = 1 + Below(3); i > 0; --i) filter.values.push_back(Value());
        std::ranges::sort(filter.values);
        break;
      case Filter::Kind::kRange:
        filter.field = Field();
        Bounds(filter);
        break;
      case Filter::Kind::kExists:
        filter.field = Field();
        break;
    }
    return filter;
  }

 private:
  void Bounds(Filter& filter) {
    FieldValue low = Value(), high = Value();
    while (std::holds_alternative<bool>(low)) low = Value();
    while (high.index() != low.index()) high = Value();
    const uint64_t sides = Below(3);
    if (sides != 0) filter.lower = Filter::Bound{low, Below(2) == 0};
    if (sides != 1) filter.upper = Filter::Bound{high, Below(2) == 0};
  }

  std::mt19937_64 random_;
};

TEST(FieldIndexTest, FindsExactlyWhatMatchesWhateverChanges) {
  constexpr uint64_t kSeed = 20'240'601;
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  RandomWorld world(kSeed);
  DocumentTable table;
  for (DocumentKey key = 0; key < 300; ++key) table.Set(key * 7, world.Document());
  FieldIndex index(table);
  for (int round = 0; round < 3'000; ++round) {
    const Filter filter = world.RandomFilter(3);
    ASSERT_OK_AND_ASSIGN(const DocumentSet found, index.Evaluate(filter));
    ASSERT_TRUE(found == table.Matching(filter)) << round << ' ' << filter.ToJson();
    std::vector<FieldChange> changes;
    for (uint64_t i = world.Below(5); i > 0; --i) {
      const DocumentKey key = world.Below(2'500);
      changes.push_back(
          table.Set(key, world.Below(3) == 0 ? std::nullopt : std::optional(world.Document())));
    }
    index.Apply(changes);
  }
}

TEST(FieldIndexTest, ManyChangesAreMerged) {
  RandomWorld world(3);
  DocumentTable table;
  for (DocumentKey key = 0; key < 5'000; ++key) table.Set(key, world.Document());
  FieldIndex index(table);
  for (int round = 0; round < 4; ++round) {
    const Filter filter = world.RandomFilter(3);
    ASSERT_OK_AND_ASSIGN(const DocumentSet found, index.Evaluate(filter));
    EXPECT_TRUE(found == table.Matching(filter)) << filter.ToJson();
    std::vector<FieldChange> changes;
    for (int i = 0; i < 3'000; ++i) {
      changes.push_back(table.Set(world.Below(9'000), world.Document()));
    }
    index.Apply(changes);
  }
  for (int round = 0; round < 200; ++round) {
    const Filter filter = world.RandomFilter(2);
    ASSERT_OK_AND_ASSIGN(const DocumentSet found, index.Evaluate(filter));
    EXPECT_TRUE(found == table.Matching(filter)) << filter.ToJson();
  }
}

TEST(FieldIndexTest, AChangeThatTheSourceShowedAlreadyDoesNoHarm) {
  DocumentTable table;
  table.Set(1, Fields{{"a", true}});
  const FieldChange second = table.Set(1, Fields{{"b", true}});
  const FieldChange third = table.Set(1, std::nullopt);
  FieldIndex index(table);
  const Filter not_a{.kind = Filter::Kind::kNot,
                     .children = {Filter{.kind = Filter::Kind::kExists, .field = "a"}}};
  ASSERT_OK_AND_ASSIGN(const DocumentSet before, index.Evaluate(not_a));
  EXPECT_TRUE(before.empty());
  index.Apply({{second, third}});
  ASSERT_OK_AND_ASSIGN(const DocumentSet after, index.Evaluate(not_a));
  EXPECT_TRUE(after.empty());
}

TEST(FieldIndexTest, ReadsAFieldOnceAndAgainAfterAnError) {
  DocumentTable table;
  table.Set(4, Fields{{"a", true}});
  FieldIndex index(table);
  const Filter has_a{.kind = Filter::Kind::kExists, .field = "a"};
  table.FailWith(absl::DataLossError("torn"));
  EXPECT_EQ(index.Evaluate(has_a).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(index.Evaluate(Filter{.kind = Filter::Kind::kNot, .children = {has_a}}).status().code(),
            absl::StatusCode::kDataLoss);
  table.FailWith(absl::OkStatus());
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const DocumentSet found, index.Evaluate(has_a));
    EXPECT_EQ(found.Count(), 1u);
  }
  EXPECT_EQ(table.fields_visited(), 3);
}

TEST(FieldIndexTest, EvaluationsGoOnBesideAWriterAndSeeWholeChanges) {
  // The writer moves every document between two values at once: any evaluation finds all or none.
  constexpr DocumentKey kDocuments = 2'000;
  DocumentTable table;
  std::vector<FieldChange> changes;
  const auto move_all = [&](const std::string& value) {
    changes.clear();
    for (DocumentKey key = 0; key < kDocuments; ++key) {
      changes.push_back(table.Set(key, Fields{{"side", value}}));
    }
  };
  move_all("left");
  FieldIndex index(table);
  const Filter left{.kind = Filter::Kind::kIn, .field = "side", .values = {std::string("left")}};
  ASSERT_OK(index.Evaluate(left).status());
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const auto found = index.Evaluate(left);
        if (!found.ok() || found->Count() % kDocuments != 0) ++torn;
      }
    });
  }
  for (int round = 0; round < 40; ++round) {
    move_all(round % 2 == 0 ? "right" : "left");
    index.Apply(changes);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0);
}

TEST(FieldIndexTest, NoChangeIsLostWhileAFieldIsRead) {
  for (int round = 0; round < 50; ++round) {
    DocumentTable table;
    for (DocumentKey key = 0; key < 200; ++key) table.Set(key, Fields{{"a", true}});
    FieldIndex index(table);
    const Filter has_a{.kind = Filter::Kind::kExists, .field = "a"};
    std::thread reader([&] { EXPECT_TRUE(index.Evaluate(has_a).ok()); });
    for (DocumentKey key = 0; key < 200; ++key) {
      const FieldChange change =
          key % 2 == 0 ? table.Set(key, std::nullopt) : table.Set(key + 1'000, Fields{{"a", true}});
      index.Apply({&change, 1});
    }
    reader.join();
    ASSERT_OK_AND_ASSIGN(const DocumentSet found, index.Evaluate(has_a));
    EXPECT_TRUE(found == table.Matching(has_a));
  }
}

}  // namespace
}  // namespace gannet::indexer
