// One table: for each type its schema, values in the stream and in the snapshot, what stands for a
// missing value and for a TOAST value that was not sent. The expected texts are the real
// connector's (FORMAT.md §4, tests/goldens of types).
#include "envelope/type_table.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/envelope/codec_fixture.h"

namespace walrelay::envelope {
namespace {

constexpr Compat k25 = Compat::k2_5_0;
constexpr Compat k36 = Compat::k3_6_1;

struct PlainCase {
  const char* type;
  int32_t typmod;
  const char* schema;  // Without "optional".
  const char* text;
  const char* value;
  const char* fallback;  // Null: none.
  const char* toast;     // Null: none.
};

TEST(TypeTable, HasEveryScalarType) {
  const char* placeholder = "\"__debezium_unavailable_value\"";
  const PlainCase cases[] = {
      {"bool", -1, R"({"type":"boolean"})", "t", "true", "false", nullptr},
      {"int2", -1, R"({"type":"int16"})", "-32768", "-32768", "0", nullptr},
      {"int4", -1, R"({"type":"int32"})", "2147483647", "2147483647", "0", nullptr},
      {"int8", -1, R"({"type":"int64"})", "-9223372036854775808", "-9223372036854775808", "0",
       nullptr},
      {"oid", -1, R"({"type":"int64"})", "4294967295", "4294967295", "0", nullptr},
      {"float4", -1, R"({"type":"float"})", "1e+07", "1.0E7", "0.0", nullptr},
      {"float8", -1, R"({"type":"double"})", "0.001", "0.001", "0.0", nullptr},
      {"float8", -1, R"({"type":"double"})", "NaN", "\"NaN\"", "0.0", nullptr},
      {"numeric", NumericTypmod(10, 2),
       R"({"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"10"}})",
       "123.45", "\"MDk=\"", "\"AA==\"", nullptr},
      {"numeric", NumericTypmod(10, 0),
       R"({"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"0","connect.decimal.precision":"10"}})",
       "NaN", "fails", "\"AA==\"", nullptr},
      {"numeric", -1,
       R"({"type":"struct","fields":[{"type":"int32","optional":false,"field":"scale"},{"type":"bytes","optional":false,"field":"value"}],)"
       R"("name":"io.debezium.data.VariableScaleDecimal","version":1,"doc":"Variable scaled decimal"})",
       "1.500", R"({"scale":1,"value":"Dw=="})", R"({"scale":0,"value":"AA=="})", nullptr},
      {"money", -1,
       R"({"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}})",
       "-$92,233,720,368,547,758.08", "\"gAAAAAAAAAA=\"", "\"AA==\"", nullptr},
      {"text", -1, R"({"type":"string"})", "a\"b", R"("a\"b")", "\"\"", placeholder},
      {"varchar", 14, R"({"type":"string"})", "x", "\"x\"", "\"\"", placeholder},
      {"bpchar", 9, R"({"type":"string"})", "ab   ", "\"ab   \"", "\"\"", placeholder},
      {"char", -1, R"({"type":"string"})", "c", "\"c\"", "\"\"", placeholder},
      {"citext", -1, R"({"type":"string"})", "CiText", "\"CiText\"", "\"\"", placeholder},
      {"isbn", -1, R"({"type":"string"})", "0-393-04002-X", "\"0-393-04002-X\"", "\"\"",
       placeholder},
      {"ltree", -1, R"({"type":"string","name":"io.debezium.data.Ltree","version":1})", "a.b",
       "\"a.b\"", "\"\"", placeholder},
      {"bytea", -1, R"({"type":"bytes"})", "\\x00ff10", "\"AP8Q\"", "\"\"",
       "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\""},
      {"uuid", -1, R"({"type":"string","name":"io.debezium.data.Uuid","version":1})", "a0",
       "\"a0\"", "\"\"", placeholder},
      {"json", -1, R"({"type":"string","name":"io.debezium.data.Json","version":1})", "{ }",
       "\"{ }\"", "\"\"", placeholder},
      {"jsonb", -1, R"({"type":"string","name":"io.debezium.data.Json","version":1})", "[1]",
       "\"[1]\"", "\"\"", placeholder},
      {"xml", -1, R"({"type":"string","name":"io.debezium.data.Xml","version":1})", "<a/>",
       "\"<a/>\"", "\"\"", placeholder},
      {"inet", -1, R"({"type":"string"})", "::1", "\"::1\"", "\"\"", placeholder},
      {"macaddr8", -1, R"({"type":"string"})", "00:00", "\"00:00\"", "\"\"", placeholder},
      {"tstzrange", -1, R"({"type":"string"})", "[\"2019-01-01 00:00:00+00\",)",
       "\"[\\\"2019-01-01 00:00:00+00\\\",)\"", "\"\"", placeholder},
      {"bit", 1, R"({"type":"boolean"})", "1", "true", "false", nullptr},
      {"bit", 20,
       R"({"type":"bytes","name":"io.debezium.data.Bits","version":1,"parameters":{"length":"20"}})",
       "00000000000100000001", "\"AQE=\"", "\"\"", nullptr},
      {"varbit", -1,
       R"({"type":"bytes","name":"io.debezium.data.Bits","version":1,"parameters":{"length":"2147483647"}})",
       "1011000011110000", "\"8LA=\"", "\"\"", nullptr},
      {"varbit", 5,
       R"({"type":"bytes","name":"io.debezium.data.Bits","version":1,"parameters":{"length":"5"}})",
       "000", "\"\"", "\"\"", nullptr},
      {"varbit", 1, R"({"type":"boolean"})", "", "fails", "false", nullptr},
      {"date", -1, R"({"type":"int32","name":"io.debezium.time.Date","version":1})", "2020-01-02",
       "18263", "0", nullptr},
      {"time", -1, R"({"type":"int64","name":"io.debezium.time.MicroTime","version":1})",
       "24:00:00", "86400000000", "0", nullptr},
      {"time", 3, R"({"type":"int32","name":"io.debezium.time.Time","version":1})", "11:51:30.123",
       "42690123", "0", nullptr},
      {"timetz", -1, R"({"type":"string","name":"io.debezium.time.ZonedTime","version":1})",
       "08:21:02-07", "\"15:21:02Z\"", "\"00:00:00Z\"", placeholder},
      {"timestamp", -1, R"({"type":"int64","name":"io.debezium.time.MicroTimestamp","version":1})",
       "2020-01-02 03:04:05.987654", "1577934245987654", "0", nullptr},
      {"timestamp", 3, R"({"type":"int64","name":"io.debezium.time.Timestamp","version":1})",
       "1969-12-31 23:59:59.999", "-1", "0", nullptr},
      {"timestamp", -1, R"({"type":"int64","name":"io.debezium.time.MicroTimestamp","version":1})",
       "294276-12-31 23:59:59.999999", "-9223372036853775810", "0", nullptr},
      {"timestamp", -1, R"({"type":"int64","name":"io.debezium.time.MicroTimestamp","version":1})",
       "infinity", "9223372036825200000", "0", nullptr},
      {"timestamptz", -1,
       R"({"type":"string","name":"io.debezium.time.ZonedTimestamp","version":1})",
       "2018-06-20 13:37:03+00", "\"2018-06-20T13:37:03.000000Z\"", "\"1970-01-01T00:00:00Z\"",
       placeholder},
      {"timestamptz", 3,
       R"({"type":"string","name":"io.debezium.time.ZonedTimestamp","version":1})",
       "2018-06-20 13:37:03+00", "\"2018-06-20T13:37:03.000Z\"", "\"1970-01-01T00:00:00Z\"",
       placeholder},
      {"timestamptz", 0,
       R"({"type":"string","name":"io.debezium.time.ZonedTimestamp","version":1})",
       "20000-06-20 13:37:00+00", "\"+20000-06-20T13:37:00Z\"", "\"1970-01-01T00:00:00Z\"",
       placeholder},
      {"timestamptz", -1,
       R"({"type":"string","name":"io.debezium.time.ZonedTimestamp","version":1})", "-infinity",
       "\"-infinity\"", "\"1970-01-01T00:00:00Z\"", placeholder},
      {"interval", -1, R"({"type":"int64","name":"io.debezium.time.MicroDuration","version":1})",
       "1 mon", "2629800000000", "0", nullptr},
      {"point", -1,
       R"({"type":"struct","fields":[{"type":"double","optional":false,"field":"x"},{"type":"double","optional":false,"field":"y"},)"
       R"({"type":"bytes","optional":true,"field":"wkb"},{"type":"int32","optional":true,"field":"srid"}],)"
       R"json("name":"io.debezium.data.geometry.Point","version":1,"doc":"Geometry (POINT)"})json",
       "(1.5,-2)", R"({"x":1.5,"y":-2.0,"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAADA","srid":null})",
       R"({"x":0.0,"y":0.0,"wkb":"AQEAAAAAAAAAAAAAAAAAAAAAAAAA","srid":null})", nullptr},
      {"geometry", -1,
       R"({"type":"struct","fields":[{"type":"bytes","optional":false,"field":"wkb"},{"type":"int32","optional":true,"field":"srid"}],)"
       R"("name":"io.debezium.data.geometry.Geometry","version":1,"doc":"Geometry"})",
       "0101000020E6100000000000000000F03F0000000000000040",
       R"({"wkb":"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==","srid":4326})",
       R"({"wkb":"AQcAAAAAAAAA","srid":null})", nullptr},
  };
  for (const PlainCase& c : cases) {
    const auto built = Build(c.type, c.typmod);
    ASSERT_TRUE(built) << c.type;
    // The column adds "optional"; here it stands after the type-specific members, false.
    std::string schema = built->schema;
    const std::string marker = "\"optional\":false";
    const size_t at =
        schema.find(std::string(built->column.codec.schema.type == "struct" ? "]," : ",") + marker);
    ASSERT_NE(at, std::string::npos) << schema;
    const size_t from = built->column.codec.schema.type == "struct" ? at + 1 : at;
    schema.erase(from, marker.size() + 1);
    EXPECT_EQ(schema, c.schema) << c.type;
    EXPECT_EQ(built->Value(c.text), c.value) << c.type << " " << c.text;
    EXPECT_EQ(built->column.codec.fallback,
              c.fallback ? std::optional<std::string>(c.fallback) : std::nullopt)
        << c.type;
    EXPECT_EQ(built->column.codec.toast,
              c.toast ? std::optional<std::string>(c.toast) : std::nullopt)
        << c.type;
  }
}

