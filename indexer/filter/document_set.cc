#include "indexer/filter/document_set.h"

#include <algorithm>
#include <iterator>

namespace gannet::indexer {
namespace {

bool IsZero(uint64_t word) { return word == 0; }

}  // namespace

DocumentSet::DocumentSet(const DocumentSet& other) : numbers_(other.numbers_) {
  pages_.reserve(other.pages_.size());
  for (const auto& page : other.pages_) pages_.push_back(std::make_unique<Page>(*page));
}

DocumentSet& DocumentSet::operator=(const DocumentSet& other) { return *this = DocumentSet(other); }

size_t DocumentSet::SearchFor(uint64_t number) const {
  return static_cast<size_t>(
      std::distance(numbers_.begin(), std::ranges::lower_bound(numbers_, number)));
}

DocumentSet::Page& DocumentSet::Insert(uint64_t number) {
  const auto offset = static_cast<std::ptrdiff_t>(SearchFor(number));
  numbers_.insert(numbers_.begin() + offset, number);
  return **pages_.insert(pages_.begin() + offset, std::make_unique<Page>());
}

void DocumentSet::UniteWith(const DocumentSet& other) {
  for (size_t p = 0; p < other.pages_.size(); ++p) {
    Page* page = Find(other.numbers_[p]);
    if (page == nullptr) page = &Insert(other.numbers_[p]);
    for (size_t w = 0; w < kPageWords; ++w) (*page)[w] |= (*other.pages_[p])[w];
  }
}

void DocumentSet::IntersectWith(const DocumentSet& other) {
  size_t kept = 0;
  for (size_t p = 0; p < pages_.size(); ++p) {
    const Page* mask = other.Find(numbers_[p]);
    if (mask == nullptr) continue;
    for (size_t w = 0; w < kPageWords; ++w) (*pages_[p])[w] &= (*mask)[w];
    numbers_[kept] = numbers_[p];
    std::swap(pages_[kept++], pages_[p]);
  }
  numbers_.resize(kept);
  pages_.resize(kept);
}

void DocumentSet::Subtract(const DocumentSet& other) {
  for (size_t p = 0; p < pages_.size(); ++p) {
    const Page* mask = other.Find(numbers_[p]);
    if (mask == nullptr) continue;
    for (size_t w = 0; w < kPageWords; ++w) (*pages_[p])[w] &= ~(*mask)[w];
  }
}

size_t DocumentSet::Count() const {
  size_t count = 0;
  for (const auto& page : pages_) {
    for (const uint64_t word : *page) count += static_cast<size_t>(std::popcount(word));
  }
  return count;
}

bool operator==(const DocumentSet& a, const DocumentSet& b) {
  // A page may be there and hold nothing.
  const auto covers = [](const DocumentSet& all, const DocumentSet& some) {
    for (size_t p = 0; p < some.pages_.size(); ++p) {
      const DocumentSet::Page* page = all.Find(some.numbers_[p]);
      if (page != nullptr ? *page != *some.pages_[p]
                          : !std::ranges::all_of(*some.pages_[p], IsZero)) {
        return false;
      }
    }
    return true;
  };
  return covers(a, b) && covers(b, a);
}

}  // namespace gannet::indexer
