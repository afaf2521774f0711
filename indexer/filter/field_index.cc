#include "indexer/filter/field_index.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace gannet::indexer {
namespace {

using Entry = std::pair<FieldValue, DocumentKey>;

// Keys of documents by value, in arrays: `values` ascending, and the keys of values[i], ascending,
// in keys[first[i], first[i + 1]).
struct Postings {
  std::vector<FieldValue> values;
  std::vector<size_t> first = {0};
  std::vector<DocumentKey> keys;

  bool InOrder(const FieldValue& value, DocumentKey key) const {
    return values.empty() || values.back() < value || (values.back() == value && keys.back() < key);
  }

  // Requires InOrder(value, key).
  void Append(const FieldValue& value, DocumentKey key) {
    if (values.empty() || values.back() != value) {
      values.push_back(value);
      first.push_back(keys.size());
    }
    keys.push_back(key);
    first.back() = keys.size();
  }
};

// What the values of a document in one field became, for documents that changed.
using ChangedValues = std::unordered_map<DocumentKey, std::vector<FieldValue>>;

// `postings` without the documents in `changed`, and with `entries`, which come in any order.
Postings Merge(const Postings& postings, const ChangedValues& changed, std::vector<Entry> entries) {
  std::sort(entries.begin(), entries.end());
  Postings merged;
  auto next = entries.begin();
  const auto append_next = [&] {
    if (merged.InOrder(next->first, next->second)) merged.Append(next->first, next->second);
    ++next;
  };
  for (size_t i = 0; i < postings.values.size(); ++i) {
    for (size_t j = postings.first[i]; j < postings.first[i + 1]; ++j) {
      const DocumentKey key = postings.keys[j];
      if (changed.contains(key)) continue;
      const FieldValue& value = postings.values[i];
      while (next != entries.end() &&
             (next->first < value || (next->first == value && next->second < key))) {
        append_next();
      }
      if (merged.InOrder(value, key)) merged.Append(value, key);
    }
  }
  while (next != entries.end()) append_next();
  return merged;
}

// The values that a range accepts, as positions [begin, end) in `values`.
std::pair<size_t, size_t> PositionsOf(const Filter& range, const std::vector<FieldValue>& values) {
  const size_t type = (range.lower ? range.lower : range.upper)->value.index();
  const auto position = [&](auto below) {
    return static_cast<size_t>(
        std::distance(values.begin(), std::ranges::partition_point(values, below)));
  };
  const size_t begin = position([&](const FieldValue& value) {
    if (!range.lower) return value.index() < type;
    return range.lower->inclusive ? value < range.lower->value : value <= range.lower->value;
  });
  const size_t end = position([&](const FieldValue& value) {
    if (!range.upper) return value.index() <= type;
    return range.upper->inclusive ? value <= range.upper->value : value < range.upper->value;
  });
  return {begin, std::max(begin, end)};
}

// Adds the documents of the values at positions [begin, end).
void AddDocuments(const Postings& postings, size_t begin, size_t end, DocumentSet& documents) {
  for (size_t j = postings.first[begin]; j < postings.first[end]; ++j) {
    documents.Add(postings.keys[j]);
  }
}

void AddAccepted(const Filter& condition, const Postings& postings, DocumentSet& documents) {
  const std::vector<FieldValue>& values = postings.values;
  if (condition.kind == Filter::Kind::kExists) {
    AddDocuments(postings, 0, values.size(), documents);
  } else if (condition.kind == Filter::Kind::kRange) {
    const auto [begin, end] = PositionsOf(condition, values);
    AddDocuments(postings, begin, end, documents);
  } else {
    for (const FieldValue& value : condition.values) {
      const auto found = std::ranges::lower_bound(values, value);
      if (found == values.end() || *found != value) continue;
      const auto position = static_cast<size_t>(std::distance(values.begin(), found));
      AddDocuments(postings, position, position + 1, documents);
    }
  }
}

bool AcceptsAny(const Filter& condition, const std::vector<FieldValue>& values) {
  if (condition.kind == Filter::Kind::kExists) return !values.empty();
  return std::ranges::any_of(values,
                             [&](const FieldValue& value) { return condition.Accepts(value); });
}

bool NamesNot(const Filter& filter) {
  return filter.kind == Filter::Kind::kNot || std::ranges::any_of(filter.children, NamesNot);
}

// The values of each field in sorted entries: calls visit(field, entries of the field).
template <typename Visitor>
void ForEachField(std::span<const FieldEntry> entries, Visitor&& visit) {
  for (size_t begin = 0; begin < entries.size();) {
    size_t end = begin + 1;
    while (end < entries.size() && entries[end].field == entries[begin].field) ++end;
    visit(entries[begin].field, entries.subspan(begin, end - begin));
    begin = end;
  }
}

}  // namespace

