#include "encoder/score/stored_terms.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/status.h"
#include "tests/encoder/score/tiny_classifier.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

class StoredTermsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    TermEncoderOptions options;
    options.join_layer = 2;
    options.query_slots = 5;
    ASSERT_OK_AND_ASSIGN(model_, TermEncoder::Open(testing::kTinyBert, options));
    const std::vector<std::string_view> texts = {"a stone in the sea", ""};
    passages_ = model_->EncodePassages(texts, pool_);
  }

  base::ThreadPool pool_{1};
  std::unique_ptr<const TermEncoder> model_;
  std::vector<Terms> passages_;
};

TEST_F(StoredTermsTest, ComeBackAsTheFormatHoldsThem) {
  const Terms query = model_->EncodeQuery("sea", pool_);
  ASSERT_OK_AND_ASSIGN(const auto exact, model_->Score(query, passages_, pool_));
  const size_t width = model_->width();
  for (const auto& [format, bytes, tolerance] : {std::tuple{TermFormat::kFp32, 4 * width, 0.0},
                                                 std::tuple{TermFormat::kFp16, 2 * width, 2e-3},
                                                 std::tuple{TermFormat::kInt8, width + 8, 5e-2}}) {
    std::vector<Terms> stored;
    for (const Terms& terms : passages_) {
      ASSERT_OK_AND_ASSIGN(const std::string packed, PackTerms(terms, width, format));
      EXPECT_EQ(packed.size(), 16 + 4 + terms.chunks[0] * bytes);
      ASSERT_OK_AND_ASSIGN(const TermsOutline outline, OutlineTerms(packed, width));
      EXPECT_EQ(outline.format, format);
      EXPECT_EQ(outline.chunks, terms.chunks);
      EXPECT_EQ(outline.rows, terms.chunks[0]);
      EXPECT_EQ(outline.tokens, terms.tokens.total);
      ASSERT_OK_AND_ASSIGN(Terms back, UnpackTerms(packed, width));
      EXPECT_EQ(back.chunks, terms.chunks);
      EXPECT_EQ(back.tokens.total, terms.tokens.total);
      stored.push_back(std::move(back));
    }
    ASSERT_OK_AND_ASSIGN(const auto scores, model_->Score(query, stored, pool_));
    for (size_t i = 0; i < stored.size(); ++i) {
      EXPECT_NEAR(scores.scores[i], exact.scores[i], tolerance);
    }
  }
}

TEST_F(StoredTermsTest, BytesThatAreNotTermsAreRefused) {
  const size_t width = model_->width();
  ASSERT_OK_AND_ASSIGN(const std::string packed, PackTerms(passages_[0], width, TermFormat::kFp16));
  for (size_t length = 0; length < packed.size(); ++length) {
    EXPECT_EQ(UnpackTerms(packed.substr(0, length), width).status().code(),
              absl::StatusCode::kDataLoss)
        << length;
  }
  EXPECT_FALSE(UnpackTerms(packed + "x", width).ok());
  EXPECT_FALSE(UnpackTerms(packed, width + 1).ok());
  std::string other_format = packed;
  other_format[0] = 3;
  EXPECT_FALSE(UnpackTerms(other_format, width).ok());
  std::string many_chunks = packed;
  many_chunks[7] = '\x7F';
  EXPECT_FALSE(UnpackTerms(many_chunks, width).ok());
}

TEST_F(StoredTermsTest, FormatsHaveNames) {
  for (const TermFormat format : {TermFormat::kFp32, TermFormat::kFp16, TermFormat::kInt8}) {
    ASSERT_OK_AND_ASSIGN(const TermFormat parsed, ParseTermFormat(TermFormatName(format)));
    EXPECT_EQ(parsed, format);
  }
  EXPECT_FALSE(ParseTermFormat("int4").ok());
}

TEST_F(StoredTermsTest, WhatCannotBeStoredIsRefused) {
  Terms terms = passages_[0];
  terms.values[0] = 1e6F;
  const absl::Status large = PackTerms(terms, model_->width(), TermFormat::kFp16).status();
  EXPECT_NE(base::Message(large).find("does not fit fp16"), std::string_view::npos);
  EXPECT_TRUE(PackTerms(terms, model_->width(), TermFormat::kInt8).ok());
  terms.values.pop_back();
  EXPECT_FALSE(PackTerms(terms, model_->width(), TermFormat::kFp32).ok());
  terms.status = absl::InternalError("none");
  EXPECT_FALSE(PackTerms(terms, model_->width(), TermFormat::kFp32).ok());
}

}  // namespace
}  // namespace gannet::encoder
