#include "tests/service/memory_collection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/thread_pool.h"
#include "indexer/job/corpus_reader.h"

namespace gannet::service {

void Gate::Pass() {
  std::unique_lock lock(mutex_);
  ++arrivals_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return open_; });
}

void Gate::AwaitArrivals(int calls) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return arrivals_ >= calls; });
}

void Gate::Open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

absl::StatusOr<encoder::Embeddings> LetterModel::Embed(std::span<const std::string_view> texts,
                                                       encoder::TextRole /*role*/,
                                                       base::ThreadPool& /*pool*/) const {
  if (gate_ != nullptr) gate_->Pass();
  {
    const std::lock_guard lock(mutex_);
    embedded_.insert(embedded_.end(), texts.begin(), texts.end());
  }
  encoder::Embeddings embeddings{.dimension = dimension(), .values = {}, .tokens = {}};
  for (const std::string_view text : texts) {
    std::vector<float> counts(dimension());
    const size_t read = std::min(text.size(), max_tokens());
    for (const char letter : text.substr(0, read)) {
      if (letter >= 'a' && letter <= 'z') counts[letter - 'a'] += 1;
    }
    const float norm =
        std::sqrt(std::inner_product(counts.begin(), counts.end(), counts.begin(), 0.0f));
    for (const float count : counts) embeddings.values.push_back(norm > 0 ? count / norm : 0);
    embeddings.tokens.push_back({.total = text.size(), .read = read});
    const bool hash = text.find('#') != std::string_view::npos;
    embeddings.errors.push_back(hash ? absl::InternalError("a hash") : absl::OkStatus());
  }
  return embeddings;
}

std::vector<std::string> LetterModel::embedded() const {
  const std::lock_guard lock(mutex_);
  return embedded_;
}

MemoryCollection::MemoryCollection(std::vector<indexer::Document> documents) {
  const LetterModel model;
  schema_ = indexer::CollectionSchema::Of(model);
  std::vector<std::string_view> texts;
  for (const indexer::Document& document : documents) texts.push_back(document.text);
  base::ThreadPool pool(1);
  const auto embeddings = model.Embed(texts, encoder::TextRole::kDocument, pool);
  vectors_ = embeddings->values;
  documents_ = std::move(documents);
}

absl::StatusOr<indexer::SearchAnswer> MemoryCollection::Search(
    std::span<const float> query, const indexer::CollectionSearch& search) const {
  indexer::SearchAnswer answer;
  std::vector<indexer::ScoredDocument>& found = answer.documents;
  for (size_t i = 0; i < documents_.size(); ++i) {
    const auto vector = vectors_.begin() + static_cast<ptrdiff_t>(i * schema_.dimension);
    found.push_back(
        {.key = i, .score = std::inner_product(query.begin(), query.end(), vector, 0.0f)});
  }
  std::ranges::stable_sort(found, std::greater(), &indexer::ScoredDocument::score);
  found.resize(std::min(search.k, found.size()));
  return answer;
}

absl::StatusOr<indexer::Document> MemoryCollection::Get(indexer::DocumentKey key) const {
  return documents_.at(key);
}

absl::StatusOr<std::vector<indexer::Passage>> MemoryCollection::GetPassages(
    indexer::DocumentKey key) const {
  const size_t bytes = indexer::EmbeddedText(documents_.at(key)).size();
  return std::vector<indexer::Passage>{
      {.first_byte = 0, .bytes = bytes, .first_token = 0, .tokens = bytes}};
}

absl::StatusOr<std::string> MemoryCollection::GetId(indexer::DocumentKey key) const {
  return documents_.at(key).id;
}

std::vector<indexer::Document> AnimalDocuments() {
  return {
      {.id = "cat",
       .title = "A cat",
       .text = "cat",
       .metadata_json = R"({"serial":9007199254740993})"},
      {.id = "act", .title = "", .text = "act one", .metadata_json = "{}"},
      {.id = "zoo", .title = "The zoo", .text = "zoo", .metadata_json = R"({"tags":["a","b"]})"},
  };
}

Catalog AnimalCatalog(std::shared_ptr<const LetterModel> model) {
  Catalog catalog;
  EXPECT_TRUE(
      catalog
          .Add("animals", std::move(model), std::make_unique<MemoryCollection>(AnimalDocuments()))
          .ok());
  return catalog;
}

}  // namespace gannet::service