TEST(TypeTable, HstoreIsInTheOrderOfAHashMap) {
  const std::string text =
      R"("key"=>"value", "none"=>NULL, "q\"uote"=>"back\\slash", "b"=>"😀", "a"=>"")";
  EXPECT_EQ(
      Encoded("hstore", text),
      R"("{\"a\":\"\",\"b\":\"\uD83D\uDE00\",\"q\\\"uote\":\"back\\\\slash\",\"none\":null,\"key\":\"value\"}")");
  const Adjust map = [](Options& options) { options.hstore = HstoreMode::kMap; };
  EXPECT_EQ(Encoded("hstore", text, -1, k25, map),
            R"({"a":"","b":"\uD83D\uDE00","q\"uote":"back\\slash","none":null,"key":"value"})");
  EXPECT_EQ(Encoded("hstore", ""), "\"{}\"");
  EXPECT_EQ(Encoded("hstore", "broken"), "fails");
  EXPECT_EQ(Build("hstore")->column.codec.toast, std::nullopt);
  EXPECT_EQ(Build("hstore", -1, k36)->column.codec.toast,
            R"("{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}")");
  EXPECT_EQ(Build("hstore", -1, k25, map)->column.codec.toast,
            R"({"__debezium_unavailable_value":"__debezium_unavailable_value"})");
}

