#include "base/parquet/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/parquet/json_text.h"
#include "base/status.h"

namespace gannet::base::parquet {
namespace {

constexpr int kMaxDepth = 64;
constexpr int64_t kMaxValueBytes = 1 << 20;  // Of a type of fixed length.
constexpr int64_t kMaxScale = 38;            // Digits of 16 bytes.
constexpr size_t kMaxDecimalBytes = 16;

// Bytes of a value in PLAIN; nullopt of a type that is not known.
std::optional<size_t> ValueBytes(const SchemaElement& element) {
  switch (static_cast<PhysicalType>(element.physical_type)) {
    case PhysicalType::kBoolean:
    case PhysicalType::kByteArray:
      return 0;
    case PhysicalType::kInt32:
    case PhysicalType::kFloat:
      return 4;
    case PhysicalType::kInt64:
    case PhysicalType::kDouble:
      return 8;
    case PhysicalType::kInt96:
      return 12;
    case PhysicalType::kFixedLenByteArray:
      if (element.type_length <= 0 || element.type_length > kMaxValueBytes) return std::nullopt;
      return static_cast<size_t>(element.type_length);
  }
  return std::nullopt;
}

ValueForm FormOfInteger(const SchemaElement& element) {
  switch (element.logical_type) {
    case LogicalType::kUnsigned:
      return ValueForm::kUnsigned;
    case LogicalType::kDate:
      return ValueForm::kDate;
    case LogicalType::kTime:
      return ValueForm::kTime;
    case LogicalType::kTimestamp:
      return ValueForm::kTimestamp;
    case LogicalType::kDecimal:
      return ValueForm::kDecimal;
    case LogicalType::kNone:
    case LogicalType::kSigned:
    case LogicalType::kNull:
      return ValueForm::kSigned;
    default:
      return ValueForm::kNotRead;
  }
}

ValueForm FormOfBytes(const SchemaElement& element, size_t value_bytes) {
  switch (element.logical_type) {
    case LogicalType::kNone:  // Old writers did not mark text.
    case LogicalType::kString:
    case LogicalType::kNull:
      return ValueForm::kText;
    case LogicalType::kDecimal:
      return value_bytes <= kMaxDecimalBytes ? ValueForm::kDecimal : ValueForm::kNotRead;
    case LogicalType::kUuid:
      return value_bytes == 16 ? ValueForm::kUuid : ValueForm::kNotRead;
    case LogicalType::kFloat16:
      return value_bytes == 2 ? ValueForm::kHalf : ValueForm::kNotRead;
    default:
      return ValueForm::kNotRead;
  }
}

ValueForm FormOf(const SchemaElement& element, size_t value_bytes) {
  switch (static_cast<PhysicalType>(element.physical_type)) {
    case PhysicalType::kBoolean:
      return ValueForm::kBoolean;
    case PhysicalType::kInt32:
      return element.logical_type == LogicalType::kTimestamp ? ValueForm::kNotRead
                                                             : FormOfInteger(element);
    case PhysicalType::kInt64:
      return element.logical_type == LogicalType::kDate ? ValueForm::kNotRead
                                                        : FormOfInteger(element);
    case PhysicalType::kInt96:
      return ValueForm::kInt96;
    case PhysicalType::kFloat:
      return ValueForm::kFloat;
    case PhysicalType::kDouble:
      return ValueForm::kDouble;
    case PhysicalType::kByteArray:
    case PhysicalType::kFixedLenByteArray:
      return FormOfBytes(element, value_bytes);
  }
  return ValueForm::kNotRead;
}

std::string WhyNotRead(const SchemaElement& element) {
  switch (element.logical_type) {
    case LogicalType::kOther:
      return element.logical_name;
    case LogicalType::kDecimal:
      return fmt::format("a decimal of {} bytes", element.type_length);
    default:
      return fmt::format("a logical type that does not go with physical type {}",
                         element.physical_type);
  }
}

// Walks the elements, depth first, and makes fields and leaves of them.
class SchemaBuilder {
 public:
  explicit SchemaBuilder(std::span<const SchemaElement> elements) : elements_(elements) {}

  absl::StatusOr<Schema> Build() &&;

 private:
  // Where in the tree a field stands.
  struct Levels {
    uint32_t definition = 0;
    uint32_t repetition = 0;
    int depth = 0;
    std::string path;

    Levels Below(const SchemaElement& element) const;
  };

  absl::StatusOr<const SchemaElement*> TakeElement(int depth);
  // The next element and all below it.
  absl::StatusOr<Field> TakeField(const Levels& parent);
  // What an element holds, at levels at which it is there.
  absl::StatusOr<Field> TakeContent(const SchemaElement& element, const Levels& levels);
  absl::Status TakeLeaf(const SchemaElement& element, const Levels& levels, Field& field);
  absl::Status TakeObject(const SchemaElement& element, const Levels& levels, Field& field);
  absl::Status TakeList(const SchemaElement& list, const Levels& levels, Field& field);
  bool HoldsList(const SchemaElement& element) const;
  bool IsElementItself(const SchemaElement& list, const SchemaElement& repeated) const;
  bool NextIs(Repetition repetition) const;

