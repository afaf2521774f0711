#ifndef GANNET_INDEXER_FILTER_DOCUMENT_SET_H_
#define GANNET_INDEXER_FILTER_DOCUMENT_SET_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "indexer/collection.h"

namespace gannet::indexer {

// A set of document keys: bitmaps of 65,536 keys each, those that hold none left out.
class DocumentSet {
 public:
  DocumentSet() = default;
  DocumentSet(DocumentSet&&) = default;
  DocumentSet& operator=(DocumentSet&&) = default;
  DocumentSet(const DocumentSet& other);
  DocumentSet& operator=(const DocumentSet& other);

  void Add(DocumentKey key) {
    const uint64_t bit = key % kPageKeys;
    Page* page = Find(key / kPageKeys);
    if (page == nullptr) page = &Insert(key / kPageKeys);
    (*page)[bit / 64] |= uint64_t{1} << bit % 64;
  }
  void Remove(DocumentKey key) {
    if (Page* page = Find(key / kPageKeys)) {
      const uint64_t bit = key % kPageKeys;
      (*page)[bit / 64] &= ~(uint64_t{1} << bit % 64);
    }
  }
  bool Contains(DocumentKey key) const {
    const Page* page = Find(key / kPageKeys);
    const uint64_t bit = key % kPageKeys;
    return page != nullptr && ((*page)[bit / 64] >> bit % 64 & 1) != 0;
  }

  void UniteWith(const DocumentSet& other);
  void IntersectWith(const DocumentSet& other);
  void Subtract(const DocumentSet& other);

  size_t Count() const;
  bool empty() const { return Count() == 0; }

  // Calls visit(key) with every key, in ascending order.
  template <typename Visitor>
  void ForEach(Visitor&& visit) const {
    for (size_t p = 0; p < pages_.size(); ++p) {
      for (size_t w = 0; w < kPageWords; ++w) {
        for (uint64_t word = (*pages_[p])[w]; word != 0; word &= word - 1) {
          visit(numbers_[p] * kPageKeys + w * 64 + static_cast<uint64_t>(std::countr_zero(word)));
        }
      }
    }
  }

  friend bool operator==(const DocumentSet& a, const DocumentSet& b);

 private:
  static constexpr uint64_t kPageKeys = 65'536;
  static constexpr size_t kPageWords = kPageKeys / 64;
  using Page = std::array<uint64_t, kPageWords>;

  // Position of the first page that is not below `number`. Keys of a collection lie close together:
  // mostly it is where it would be if none were missing.
  size_t PositionOf(uint64_t number) const {
    if (numbers_.empty() || number < numbers_.front()) return 0;
    const uint64_t guess = number - numbers_.front();
    if (guess < numbers_.size() && numbers_[guess] == number) return guess;
    return SearchFor(number);
  }
  size_t SearchFor(uint64_t number) const;

  const Page* Find(uint64_t number) const {
    const size_t position = PositionOf(number);
    return position < numbers_.size() && numbers_[position] == number ? pages_[position].get()
                                                                      : nullptr;
  }
  Page* Find(uint64_t number) { return const_cast<Page*>(std::as_const(*this).Find(number)); }
  Page& Insert(uint64_t number);  // A page that is not there yet, empty.

  std::vector<uint64_t> numbers_;  // Ascending; page i holds the keys from numbers_[i] * kPageKeys.
  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_FILTER_DOCUMENT_SET_H_