TEST(TypeTable, DecimalModes) {
  const Adjust text = [](Options& options) { options.decimal = DecimalMode::kString; };
  const Adjust real = [](Options& options) { options.decimal = DecimalMode::kDouble; };
  EXPECT_EQ(Encoded("numeric", "1.50", NumericTypmod(10, 2), k25, text), "\"1.50\"");
  EXPECT_EQ(Encoded("numeric", "1.500", -1, k25, text), "\"1.500\"");
  EXPECT_EQ(Encoded("numeric", "NaN", -1, k25, text), "\"NAN\"");
  EXPECT_EQ(Encoded("numeric", "-Infinity", -1, k25, text), "\"NEGATIVE_INFINITY\"");
  EXPECT_EQ(Build("numeric", NumericTypmod(10, 2), k25, text)->column.codec.fallback, "\"0.00\"");
  EXPECT_EQ(Build("numeric", -1, k25, text)->column.codec.toast,
            "\"__debezium_unavailable_value\"");
  EXPECT_EQ(Encoded("numeric", "1.50", -1, k25, real), "1.5");
  EXPECT_EQ(Encoded("numeric", "NaN", -1, k25, real), "\"NaN\"");
  EXPECT_EQ(Encoded("numeric", "12345", NumericTypmod(5, -2 & 2047), k25, text).size(),
            5 + 1 + 2046 + 2u);
}

