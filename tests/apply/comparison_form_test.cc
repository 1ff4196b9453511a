// Which columns can be compared, how, and which of them only as far as the format tells.
#include "apply/verify/comparison_form.h"

#include <gtest/gtest.h>

#include "base/status.h"

namespace walrelay::apply {
namespace {

ComparedSide Side(std::string_view name, char kind = 'b') {
  const bool is_array = name.ends_with("[]");
  const std::string_view element = is_array ? name.substr(0, name.size() - 2) : name;
  return {.type = MakeColumnType(name, element, is_array, -1), .kind = kind};
}

ComparisonForm Form(ComparedSide source, ComparedSide copy, const FormatLosses& losses = {},
                    std::string_view by_default = "") {
  return FormOf({.source = std::move(source),
                 .copy = std::move(copy),
                 .source_default = std::string(by_default)},
                losses);
}
ComparisonForm Form(std::string_view source, std::string_view copy,
                    const FormatLosses& losses = {}) {
  return Form(Side(source), Side(copy), losses);
}

TEST(FormOf, PlainValuesAreTheirTexts) {
  for (const char* name : {"text", "uuid", "int4range", "point", "float8"}) {
    const ComparisonForm form = Form(name, name);
    EXPECT_EQ(form.why_not, "") << name;
    EXPECT_EQ(form.source, "$column::text") << name;
    EXPECT_EQ(form.copy, form.source) << name;
    EXPECT_FALSE(form.is_lossy) << name;
  }
}

TEST(FormOf, NumbersOfOtherTypesAreTheSameNumber) {
  const FormatLosses text{.decimals_are_precise = false};
  const ComparisonForm form = Form("int4", "numeric", text);
  EXPECT_EQ(form.source, form.copy);
  EXPECT_FALSE(form.is_lossy);
  EXPECT_EQ(Form("int8", "timestamp").why_not, "its copy is of type timestamp");
}

TEST(FormOf, WhatAModeLosesIsLeftOutOnBothSides) {
  EXPECT_TRUE(Form("numeric", "numeric").is_lossy) << "NaN is NULL";
  EXPECT_FALSE(Form("numeric", "numeric", {.decimals_are_precise = false}).is_lossy);
  const FormatLosses doubles{.decimals_are_precise = false, .decimals_are_double = true};
  EXPECT_NE(Form("numeric", "numeric", doubles).source.find("::float8"), std::string::npos);
  EXPECT_TRUE(Form("interval", "interval").is_lossy);
  const ComparisonForm interval = Form("interval", "interval", {.intervals_are_numbers = false});
  EXPECT_EQ(interval.source, "$column::text");
  EXPECT_FALSE(interval.is_lossy);
  EXPECT_NE(Form("time", "time", {.times_are_iso = true}).copy.find("'24:00:00'"),
            std::string::npos);
  EXPECT_TRUE(Form("varbit", "varbit").is_lossy);
}

TEST(FormOf, BytesInATextColumnAreReadByTheirMode) {
  using Binary = FormatLosses::Binary;
  EXPECT_EQ(Form("bytea", "bytea").source, "encode($column, 'hex')");
  EXPECT_EQ(Form("bytea", "text", {.binary = Binary::kHex}).source, "encode($column, 'hex')");
  EXPECT_NE(Form("bytea", "text", {.binary = Binary::kBase64}).source.find("'base64'"),
            std::string::npos);
  EXPECT_NE(Form("bytea", "text", {.binary = Binary::kBase64UrlSafe}).source.find("'+/', '-_'"),
            std::string::npos);
}

TEST(FormOf, SaysWhatCannotBeCompared) {
  EXPECT_NE(Form("name", "name").why_not, "");
  EXPECT_NE(Form("bit[]", "bit[]").why_not, "");
  EXPECT_NE(Form(Side("mood[]", 'e'), Side("text[]")).why_not, "");
  EXPECT_EQ(Form(Side("mood", 'e'), Side("text")).why_not, "");
  EXPECT_NE(Form("int4[]", "int4").why_not, "");
}

TEST(FormOf, ANullMayHaveBeenPublishedAsTheDefault) {
  const ComparisonForm form = Form(Side("text"), Side("text"), {}, "'it'::text");
  EXPECT_EQ(form.source, "coalesce($column, 'it'::text)::text");
  EXPECT_TRUE(form.is_lossy);
  EXPECT_NE(Form(Side("int4"), Side("int4"), {}, "nextval('s'::regclass)")
                .copy.find("coalesce($column, '0'::int4)"),
            std::string::npos)
      << "a call is published as the type's zero";
  EXPECT_EQ(Form(Side("text"), Side("text"), {}, "('a'::text || 'b'::text)").source, "$column::text")
      << "an expression is not guessed";
  const FormatLosses nulls{.null_is_default = false};
  EXPECT_EQ(Form(Side("text"), Side("text"), nulls, "'it'::text").source, "$column::text");
}

TEST(FormSql, PutsTheColumnInEveryPlace) {
  EXPECT_EQ(FormSql("CASE WHEN $column > 0 THEN $column END", "t.\"c\""),
            "CASE WHEN t.\"c\" > 0 THEN t.\"c\" END");
  EXPECT_EQ(FormSql("1", "x"), "1");
}

}  // namespace
}  // namespace walrelay::apply