  const std::span<const SchemaElement> elements_;
  size_t next_ = 0;
  std::vector<Leaf> leaves_;
};

SchemaBuilder::Levels SchemaBuilder::Levels::Below(const SchemaElement& element) const {
  // The path is for messages: what a hostile schema makes of it stays short.
  constexpr size_t kMaxNameInPath = 100, kMaxPath = 300;
  const std::string name = element.name.substr(0, kMaxNameInPath);
  const auto of = static_cast<Repetition>(element.repetition);
  return {.definition = definition + (of == Repetition::kRequired ? 0 : 1),
          .repetition = repetition + (of == Repetition::kRepeated ? 1 : 0),
          .depth = depth + 1,
          .path = path.empty()             ? name
                  : path.size() > kMaxPath ? path
                                           : fmt::format("{}.{}", path, name)};
}

bool SchemaBuilder::NextIs(Repetition repetition) const {
  return next_ < elements_.size() &&
         elements_[next_].repetition == static_cast<int64_t>(repetition);
}

absl::StatusOr<const SchemaElement*> SchemaBuilder::TakeElement(int depth) {
  if (next_ == elements_.size()) {
    return absl::DataLossError("the schema ends before the children of its groups");
  }
  if (depth > kMaxDepth) {
    return absl::UnimplementedError(fmt::format("a schema nested more than {} deep", kMaxDepth));
  }
  const SchemaElement& element = elements_[next_++];
  if (element.repetition < 0 || element.repetition > 2) {
    return absl::DataLossError(
        fmt::format("field {} has repetition type {}", element.name, element.repetition));
  }
  return &element;
}

absl::StatusOr<Field> SchemaBuilder::TakeField(const Levels& parent) {
  GANNET_ASSIGN_OR_RETURN(const SchemaElement* const element, TakeElement(parent.depth));
  const Levels levels = parent.Below(*element);
  Field field;
  if (static_cast<Repetition>(element->repetition) == Repetition::kRepeated) {
    field.kind = Field::Kind::kList;
    field.definition = parent.definition;
    field.element_definition = levels.definition;
    field.element_repetition = levels.repetition;
    field.first_leaf = leaves_.size();
    GANNET_ASSIGN_OR_RETURN(Field content, TakeContent(*element, levels));
    field.children.push_back(std::move(content));
    field.end_leaf = leaves_.size();
  } else {
    GANNET_ASSIGN_OR_RETURN(field, TakeContent(*element, levels));
    field.nullable = static_cast<Repetition>(element->repetition) == Repetition::kOptional;
  }
  AppendJsonString(element->name, field.key);
  field.key += ':';
  return field;
}

absl::StatusOr<Field> SchemaBuilder::TakeContent(const SchemaElement& element,
                                                 const Levels& levels) {
  Field field;
  field.definition = levels.definition;
  field.first_leaf = leaves_.size();
  absl::Status status;
  if (element.physical_type != -1 && element.children == 0) {
    status = TakeLeaf(element, levels, field);
  } else if (HoldsList(element)) {
    status = TakeList(element, levels, field);
  } else {
    status = TakeObject(element, levels, field);
  }
  GANNET_RETURN_IF_ERROR(status);
  field.end_leaf = leaves_.size();
  return field;
}

absl::Status SchemaBuilder::TakeLeaf(const SchemaElement& element, const Levels& levels,
                                     Field& field) {
  const std::optional<size_t> value_bytes = ValueBytes(element);
  if (!value_bytes.has_value()) {
    return absl::DataLossError(fmt::format("column {} has physical type {} of length {}",
                                           levels.path, element.physical_type,
                                           element.type_length));
  }
  Leaf leaf{.path = levels.path,
            .type = static_cast<PhysicalType>(element.physical_type),
            .value_bytes = *value_bytes,
            .form = FormOf(element, *value_bytes),
            .scale = static_cast<int>(element.scale),
            .unit = element.unit,
            .is_utc = element.is_utc,
            .max_definition = levels.definition,
            .max_repetition = levels.repetition,
            .column = leaves_.size()};
  const bool scale_fits = element.scale >= 0 && element.scale <= kMaxScale;
  if (leaf.form == ValueForm::kDecimal && !scale_fits) {
    leaf.form = ValueForm::kNotRead;
    leaf.not_read = fmt::format("a decimal of scale {}", element.scale);
  } else if (leaf.form == ValueForm::kNotRead) {
    leaf.not_read = WhyNotRead(element);
  }
  field.kind = Field::Kind::kValue;
  leaves_.push_back(std::move(leaf));
  return absl::OkStatus();
}

absl::Status SchemaBuilder::TakeObject(const SchemaElement& element, const Levels& levels,
                                       Field& field) {
  if (element.children <= 0) {
    return absl::DataLossError(
        fmt::format("group {} has {} children", levels.path, element.children));
  }
  field.kind = Field::Kind::kObject;
  std::set<std::string> keys;
  for (int64_t i = 0; i < element.children; ++i) {
    GANNET_ASSIGN_OR_RETURN(Field child, TakeField(levels));
    if (!keys.insert(child.key).second) {
      return absl::UnimplementedError(fmt::format(
          "{} two fields of the name {}",
          levels.path.empty() ? "the rows have" : fmt::format("group {} has", levels.path),
          child.key.substr(0, child.key.size() - 1)));
    }
    field.children.push_back(std::move(child));
  }
  return absl::OkStatus();
}

// Lists and maps are spelled as groups of one repeated child.
bool SchemaBuilder::HoldsList(const SchemaElement& element) const {
  const bool is_marked =
      element.logical_type == LogicalType::kList || element.logical_type == LogicalType::kMap;
  return is_marked && element.children == 1 && NextIs(Repetition::kRepeated);
}

// Whether the repeated child of a list is its element, as old writers have it and as a map does, or
// a group around the element. The rules are those of "Backward-compatibility rules" in
// https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#lists
bool SchemaBuilder::IsElementItself(const SchemaElement& list,
                                    const SchemaElement& repeated) const {
  return list.logical_type == LogicalType::kMap || repeated.children != 1 ||
         NextIs(Repetition::kRepeated) || repeated.name == "array" ||
         repeated.name == list.name + "_tuple";
}

absl::Status SchemaBuilder::TakeList(const SchemaElement& list, const Levels& levels,
                                     Field& field) {
  GANNET_ASSIGN_OR_RETURN(const SchemaElement* const repeated, TakeElement(levels.depth));
  const Levels within = levels.Below(*repeated);
  field.kind = Field::Kind::kList;
  field.element_definition = within.definition;
  field.element_repetition = within.repetition;
  GANNET_ASSIGN_OR_RETURN(Field element, IsElementItself(list, *repeated)
                                             ? TakeContent(*repeated, within)
                                             : TakeField(within));
  field.children.push_back(std::move(element));
  return absl::OkStatus();
}

absl::StatusOr<Schema> SchemaBuilder::Build() && {
  GANNET_ASSIGN_OR_RETURN(const SchemaElement* const root, TakeElement(0));
  Schema schema;
  // An empty table may have no column at all.
  if (root->children > 0) GANNET_RETURN_IF_ERROR(TakeObject(*root, {}, schema.root));
  schema.root.kind = Field::Kind::kObject;
  if (next_ != elements_.size()) {
    return absl::DataLossError(
        fmt::format("the schema has {} fields, {} in its tree", elements_.size(), next_));
  }
  schema.num_columns = leaves_.size();
  schema.leaves = std::move(leaves_);
  return schema;
}

// Moves the leaves of a field and all below it to other places.
void Renumber(Field& field, size_t shift) {
  field.first_leaf -= shift;
  field.end_leaf -= shift;
  for (Field& child : field.children) Renumber(child, shift);
}

void KeepColumns(std::span<const std::string> columns, Schema& schema) {
  std::set<std::string> keys;
  for (const std::string& column : columns) {
    std::string key;
    AppendJsonString(column, key);
    keys.insert(key + ':');
  }
  std::vector<Field> fields;
  std::vector<Leaf> leaves;
  for (Field& field : schema.root.children) {
    if (!keys.contains(field.key)) continue;
    const size_t shift = field.first_leaf - leaves.size();
    for (size_t i = field.first_leaf; i < field.end_leaf; ++i) {
      leaves.push_back(std::move(schema.leaves[i]));
    }
    Renumber(field, shift);
    fields.push_back(std::move(field));
  }
  schema.root.children = std::move(fields);
  schema.leaves = std::move(leaves);
}

}  // namespace

absl::StatusOr<Schema> BuildSchema(std::span<const SchemaElement> elements,
                                   std::span<const std::string> columns) {
  GANNET_ASSIGN_OR_RETURN(Schema schema, SchemaBuilder(elements).Build());
  if (!columns.empty()) KeepColumns(columns, schema);
  schema.root.first_leaf = 0;
  schema.root.end_leaf = schema.leaves.size();
  for (const Leaf& leaf : schema.leaves) {
    if (leaf.form != ValueForm::kNotRead) continue;
    return absl::UnimplementedError(
        fmt::format("column {}: {} is not read", leaf.path, leaf.not_read));
  }
  return schema;
}

}  // namespace gannet::base::parquet
