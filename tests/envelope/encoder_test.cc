#include "envelope/encoder.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/envelope/fixture.h"

namespace walrelay::envelope {
namespace {

Options Bare(Compat compat = Compat::k2_5_0) {
  Options options = TestOptions(compat);
  options.key_schemas = false;
  options.value_schemas = false;
  return options;
}

Table IdAndText() {
  Table table("public", "t1");
  table.Column("id", "int4").NotNull().Key();
  table.Column("v", "text");
  return table;
}

// Drives one encoder over one table.
class Driver {
 public:
  // Before its use: its type is deduced.
  auto sink() { return records_.sink(); }

  explicit Driver(Options options, Table table = IdAndText())
      : options_(std::make_shared<const Options>(std::move(options))),
        plan_(table.Plan(*options_)),
        encoder_(options_) {}

  void Insert(Tuple row) {
    Must(encoder_.Insert(*plan_, {.relation = {}, .new_tuple = std::move(row)}, context, sink()));
  }
  void Update(OldTuple kind, Tuple old_row, Tuple row) {
    Must(encoder_.Update(*plan_,
                         {.relation = {},
                          .old_kind = kind,
                          .old_tuple = std::move(old_row),
                          .new_tuple = std::move(row)},
                         context, sink()));
  }
  void Delete(OldTuple kind, Tuple row) {
    Must(encoder_.Delete(*plan_, {.relation = {}, .old_kind = kind, .old_tuple = std::move(row)},
                         context, sink()));
  }
  void Truncate() { Must(encoder_.Truncate(*plan_, context, sink())); }

  Encoder& encoder() { return encoder_; }
  std::vector<OwnedRecord>& all() { return records_.all; }
  std::string Ops() const {
    std::string ops;
    for (const OwnedRecord& record : records_.all) {
      if (!record.value) {
        ops += '0';  // A tombstone.
      } else {
        ops += record.value->at(record.value->find("\"op\":\"") + 6);
      }
    }
    return ops;
  }

  EventContext context = TestContext();

 private:
  static void Must(const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; }
  std::shared_ptr<const Options> options_;
  std::shared_ptr<const TablePlan> plan_;
  Encoder encoder_;
  Records records_;
};

Tuple Row(const char* id, const char* v) { return {Value(id), Value(v)}; }

// FORMAT.md §9.
TEST(Encoder, WritesTheEnvelopeOf25) {
  Driver driver(Bare());
  driver.Insert(Row("1", "a"));
  EXPECT_EQ(
      *driver.all()[0].value,
      R"({"before":null,"after":{"id":1,"v":"a"},"source":{"version":"2.5.0.Final","connector":"postgresql","name":"cdc",)"
      R"("ts_ms":1700000000123,"snapshot":"false","db":"source_db","sequence":"[\"23511432\",\"23511704\"]","schema":"public",)"
      R"("table":"t1","txId":739,"lsn":23511704,"xmin":null},"op":"c","ts_ms":1700000000456,"transaction":null})");
  EXPECT_EQ(*driver.all()[0].key, R"({"id":1})");
  EXPECT_EQ(driver.all()[0].topic, "cdc.public.t1");
  EXPECT_TRUE(driver.all()[0].headers.empty());
}

TEST(Encoder, WritesTheEnvelopeOf36) {
  Driver driver(Bare(Compat::k3_6_1));
  driver.context.origin = "o\"1";
  driver.context.origin_lsn = Lsn{77};
  driver.context.xmin = 5;
  driver.Insert(Row("1", "a"));
  EXPECT_EQ(
      *driver.all()[0].value,
      R"({"before":null,"after":{"id":1,"v":"a"},"source":{"version":"3.6.1.Final","connector":"postgresql","name":"cdc",)"
      R"("ts_ms":1700000000123,"snapshot":"false","db":"source_db","sequence":"[\"23511432\",\"23511704\"]",)"
      R"("ts_us":1700000000123456,"ts_ns":1700000000123456000,"schema":"public","table":"t1","txId":739,"lsn":23511704,)"
      R"("xmin":5,"origin":"o\"1","origin_lsn":77},"transaction":null,"op":"c","ts_ms":1700000000456,)"
      R"("ts_us":1700000000456789,"ts_ns":1700000000456789012})");
}

