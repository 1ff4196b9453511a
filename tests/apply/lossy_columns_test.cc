#include "apply/lossy_columns.h"

#include <gtest/gtest.h>

#include "base/status.h"

namespace walrelay::apply {
namespace {

MirrorTable TableOf(ColumnType column) {
  MirrorTable table;
  table.columns.push_back({.name = "c", .quoted = "\"c\"", .type = std::move(column), .equality = {}});
  return table;
}

// Of a column `c` of this type, whose records have that field.
std::string Loss(FieldType field, ColumnType column) {
  return LossyColumns({{"c", std::move(field)}, {"gone", {.form = Form::kMicroDuration}}},
                      TableOf(std::move(column)));
}

ColumnType Column(std::string_view sql, std::string_view name, int32_t typmod = -1) {
  return MakeColumnType(sql, name, false, typmod);
}

TEST(LossyColumns, NumericAsADouble) {
  EXPECT_EQ(Loss({.form = Form::kFloat, .digits = 8}, Column("numeric(10,2)", "numeric", 655366)),
            "c (digits beyond a double's: decimal.handling.mode)");
  EXPECT_NE(Loss({.form = Form::kFloat, .digits = 8}, Column("money", "money")), "");
  EXPECT_EQ(Loss({.form = Form::kFloat, .digits = 8}, Column("double precision", "float8")), "");
  EXPECT_EQ(Loss({.form = Form::kDecimal}, Column("numeric", "numeric")), "");
}

TEST(LossyColumns, IntervalsAsALength) {
  EXPECT_NE(Loss({.form = Form::kMicroDuration}, Column("interval", "interval")), "");
  EXPECT_EQ(Loss({.form = Form::kIsoInterval}, Column("interval", "interval")), "");
}

TEST(LossyColumns, TimesInMilliseconds) {
  const FieldType millis{.form = Form::kTimestamp, .digits = 3};
  EXPECT_EQ(Loss(millis, Column("timestamp without time zone", "timestamp")),
            "c (microseconds: time.precision.mode)");
  EXPECT_EQ(Loss(millis, Column("timestamp(3) without time zone", "timestamp", 3)), "");
  EXPECT_NE(Loss({.form = Form::kTime, .digits = 3}, Column("time(6)", "time", 6)), "");
  EXPECT_EQ(Loss({.form = Form::kTimestamp, .digits = 6}, Column("timestamp", "timestamp")), "");
}

TEST(LossyColumns, ElementsOfArrays) {
  const auto of = [](FieldType element, std::string_view type) {
    FieldType array{.form = Form::kArray};
    array.element = std::make_shared<const FieldType>(std::move(element));
    return Loss(array, MakeColumnType(Cat(type, "[]"), type, true, -1));
  };
  EXPECT_NE(of({.form = Form::kFloat, .digits = 8}, "numeric"), "");
  EXPECT_EQ(of({.form = Form::kTime, .digits = 6}, "time"), "c (microseconds, in arrays)");
  EXPECT_NE(of({.form = Form::kZonedTime}, "timetz"), "");
  EXPECT_EQ(of({.form = Form::kText}, "text"), "");
  EXPECT_NE(Loss({.form = Form::kBits}, MakeColumnType("bit(3)[]", "bit", true, 3)), "");
}

TEST(LossyColumns, NamesThatAreStreamed) {
  EXPECT_NE(Loss({.form = Form::kText}, Column("name", "name")), "");
}

TEST(ColumnsUnsentAsNull, AreThoseWithoutAPlaceholder) {
  const FieldType text{.form = Form::kText};
  const auto unsent = [](FieldType field, ColumnType column, bool is_hex = false) {
    return ColumnsUnsentAsNull({{"c", std::move(field)}, {"gone", {.form = Form::kBits}}},
                               TableOf(std::move(column)), is_hex);
  };
  const auto array = [&](std::string_view name, FieldType element = {}) {
    FieldType type{.form = Form::kArray};
    type.element = std::make_shared<const FieldType>(element);
    return unsent(type, MakeColumnType(Cat(name, "[]"), name, true, -1));
  };
  EXPECT_EQ(unsent({.form = Form::kVariableDecimal}, Column("numeric", "numeric")), "c");
  EXPECT_EQ(unsent({.form = Form::kFloat}, Column("numeric", "numeric")), "c");
  EXPECT_EQ(unsent(text, Column("numeric", "numeric")), "");
  EXPECT_EQ(unsent({.form = Form::kDecimal}, Column("numeric(10,2)", "numeric", 655366)), "");
  EXPECT_EQ(unsent({.form = Form::kBits}, Column("bit varying", "varbit")), "c");
  EXPECT_EQ(unsent({.form = Form::kBits}, Column("bit(8)", "bit", 8)), "");
  EXPECT_EQ(unsent({.form = Form::kJson}, Column("hstore", "hstore")), "c (with Debezium 2.5)");
  EXPECT_EQ(unsent({.form = Form::kMap}, Column("hstore", "hstore")), "");
  EXPECT_EQ(unsent({.form = Form::kBytes}, Column("bytea", "bytea")), "");
  EXPECT_EQ(unsent(text, Column("bytea", "bytea")), "c");
  EXPECT_EQ(unsent(text, Column("bytea", "bytea"), true), "c (with Debezium 2.5)");
  EXPECT_EQ(array("bytea", {.form = Form::kBytes}) + array("bytea", text), "c");
  EXPECT_EQ(array("float8"), "c");
  EXPECT_EQ(array("bpchar"), "c (with Debezium 2.5)");
  for (const std::string_view name : {"text", "int4", "int8", "date", "uuid", "jsonb"})
    EXPECT_EQ(array(name), "") << name;
  for (const std::string_view name : {"text", "jsonb", "xml", "int4", "timestamptz", "ltree"})
    EXPECT_EQ(unsent(text, Column(name, name)), "") << name;
}

TEST(ColumnsWithoutField, AreThoseThatRecordsLack) {
  SourceTable source;
  for (const char* name : {"id", "a_circle", "v", "a_path"})
    source.columns.push_back({.name = name, .type = {}, .old_rows = {}});
  EXPECT_EQ(ColumnsWithoutField({{"id", {}}, {"v", {}}}, source), "a_circle, a_path");
  source.columns.resize(1);
  EXPECT_EQ(ColumnsWithoutField({{"id", {}}, {"v", {}}}, source), "");
}

}  // namespace
}  // namespace walrelay::apply
