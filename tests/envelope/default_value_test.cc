// Defaults from what pg_get_expr prints; expected values are the real connector's (FORMAT.md §5.2).
#include "envelope/default_value.h"

#include <gtest/gtest.h>

#include "tests/envelope/fixture.h"

namespace walrelay::envelope {
namespace {

std::string Default(const std::string& type, const std::string& expression, int32_t typmod = -1,
                    Compat compat = Compat::k2_5_0, bool snapshot = false) {
  Types types;
  const Options options = TestOptions(compat);
  const Oid oid = types.Named(type);
  const SourceType resolved = ResolveType(types.all(), oid, typmod);
  const auto column = MakeCodec(
      resolved,
      {.options = options, .types = types.all(), .snapshot = snapshot, .decimal_numeric = false});
  return DefaultJson(
             expression, column->codec,
             {.rule = column->default_rule, .compat = compat, .typmod = typmod, .type_name = type})
      .value_or("none");
}

TEST(DefaultValue, OfVarbit1IsThereIn25sSnapshotToo) {
  EXPECT_EQ(Default("varbit", "B'1'::\"bit\"", 1, Compat::k2_5_0, true), "true");
  EXPECT_EQ(Default("varbit", "B'0'::\"bit\"", 1, Compat::k2_5_0, true), "false");
}

struct Case {
  const char* type;
  int32_t typmod;
  const char* expression;
  const char* expected;
};

TEST(DefaultValue, FollowsTheText) {
  const Case cases[] = {
      {"int4", -1, "nextval('t_id_seq'::regclass)", "0"},
      {"int4", -1, "'-5'::integer", "-5"},
      {"int4", -1, "(5 + 3)", "none"},
      {"int4", -1, "2147483648", "none"},
      {"int2", -1, "+7", "7"},
      {"int8", -1, "'9223372036854775807'::bigint", "9223372036854775807"},
      {"int4", -1, "NULL::integer", "none"},
      {"bool", -1, "true", "true"},
      {"bool", -1, "(NOT true)", "false"},
      {"bool", -1, "NULL::boolean", "none"},
      {"float8", -1, "'10000000000'::numeric", "1.0E10"},
      {"float8", -1, "'NaN'::double precision", "\"NaN\""},
      {"float8", -1, "random()", "0.0"},
      {"numeric", -1, "3.14", "none"},
      {"numeric", NumericTypmod(10, 2), "1.5", "\"AJY=\""},
      {"numeric", NumericTypmod(10, 2), "'NaN'::numeric", "none"},
      {"text", -1, "'x''y'::text", "\"x\""},
      {"text", -1, "('a'::text || 'b'::text)", "\"a\""},
      {"text", -1, "CURRENT_USER", "\"CURRENT_USER\""},
      {"text", -1, "(5)::text", "\"(5)::text\""},
      {"text", -1, "lower('ABC'::text)", "\"\""},
      {"text", -1, "COALESCE('a'::text)", "\"\""},
      {"text", -1, "(upper('x'::text) || 'y'::text)", "\"\""},
      {"text", -1, "CASE WHEN true THEN 'x'::text ELSE 'y'::text END", "\"x\""},
      {"text", -1, "'a\nb'::text", "none"},
      {"text", -1, "NULL::text", "none"},
      {"text", -1, "''::text", "\"\""},
      {"varchar", 7, "'abcdef'::character varying", "\"abcdef\""},
      {"bpchar", 9, "'a'::bpchar", "\"a\""},
      {"json", -1, "'{\"a\": 1}'::json", "\"{\\\"a\\\": 1}\""},
      {"jsonb", -1, "jsonb_build_object()", "\"{}\""},
      {"uuid", -1, "gen_random_uuid()", "\"00000000-0000-0000-0000-000000000000\""},
      {"uuid", -1, "'76019D1A-ad2e-4b22-96e9-1a6d6543c818'::uuid",
       "\"76019d1a-ad2e-4b22-96e9-1a6d6543c818\""},
      {"bit", 3, "'101'::\"bit\"", "\"BQ==\""},
      {"bit", 3, "'1'::\"bit\"", "\"AQ==\""},
      {"bit", 1, "'1'::\"bit\"", "true"},
      {"bit", 8, "(5)::bit(8)", "\"\""},
      {"varbit", -1, "B'110'::\"bit\"", "\"Bg==\""},
      {"date", -1, "'2020-01-02'::date", "18263"},
      {"date", -1, "CURRENT_DATE", "0"},
      {"date", -1, "'infinity'::date", "169560311"},
      {"date", -1, "'0044-03-15 BC'::date", "-735160"},
      {"time", 0, "'01:02:03.7'::time without time zone", "3723700"},
      {"time", -1, "LOCALTIME", "0"},
      {"time", -1, "'24:00:00'::time without time zone", "86399999999"},
      {"timestamp", -1, "now()", "0"},
      {"timestamp", -1, "(now() AT TIME ZONE 'utc'::text)", "0"},
      {"timestamp", -1, "'infinity'::timestamp without time zone", "-9223372036853775810"},
      {"timestamp", 3, "'infinity'::timestamp without time zone", "none"},
      {"timestamptz", -1, "CURRENT_TIMESTAMP", "\"1970-01-01T00:00:00.000000Z\""},
      {"timestamptz", -1, "'2019-12-31 22:00:00+00'::timestamp with time zone",
       "\"2019-12-31T22:00:00.000000Z\""},
      {"timestamptz", 0, "'2019-12-31 22:00:00.7+00'::timestamp with time zone",
       "\"2019-12-31T22:00:00.7Z\""},
      {"timestamptz", -1, "'infinity'::timestamp with time zone", "none"},
      {"interval", -1, "'1 day'::interval", "86400000000"},
      {"interval", -1, "make_interval(days => 1)", "0"},
      // No default, whatever the expression.
      {"bytea", -1, "'\\x00'::bytea", "none"},
      {"inet", -1, "'::1'::inet", "none"},
      {"oid", -1, "5", "none"},
      {"money", -1, "'$1.00'::money", "none"},
      {"_int4", -1, "'{1}'::integer[]", "none"},
      {"timetz", -1, "'10:00:00+00'::time with time zone", "none"},
      {"citext", -1, "'a'::citext", "none"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(Default(c.type, c.expression, c.typmod), c.expected) << c.type << " " << c.expression;
}

TEST(DefaultValue, WithMoreDecimalsThanTheColumnIsLeftOut) {
  EXPECT_EQ(Default("numeric", "1.555", NumericTypmod(10, 2), Compat::k3_6_1), "none");
  EXPECT_EQ(Default("numeric", "1.555", NumericTypmod(10, 2), Compat::k2_5_0), "none");
  EXPECT_EQ(Default("numeric", "1.500", NumericTypmod(10, 2), Compat::k3_6_1), "\"AJY=\"");
}

TEST(DefaultValue, OfAnEnumNeedsItsTypesName) {
  Types types;
  const Oid mood = types.Enum("mood", {"sad", "ok"}, {"sad", "ok"});
  const auto value = [&](const char* expression, Compat compat) {
    const Options options = TestOptions(compat);
    const auto column = MakeCodec(
        ResolveType(types.all(), mood, -1),
        {.options = options, .types = types.all(), .snapshot = false, .decimal_numeric = false});
    return DefaultJson(
               expression, column->codec,
               {.rule = column->default_rule, .compat = compat, .typmod = -1, .type_name = "mood"})
        .value_or("none");
  };
  EXPECT_EQ(value("'ok'::mood", Compat::k2_5_0), "\"ok\"");
  EXPECT_EQ(value("'ok'::mood", Compat::k3_6_1), "\"ok\"");
  EXPECT_EQ(value("'ok'::other.mood", Compat::k2_5_0), "none");
  EXPECT_EQ(value("'ok'::other.mood", Compat::k3_6_1), "\"ok\"");
  EXPECT_EQ(value("'ok'::\"other\".\"mood\"", Compat::k3_6_1), "\"ok\"");
  EXPECT_EQ(value("'ok'::text", Compat::k3_6_1), "none");
}

}  // namespace
}  // namespace walrelay::envelope