TEST(Encoder, SaysWhatIsUnknownInTheSource) {
  Driver driver(Bare());
  driver.context.last_commit.reset();
  driver.context.tx_id.reset();
  driver.Insert(Row("1", "a"));
  EXPECT_NE(driver.all()[0].value->find(R"("sequence":"[null,\"23511704\"]")"), std::string::npos);
  EXPECT_NE(driver.all()[0].value->find(R"("txId":null)"), std::string::npos);
}

TEST(Encoder, MarksTheBytesThatDependOnTheClock) {
  for (const Compat compat : {Compat::k2_5_0, Compat::k3_6_1}) {
    for (const bool schemas : {false, true}) {
      Options options = Bare(compat);
      options.value_schemas = schemas;
      Driver driver(options);
      driver.Insert(Row("1", "a"));
      const OwnedRecord& record = driver.all()[0];
      std::string marked;
      for (size_t i = 0; i < record.spans.count; ++i) {
        marked +=
            record.value->substr(record.spans.spans[i].offset, record.spans.spans[i].size) + " ";
      }
      EXPECT_EQ(marked, compat == Compat::k2_5_0
                            ? "1700000000456 "
                            : "1700000000456 1700000000456789 1700000000456789012 ");
    }
  }
}

// The slot's xmin is read at times that the stream does not say.
TEST(Encoder, MarksTheXmin) {
  Driver driver(Bare());
  driver.context.xmin = 731;
  driver.Insert(Row("1", "a"));
  const OwnedRecord& record = driver.all()[0];
  ASSERT_EQ(record.spans.count, 2);
  EXPECT_EQ(record.value->substr(record.spans.spans[0].offset, record.spans.spans[0].size), "731");
}

TEST(VolatileSpans, WhenFullTheLastOneTakesInTheRest) {
  VolatileSpans spans;
  for (size_t i = 0; i < 10; ++i) spans.Add(i * 10, 3);
  ASSERT_EQ(spans.count, spans.spans.size());
  EXPECT_EQ(spans.spans[6].offset, 60u);
  EXPECT_EQ(spans.spans[6].size, 3u);
  EXPECT_EQ(spans.spans[7].offset, 70u);
  EXPECT_EQ(spans.spans[7].size, 23u) << "up to the end of the tenth";
}

TEST(Encoder, DeletesAreFollowedByATombstone) {
  Driver driver(Bare());
  driver.Delete(OldTuple::kKey, Row("1", nullptr));
  ASSERT_EQ(driver.Ops(), "d0");
  EXPECT_EQ(driver.all()[1].key, driver.all()[0].key);
  EXPECT_NE(driver.all()[0].value->find(R"({"before":{"id":1,"v":null},"after":null,)"),
            std::string::npos);

  Options without = Bare();
  without.tombstones_on_delete = false;
  Driver quiet(without);
  quiet.Delete(OldTuple::kKey, Row("1", nullptr));
  EXPECT_EQ(quiet.Ops(), "d");
}

TEST(Encoder, UpdatesShowTheOldRowThatWasSent) {
  Driver driver(Bare());
  driver.Update(OldTuple::kNone, {}, Row("1", "b"));
  driver.Update(OldTuple::kFull, Row("1", "a"), Row("1", "b"));
  ASSERT_EQ(driver.Ops(), "uu");
  EXPECT_EQ(driver.all()[0].value->substr(0, 35), R"({"before":null,"after":{"id":1,"v":)");
  EXPECT_EQ(driver.all()[1].value->substr(0, 49),
            R"({"before":{"id":1,"v":"a"},"after":{"id":1,"v":"b)");
}

TEST(Encoder, AFullOldRowSuppliesToastValues) {
  Driver driver(Bare());
  driver.Update(OldTuple::kFull, Row("1", "long"), {Value("1"), ColumnValue::UnchangedToast()});
  EXPECT_NE(driver.all()[0].value->find(R"("after":{"id":1,"v":"long"})"), std::string::npos);
  driver.Update(OldTuple::kNone, {}, {Value("1"), ColumnValue::UnchangedToast()});
  EXPECT_NE(driver.all()[1].value->find(R"("after":{"id":1,"v":"__debezium_unavailable_value"})"),
            std::string::npos);
}

TEST(Encoder, AKeyChangeIsADeleteATombstoneAndAnInsert) {
  Driver driver(Bare(Compat::k3_6_1));
  driver.Update(OldTuple::kKey, Row("1", nullptr), Row("2", "b"));
  ASSERT_EQ(driver.Ops(), "d0c");
  EXPECT_EQ(*driver.all()[0].key, R"({"id":1})");
  EXPECT_EQ(*driver.all()[1].key, R"({"id":1})");
  EXPECT_EQ(*driver.all()[2].key, R"({"id":2})");
  using Header = std::pair<std::string, std::optional<std::string>>;
  EXPECT_EQ(driver.all()[0].headers[0], Header("__debezium.newkey", R"({"id":2})"));
  EXPECT_EQ(driver.all()[1].headers, driver.all()[0].headers);
  EXPECT_EQ(driver.all()[2].headers[0], Header("__debezium.oldkey", R"({"id":1})"));
  ASSERT_EQ(driver.all()[2].headers.size(), 5u);
  EXPECT_EQ(driver.all()[2].headers[1], Header("__debezium.context.connectorLogicalName", "cdc"));
  EXPECT_EQ(driver.all()[2].headers[2], Header("__debezium.context.taskId", "0"));
  EXPECT_EQ(driver.all()[2].headers[3], Header("__debezium.context.connectorName", "postgresql"));
  EXPECT_EQ(driver.all()[2].headers[4].first, "__debezium.context.runId");
}

TEST(Encoder, HeadersMayBeJson) {
  Options options = Bare(Compat::k3_6_1);
  options.json_headers = true;
  Driver driver(options);
  driver.Update(OldTuple::kKey, Row("1", nullptr), Row("2", "b"));
  EXPECT_EQ(
      driver.all()[0].headers[0].second,
      R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,)"
      R"("name":"cdc.public.t1.Key"},"payload":{"id":2}})");
  EXPECT_EQ(driver.all()[0].headers[1].second,
            R"({"schema":{"type":"string","optional":false},"payload":"cdc"})");
}

TEST(Encoder, AnUnchangedKeyInAnOldTupleIsAnUpdate) {
  Driver driver(Bare());
  driver.Update(OldTuple::kKey, Row("1", nullptr), Row("1", "b"));
  EXPECT_EQ(driver.Ops(), "u");
}

// NULL and the default published for it look the same in the key, but are not.
TEST(Encoder, AKeyThatWasNullHasChanged) {
  Table table("public", "t1");
  table.Column("a", "int4").Default("5");
  table.catalog().unique_indexes = {CatalogIndex{.name = "u", .columns = {"a"}, .key_columns = 1}};
  Driver driver(Bare(), std::move(table));
  driver.Update(OldTuple::kFull, {ColumnValue::Null()}, {Value("5")});
  EXPECT_EQ(driver.Ops(), "d0c");
  EXPECT_EQ(driver.all()[0].key, driver.all()[2].key);
}

TEST(Encoder, SkipsOperations) {
  Options options = Bare();
  options.skipped = {.create = false, .update = true, .remove = true, .truncate = true};
  Driver driver(options);
  driver.Insert(Row("1", "a"));
  driver.Update(OldTuple::kNone, {}, Row("1", "b"));
  driver.Delete(OldTuple::kKey, Row("1", nullptr));
  driver.Truncate();
  driver.Update(OldTuple::kKey, Row("1", nullptr), Row("2", "b"));
  ASSERT_EQ(driver.Ops(), "cc") << "a key change still sends its insert";
  EXPECT_EQ(driver.all()[1].headers[0].first, "__debezium.oldkey");
}

TEST(Encoder, TruncateHasNeitherKeyNorRows) {
  Options options = Bare();
  options.skipped.truncate = false;
  Driver driver(options);
  driver.Truncate();
  ASSERT_EQ(driver.Ops(), "t");
  EXPECT_EQ(driver.all()[0].key, std::nullopt);
  EXPECT_EQ(driver.all()[0].value->substr(0, 36), R"({"before":null,"after":null,"source")");
}

TEST(Encoder, LeavesOutUpdatesThatChangeNothing) {
  Options options = Bare();
  options.skip_unchanged = true;
  Driver driver(options);
  driver.Update(OldTuple::kFull, Row("1", "a"), Row("1", "a"));
  driver.Update(OldTuple::kFull, Row("1", "long"), {Value("1"), ColumnValue::UnchangedToast()});
  EXPECT_EQ(driver.Ops(), "");
  driver.Update(OldTuple::kFull, Row("1", "a"), Row("1", "b"));
  driver.Update(OldTuple::kNone, {}, Row("1", "b"));
  EXPECT_EQ(driver.Ops(), "uu");
}

TEST(Encoder, ATableWithoutColumnsSendsNothingFromTheStream) {
  Driver driver(Bare(), Table("public", "empty"));
  driver.Insert({});
  EXPECT_EQ(driver.Ops(), "");
}

TEST(Encoder, MarksSnapshotRows) {
  const std::pair<SnapshotMarker, const char*> cases[] = {
      {SnapshotMarker::kTrue, "true"},
      {SnapshotMarker::kFirst, "first"},
      {SnapshotMarker::kFirstInDataCollection, "first_in_data_collection"},
      {SnapshotMarker::kLastInDataCollection, "last_in_data_collection"},
      {SnapshotMarker::kLast, "last"}};
  const auto options = std::make_shared<const Options>(Bare());
  const auto plan = IdAndText().Plan(*options, ReadFrom::kSnapshot);
  Encoder encoder(options);
  for (const auto& [marker, text] : cases) {
    Records records;
    EventContext context = TestContext();
    context.marker = marker;
    ASSERT_TRUE(encoder.Snapshot(*plan, Row("1", "a"), context, records.sink()).ok());
    EXPECT_NE(records.all[0].value->find(Cat("\"snapshot\":\"", text, "\"")), std::string::npos);
    EXPECT_NE(records.all[0].value->find("\"op\":\"r\""), std::string::npos);
  }
}

TEST(Encoder, StreamingIsNullWithoutReplaceNullWithDefault) {
  Options options = Bare();
  options.value_null_as_default = false;
  Driver driver(options);
  driver.Insert(Row("1", "a"));
  EXPECT_NE(driver.all()[0].value->find("\"snapshot\":null"), std::string::npos);
}

TEST(Encoder, KeysMayBeStrings) {
  Options options = Bare();
  options.string_keys = true;
  Driver driver(options);
  driver.Insert(Row("1", "a"));
  EXPECT_EQ(*driver.all()[0].key, "Struct{id=1}");
}

TEST(Encoder, KeepsBuffersOfDifferentTablesApart) {
  const auto options = std::make_shared<const Options>(TestOptions());
  Table other("public", "t2");
  other.Column("x", "int4").NotNull().Key();
  const auto first = IdAndText().Plan(*options);
  const auto second = other.Plan(*options);
  Encoder encoder(options);
  Records alone;
  Records mixed;
  const walrelay::Insert one = {.relation = {}, .new_tuple = Row("1", "a")};
  const walrelay::Insert two = {.relation = {}, .new_tuple = {Value("2")}};
  for (Records* records : {&alone, &mixed}) {
    for (int i = 0; i < 3; ++i) {
      if (records == &mixed) {
        ASSERT_TRUE(encoder.Insert(*first, one, TestContext(), records->sink()).ok());
        ASSERT_TRUE(encoder.Insert(*second, two, TestContext(), records->sink()).ok());
      } else {
        Encoder a(options);
        Encoder b(options);
        ASSERT_TRUE(a.Insert(*first, one, TestContext(), records->sink()).ok());
        ASSERT_TRUE(b.Insert(*second, two, TestContext(), records->sink()).ok());
      }
    }
  }
  ASSERT_EQ(alone.all.size(), mixed.all.size());
  for (size_t i = 0; i < alone.all.size(); ++i) {
    EXPECT_EQ(alone.all[i].key, mixed.all[i].key);
    EXPECT_EQ(alone.all[i].value, mixed.all[i].value);
  }
  EXPECT_EQ(mixed.all[0].topic_cache, mixed.all[2].topic_cache);
  EXPECT_NE(mixed.all[0].topic_cache, mixed.all[1].topic_cache);
}

// The producer remembers a topic by its address, and plans come and go.
TEST(Encoder, ATopicKeepsItsAddress) {
  const auto options = std::make_shared<const Options>(TestOptions());
  Encoder encoder(options);
  Records records;
  for (int i = 0; i < 3; ++i) {
    const auto plan = IdAndText().Plan(*options);
    ASSERT_TRUE(encoder
                    .Insert(*plan, {.relation = {}, .new_tuple = Row("1", "a")}, TestContext(),
                            records.sink())
                    .ok());
  }
  EXPECT_EQ(records.all[0].topic_cache, records.all[1].topic_cache);
  EXPECT_EQ(records.all[0].topic_cache, records.all[2].topic_cache);
}

TEST(Encoder, PassesOnWhatTheSinkSays) {
  const auto options = std::make_shared<const Options>(Bare());
  const auto plan = IdAndText().Plan(*options);
  Encoder encoder(options);
  int calls = 0;
  const absl::Status status = encoder.Delete(
      *plan, {.relation = {}, .old_kind = OldTuple::kKey, .old_tuple = Row("1", nullptr)},
      TestContext(), [&](const Record&) {
        ++calls;
        return absl::UnavailableError("full");
      });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(calls, 1) << "no tombstone after a failure";
}

TEST(Encoder, CountsTheEventsOfATransaction) {
  Options options = Bare();
  options.transaction_metadata = true;
  options.skipped.update = true;
  Driver driver(options);
  ASSERT_TRUE(driver.encoder().BeginTransaction(driver.context, driver.sink()).ok());
  driver.context.lsn = Lsn{23511800};
  driver.Insert(Row("1", "a"));
  driver.Update(OldTuple::kNone, {}, Row("1", "b"));
  driver.Update(OldTuple::kKey, Row("1", nullptr), Row("2", "b"));
  driver.context.lsn = Lsn{23511900};
  ASSERT_TRUE(driver.encoder().EndTransaction(driver.context, driver.sink()).ok());

  ASSERT_EQ(driver.all().size(), 6u);
  EXPECT_EQ(*driver.all()[0].key, R"({"id":"739:23511704"})");
  EXPECT_EQ(
      *driver.all()[0].value,
      R"({"status":"BEGIN","id":"739:23511704","event_count":null,"data_collections":null,"ts_ms":1700000000123})");
  EXPECT_NE(
      driver.all()[1].value->find(
          R"("transaction":{"id":"739:23511800","total_order":1,"data_collection_order":1}})"),
      std::string::npos);
  EXPECT_NE(driver.all()[4].value->find(R"("total_order":3,"data_collection_order":3}})"),
            std::string::npos);
  EXPECT_EQ(
      *driver.all()[5].value,
      R"({"status":"END","id":"739:23511900","event_count":3,"data_collections":[{"data_collection":"public.t1",)"
      R"("event_count":3}],"ts_ms":1700000000123})");
  EXPECT_EQ(driver.all()[5].topic, "cdc.transaction");
  EXPECT_FALSE(driver.encoder().transaction().open);
}

TEST(Encoder, ResumesInsideATransaction) {
  Options options = Bare(Compat::k3_6_1);
  options.transaction_metadata = true;
  Driver driver(options);
  driver.encoder().ResumeTransaction(
      {.open = true, .total = 4, .tables = {{"public.t1", 3}, {"public.x", 1}}});
  ASSERT_TRUE(driver.encoder().BeginTransaction(driver.context, driver.sink()).ok());
  EXPECT_TRUE(driver.all().empty()) << "its BEGIN was sent before";
  driver.Insert(Row("1", "a"));
  EXPECT_NE(driver.all()[0].value->find(R"("total_order":5,"data_collection_order":4})"),
            std::string::npos);
}

TEST(Encoder, WithoutMetadataTransactionsSendNothing) {
  Driver driver(Bare());
  ASSERT_TRUE(driver.encoder().BeginTransaction(driver.context, driver.sink()).ok());
  ASSERT_TRUE(driver.encoder().EndTransaction(driver.context, driver.sink()).ok());
  EXPECT_TRUE(driver.all().empty());
}

TEST(Encoder, WritesLogicalMessages) {
  Driver driver(Bare());
  const LogicalMessage message = {
      .transactional = true, .lsn = driver.context.lsn, .prefix = "p\"", .content = "ab"};
  ASSERT_TRUE(driver.encoder().Message(message, driver.context, driver.sink()).ok());
  const OwnedRecord& record = driver.all()[0];
  EXPECT_EQ(record.topic, "cdc.message");
  EXPECT_EQ(*record.key, R"({"prefix":"p\""})");
  EXPECT_EQ(record.value->substr(0, 42), R"({"op":"m","ts_ms":1700000000456,"source":{)");
  EXPECT_NE(record.value->find(R"("schema":"","table":"",)"), std::string::npos);
  EXPECT_NE(record.value->find(R"("message":{"prefix":"p\"","content":"YWI="}})"),
            std::string::npos);
  ASSERT_EQ(record.spans.count, 1);
  EXPECT_EQ(record.value->substr(record.spans.spans[0].offset, record.spans.spans[0].size),
            "1700000000456");
}

