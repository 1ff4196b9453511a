#include "apply/lossy_columns.h"

#include <gtest/gtest.h>

#include "base/status.h"

namespace walrelay::apply {
namespace {

// Of a column `c` of this type, whose records have that field.
std::string Loss(FieldType field, ColumnType column) {
  MirrorTable table;
  table.columns.push_back({.name = "c", .quoted = "\"c\"", .type = std::move(column), .equality = {}});
  return LossyColumns({{"c", std::move(field)}, {"gone", {.form = Form::kMicroDuration}}}, table);
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