TEST(TypeTable, MoneyGoesThroughADoubleIn25sSnapshot) {
  const Adjust text = [](Options& options) { options.decimal = DecimalMode::kString; };
  const Adjust real = [](Options& options) { options.decimal = DecimalMode::kDouble; };
  EXPECT_EQ(Encoded("money", "$1,234.50", -1, k25, text), "\"1234.50\"");
  EXPECT_EQ(InSnapshot("money", "$1,234.50", k25, text), "\"1234.5\"");
  EXPECT_EQ(InSnapshot("money", "$1,234.50", k36, text), "\"1234.50\"");
  EXPECT_EQ(InSnapshot("money", "-$92,233,720,368,547,758.08", k25, text),
            "\"-9.223372036854776E16\"");
  EXPECT_EQ(InSnapshot("money", "-$92,233,720,368,547,758.08", k25), "\"/3////////9A\"");
  EXPECT_EQ(Encoded("money", "($1.00)", -1, k25, real), "-1.0");
  EXPECT_EQ(Encoded("money", "1.234,50 €", -1, k25, text), "\"1234.50\"");
  EXPECT_EQ(Build("money", -1, k25, text)->column.codec.fallback, std::nullopt);
  EXPECT_EQ(Build("money", -1, k36, text)->column.codec.fallback, "\"0.00\"");
}

TEST(TypeTable, BinaryModes) {
  const Adjust base64 = [](Options& options) { options.binary = BinaryMode::kBase64; };
  const Adjust url = [](Options& options) { options.binary = BinaryMode::kBase64UrlSafe; };
  const Adjust hex = [](Options& options) { options.binary = BinaryMode::kHex; };
  EXPECT_EQ(Encoded("bytea", "\\xfbff", -1, k25, base64), "\"+/8=\"");
  EXPECT_EQ(Encoded("bytea", "\\xfbff", -1, k25, url), "\"-_8=\"");
  EXPECT_EQ(Encoded("bytea", "\\xFBff", -1, k25, hex), "\"fbff\"");
  EXPECT_EQ(Build("bytea", -1, k25, base64)->column.codec.toast, std::nullopt);
  EXPECT_EQ(Build("bytea", -1, k25, hex)->column.codec.toast, std::nullopt);
  EXPECT_EQ(Build("bytea", -1, k36, hex)->column.codec.toast, "\"__debezium_unavailable_value\"");
}