// The postings as they were read or merged last, and what changed since: a document in `changed`
// has those values, whatever the postings say.
struct FieldIndex::Field {
  bool loaded = false;
  Postings postings;
  ChangedValues changed;

  bool empty() const { return postings.keys.empty() && changed.empty(); }

  // Changes are looked through one by one: they are merged before they are many.
  bool DueForMerge() const {
    constexpr size_t kFewChanges = 1024;
    return loaded && changed.size() > std::max(kFewChanges, postings.keys.size() / 32);
  }

  Postings Merged() const {
    std::vector<Entry> entries;
    for (const auto& [key, values] : changed) {
      for (const FieldValue& value : values) entries.emplace_back(value, key);
    }
    return Merge(postings, changed, std::move(entries));
  }

  DocumentSet Find(const Filter& condition) const {
    DocumentSet documents;
    AddAccepted(condition, postings, documents);
    for (const auto& [key, values] : changed) {
      documents.Remove(key);
      if (AcceptsAny(condition, values)) documents.Add(key);
    }
    return documents;
  }
};

FieldIndex::FieldIndex(const FieldSource& source) : source_(source) {}
FieldIndex::~FieldIndex() = default;

absl::StatusOr<DocumentSet> FieldIndex::Evaluate(const Filter& filter) const {
  GANNET_RETURN_IF_ERROR(LoadFor(filter));
  if (NamesNot(filter)) GANNET_RETURN_IF_ERROR(LoadDocuments());
  const std::shared_lock lock(mutex_);
  return Find(filter);
}

DocumentSet FieldIndex::Find(const Filter& filter) const {
  switch (filter.kind) {
    case Filter::Kind::kAnd: {
      DocumentSet documents = Find(filter.children.front());
      for (const Filter& child : std::span(filter.children).subspan(1)) {
        documents.IntersectWith(Find(child));
      }
      return documents;
    }
    case Filter::Kind::kOr: {
      DocumentSet documents = Find(filter.children.front());
      for (const Filter& child : std::span(filter.children).subspan(1)) {
        documents.UniteWith(Find(child));
      }
      return documents;
    }
    case Filter::Kind::kNot: {
      DocumentSet documents = documents_->Find(Filter{.kind = Filter::Kind::kExists});
      documents.Subtract(Find(filter.children.front()));
      return documents;
    }
    default:
      break;
  }
  // A field that no document had when it was looked for is not kept.
  const auto found = fields_.find(filter.field);
  return found != fields_.end() ? found->second->Find(filter) : DocumentSet();
}

absl::Status FieldIndex::LoadFor(const Filter& filter) const {
  for (const Filter& child : filter.children) GANNET_RETURN_IF_ERROR(LoadFor(child));
  return filter.children.empty() ? LoadField(filter.field) : absl::OkStatus();
}

namespace {

// Postings of entries that come in any order.
class PostingsBuilder {
 public:
  void Add(const FieldValue& value, DocumentKey key) {
    if (postings_.InOrder(value, key)) {
      postings_.Append(value, key);
    } else {
      late_.emplace_back(value, key);
    }
  }

