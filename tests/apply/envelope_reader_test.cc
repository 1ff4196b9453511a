#include "apply/envelope_reader.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/apply/records.h"

namespace walrelay::apply {
namespace {

using testing::Records;

constexpr std::string_view kSource =
    R"({"version":"2.5.0.Final","ts_ms":1700000000123,"snapshot":"false","schema":"public","table":"t","lsn":23511704})";

std::string Payload(std::string_view before, std::string_view after, std::string_view op) {
  return Cat(R"({"before":)", before, R"(,"after":)", after, R"(,"source":)", kSource, R"(,"op":")",
             op, R"(","ts_ms":1,"transaction":null})");
}

std::string WithSchema(std::string_view column_type, std::string_view payload) {
  return Cat(
      R"({"schema":{"type":"struct","fields":[{"type":"struct","fields":[{"type":")", column_type,
      R"(","optional":false,"field":"id"}],"optional":true,"field":"after"}],"optional":false},"payload":)",
      payload, "}");
}

class Reader : public ::testing::Test {
 protected:
  absl::StatusOr<const Envelope*> Read(std::string_view value,
                                       std::optional<std::string_view> key = R"({"id":1})") {
    return reader.Read(records.Add("cdc.public.t", 0, 0, key, value));
  }
  Records records;
  EnvelopeReader reader;
};

TEST_F(Reader, ReadsAnEnvelopeWithoutSchema) {
  const auto envelope = Read(Payload("null", R"({"id":1,"v":"a\"b"})", "c"));
  ASSERT_TRUE(envelope.ok()) << Message(envelope.status());
  const Envelope& e = **envelope;
  EXPECT_EQ(e.op, 'c');
  EXPECT_EQ(e.schema, "public");
  EXPECT_EQ(e.table, "t");
  EXPECT_EQ(e.source_ts_us, 1700000000123000);
  EXPECT_EQ(e.source_lsn, "23511704");
  EXPECT_EQ(e.after["v"].text(), "a\"b");
  EXPECT_EQ(e.after_json, R"({"id":1,"v":"a\"b"})");
  EXPECT_EQ(e.source_json, kSource);
  EXPECT_EQ(e.before_json, "");
  EXPECT_EQ(e.key_json, R"({"id":1})");
  EXPECT_EQ(e.row_fields, nullptr);
}

TEST_F(Reader, CutsMembersOutWhateverTheirOrderAndBlanks) {
  const std::string value =
      Cat("{ \"source\" : ", kSource,
          " ,\n \"op\":\"u\" , \"after\" : {\"id\":2} , \"before\" : {\"id\":1}  }");
  const auto envelope = Read(value);
  ASSERT_TRUE(envelope.ok()) << Message(envelope.status());
  EXPECT_EQ((*envelope)->source_json, kSource);
  EXPECT_EQ((*envelope)->after_json, R"({"id":2})");
  EXPECT_EQ((*envelope)->before_json, R"({"id":1})");
}

TEST_F(Reader, LearnsTheSchemaAndKnowsItAgain) {
  const auto first = Read(WithSchema("int32", Payload("null", R"({"id":1})", "c")));
  ASSERT_TRUE(first.ok()) << Message(first.status());
  ASSERT_NE((*first)->row_fields, nullptr);
  const SharedFields learned = *(*first)->row_fields;
  EXPECT_EQ(learned->at(0).name, "id");
  EXPECT_EQ(PostgresType(learned->at(0).type), "integer");
  const auto second = Read(WithSchema("int32", Payload("null", R"({"id":2})", "c")));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(*(*second)->row_fields, learned) << "not parsed again";
  EXPECT_EQ((*second)->after_json, R"({"id":2})");
}

TEST_F(Reader, NoticesANewSchemaAndFindsTheOldOneAgain) {
  SharedFields seen[3];
  const std::string_view types[] = {"int32", "int64", "int32"};
  for (int i = 0; i < 3; ++i) {
    const auto envelope = Read(WithSchema(types[i], Payload("null", R"({"id":1})", "c")));
    ASSERT_TRUE(envelope.ok());
    seen[i] = *(*envelope)->row_fields;
  }
  EXPECT_NE(seen[0], seen[1]);
  EXPECT_EQ(seen[0], seen[2]);
}

TEST_F(Reader, PrefersMicrosecondsOfTheSource) {
  std::string payload = Payload("null", R"({"id":1})", "c");
  payload.replace(payload.find(R"("snapshot")"), 0, R"("ts_us":1700000000123456,)");
  EXPECT_EQ((*Read(payload))->source_ts_us, 1700000000123456);
}

TEST_F(Reader, SeesTheHeadersOfAKeyChange) {
  const std::string payload = Payload("null", R"({"id":1})", "c");
  ConsumedRecord& record = records.Add("cdc.public.t", 0, 0, "{\"id\":1}", payload);
  records.AddHeader(record, "__debezium.oldkey", "{\"id\":0}");
  const auto envelope = reader.Read(record);
  EXPECT_TRUE((*envelope)->has_old_key);
  EXPECT_FALSE((*envelope)->has_new_key);
}

TEST_F(Reader, GoesOnWithoutAKeyThatIsNoJson) {
  const auto envelope = Read(Payload("null", R"({"id":1})", "c"), "Struct{id=1}");
  ASSERT_TRUE(envelope.ok());
  EXPECT_TRUE((*envelope)->has_unreadable_key);
  EXPECT_EQ((*envelope)->key_json, "");
  EXPECT_FALSE((*Read(Payload("null", R"({"id":1})", "c"), std::nullopt))->has_unreadable_key);
}

TEST_F(Reader, RefusesWhatIsNoEnvelope) {
  const std::string whole = WithSchema("int32", Payload("null", R"({"id":1})", "c"));
  ASSERT_TRUE(Read(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(Read(std::string_view(whole).substr(0, size)).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
  for (const std::string& bad :
       {std::string("{}"), std::string("[]"), std::string("1"), std::string("null x"),
        std::string(R"({"op":"c"})"), Payload("null", "null", "c"),
        Payload("null", R"({"id":1})", "d"), Payload("null", R"({"id":1})", "x"),
        Payload("null", R"({"id":1})", "cc"), Payload("null", R"({"id":1)", "c"), whole + "x",
        std::string(R"({"schema":{},"other":1})"), std::string(R"({"schema":)"),
        std::string(R"({"schema":null,"payload")")}) {
    EXPECT_EQ(Read(bad).status().code(), absl::StatusCode::kDataLoss) << bad;
  }
}

TEST_F(Reader, NeverQuotesTheRecord) {
  const auto refused = Read(R"({"before":null,"after":{"secret":"hunter2)");
  EXPECT_EQ(Message(refused.status()).find("hunter2"), std::string_view::npos);
}

}  // namespace
}  // namespace walrelay::apply
