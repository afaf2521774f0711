#include "indexer/filter/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using ::testing::HasSubstr;

// Whether a filter holds for a document with this metadata; both are well-formed.
bool Holds(std::string_view filter, std::string_view metadata) {
  const auto parsed = Filter::Parse(filter);
  const auto fields = ExtractFields(metadata);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(fields.ok()) << fields.status();
  return parsed.ok() && fields.ok() && parsed->Matches(*fields);
}

constexpr char kBook[] =
    R"({"lang":"en","year":1999,"price":9.5,"tags":["sea","bird"],"sold":false,"by":{"name":"Ada"}})";

TEST(FilterTest, ConditionsOnOneField) {
  EXPECT_TRUE(Holds(R"({"field":"lang","equals":"en"})", kBook));
  EXPECT_FALSE(Holds(R"({"field":"lang","equals":"de"})", kBook));
  EXPECT_TRUE(Holds(R"({"field":"by.name","equals":"Ada"})", kBook));
  EXPECT_TRUE(Holds(R"({"field":"year","equals":1999.0})", kBook));
  EXPECT_FALSE(Holds(R"({"field":"year","equals":"1999"})", kBook)) << "a string is no number";
  EXPECT_TRUE(Holds(R"({"field":"sold","equals":false})", kBook));
  EXPECT_FALSE(Holds(R"({"field":"sold","equals":0})", kBook));
  EXPECT_TRUE(Holds(R"({"field":"lang","in":["de","en",7]})", kBook));
  EXPECT_TRUE(Holds(R"({"field":"year","gte":1999,"lt":2000})", kBook));
  EXPECT_FALSE(Holds(R"({"field":"year","gt":1999})", kBook));
  EXPECT_TRUE(Holds(R"({"field":"price","lte":9.5})", kBook));
  EXPECT_FALSE(Holds(R"({"field":"price","lt":9.5})", kBook));
  EXPECT_TRUE(Holds(R"({"field":"lang","gt":"de"})", kBook));
  EXPECT_FALSE(Holds(R"({"field":"lang","gt":0})", kBook)) << "a string is in no range of numbers";
  EXPECT_FALSE(Holds(R"({"field":"sold","lt":7})", kBook));
  EXPECT_FALSE(Holds(R"({"field":"year","gt":2000,"lt":1990})", kBook)) << "an empty range";
  EXPECT_TRUE(Holds(R"({"field":"by.name","exists":true})", kBook));
  EXPECT_FALSE(Holds(R"({"field":"by","exists":true})", kBook)) << "an object is no value";
  EXPECT_TRUE(Holds(R"({"field":"gone","exists":false})", kBook));
}

TEST(FilterTest, OneOfSeveralValuesIsEnough) {
  EXPECT_TRUE(Holds(R"({"field":"tags","equals":"bird"})", kBook));
  EXPECT_TRUE(Holds(R"({"field":"tags","gte":"c","lt":"t"})", kBook));
  EXPECT_FALSE(Holds(R"({"field":"tags","gte":"c","lt":"s"})", kBook))
      << "both bounds hold for the same value";
  EXPECT_FALSE(Holds(R"({"not":{"field":"tags","equals":"bird"}})", kBook));
}

TEST(FilterTest, AndOrNot) {
  EXPECT_TRUE(
      Holds(R"({"and":[{"field":"lang","equals":"en"},{"field":"year","gt":1990}]})", kBook));
  EXPECT_FALSE(
      Holds(R"({"and":[{"field":"lang","equals":"en"},{"field":"year","gt":2000}]})", kBook));
  EXPECT_TRUE(
      Holds(R"({"or":[{"field":"lang","equals":"de"},{"field":"year","gt":1990}]})", kBook));
  EXPECT_TRUE(Holds(R"({"not":{"field":"lang","equals":"de"}})", kBook));
  EXPECT_TRUE(Holds(R"({"not":{"field":"gone","equals":"de"}})", kBook))
      << "not holds for whoever has no such field";
}

TEST(FilterTest, JsonComesBack) {
  for (const std::string json :
       {R"({"field":"lang","equals":"en"})", R"({"field":"a.b","in":[true,-1,0.5,"x"]})",
        R"({"field":"y","gte":1,"lt":18446744073709551615})", R"({"field":"y","gt":"a"})",
        R"({"not":{"field":"y","exists":true}})",
        R"({"and":[{"or":[{"field":"a","lte":2}]},{"field":"é","equals":"\u0000"}]})"}) {
    ASSERT_OK_AND_ASSIGN(const Filter filter, Filter::Parse(json));
    EXPECT_EQ(filter.ToJson(), json);
    ASSERT_OK_AND_ASSIGN(const Filter again, Filter::Parse(filter.ToJson()));
    EXPECT_EQ(again, filter);
  }
  ASSERT_OK_AND_ASSIGN(const Filter unsorted, Filter::Parse(R"({"in":[2,1,2.0],"field":"f"})"));
  EXPECT_EQ(unsorted.ToJson(), R"({"field":"f","in":[1,2]})");
  ASSERT_OK_AND_ASSIGN(const Filter absent, Filter::Parse(R"({"field":"f","exists":false})"));
  EXPECT_EQ(absent.ToJson(), R"({"not":{"field":"f","exists":true}})");
}

TEST(FilterTest, ErrorsNameThePlaceAndWhatIsThere) {
  std::string deep = R"({"field":"a","equals":1})";
  for (int i = 0; i < 100; ++i) deep = R"({"not":)" + deep + "}";
  for (const auto& [json, expected] : {
           std::pair<std::string, std::string>{"", "filter: not JSON"},
           {"7", "filter: expected a JSON object, found 7"},
           {"{}", "filter: expected one of and, or, not, field, found {}"},
           {R"({"xor":[]})", "filter.xor: unknown, expected one of and, or, not, field"},
           {R"({"and":[],"or":[]})", "filter: expected one of and, or, not, field"},
           {R"({"and":[]})", "filter.and: expected a list of filters, found []"},
           {R"({"or":{"field":"a"}})", "filter.or: expected a list of filters"},
           {R"({"and":[{"field":"a","equals":1},{"not":3}]})",
            "filter.and[1].not: expected an object, found 3"},
           {R"({"field":"a"})", "filter: a field without a condition"},
           {R"({"field":7,"equals":1})", "filter.field: expected a name, found 7"},
           {R"({"field":"a","equals":null})",
            "filter.equals: expected a string, a number or a boolean, found null"},
           {R"({"field":"a","equals":[1]})", "filter.equals: expected a string"},
           {R"({"field":"a","in":"x"})", "filter.in: expected a list of values, found \"x\""},
           {R"({"field":"a","in":[1,{}]})", "filter.in[1]: expected a string"},
           {R"({"field":"a","is":1})", "filter.is: unknown, expected one of equals, in"},
           {R"({"field":"a","gt":true})", "filter.gt: expected a string or a number, found true"},
           {R"({"field":"a","gt":1,"gte":2})", "filter.gte: a second bound on the same side"},
           {R"({"field":"a","gt":1,"lt":"x"})", "filter.lt: 1 and \"x\" are of different types"},
           {R"({"field":"a","gt":1,"equals":2})", "filter.gt: a second condition on one field"},
           {R"({"field":"a","exists":1})", "filter.exists: expected true or false, found 1"},
           {deep, "filter: JSON nested more than 32 levels deep"},
           {std::string(kMaxFilterBytes + 1, ' '), "bytes, at most 4194304 are read"},
       }) {
    const absl::Status status = Filter::Parse(json).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(expected)) << json;
  }
}

}  // namespace
}  // namespace gannet::indexer
