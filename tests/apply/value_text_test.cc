#include "apply/value_text.h"

#include <gtest/gtest.h>

#include "apply/placeholder.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kRefused = "(refused)";

// The text for a JSON value of a field with this schema, in a column of the type that such a field
// is given, or in another.
std::string TextOf(std::string_view schema, std::string_view json,
                   std::optional<ColumnType> column = std::nullopt) {
  JsonReader schema_reader, value_reader;
  const auto type = TypeOfSchema(*schema_reader.Parse(schema));
  if (!type.ok()) return std::string(Message(type.status()));
  const bool is_array = type->form == Form::kArray;
  const ColumnType own =
      MakeColumnType(PostgresType(*type),
                     is_array ? PostgresType(*type->element) : PostgresType(*type), is_array, -1);
  std::string text;
  ValueText values{SchemalessFormat()};
  const bool done = values.Append(*type, column.value_or(own), *value_reader.Parse(json), text);
  return done ? text : std::string(kRefused);
}

std::string Named(std::string_view type, std::string_view name,
                  std::string_view parameters = "{}") {
  return Cat(R"({"type":")", type, R"(","optional":true,"name":")", name,
             R"(","version":1,"parameters":)", parameters, "}");
}
ColumnType Column(std::string_view name, int32_t typmod = -1) {
  return MakeColumnType(name, name, false, typmod);
}

