#include "envelope/column_mapping.h"

#include <gtest/gtest.h>

#include "tests/envelope/fixture.h"

namespace walrelay::envelope {
namespace {

// One table with one mapped column; the value that a row gets.
std::string Mapped(const ColumnMapper& mapper, const std::string& type, int32_t typmod,
                   const char* text, bool not_null = false,
                   const char* default_expression = nullptr) {
  Options options = TestOptions();
  options.value_schemas = false;
  options.column_mapper = [&](auto&, auto&, const std::string& column, auto&) {
    return column == "x" ? std::optional(mapper) : std::nullopt;
  };
  Table table("public", "t");
  auto column = table.Column("x", type, typmod);
  if (not_null) column.NotNull();
  if (default_expression != nullptr) column.Default(default_expression);
  Encoder encoder(std::make_shared<const Options>(options));
  walrelay::Insert change;
  change.new_tuple = {Value(text)};
  Records records;
  const auto plan = table.Plan(options);
  CHECK(encoder.Insert(*plan, change, TestContext(), records.sink()).ok());
  const std::string& value = *records.all.at(0).value;
  const size_t from = value.find("\"x\":") + 4;
  return value.substr(from, value.find("},\"source\"") - from);
}

TEST(ColumnMapping, TruncatesByUtf16Units) {
  EXPECT_EQ(Mapped(TruncateColumn{4}, "text", -1, "abcdef"), "\"abcd\"");
  EXPECT_EQ(Mapped(TruncateColumn{4}, "text", -1, "ä😀bc"), "\"ä\\uD83D\\uDE00b\"");
  EXPECT_EQ(Mapped(TruncateColumn{4}, "varchar", 7, "abc"), "\"abc\"")
      << "a column that is short enough";
  EXPECT_EQ(Mapped(TruncateColumn{2}, "bytea", -1, "\\x010203"), "\"AQI=\"");
  EXPECT_EQ(Mapped(TruncateColumn{2}, "int4", -1, "12345"), "12345");
  EXPECT_EQ(Mapped(TruncateColumn{0}, "text", -1, "abc"), "\"\"");
  EXPECT_EQ(Mapped(TruncateColumn{1}, "text", -1, nullptr), "null");
}

TEST(ColumnMapping, MasksReplaceNullToo) {
  EXPECT_EQ(Mapped(MaskColumn{6}, "text", -1, "secret"), "\"******\"");
  EXPECT_EQ(Mapped(MaskColumn{6}, "text", -1, nullptr), "\"******\"");
  EXPECT_EQ(Mapped(MaskColumn{0}, "bpchar", 9, "secret"), "\"\"");
  EXPECT_EQ(Mapped(MaskColumn{6}, "int4", -1, "5"), "5") << "not a character type";
}

TEST(ColumnMapping, HashesAreSaltedAndCutToTheColumn) {
  // As by: printf 'saltabc' | md5sum
  EXPECT_EQ(Mapped(HashColumn{"MD5", "salt", true}, "text", -1, "abc"),
            "\"10374787ed585803bc4cdb63f92a545b\"");
  EXPECT_EQ(Mapped(HashColumn{"MD5", "salt", true}, "varchar", 14, "abc").size(), 12u);
  EXPECT_EQ(Mapped(HashColumn{"SHA-256", "s", false}, "text", -1, "abc").size(), 66u);
  EXPECT_NE(Mapped(HashColumn{"SHA-256", "s", false}, "text", -1, "abc"),
            Mapped(HashColumn{"SHA-256", "s", true}, "text", -1, "abc"));
  EXPECT_EQ(Mapped(HashColumn{"MD5", "salt", true}, "text", -1, nullptr), "null");
  EXPECT_EQ(Mapped(HashColumn{"MD5", "salt", true}, "text", -1, nullptr, false, "'d'::text"),
            "\"d\"")
      << "the default that stands for NULL is not hashed";
}

TEST(ColumnMapping, ParametersOfTheSchema) {
  const JdbcType type = {.name = "numeric", .length = 10, .scale = 2};
  const auto parameters = [&](const ColumnMapper& mapper) {
    ConnectSchema schema = PlainSchema("string");
    AddMapperParameters(schema, mapper, type, "amount");
    std::string text;
    for (const auto& [name, value] : schema.parameters) text += name + "=" + value + " ";
    return text;
  };
  EXPECT_EQ(parameters(TruncateColumn{4}), "truncateLength=4 ");
  EXPECT_EQ(parameters(TruncateColumn{10}), "");
  EXPECT_EQ(parameters(MaskColumn{1}), "masked=true ");
  EXPECT_EQ(parameters(HashColumn{"MD5", "s", false}), "masked=true ");
  EXPECT_EQ(parameters(PropagateSourceType{}),
            "__debezium.source.column.type=NUMERIC __debezium.source.column.length=10 "
            "__debezium.source.column.scale=2 __debezium.source.column.name=amount ");
}

}  // namespace
}  // namespace walrelay::envelope