TEST(TypeTable, TimeModes) {
  const auto encoded = [](const char* type, const char* text, TimeMode mode, int32_t typmod = -1) {
    static TimeMode chosen;
    chosen = mode;
    return Encoded(type, text, typmod, k36, [](Options& options) { options.time = chosen; });
  };
  EXPECT_EQ(encoded("time", "01:02:03.12", TimeMode::kConnect), "3723120");
  EXPECT_EQ(encoded("time", "01:02:03.12", TimeMode::kAdaptiveTimeMicroseconds, 0), "3723120000");
  EXPECT_EQ(encoded("time", "01:02:03.12", TimeMode::kNanoseconds), "3723120000000");
  EXPECT_EQ(encoded("time", "01:02:03.12", TimeMode::kIsoString), "\"01:02:03.12Z\"");
  EXPECT_EQ(encoded("time", "24:00:00", TimeMode::kIsoString), "\"00:00:00Z\"");
  EXPECT_EQ(encoded("timestamp", "2020-01-02 03:04:05.12", TimeMode::kConnect), "1577934245120");
  EXPECT_EQ(encoded("timestamp", "2020-01-02 03:04:05.12", TimeMode::kMicroseconds, 0),
            "1577934245120000");
  EXPECT_EQ(encoded("timestamp", "2020-01-02 03:04:05.12", TimeMode::kNanoseconds),
            "1577934245120000000");
  EXPECT_EQ(encoded("timestamp", "2263-01-01 00:00:00", TimeMode::kNanoseconds), "fails");
  EXPECT_EQ(encoded("timestamp", "infinity", TimeMode::kNanoseconds), "9223372036854775807");
  EXPECT_EQ(encoded("_timestamp", "{2263-01-01 00:00:00,1970-01-01 00:00:01,NULL}",
                    TimeMode::kNanoseconds),
            "[null,1000000000,null]");
  EXPECT_EQ(encoded("timestamp", "2020-01-02 03:04:05.12", TimeMode::kIsoString),
            "\"2020-01-02T03:04:05.12Z\"");
  EXPECT_EQ(encoded("timestamp", "-infinity", TimeMode::kIsoString),
            "\"-290308-12-21T19:59:27.6Z\"");
  EXPECT_EQ(encoded("date", "2020-01-02", TimeMode::kIsoString), "\"2020-01-02Z\"");
  EXPECT_EQ(encoded("date", "infinity", TimeMode::kIsoString), "\"-5877611-06-21Z\"");
}

TEST(TypeTable, SnapshotReadsOldAndInfiniteDatesAsJdbc) {
  EXPECT_EQ(Encoded("date", "infinity"), "-2147472692");
  EXPECT_EQ(InSnapshot("date", "infinity"), "-622191234");
  EXPECT_EQ(InSnapshot("date", "-infinity", k36), "-625821272");
  EXPECT_EQ(Encoded("date", "0044-03-15 BC"), "-735160");
  EXPECT_EQ(InSnapshot("date", "0044-03-15 BC", k36), "-703383") << "the era is lost";
  EXPECT_EQ(Encoded("timestamp", "0001-01-01 00:00:00"), "-62135596800000000");
  EXPECT_EQ(InSnapshot("timestamp", "0001-01-01 00:00:00"), "-62135769600000000");
  EXPECT_EQ(InSnapshot("timestamp", "0001-01-01 00:00:00", k36), "-62135596800000000");
}

TEST(TypeTable, NameIsUnknownToTheStreamsDecoder) {
  EXPECT_EQ(Encoded("name", "x"), "reads null");
  EXPECT_EQ(InSnapshot("name", "x"), "\"x\"");
  EXPECT_EQ(Encoded("name", "x", -1, k25, [](Options& options) { options.include_unknown = true; }),
            "\"x\"");
}

TEST(TypeTable, Varbit1FailsIn25sSnapshot) {
  EXPECT_EQ(Encoded("varbit", "1", 1), "true");
  EXPECT_EQ(InSnapshot("varbit", "1", k25, nullptr, 1), "fails");
  EXPECT_EQ(InSnapshot("varbit", "1", k36, nullptr, 1), "true");
}

TEST(TypeTable, UnknownTypesAreLeftOutUnlessIncluded) {
  const Adjust include = [](Options& options) { options.include_unknown = true; };
  EXPECT_EQ(Encoded("pg_lsn", "0/1"), "omitted");
  EXPECT_EQ(Encoded("pg_lsn", "0/1", -1, k25, include), "\"MC8x\"");
  EXPECT_EQ(Encoded("circle", "<(1,2),3>", -1, k25, include), "\"PCgxLjAsMi4wKSwzLjA+\"")
      << "<(1.0,2.0),3.0>";
  EXPECT_EQ(Encoded("_circle", "{\"<(1,2),3>\"}", -1, k25, include), "[\"PCgxLjAsMi4wKSwzLjA+\"]");
  EXPECT_EQ(Encoded("tsvector", "'a'"), "omitted");
  EXPECT_EQ(Encoded("tsvector", "'a'", -1, k36), "\"'a'\"");
  EXPECT_EQ(Encoded("vector", "[1,2]"), "omitted");
}