TEST(Encoder, MessagePrefixesAreReadBytewiseBy25) {
  for (const auto& [compat, prefix] :
       {std::pair{Compat::k2_5_0, "xￃﾤ"}, std::pair{Compat::k3_6_1, "xä"}}) {
    Driver driver(Bare(compat));
    const LogicalMessage message = {
        .transactional = false, .lsn = driver.context.lsn, .prefix = "xä", .content = "ä"};
    ASSERT_TRUE(driver.encoder().Message(message, driver.context, driver.sink()).ok());
    EXPECT_EQ(*driver.all()[0].key, Cat("{\"prefix\":\"", prefix, "\"}"));
    EXPECT_NE(driver.all()[0].value->find(
                  Cat("\"message\":{\"prefix\":\"", prefix, "\",\"content\":\"w6Q=\"}")),
              std::string::npos);
  }
}

TEST(Encoder, StringKeysAreThoseOfEveryRecord) {
  Options options = TestOptions();
  options.string_keys = true;
  options.transaction_metadata = true;
  Driver driver(options);
  const LogicalMessage message = {
      .transactional = false, .lsn = driver.context.lsn, .prefix = "a\"b", .content = ""};
  ASSERT_TRUE(driver.encoder().Message(message, driver.context, driver.sink()).ok());
  ASSERT_TRUE(driver.encoder().Heartbeat(driver.context.now, driver.sink()).ok());
  ASSERT_TRUE(driver.encoder().BeginTransaction(driver.context, driver.sink()).ok());
  EXPECT_EQ(*driver.all()[0].key, "Struct{prefix=a\"b}");
  EXPECT_EQ(*driver.all()[1].key, "Struct{serverName=cdc}");
  EXPECT_EQ(driver.all()[2].key->substr(0, 10), "Struct{id=");
}

