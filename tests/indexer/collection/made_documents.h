#ifndef GANNET_TESTS_INDEXER_COLLECTION_MADE_DOCUMENTS_H_
#define GANNET_TESTS_INDEXER_COLLECTION_MADE_DOCUMENTS_H_

#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "indexer/collection.h"

namespace gannet::indexer {

// The schema of collections of made documents.
inline CollectionSchema MadeSchema(size_t dimension, VectorFormat format = VectorFormat::kFp32,
                                   std::string index = "") {
  return {.model_folder = "/models/m",
          .model_name = "m",
          .model_fingerprint = "0123456789abcdef0123456789abcdef",
          .model_options = {},
          .dimension = dimension,
          .similarity = encoder::Similarity::kCosine,
          .vector_format = format,
          .index = std::move(index)};
}

inline constexpr size_t kMadeTermWidth = 3;

// Of collections that keep made terms.
inline TermSchema MadeTermSchema(encoder::TermFormat format = encoder::TermFormat::kFp16) {
  encoder::TermEncoderOptions options;
  options.join_layer = 6;
  return {.model_folder = "/models/t",
          .model_name = "t",
          .model_fingerprint = "fedcba9876543210fedcba9876543210",
          .options = options,
          .width = kMadeTermWidth,
          .format = format};
}

// `values` values around zero; of no particular length.
inline std::vector<float> RandomVector(std::mt19937& random, size_t values) {
  std::normal_distribution<float> normal;
  std::vector<float> vector(values);
  for (float& v : vector) v = normal(random);
  return vector;
}

// Packed terms of a passage of `rows` terms.
inline std::string MadeTerms(std::mt19937& random, size_t rows,
                             encoder::TermFormat format = encoder::TermFormat::kFp16) {
  const encoder::Terms terms{.values = RandomVector(random, rows * kMadeTermWidth),
                             .chunks = {rows},
                             .tokens = {rows - 1, rows - 1},
                             .status = {}};
  return *encoder::PackTerms(terms, kMadeTermWidth, format);
}

// A document of as many passages as `vectors` has vectors.
inline EmbeddedDocument MadeDocument(std::string id, std::string text, std::string metadata,
                                     std::vector<float> vectors, size_t dimension) {
  EmbeddedDocument made{.document = {.id = std::move(id),
                                     .title = "title",
                                     .text = std::move(text),
                                     .metadata_json = std::move(metadata)},
                        .passages = {},
                        .vectors = std::move(vectors)};
  for (uint64_t i = 0; i < made.vectors.size() / dimension; ++i) {
    made.passages.push_back({.first_byte = 4 * i, .bytes = 6, .first_token = i, .tokens = 2});
  }
  return made;
}

// `count` documents "d<first>", ... with a random vector each and metadata
// {"number": n, "even": bool, "group": "g<n % 10>"}.
inline std::vector<EmbeddedDocument> MadeDocuments(size_t first, size_t count, size_t dimension,
                                                   unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<EmbeddedDocument> documents;
  for (size_t n = first; n < first + count; ++n) {
    std::string metadata = R"({"even":)" + std::string(n % 2 == 0 ? "true" : "false") +
                           R"(,"group":"g)" + std::to_string(n % 10) + R"(","number":)" +
                           std::to_string(n) + "}";
    std::string text = "text " + std::to_string(n);
    documents.push_back(MadeDocument("d" + std::to_string(n), std::move(text), std::move(metadata),
                                     RandomVector(random, dimension), dimension));
    documents.back().ordinal = n;
  }
  return documents;
}

}  // namespace gannet::indexer

#endif  // GANNET_TESTS_INDEXER_COLLECTION_MADE_DOCUMENTS_H_