TEST(TypeTable, VectorsOf3x) {
  EXPECT_EQ(Encoded("vector", "[1,2.5,-3e-10]", -1, k36), "[1.0,2.5,-3.0E-10]");
  EXPECT_EQ(Encoded("halfvec", "[0.1]", -1, k36), "[0.1]");
  EXPECT_EQ(Encoded("sparsevec", "{1:1.5,17:2,3:-1}/20", -1, k36),
            R"({"dimensions":20,"vector":[[1,1.5],[17,2.0],[3,-1.0]]})");
  EXPECT_EQ(Encoded("sparsevec", "{}/5", -1, k36), R"({"dimensions":5,"vector":[]})");
  EXPECT_EQ(Encoded("sparsevec", "{1:1}/40000", -1, k36), "fails") << "dimensions are a short";
  EXPECT_EQ(
      Build("vector", -1, k36)->schema,
      R"({"type":"array","items":{"type":"double","optional":false},"optional":false,"name":"io.debezium.data.DoubleVector","version":1})");
}

struct ArrayCase {
  const char* type;
  const char* text;
  const char* value;
};

TEST(TypeTable, Arrays) {
  const ArrayCase cases[] = {
      {"_int4", "{1,NULL,-2147483648}", "[1,null,-2147483648]"},
      {"_int4", "[5:6]={1,2}", "[1,2]"},
      {"_int4", "{}", "[]"},
      {"_int4", "{{1,2},{3,4}}", "[null,null]"},
      {"_bool", "{t,f,NULL}", "[true,false,null]"},
      {"_text", R"({a,NULL,"","q\"uo,te\\","NULL","{b}"})",
       R"(["a",null,"","q\"uo,te\\","NULL","{b}"])"},
      {"_text", "{a", "fails"},
      {"_text", "{\"a", "fails"},
      {"_float8", "{1e+07,NULL,-Infinity}", "[1.0E7,null,\"-Infinity\"]"},
      {"_numeric", "{1.500,100,NULL}",
       R"([{"scale":1,"value":"Dw=="},{"scale":0,"value":"ZA=="},null])"},
      {"_numeric", "{NaN,1}", "fails"},
      {"_time", "{11:51:30.123456,NULL,24:00:00}", "[42690123000,null,0]"},
      {"_timetz", "{11:51:30.123789+02}", "[\"09:51:30Z\"]"},
      {"_timestamp", "{\"2020-01-02 03:04:05.987654\",infinity}",
       "[1577934245987654,9223372036825200000]"},
      {"_timestamptz", "{infinity,-infinity,\"0044-03-15 12:00:00+00 BC\"}",
       R"(["infinity","+292269055-12-02T23:00:00.000000Z","0044-03-15T12:00:00.000000Z"])"},
      {"_date", "{2020-01-02,infinity}", "[18263,-622191234]"},
      {"_ltree", "{a.b,c}", "[\"a.b\",\"c\"]"},
      {"_ltree", "{a.b,NULL}", "fails"},
      {"_isbn", "{a,NULL}", "fails"},
      {"_bit", "{1}", "fails"},
      {"_bytea", R"({"\\x00ff",NULL})", "[\"AP8=\",null]"},
      {"_money", "{1}", "omitted"},
      {"_name", "{a}", "omitted"},
      {"_interval", "{a}", "omitted"},
      {"_varbit", "{1}", "omitted"},
      {"_xml", "{a}", "omitted"},
      {"_point", "{a}", "omitted"},
      {"_pg_lsn", "{0/1}", "omitted"},
  };
  for (const ArrayCase& c : cases)
    EXPECT_EQ(Encoded(c.type, c.text), c.value) << c.type << " " << c.text;
}

