#include "indexer/vector/index_spec.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

TEST(IndexSpecTest, ReadsTheNamesOfTheFactory) {
  for (const auto& [name, canonical] :
       {std::pair<std::string, std::string>{"Flat", "Flat"},
        {"Flat,RFlat", "Flat"},
        {"HNSW", "HNSW16,Flat"},
        {"HNSW32", "HNSW32,Flat"},
        {"HNSW32,Flat", "HNSW32,Flat"},
        {"HNSW32_SQ8", "HNSW32,SQ8"},
        {"HNSW32,SQfp16,RFlat", "HNSW32,SQfp16"},
        {"IVF1024,PQ48", "IVF1024,PQ48"},
        {"IVF1024,PQ48x8", "IVF1024,PQ48"},
        {"OPQ48,IVF64,PQ48", "OPQ48,IVF64,PQ48"},
        {"OPQ48_192,IVF1024,PQ48,RFlat", "OPQ48_192,IVF1024,PQ48"}}) {
    ASSERT_OK_AND_ASSIGN(const IndexSpec spec, IndexSpec::Parse(name));
    EXPECT_EQ(spec.Name(), canonical);
    ASSERT_OK_AND_ASSIGN(const IndexSpec again, IndexSpec::Parse(canonical));
    EXPECT_EQ(again.Name(), canonical);
  }
  ASSERT_OK_AND_ASSIGN(const IndexSpec spec, IndexSpec::Parse("OPQ48_192,IVF1024,PQ24"));
  EXPECT_EQ(spec.kind, IndexKind::kIvfPq);
  EXPECT_EQ(spec.ivf_pq, (IvfPqOptions{1024, 24, 48, 192}));
}

TEST(IndexSpecTest, WhatIsNotUnderstoodIsNamed) {
  for (const auto& [name, expected] :
       {std::pair<std::string, std::string>{"", "expected Flat, HNSW, IVF or OPQ, found \"\""},
        {"LSH", "expected Flat, HNSW, IVF or OPQ, found \"LSH\""},
        {"flat", "found \"flat\""},
        {"Flat,", "expected the end, found \",\""},
        {"FlatX", "expected the end, found \"X\""},
        {"HNSW1", "HNSW with 1 links: expected 2 to 512"},
        {"HNSW99999999999999999999", "expected the end"},
        {"HNSW32,PQ8", "expected the storage Flat, SQfp16 or SQ8, found \"PQ8\""},
        {"HNSW32,SQ4", "found \"SQ4\""},
        {"IVF,PQ8", "expected lists of IVF (1 to 16777216), found \",PQ8\""},
        {"IVF0,PQ8", "found \"0,PQ8\""},
        {"IVF10,Flat", "expected \",PQ\" after IVF, found \",Flat\""},
        {"IVF10,PQ8x4", "expected the end, found \"x4\""},
        {"OPQ8", "expected \",IVF\" after OPQ"},
        {"OPQ8_,IVF4,PQ4", "expected a dimension"},
        {"OPQ8,HNSW32", "found \"HNSW32\""},
        {"IVF-4,PQ4", "found \"-4,PQ4\""}}) {
    const absl::Status status = IndexSpec::Parse(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_NE(base::Message(status).find("index \"" + name + "\""), std::string_view::npos)
        << status;
    EXPECT_NE(base::Message(status).find(expected), std::string_view::npos) << status;
  }
}

}  // namespace
}  // namespace gannet::indexer
