#include "indexer/store/record.h"

#include <gtest/gtest.h>

#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

TEST(RecordTest, KeysSortAsNumbers) {
  EXPECT_LT(EncodeKey(1), EncodeKey(2));
  EXPECT_LT(EncodeKey(255), EncodeKey(256));
  EXPECT_LT(EncodeKey(256), EncodeKey(uint64_t{1} << 40));
  for (const DocumentKey key : {DocumentKey{0}, DocumentKey{255}, ~DocumentKey{0}}) {
    ASSERT_OK_AND_ASSIGN(const DocumentKey decoded, DecodeKey(EncodeKey(key)));
    EXPECT_EQ(decoded, key);
  }
  EXPECT_EQ(DecodeKey("short").status().code(), absl::StatusCode::kDataLoss);
}

const std::string kFingerprint(32, 'f');

TEST(RecordTest, DocumentsReturnAsTheyWere) {
  const DocumentRecord record{"id", std::string("t\0tle", 5), "", kFingerprint, 77};
  ASSERT_OK_AND_ASSIGN(const DocumentRecord decoded, DecodeDocument(EncodeDocument(record)));
  EXPECT_EQ(decoded, record);
  ASSERT_OK_AND_ASSIGN(const std::string id, DecodeDocumentId(EncodeDocument(record)));
  EXPECT_EQ(id, "id");
}

TEST(RecordTest, EveryCutOfADocumentIsNoticed) {
  const std::string bytes = EncodeDocument({"id", "title", "text", kFingerprint, 1});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeDocument(bytes.substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
        << size;
  }
  EXPECT_EQ(DecodeDocument(bytes + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RecordTest, PassagesReturnAsTheyWere) {
  const std::vector<Passage> passages = {{0, 17, 0, 4}, {9, ~uint64_t{0}, 2, 3}};
  const std::string bytes = EncodePassages(passages);
  ASSERT_OK_AND_ASSIGN(const std::vector<Passage> decoded, DecodePassages(bytes));
  EXPECT_EQ(decoded, passages);
  ASSERT_OK_AND_ASSIGN(const uint64_t count, CountPassages(bytes));
  EXPECT_EQ(count, 2u);
  EXPECT_EQ(DecodePassages(bytes.substr(1)).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodePassages("").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RecordTest, TheFingerprintIsOfTheContentAlone) {
  const StoredDocument one{1, {"a", "title", "text", "{}"}, {{0, 4, 0, 1}}, "vector", 5};
  StoredDocument other = one;
  other.key = 2;
  other.ordinal = 6;
  other.document.id = "b";
  other.document.metadata_json = R"({"x":1})";
  EXPECT_EQ(ContentFingerprint(one), ContentFingerprint(other));
  for (const auto& change :
       std::vector<void (*)(StoredDocument&)>{[](StoredDocument& d) {
                                                d.document.title = "titl";
                                                d.document.text = "etext";
                                              },
                                              [](StoredDocument& d) { d.document.text = "Text"; },
                                              [](StoredDocument& d) { d.passages[0].tokens = 2; },
                                              [](StoredDocument& d) { d.vectors[0] = 'V'; }}) {
    StoredDocument changed = one;
    change(changed);
    EXPECT_NE(ContentFingerprint(one), ContentFingerprint(changed));
  }
}

TEST(RecordTest, WhatACollectionKnowsOfItselfReturnsAsItWas) {
  const Totals totals{~uint64_t{0}, 2, 3, 4};
  ASSERT_OK_AND_ASSIGN(const Totals read_totals, DecodeTotals(EncodeTotals(totals)));
  EXPECT_EQ(read_totals, totals);
  const std::vector<SegmentRecord> segments = {{"a", "Flat", 1, 2, 3, ~uint64_t{0}},
                                               {"b", "HNSW16,SQ8", 65536, ~uint64_t{0}, 1, 0}};
  ASSERT_OK_AND_ASSIGN(const auto read_segments, DecodeSegments(EncodeSegments(segments)));
  EXPECT_EQ(read_segments, segments);
  ASSERT_OK_AND_ASSIGN(const RecallFigures recall, DecodeRecall(EncodeRecall({7, 10, 0.1, 0.05})));
  EXPECT_EQ(recall.queries, 7u);
  EXPECT_EQ(recall.k, 10u);
  EXPECT_EQ(recall.mean, 0.1);
  EXPECT_EQ(recall.worst, 0.05);
  for (const char* text : {"", "[", "{}", "[{}]", "7", R"({"sequence":-1.5})"}) {
    EXPECT_EQ(DecodeTotals(text).status().code(), absl::StatusCode::kDataLoss) << text;
    EXPECT_EQ(DecodeRecall(text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
  EXPECT_EQ(DecodeSegments("[{}]").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RecordTest, ASchemaWithoutAWordOnLongTextsIsOneOfTruncatedTexts) {
  std::string text = EncodeSchema({});
  const size_t begin = text.find("\"long_text\":");
  ASSERT_NE(begin, std::string::npos);
  text.erase(begin, text.find("},", begin) + 2 - begin);
  ASSERT_OK_AND_ASSIGN(const CollectionSchema decoded, DecodeSchema(text));
  EXPECT_EQ(decoded.long_text.strategy, encoder::LongTextOptions::Strategy::kTruncate);
}

TEST(RecordTest, SchemasReturnAsTheyWereAndOtherVersionsAreRefused) {
  const CollectionSchema schema{
      .model_folder = "/models/m",
      .model_name = "m",
      .model_fingerprint = "0123",
      .model_options = {.precision = encoder::Precision::kInt8,
                        .temperature = 0.5F,
                        .bf16_layers = {{"encoder.layer.1.output.dense"}}},
      .dimension = 384,
      .similarity = encoder::Similarity::kDot,
      .vector_format = VectorFormat::kFp16,
      .long_text = {.strategy = encoder::LongTextOptions::Strategy::kLateChunking,
                    .size = 64,
                    .stride = 32,
                    .ends = encoder::LongTextOptions::Ends::kSentences},
      .index = "HNSW8,SQ8"};
  const std::string text = EncodeSchema(schema);
  ASSERT_OK_AND_ASSIGN(const CollectionSchema decoded, DecodeSchema(text));
  EXPECT_EQ(decoded.model_folder, schema.model_folder);
  EXPECT_EQ(decoded.model_name, schema.model_name);
  EXPECT_EQ(decoded.model_fingerprint, schema.model_fingerprint);
  EXPECT_EQ(decoded.model_options.precision, schema.model_options.precision);
  EXPECT_EQ(decoded.model_options.temperature, schema.model_options.temperature);
  EXPECT_EQ(decoded.model_options.bf16_layers, schema.model_options.bf16_layers);
  EXPECT_EQ(decoded.dimension, schema.dimension);
  EXPECT_EQ(decoded.similarity, schema.similarity);
  EXPECT_EQ(decoded.vector_format, schema.vector_format);
  EXPECT_EQ(decoded.index, schema.index);
  EXPECT_EQ(decoded.long_text, schema.long_text);
  EXPECT_EQ(DecodeSchema("{").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeSchema("{}").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeSchema(R"({"version":99})").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace gannet::indexer