TEST(Encoder, WritesHeartbeats) {
  Driver driver(TestOptions());
  ASSERT_TRUE(driver.encoder().Heartbeat(driver.context.now, driver.sink()).ok());
  const OwnedRecord& record = driver.all()[0];
  EXPECT_EQ(record.topic, "__debezium-heartbeat.cdc");
  EXPECT_EQ(record.partition, 0);
  EXPECT_EQ(
      *record.key,
      R"({"schema":{"type":"struct","fields":[{"type":"string","optional":false,"field":"serverName"}],"optional":false,)"
      R"("name":"io.debezium.connector.common.ServerNameKey","version":1},"payload":{"serverName":"cdc"}})");
  EXPECT_EQ(
      *record.value,
      R"({"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"ts_ms"}],"optional":false,)"
      R"("name":"io.debezium.connector.common.Heartbeat","version":1},"payload":{"ts_ms":1700000000456}})");
  EXPECT_EQ(record.value->substr(record.spans.spans[0].offset, record.spans.spans[0].size),
            "1700000000456");
}

TEST(Options, AreParsedAsDebeziumSpellsThem) {
  EXPECT_EQ(ParseCompat("2.5.0.Final"), Compat::k2_5_0);
  EXPECT_EQ(ParseCompat("2.5"), std::nullopt);
  EXPECT_EQ(ParseTimeMode("ADAPTIVE_time_microseconds"), TimeMode::kAdaptiveTimeMicroseconds);
  EXPECT_EQ(ParseBinaryMode("base64-url-safe"), BinaryMode::kBase64UrlSafe);
  EXPECT_EQ(ParseDecimalMode("exact"), std::nullopt);
  EXPECT_EQ(ParsePlaceholder("hex:c3A4007f"), std::string("\xc3\xa4\x00\x7f", 4));
  EXPECT_EQ(ParsePlaceholder("hex:c3a"), std::nullopt);
  EXPECT_EQ(ParsePlaceholder("hex:zz"), std::nullopt);
  EXPECT_EQ(ParsePlaceholder("plain"), "plain");
}

}  // namespace
}  // namespace walrelay::envelope