  Postings Finish() {
    return late_.empty() ? std::move(postings_) : Merge(postings_, {}, std::move(late_));
  }

 private:
  Postings postings_;
  std::vector<Entry> late_;
};

}  // namespace

absl::Status FieldIndex::LoadField(const std::string& name) const {
  {
    const std::shared_lock lock(mutex_);
    const auto found = fields_.find(name);
    if (found != fields_.end() && found->second->loaded) return absl::OkStatus();
  }
  const std::lock_guard loading(loading_);
  Field* field = nullptr;
  {
    // From here on the field follows changes: those made while it is read are not lost.
    const std::unique_lock lock(mutex_);
    std::unique_ptr<Field>& entry = fields_[name];
    if (entry == nullptr) entry = std::make_unique<Field>();
    if (entry->loaded) return absl::OkStatus();
    field = entry.get();
  }
  PostingsBuilder builder;
  const absl::Status status = source_.VisitField(
      name, [&](const FieldValue& value, DocumentKey key) { builder.Add(value, key); });
  Postings postings = builder.Finish();
  const std::unique_lock lock(mutex_);
  field->postings = std::move(postings);
  field->loaded = true;
  if (!status.ok() || field->empty()) fields_.erase(name);
  return status;
}

absl::Status FieldIndex::LoadDocuments() const {
  {
    const std::shared_lock lock(mutex_);
    if (documents_ != nullptr && documents_->loaded) return absl::OkStatus();
  }
  const std::lock_guard loading(loading_);
  {
    const std::unique_lock lock(mutex_);
    if (documents_ == nullptr) documents_ = std::make_unique<Field>();
    if (documents_->loaded) return absl::OkStatus();
  }
  PostingsBuilder builder;
  const absl::Status status =
      source_.VisitDocuments([&](DocumentKey key) { builder.Add(true, key); });
  Postings postings = builder.Finish();
  const std::unique_lock lock(mutex_);
  if (!status.ok()) {
    documents_ = nullptr;
    return status;
  }
  documents_->postings = std::move(postings);
  documents_->loaded = true;
  return absl::OkStatus();
}

void FieldIndex::Follow(const FieldChange& change) {
  if (documents_ != nullptr && change.before.has_value() != change.after.has_value()) {
    std::vector<FieldValue>& values = documents_->changed[change.key];
    values.clear();
    if (change.after.has_value()) values.emplace_back(true);
  }
  const auto changed_values = [&](const std::string& name) -> std::vector<FieldValue>* {
    const auto found = fields_.find(name);
    return found != fields_.end() ? &found->second->changed[change.key] : nullptr;
  };
  if (change.before.has_value()) {
    ForEachField(*change.before, [&](const std::string& name, std::span<const FieldEntry>) {
      if (std::vector<FieldValue>* values = changed_values(name)) values->clear();
    });
  }
  if (change.after.has_value()) {
    ForEachField(*change.after, [&](const std::string& name, std::span<const FieldEntry> entries) {
      if (std::vector<FieldValue>* values = changed_values(name)) {
        values->clear();
        for (const FieldEntry& entry : entries) values->push_back(entry.value);
      }
    });
  }
}

void FieldIndex::Apply(std::span<const FieldChange> changes) {
  {
    const std::unique_lock lock(mutex_);
    for (const FieldChange& change : changes) Follow(change);
  }
  // Merging takes a while, and evaluations go on beside it: only Apply changes what is merged.
  std::vector<std::pair<Field*, Postings>> merged;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [name, field] : fields_) {
      if (field->DueForMerge()) merged.emplace_back(field.get(), field->Merged());
    }
    if (documents_ != nullptr && documents_->DueForMerge()) {
      merged.emplace_back(documents_.get(), documents_->Merged());
    }
  }
  if (merged.empty()) return;
  const std::unique_lock lock(mutex_);
  for (auto& [field, postings] : merged) {
    field->postings = std::move(postings);
    field->changed.clear();
  }
}

}  // namespace gannet::indexer