TEST(ValueText, LeavesNumbersAsTheyWereWritten) {
  EXPECT_EQ(TextOf(R"({"type":"int64"})", "9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(TextOf(R"({"type":"double"})", "1.7976931348623157E308"), "1.7976931348623157E308");
  EXPECT_EQ(TextOf(R"({"type":"double"})", R"("NaN")"), "NaN");
}

TEST(ValueText, WritesDecimalsOfEveryMode) {
  const std::string decimal = Named("bytes", "org.apache.kafka.connect.data.Decimal",
                                    R"({"scale":"2","connect.decimal.precision":"10"})");
  EXPECT_EQ(TextOf(decimal, R"("MDk=")"), "123.45");
  EXPECT_EQ(TextOf(decimal, "1.50"), "1.50") << "decimal.format=NUMERIC";
  EXPECT_EQ(TextOf(decimal, R"("not base64")"), kRefused);
  EXPECT_EQ(TextOf(Named("struct", "io.debezium.data.VariableScaleDecimal"),
                   R"({"scale":1,"value":"Dw=="})"),
            "1.5");
  EXPECT_EQ(TextOf(Named("struct", "io.debezium.data.VariableScaleDecimal"), R"({"value":"Dw=="})"),
            kRefused);
  EXPECT_EQ(TextOf(R"({"type":"string"})", R"("POSITIVE_INFINITY")", Column("numeric")),
            "Infinity");
  EXPECT_EQ(TextOf(R"({"type":"double"})", "-9.2233720368E16", Column("money")),
            "-92233720368000000");
  EXPECT_EQ(TextOf(R"({"type":"double"})", "1.25E-3", Column("money")), "0.00125");
}

TEST(ValueText, WritesBinaryByTheColumn) {
  EXPECT_EQ(TextOf(R"({"type":"bytes"})", R"("AP8=")"), "\\x00ff");
  const std::string bits = Named("bytes", "io.debezium.data.Bits", R"({"length":"10"})");
  EXPECT_EQ(TextOf(bits, R"("BQE=")"), "0100000101");
  EXPECT_EQ(TextOf(bits, R"("")"), "0000000000");
  EXPECT_EQ(TextOf(bits, R"("BQ==")", Column("varbit")), "101") << "its length is not sent";
  EXPECT_EQ(TextOf(R"({"type":"boolean"})", "true", Column("bit", 1)), "1");
  EXPECT_EQ(TextOf(R"({"type":"boolean"})", "false"), "f");
}

TEST(ValueText, WritesTheTextOfUnknownTypes) {
  const std::string bytes = R"({"type":"bytes"})";
  EXPECT_EQ(TextOf(bytes, R"("PCgxLDIpLDM+")", Column("circle")), "<(1,2),3>");
  EXPECT_EQ(TextOf(bytes, R"("AP8=")", Column("circle")), kRefused) << "no text has zero bytes";
  EXPECT_EQ(TextOf(bytes, R"("AP8=")", Column("text")), "\\x00ff") << "made for bytes";
}

TEST(ValueText, WritesDatesAndTimes) {
  EXPECT_EQ(TextOf(Named("int32", "io.debezium.time.Date"), "18263"), "2020-01-02");
  EXPECT_EQ(TextOf(Named("int32", "io.debezium.time.Time"), "42690123"), "11:51:30.123000");
  EXPECT_EQ(TextOf(Named("int64", "io.debezium.time.MicroTime"), "86400000000"), "24:00:00");
  EXPECT_EQ(TextOf(Named("int64", "io.debezium.time.NanoTime"), "1000"), "00:00:00.000001");
  EXPECT_EQ(TextOf(Named("int64", "io.debezium.time.MicroTimestamp"), "1577934245987654"),
            "2020-01-02 03:04:05.987654");
  EXPECT_EQ(TextOf(Named("int64", "org.apache.kafka.connect.data.Timestamp"), "0"),
            "1970-01-01 00:00:00");
  EXPECT_EQ(TextOf(Named("string", "io.debezium.time.ZonedTimestamp"), R"("2020-01-02T03:04:05Z")"),
            "2020-01-02 03:04:05Z");
  EXPECT_EQ(TextOf(Named("string", "io.debezium.time.IsoTime"), R"("01:02:03.12Z")"),
            "01:02:03.12");
  EXPECT_EQ(TextOf(Named("int64", "io.debezium.time.MicroDuration"), "86400000000"), "1 days");
  EXPECT_EQ(TextOf(Named("int32", "io.debezium.time.Date"), "1.5"), kRefused);
  EXPECT_EQ(TextOf(Named("int32", "io.debezium.time.Time"), "9223372036854775807"), kRefused);
}

TEST(ValueText, WritesArraysWithQuotesAndNulls) {
  EXPECT_EQ(TextOf(R"({"type":"array","items":{"type":"int32","optional":true}})", "[1,null,-1]"),
            "{1,NULL,-1}");
  EXPECT_EQ(TextOf(R"({"type":"array","items":{"type":"string","optional":true}})",
                   R"(["a","",null,"NULL","q\"\\,{"])"),
            R"({"a","",NULL,"NULL","q\"\\,{"})");
  EXPECT_EQ(TextOf(R"({"type":"array","items":{"type":"bytes","optional":true}})", R"(["AP8="])"),
            R"({"\\x00ff"})");
  EXPECT_EQ(TextOf(Cat(R"({"type":"array","items":)",
                       Named("int64", "io.debezium.time.MicroTimestamp"), "}"),
                   "[0,null]"),
            R"({"1970-01-01 00:00:00",NULL})");
  EXPECT_EQ(TextOf(R"({"type":"array","items":{"type":"int32"}})", "[]"), "{}");
}