TEST(TypeTable, ArraysOfTimeHave25sWrongSchema) {
  const auto in = [](Compat compat) { return *Build("_time", 3, compat); };
  EXPECT_EQ(in(k25).Value("{11:51:30.123}"), "fails");
  EXPECT_EQ(in(k25).Value("{NULL}"), "[null]");
  EXPECT_NE(in(k25).schema.find("MicroTime"), std::string::npos);
  EXPECT_EQ(in(k36).Value("{11:51:30.123}"), "[42690123]");
}

TEST(TypeTable, ArraysThatWereNotSentHaveTheirOwnPlaceholders) {
  const auto toast = [](const char* type, Compat compat = k25, Adjust setup = nullptr) {
    return Build(type, -1, compat, setup)->column.codec.toast.value_or("none");
  };
  EXPECT_EQ(toast("_text"), "[\"__debezium_unavailable_value\"]");
  EXPECT_EQ(toast("_bpchar"), "none");
  EXPECT_EQ(toast("_bpchar", k36), "[\"__debezium_unavailable_value\"]");
  EXPECT_EQ(toast("_int8").substr(0, 12), "[95,95,100,1");
  EXPECT_EQ(toast("_date", k25, [](Options& options) { options.time = TimeMode::kConnect; }),
            "none");
  EXPECT_EQ(toast("_uuid"), "[\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"]");
  EXPECT_EQ(toast("_bytea"), "[\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"]");
  EXPECT_EQ(toast("_bytea", k36, [](Options& options) { options.binary = BinaryMode::kHex; }),
            "none");
  EXPECT_EQ(toast("_float8"), "none");
}

TEST(TypeTable, EnumsShowTheirLabelsByVersion) {
  Types types;
  const Oid mood = types.Enum("mood", {"sad", "ok", "happy"}, {"sad", "happy", "ok"});
  for (const auto& [compat, allowed] :
       {std::pair{k25, "sad,happy,ok"}, std::pair{k36, "sad,ok,happy"}}) {
    const Options options = TestOptions(compat);
    const TypeContext context = {
        .options = options, .types = types.all(), .snapshot = false, .decimal_numeric = false};
    const auto codec = MakeCodec(ResolveType(types.all(), mood, -1), context);
    ASSERT_TRUE(codec);
    EXPECT_EQ(
        SchemaJson(codec->codec.schema),
        Cat(R"({"type":"string","optional":false,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":")",
            allowed, "\"}}"));
  }
}

TEST(TypeTable, DomainsAreTheirRootWithTheDomainsPrecision) {
  Types types;
  const Oid price = types.Domain("price", "numeric", NumericTypmod(8, 3));
  types.Domain("outer_price", "price", -1);
  for (const Oid oid : {price, types.Named("outer_price")}) {
    const Options options = TestOptions();
    const TypeContext context = {
        .options = options, .types = types.all(), .snapshot = false, .decimal_numeric = false};
    const auto codec = MakeCodec(ResolveType(types.all(), oid, -1), context);
    ASSERT_TRUE(codec);
    EXPECT_EQ(codec->codec.scale, 3);
    EXPECT_EQ(codec->default_rule, DefaultRule::kNone) << "a domain's columns have no default";
  }
}

TEST(TypeTable, ATypeDroppedSinceIsUnknown) {
  const CatalogTypes none;
  Options options = TestOptions();
  const TypeContext context = {
      .options = options, .types = none, .snapshot = false, .decimal_numeric = false};
  EXPECT_FALSE(MakeCodec(ResolveType(none, Oid{99999}, -1), context));
  options.include_unknown = true;
  EXPECT_TRUE(MakeCodec(ResolveType(none, Oid{99999}, -1), context));
}

// A user's type must not be taken for PostgreSQL's own by its name.
TEST(TypeTable, NamesOfUserTypesDoNotMatter) {
  Types types;
  const Oid fake = types.Extension("uuid");
  const Options options = TestOptions();
  const TypeContext context = {
      .options = options, .types = types.all(), .snapshot = false, .decimal_numeric = false};
  EXPECT_FALSE(MakeCodec(ResolveType(types.all(), fake, -1), context));
}

}  // namespace
}  // namespace walrelay::envelope
