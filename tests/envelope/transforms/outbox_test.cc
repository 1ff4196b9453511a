#include "envelope/transforms/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/envelope/transforms/chain_fixture.h"

namespace walrelay::envelope {
namespace {

using ::testing::HasSubstr;
using Placement = OutboxOptions::Placement;

Table OutboxTable() {
  Table table("public", "outbox");
  table.Column("id", "uuid").NotNull().Key();
  table.Column("aggregatetype", "text").Default("'none'::text");
  table.Column("aggregateid", "int8").Default("7");
  table.Column("payload", "text");
  table.Column("part", "int4");
  table.Column("version", "int4");
  table.Column("at", "timestamp", 3);
  return table;
}
std::vector<const char*> Event(const char* type, const char* id, const char* payload,
                               const char* part = nullptr, const char* version = nullptr,
                               const char* at = nullptr) {
  return {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", type, id, payload, part, version, at};
}
OutboxOptions Routed() {
  OutboxOptions options;
  options.topic = Prefixed("outbox.event.");
  return options;
}

TEST(Outbox, MakesTheRecordThatTheRowDescribes) {
  Chain chain(OutboxTable(), {Step(Routed())}, Compat::k3_6_1, true);
  chain.Insert(Event("order", "12", "{\"a\": \"é\"}"));
  EXPECT_EQ(chain.last().topic, "outbox.event.order");
  EXPECT_EQ(chain.key(), R"({"schema":{"type":"int64","optional":true,"default":7},"payload":12})");
  EXPECT_EQ(chain.value(),
            R"({"schema":{"type":"string","optional":true},"payload":"{\"a\": \"é\"}"})");
  EXPECT_EQ(chain.headers(), "id=a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
  EXPECT_EQ(chain.last().spans.count, 0);
}

TEST(Outbox, OnlyInsertsAreEvents) {
  Chain chain(OutboxTable(), {Step(Routed())});
  chain.Update(Event("a", "1", "x"), Event("a", "1", "y"));
  chain.Delete(Event("a", "1", "x"));
  EXPECT_TRUE(chain.status.ok());
  EXPECT_TRUE(chain.records().empty());
  chain.Heartbeat();
  EXPECT_EQ(chain.records().size(), 1u);

  OutboxOptions fatal = Routed();
  fatal.fail_on_update = true;
  Chain strict(OutboxTable(), {Step(fatal)});
  strict.Update(Event("a", "1", "x"), Event("a", "1", "y"));
  EXPECT_THAT(std::string(strict.status.message()), HasSubstr("table.op.invalid.behavior"));
}

TEST(Outbox, ValuesHaveTheirDefaultsButTheRouteHasNot) {
  Chain chain(OutboxTable(), {Step(Routed())});
  chain.Insert(Event("a", nullptr, "x"));
  EXPECT_EQ(chain.key(), "7");
  chain.Insert(Event(nullptr, "1", "x"));
  EXPECT_THAT(std::string(chain.status.message()), HasSubstr("aggregatetype"));
}

TEST(Outbox, AnEmptyPayloadMayBeATombstone) {
  OutboxOptions options = Routed();
  Chain kept(OutboxTable(), {Step(options)});
  kept.Insert(Event("a", "1", nullptr));
  EXPECT_EQ(kept.value(), "null");
  options.tombstone_on_empty_payload = true;
  Chain chain(OutboxTable(), {Step(options)});
  for (const char* text : {static_cast<const char*>(nullptr), "", " \n"}) {
    chain.Insert(Event("a", "1", text));
    EXPECT_EQ(chain.value(), "(null)");
  }
  chain.Insert(Event("a", "1", " x"));
  EXPECT_EQ(chain.value(), "\" x\"");
}

TEST(Outbox, PlacesAdditionalColumns) {
  OutboxOptions options = Routed();
  options.additional = {{"version", Placement::kHeader, "v"},
                        {"part", Placement::kPartition, "part"},
                        {"at", Placement::kEnvelope, "when"}};
  Chain chain(OutboxTable(), {Step(options)});
  chain.Insert(Event("a", "1", "x", "2", nullptr, "2024-01-01 00:00:00.5"));
  EXPECT_EQ(chain.headers(), "id=a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 v=(null)");
  EXPECT_EQ(chain.last().partition, 2);
  EXPECT_EQ(chain.value(), R"({"payload":"x","when":1704067200500})");
  chain.Insert(Event("a", "1", "x"));
  EXPECT_EQ(chain.last().partition, std::nullopt);
}

TEST(Outbox, MissingColumnsFailUnlessIgnored) {
  OutboxOptions options = Routed();
  options.additional = {{"missing", Placement::kHeader, "m"}};
  Chain strict(OutboxTable(), {Step(options)});
  strict.Insert(Event("a", "1", "x"));
  EXPECT_THAT(std::string(strict.status.message()), HasSubstr("has no column missing"));
  options.ignore_missing = true;
  Chain lenient(OutboxTable(), {Step(options)});
  lenient.Insert(Event("a", "1", "x"));
  EXPECT_TRUE(lenient.status.ok());
  options.additional[0].placement = Placement::kEnvelope;
  Chain old(OutboxTable(), {Step(options)}, Compat::k2_5_0);
  old.Insert(Event("a", "1", "x"));
  EXPECT_FALSE(old.status.ok()) << "2.5 does not ask there";
}

TEST(Outbox, AnEnvelopesSchemaKeepsTheNameOfItsFirstRecord) {
  OutboxOptions options = Routed();
  options.additional = {{"part", Placement::kEnvelope, "part"}};
  Chain chain(OutboxTable(), {Step(options)}, Compat::k3_6_1, true);
  chain.Insert(Event("order", "1", "x"));
  chain.Insert(Event("customer", "1", "y"));
  const std::string value = chain.value();
  EXPECT_THAT(value, HasSubstr(R"("name":"cdc.public.outbox.order.Value"},"payload")"));
  // So it is a matter of what came before.
  ASSERT_EQ(chain.last().spans.count, 1);
  const VolatileSpan& span = chain.last().spans.spans[0];
  EXPECT_EQ(value.substr(span.offset, span.size), "cdc.public.outbox.order.Value");
}

TEST(Outbox, ASchemaHasAVersionOfItsOwn) {
  OutboxOptions options = Routed();
  options.version_field = "version";
  options.additional = {{"part", Placement::kEnvelope, "part"}};
  Chain chain(OutboxTable(), {Step(options)}, Compat::k3_6_1, true);
  chain.Insert(Event("a", "1", "x", nullptr, "0"));
  EXPECT_THAT(chain.value(), HasSubstr(R"("name":"cdc.public.outbox.a.Value","version":0},)"));
  chain.Insert(Event("b", "1", "x", nullptr, nullptr));
  EXPECT_THAT(chain.value(), HasSubstr(R"("name":"cdc.public.outbox.b.Value"},)"));
}

TEST(Outbox, TheTimeIsAColumnsOrTheClocks) {
  OutboxOptions options = Routed();
  options.timestamp_field = "at";
  Chain chain(OutboxTable(), {Step(options)});
  chain.Insert(Event("a", "1", "x", nullptr, nullptr, "2024-01-01 00:00:00.5"));
  EXPECT_EQ(chain.last().timestamp_ms, 1704067200500);
  chain.Insert(Event("a", "1", "x"));
  EXPECT_EQ(chain.last().timestamp_ms, 1700000000456);
  chain.Insert(Event("a", "1", "x", nullptr, nullptr, "1960-01-01 00:00:00"));
  EXPECT_THAT(std::string(chain.status.message()), HasSubstr("before 1970"));
}

TEST(Outbox, ATableThatIsNoOutboxFails) {
  Chain chain(Simple(), {Step(Routed())});
  chain.Insert({"1", "a"});
  EXPECT_THAT(std::string(chain.status.message()), HasSubstr("has no column payload"));
}

TEST(Outbox, ANumericKeyTakesTheFormatOfKeys) {
  Table table("public", "outbox");
  table.Column("id", "int4").NotNull().Key();
  table.Column("aggregatetype", "text");
  table.Column("aggregateid", "numeric", NumericTypmod(6, 2)).Default("1.25");
  table.Column("payload", "numeric", NumericTypmod(6, 2));
  Options options = TestOptions();
  options.value_decimal_numeric = true;
  options.value_schemas = false;
  options.transforms = {Step(Routed())};
  Chain chain(table, options);
  chain.Insert({"1", "a", "1.50", "2.50"});
  EXPECT_EQ(chain.value(), "2.50");
  EXPECT_THAT(chain.key(), HasSubstr(R"("default":"fQ=="},"payload":"AJY="})"));
}

}  // namespace
}  // namespace walrelay::envelope