TEST(ValueText, WritesHstorePointsAndWhatIsNested) {
  const std::string map = R"({"type":"map","keys":{"type":"string"},"values":{"type":"string"}})";
  EXPECT_EQ(TextOf(map, R"({"k":"v\"","n":null})", Column("hstore")), R"("k"=>"v\"","n"=>NULL)");
  EXPECT_EQ(TextOf(map, R"({"k":"v","n":null})"), R"({"k":"v","n":null})");
  EXPECT_EQ(
      TextOf(Named("string", "io.debezium.data.Json"), R"("{\"k\":\"v\"}")", Column("hstore")),
      R"("k"=>"v")");
  EXPECT_EQ(TextOf(Named("struct", "io.debezium.data.geometry.Point"),
                   R"({"x":1.5,"y":-2.0,"wkb":"","srid":null})"),
            "(1.5,-2.0)");
  EXPECT_EQ(TextOf(R"({"type":"struct"})", R"({"a":[1,{"b":"c\n"}]})"), R"({"a":[1,{"b":"c\n"}]})");
}

TEST(ValueText, RefusesTextThatNoServerTakes) {
  EXPECT_EQ(TextOf(R"({"type":"string"})", R"("a\u0000b")"), kRefused);
}

TEST(PostgresType, HoldsTheValueOfEachSchema) {
  const std::pair<std::string, std::string_view> cases[] = {
      {R"({"type":"int16"})", "smallint"},
      {R"({"type":"float"})", "real"},
      {Named("bytes", "org.apache.kafka.connect.data.Decimal",
             R"({"scale":"2","connect.decimal.precision":"10"})"),
       "numeric(10,2)"},
      {Named("bytes", "org.apache.kafka.connect.data.Decimal",
             R"({"scale":"2046","connect.decimal.precision":"5"})"),
       "numeric"},
      {Named("bytes", "org.apache.kafka.connect.data.Decimal", R"({"scale":"2"})"), "numeric"},
      {Named("struct", "io.debezium.data.VariableScaleDecimal"), "numeric"},
      {Named("int64", "io.debezium.time.Timestamp"), "timestamp without time zone"},
      {Named("string", "io.debezium.time.ZonedTimestamp"), "timestamp with time zone"},
      {Named("string", "io.debezium.time.Interval"), "interval"},
      {Named("string", "io.debezium.data.Uuid"), "uuid"},
      {Named("string", "io.debezium.data.Enum", R"({"allowed":"a,b"})"), "text"},
      {Named("bytes", "io.debezium.data.Bits", R"({"length":"3"})"), "bit(3)"},
      {Named("bytes", "io.debezium.data.Bits", R"({"length":"2147483647"})"), "bit varying"},
      {R"({"type":"array","items":{"type":"string"}})", "text[]"},
  };
  for (const auto& [schema, expected] : cases) {
    JsonReader reader;
    EXPECT_EQ(PostgresType(*TypeOfSchema(*reader.Parse(schema))), expected) << schema;
  }
}

TEST(TypeOfColumn, ReadsValuesWithoutSchemaByTheColumnsType) {
  SchemalessFormat format;
  const auto text = [&](const ColumnType& column, std::string_view json) {
    JsonReader reader;
    std::string out;
    ValueText values(format);
    return values.Append(TypeOfColumn(column, format), column, *reader.Parse(json), out)
               ? out
               : std::string(kRefused);
  };
  EXPECT_EQ(
      text(MakeColumnType("numeric(10,2)", "numeric", false, (10 << 16 | 2) + 4), R"("MDk=")"),
      "123.45");
  EXPECT_EQ(text(Column("timestamp"), "1000000"), "1970-01-01 00:00:01");
  EXPECT_EQ(text(Column("timestamp", 3), "1000"), "1970-01-01 00:00:01");
  EXPECT_EQ(text(Column("date"), "1"), "1970-01-02");
  EXPECT_EQ(text(Column("bytea"), R"("AP8=")"), "\\x00ff");
  EXPECT_EQ(text(Column("money"), R"("MDk=")"), "123.45");
  format.money_digits = 1;
  EXPECT_EQ(text(Column("money"), R"("MDk=")"), "1234.5");
  EXPECT_EQ(text(Column("uuid"), R"("b68a35a7-17ad-35b3-af2a-ae46edb4545a")"),
            "b68a35a7-17ad-35b3-af2a-ae46edb4545a");
  format.decimals_are_text = true;
  EXPECT_EQ(text(Column("numeric"), R"("1.50")"), "1.50");
  format.binary = SchemalessFormat::Binary::kHex;
  EXPECT_EQ(text(Column("bytea"), R"("00ff")"), "\\x00ff");
  format.binary = SchemalessFormat::Binary::kBase64UrlSafe;
  EXPECT_EQ(text(Column("bytea"), R"("-_8=")"), "\\xfbff");
}

// Whether it is the default placeholder; with its md5 as the server gives it.
bool MatchesDefault(const FieldType& type, std::string_view json) {
  const auto placeholder =
      Placeholder::Make("__debezium_unavailable_value", "b68a35a717ad25b3ef2aae46edb4545a");
  EXPECT_TRUE(placeholder.ok());
  JsonReader reader;
  return placeholder.ok() && placeholder->Matches(type, *reader.Parse(json));
}

TEST(Placeholder, IsRecognisedInEveryTypeThatHasOne) {
  const auto array_of = [](Form form) {
    return FieldType{.form = Form::kArray,
                     .element = std::make_shared<const FieldType>(FieldType{.form = form})};
  };
  constexpr std::string_view kText = R"("__debezium_unavailable_value")";
  EXPECT_TRUE(MatchesDefault({.form = Form::kText}, kText));
  EXPECT_TRUE(
      MatchesDefault({.form = Form::kJson},
                     R"("{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}")"));
  EXPECT_TRUE(
      MatchesDefault({.form = Form::kBytes}, R"("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==")"));
  EXPECT_TRUE(MatchesDefault({.form = Form::kMap},
                             R"({"__debezium_unavailable_value":"__debezium_unavailable_value"})"));
  EXPECT_TRUE(MatchesDefault(array_of(Form::kText), Cat("[", kText, "]")));
  EXPECT_TRUE(MatchesDefault(array_of(Form::kUuid), R"(["b68a35a7-17ad-35b3-af2a-ae46edb4545a"])"));
  EXPECT_TRUE(
      MatchesDefault(array_of(Form::kInteger),
                     "[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,"
                     "108,101,95,118,97,108,117,101]"));
  EXPECT_FALSE(MatchesDefault({.form = Form::kText}, R"("__debezium_unavailable_value ")"));
  EXPECT_FALSE(MatchesDefault({.form = Form::kBytes}, kText));
  EXPECT_FALSE(MatchesDefault(array_of(Form::kText), Cat("[", kText, ",", kText, "]")));
  EXPECT_FALSE(MatchesDefault(array_of(Form::kInteger), "[95,95]"));
  EXPECT_FALSE(MatchesDefault({.form = Form::kText}, "null"));
}

// The column's type is all that is known, or not even that.
TEST(Placeholder, IsRecognisedWithoutSchema) {
  const auto column = [](std::string_view name, bool is_array = false) {
    return TypeOfColumn(MakeColumnType(name, name, is_array, -1), SchemalessFormat());
  };
  constexpr std::string_view kUuids = R"(["b68a35a7-17ad-35b3-af2a-ae46edb4545a"])";
  constexpr std::string_view kMap =
      R"({"__debezium_unavailable_value":"__debezium_unavailable_value"})";
  constexpr std::string_view kTexts = R"(["__debezium_unavailable_value"])";
  EXPECT_TRUE(MatchesDefault(column("uuid", true), kUuids));
  EXPECT_TRUE(MatchesDefault(column("hstore"), kMap));
  EXPECT_TRUE(MatchesDefault(column("text", true), kTexts));
  for (const std::string_view json : {kUuids, kMap, kTexts}) {
    JsonReader reader;
    EXPECT_TRUE(MatchesDefault(TypeOfValue(*reader.Parse(json)), json)) << json;
    EXPECT_TRUE(MatchesDefault(column("jsonb"), json)) << json;
  }
  EXPECT_FALSE(MatchesDefault(column("jsonb"), R"(["a"])"));
  EXPECT_FALSE(MatchesDefault(column("jsonb"), R"({"__debezium_unavailable_value":"x","b":"c"})"));
  EXPECT_FALSE(MatchesDefault(column("hstore"), R"({"a":"__debezium_unavailable_value"})"));
}

TEST(Placeholder, TakesBytesInHex) {
  EXPECT_EQ(*Placeholder::Bytes("hex:00FF"), std::string("\0\xff", 2));
  EXPECT_EQ(Placeholder::Bytes("hex:0").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace walrelay::apply
