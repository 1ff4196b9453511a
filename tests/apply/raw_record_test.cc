#include "apply/rebuild/raw_record.h"

#include <gtest/gtest.h>

#include "apply/envelope_reader.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kKeySchema =
    R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"part"},{"type":"int32","optional":false,"field":"id"}],"optional":false})";
constexpr std::string_view kValueSchema =
    R"({"type":"struct","fields":[{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":true,"field":"after"}]})";
// As jsonb prints them.
constexpr std::string_view kKey = R"({"id": 5, "part": "p\u0001ä"})";
constexpr std::string_view kSource = R"({"lsn": 77, "table": "t", "schema": "public", "ts_ms": 3})";

RawEvent Event(std::string_view op) {
  return {.topic = "cdc.public.t", .partition = 2, .offset = 9, .op = op, .key = kKey,
          .before = R"({"id": 4})", .after = R"({"id": 5})", .source = kSource, .ts_ms = "4"};
}

TEST(RawRecord, IsReadAsTheEnvelopeThatItWas) {
  RawRecordMaker maker;
  const RawRecord raw = maker.Make(Event("u"), {.key = kKeySchema, .value = kValueSchema});
  const ConsumedRecord record = raw.record();
  EXPECT_EQ(record.topic, "cdc.public.t");
  EXPECT_EQ(record.partition, 2);
  EXPECT_EQ(record.offset, 9);
  EnvelopeReader reader;
  const auto envelope = reader.Read(record);
  ASSERT_TRUE(envelope.ok());
  EXPECT_EQ((*envelope)->op, 'u');
  EXPECT_EQ((*envelope)->table, "t");
  EXPECT_EQ((*envelope)->source_lsn, "77");
  EXPECT_EQ((*envelope)->source_ts_us, 3000);
  EXPECT_EQ((*envelope)->after_json, R"({"id": 5})");
  EXPECT_EQ((*envelope)->value_schema, kValueSchema);
  EXPECT_EQ((*envelope)->key_schema, kKeySchema);
  ASSERT_NE((*envelope)->row_fields, nullptr);
  EXPECT_FALSE((*envelope)->has_old_key);
  EXPECT_FALSE((*envelope)->has_new_key);
}

// Dead letters know their row by these bytes.
TEST(RawRecord, WritesTheKeyAsKafkaHasIt) {
  RawRecordMaker maker;
  const RawRecord raw = maker.Make(Event("u"), {.key = kKeySchema, .value = kValueSchema});
  EnvelopeReader reader;
  const ConsumedRecord record = raw.record();
  EXPECT_EQ((*reader.Read(record))->key_json, R"({"part":"p\u0001ä","id":5})");
}

TEST(RawRecord, HasNoSchemaWhereNoneIsKnown) {
  RawRecordMaker maker;
  const RawRecord raw = maker.Make(Event("c"), {});
  const ConsumedRecord record = raw.record();
  EXPECT_EQ(record.key, R"({"id":5,"part":"p\u0001ä"})");
  EnvelopeReader reader;
  const auto envelope = reader.Read(record);
  ASSERT_TRUE(envelope.ok());
  EXPECT_EQ((*envelope)->row_fields, nullptr);
  EXPECT_EQ((*envelope)->key_fields, nullptr);
}

TEST(RawRecord, HasTheHeadersOfAKeyChange) {
  RawRecordMaker maker;
  EnvelopeReader reader;
  for (const std::string_view op : {"c", "d"}) {
    RawEvent event = Event(op);
    event.changes_key = true;
    const RawRecord raw = maker.Make(event, {});
    const ConsumedRecord record = raw.record();
    const auto envelope = reader.Read(record);
    ASSERT_TRUE(envelope.ok());
    EXPECT_EQ((*envelope)->has_old_key, op == "c");
    EXPECT_EQ((*envelope)->has_new_key, op == "d");
  }
}

TEST(RawRecord, OfATruncateHasNeitherKeyNorRows) {
  RawRecordMaker maker;
  RawEvent event = Event("t");
  event.key = event.before = event.after = std::nullopt;
  const RawRecord raw = maker.Make(event, {.key = {}, .value = kValueSchema});
  const ConsumedRecord record = raw.record();
  EXPECT_FALSE(record.key.has_value());
  EnvelopeReader reader;
  const auto envelope = reader.Read(record);
  ASSERT_TRUE(envelope.ok());
  EXPECT_EQ((*envelope)->op, 't');
}

}  // namespace
}  // namespace walrelay::apply
