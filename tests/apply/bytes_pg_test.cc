// Bytes of topics whose connector nobody has described: base64 and hex are not guessed apart.
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply::testing {
namespace {

class BytesOfUnknownTopics : public SinkTest {
 protected:
  void SetUp() override {
    SinkTest::SetUp();
    if (IsSkipped()) return;
    target->All("CREATE TABLE public.t (id int PRIMARY KEY, b bytea)");
  }
  SinkOptions Unsaid() {
    SinkOptions options = Options();
    options.schemaless.binary = SchemalessFormat::Binary::kUnsaid;
    return options;
  }
  void Plain(int id, std::string_view b) {
    records.Add("cdc.public.t", 0, offset++, Cat(R"({"id":)", id, "}"),
                Cat(R"({"before":null,"after":{"id":)", id, R"(,"b":)", b,
                    R"(},"source":{"ts_ms":1700000000123,"schema":"public","table":"t","lsn":)",
                    lsn++, R"(},"op":"c","ts_ms":1})"));
  }
  void WithSchema(int id, std::string_view type, std::string_view b) {
    fields = Cat(R"({"type":"int32","optional":false,"field":"id"},{"type":")", type,
                 R"(","optional":true,"field":"b"})");
    Event("c", "null", Cat(R"({"id":)", id, R"(,"b":)", b, "}"), Cat(id));
  }
  // Why the table waits.
  std::string Parked() { return target->All("SELECT reason FROM walrelay.parked_tables"); }
  std::string Rows() { return target->All("SELECT id, b FROM public.t ORDER BY id"); }
};

TEST_F(BytesOfUnknownTopics, WithoutSchemasWhatCouldBeHexParksTheTable) {
  auto sink = Open(Unsaid());
  Plain(1, R"("+/8=")");
  Plain(2, R"("AB12")");
  MustApply(*sink);
  EXPECT_EQ(Rows(), "1|\\xfbff\n2|\\x001d76") << "Debezium's hex is lower case";
  Plain(3, R"("ab12")");
  MustApply(*sink);
  EXPECT_EQ(Rows(), "1|\\xfbff\n2|\\x001d76");
  const std::string why = Parked();
  EXPECT_NE(why.find("column b of public.t is bytea"), std::string::npos) << why;
  EXPECT_NE(why.find("source.binary.handling.mode"), std::string::npos) << why;
  EXPECT_EQ(why.find("ab12"), std::string::npos);
}

TEST_F(BytesOfUnknownTopics, WithoutSchemasTheModeDecides) {
  SinkOptions options = Options();
  options.schemaless.binary = SchemalessFormat::Binary::kHex;
  auto sink = Open(options);
  Plain(1, R"("ab12")");
  MustApply(*sink);
  sink.reset();
  options.schemaless.binary = SchemalessFormat::Binary::kBase64;
  sink = Open(options);
  Plain(2, R"("ab12")");
  MustApply(*sink);
  EXPECT_EQ(Rows(), "1|\\xab12\n2|\\x69bd76");
  EXPECT_EQ(Parked(), "");
}

TEST_F(BytesOfUnknownTopics, ASchemaThatSaysBytesIsEnough) {
  auto sink = Open(Unsaid());
  WithSchema(1, "bytes", R"("ab12")");
  MustApply(*sink);
  EXPECT_EQ(Rows(), "1|\\x69bd76");
}

TEST_F(BytesOfUnknownTopics, ASchemaThatSaysTextIsNot) {
  auto sink = Open(Unsaid());
  WithSchema(1, "string", R"("00ff")");
  MustApply(*sink);
  EXPECT_EQ(Rows(), "");
  EXPECT_NE(Parked().find("its records carry text"), std::string::npos);
}

}  // namespace
}  // namespace walrelay::apply::testing
