#include "base/parquet/schema.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gannet::base::parquet {
namespace {

using ::testing::HasSubstr;

SchemaElement Group(std::string name, Repetition repetition, int64_t children,
                    LogicalType type = LogicalType::kNone) {
  return {.repetition = static_cast<int64_t>(repetition),
          .name = std::move(name),
          .children = children,
          .logical_type = type};
}

SchemaElement Leaf(std::string name, Repetition repetition,
                   PhysicalType type = PhysicalType::kInt32,
                   LogicalType logical = LogicalType::kNone) {
  return {.physical_type = static_cast<int64_t>(type),
          .repetition = static_cast<int64_t>(repetition),
          .name = std::move(name),
          .logical_type = logical};
}

// A field as text: values are "v", lists "[element]", objects "{key:...}", a "?" stands behind what
// can be null, and levels behind "@".
std::string Shape(const Field& field) {
  std::string shape;
  switch (field.kind) {
    case Field::Kind::kValue:
      shape = "v";
      break;
    case Field::Kind::kList:
      shape = fmt::format("[{}@{},{}]", Shape(field.children.front()), field.element_definition,
                          field.element_repetition);
      break;
    case Field::Kind::kObject:
      shape = "{";
      for (const Field& child : field.children) shape += child.key + Shape(child);
      shape += "}";
      break;
  }
  return shape + (field.nullable ? fmt::format("?{}", field.definition) : "");
}

std::string ShapeOf(const std::vector<SchemaElement>& below_root, int64_t children = 1) {
  std::vector<SchemaElement> elements = {Group("schema", Repetition::kRequired, children)};
  elements.insert(elements.end(), below_root.begin(), below_root.end());
  const absl::StatusOr<Schema> schema = BuildSchema(elements, {});
  return schema.ok() ? Shape(schema->root) : schema.status().ToString();
}

// The spellings of a list in "Backward-compatibility rules" of the format's LogicalTypes.md.
TEST(SchemaTest, AListReadsTheSameHoweverItIsSpelled) {
  using enum Repetition;
  constexpr LogicalType kList = LogicalType::kList;
  // Three levels, the element nullable.
  EXPECT_EQ(ShapeOf({Group("a", kOptional, 1, kList), Group("list", kRepeated, 1),
                     Leaf("element", kOptional)}),
            R"({"a":[v?3@2,1]?1})");
  // Two levels: the repeated field is the element.
  EXPECT_EQ(ShapeOf({Group("a", kOptional, 1, kList), Leaf("element", kRepeated)}),
            R"({"a":[v@2,1]?1})");
  EXPECT_EQ(ShapeOf({Group("a", kRequired, 1, kList), Group("element", kRepeated, 2),
                     Leaf("x", kRequired), Leaf("y", kOptional)}),
            R"({"a":[{"x":v"y":v?2}@1,1]})");
  EXPECT_EQ(ShapeOf({Group("a", kOptional, 1, kList), Group("array", kRepeated, 1),
                     Leaf("x", kRequired)}),
            R"({"a":[{"x":v}@2,1]?1})");
  EXPECT_EQ(ShapeOf({Group("a", kOptional, 1, kList), Group("a_tuple", kRepeated, 1),
                     Leaf("x", kRequired)}),
            R"({"a":[{"x":v}@2,1]?1})");
  // Two levels of lists in two levels.
  EXPECT_EQ(ShapeOf({Group("a", kOptional, 1, kList), Group("array", kRepeated, 1, kList),
                     Leaf("array", kRepeated)}),
            R"({"a":[[v@3,2]@2,1]?1})");
  // A repeated field that nothing marks as a list.
  EXPECT_EQ(ShapeOf({Leaf("a", kRepeated)}), R"({"a":[v@1,1]})");
  EXPECT_EQ(ShapeOf({Group("a", kRepeated, 1), Leaf("x", kOptional)}), R"({"a":[{"x":v?2}@1,1]})");
}

TEST(SchemaTest, AMapIsAListOfItsKeysAndValues) {
  using enum Repetition;
  EXPECT_EQ(ShapeOf({Group("m", kOptional, 1, LogicalType::kMap), Group("key_value", kRepeated, 2),
                     Leaf("key", kRequired), Leaf("value", kOptional)}),
            R"({"m":[{"key":v"value":v?3}@2,1]?1})");
  EXPECT_EQ(ShapeOf({Group("m", kOptional, 1, LogicalType::kMap), Group("key_value", kRepeated, 1),
                     Leaf("key", kRequired)}),
            R"({"m":[{"key":v}@2,1]?1})");
}

TEST(SchemaTest, ElementsThatMakeNoTreeAreRefused) {
  using enum Repetition;
  EXPECT_THAT(ShapeOf({Leaf("a", kOptional)}, 2), HasSubstr("ends before the children"));
  EXPECT_THAT(ShapeOf({Leaf("a", kOptional), Leaf("b", kOptional)}),
              HasSubstr("the schema has 3 fields, 2 in its tree"));
  EXPECT_THAT(ShapeOf({Group("a", kOptional, 0)}), HasSubstr("group a has 0 children"));
  EXPECT_THAT(ShapeOf({Leaf("a", kOptional), Leaf("a", kOptional)}, 2),
              HasSubstr("the rows have two fields of the name \"a\""));
  EXPECT_THAT(ShapeOf({Leaf("a", static_cast<Repetition>(3))}),
              HasSubstr("field a has repetition type 3"));
  EXPECT_THAT(ShapeOf({Leaf("a", kOptional, static_cast<PhysicalType>(8))}),
              HasSubstr("column a has physical type 8"));
  EXPECT_THAT(ShapeOf({Leaf("a", kOptional, PhysicalType::kFixedLenByteArray)}),
              HasSubstr("column a has physical type 7 of length 0"));
  EXPECT_THAT(ShapeOf(std::vector<SchemaElement>(100, Group("g", kRequired, 1))),
              HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(BuildSchema({}, {}).status().ToString(), HasSubstr("ends before"));
}

TEST(SchemaTest, AColumnWithoutAFormIsRefusedWhenItIsKept) {
  using enum Repetition;
  const std::vector<SchemaElement> elements = {
      Group("schema", kRequired, 3), Group("g", kOptional, 1),
      Leaf("b", kOptional, PhysicalType::kByteArray, LogicalType::kOther), Leaf("a", kRequired),
      Leaf("c", kRequired)};
  EXPECT_THAT(BuildSchema(elements, {}).status().ToString(), HasSubstr("column g.b: "));
  const std::vector<std::string> columns = {"c", "a"};
  const absl::StatusOr<Schema> schema = BuildSchema(elements, columns);
  ASSERT_TRUE(schema.ok()) << schema.status();
  EXPECT_EQ(Shape(schema->root), R"({"a":v"c":v})");
  EXPECT_EQ(schema->num_columns, 3);
  ASSERT_EQ(schema->leaves.size(), 2);
  EXPECT_EQ(schema->leaves[0].column, 1);
  EXPECT_EQ(schema->root.children[1].first_leaf, 1);
}

}  // namespace
}  // namespace gannet::base::parquet
