#ifndef GANNET_TESTS_SERVICE_MEMORY_COLLECTION_H_
#define GANNET_TESTS_SERVICE_MEMORY_COLLECTION_H_

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "encoder/embed/embedder.h"
#include "indexer/collection.h"
#include "service/catalog.h"
#include "tests/testing/unimplemented_collection.h"

namespace gannet::service {

// A point that calls wait at until the test opens it.
class Gate {
 public:
  // Counts the caller and waits for Open.
  void Pass();

  // Returns when `calls` callers have arrived in all.
  void AwaitArrivals(int calls);

  // Lets everyone through, now and later.
  void Open();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrivals_ = 0;
  bool open_ = false;
};

// A model whose vector is how often each letter occurs, at length 1: texts made of the same letters
// are near each other. Reads at most 8 tokens (letters). A text with a '#' has no vector.
class LetterModel final : public encoder::Embedder {
 public:
  // Each Embed passes `gate` first, where there is one.
  explicit LetterModel(Gate* gate = nullptr) : gate_(gate) {}

  absl::StatusOr<encoder::Embeddings> Embed(std::span<const std::string_view> texts,
                                            encoder::TextRole role,
                                            base::ThreadPool& pool) const override;
  size_t dimension() const override { return 26; }
  size_t max_tokens() const override { return 8; }
  encoder::Similarity similarity() const override { return encoder::Similarity::kCosine; }
  const std::filesystem::path& folder() const override { return folder_; }
  const std::string& name() const override { return name_; }
  const std::string& fingerprint() const override { return fingerprint_; }

  // Every text that was embedded so far.
  std::vector<std::string> embedded() const;

 private:
  Gate* const gate_;
  const std::filesystem::path folder_ = "letters";
  const std::string name_ = "letters";
  const std::string fingerprint_ = "0123456789abcdef0123456789abcdef";
  mutable std::mutex mutex_;
  mutable std::vector<std::string> embedded_;
};

// A collection made with LetterModel that holds its documents in memory.
class MemoryCollection final : public testing::UnimplementedCollection {
 public:
  explicit MemoryCollection(std::vector<indexer::Document> documents);

  const indexer::CollectionSchema& schema() const override { return schema_; }
  uint64_t size() const override { return documents_.size(); }
  absl::StatusOr<indexer::SearchAnswer> Search(
      std::span<const float> query, const indexer::CollectionSearch& search) const override;
  absl::StatusOr<indexer::Document> Get(indexer::DocumentKey key) const override;
  absl::StatusOr<std::vector<indexer::Passage>> GetPassages(
      indexer::DocumentKey key) const override;
  absl::StatusOr<std::string> GetId(indexer::DocumentKey key) const override;

 private:
  indexer::CollectionSchema schema_;
  std::vector<indexer::Document> documents_;
  std::vector<float> vectors_;  // [documents, dimension]
};

// The documents "cat", "act one" and "zoo", with ids of the same words and some metadata.
std::vector<indexer::Document> AnimalDocuments();

// One collection of AnimalDocuments, named "animals".
Catalog AnimalCatalog(std::shared_ptr<const LetterModel> model);

}  // namespace gannet::service

#endif  // GANNET_TESTS_SERVICE_MEMORY_COLLECTION_H_
