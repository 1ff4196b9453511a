// Keys that get another type, and tables that are dropped and made anew under their name.
#include "apply/mirror_table.h"
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply::testing {
namespace {

constexpr std::string_view kTopic = "cdc.public.t";

class KeyTypes : public SinkTest, public ::testing::WithParamInterface<SinkKind> {
 protected:
  // A record of t(id `type`, v text), whose key has that type too.
  void Put(std::string_view type, std::string_view id, std::string_view v,
           std::string_view op = "c") {
    const std::string id_field = Cat(R"({"type":")", type, R"(","optional":false,"field":"id"})");
    fields = Cat(id_field, R"(,{"type":"string","optional":true,"field":"v"})");
    const std::string row = Cat(R"({"id":)", id, R"(,"v":)", v, "}");
    const bool is_delete = op == "d";
    Keyed(op, is_delete ? row : "null", is_delete ? "null" : row,
          Cat(R"({"schema":{"type":"struct","fields":[)", id_field,
              R"(],"optional":false},"payload":{"id":)", id, "}}"));
  }
  SinkOptions With(SchemaPolicy SchemaPolicies::*kind, SchemaPolicy policy) {
    SinkOptions options = Options(GetParam());
    options.schema.*kind = policy;
    return options;
  }
  Database& Here() { return GetParam() == SinkKind::kLake ? *lake : *target; }
  std::string Table() const {
    return GetParam() == SinkKind::kLake ? "cdc_processed.t" : "public.t";
  }
  std::string Rows(std::string_view columns = "id, v, pg_typeof(id)") {
    return Here().All(Cat("SELECT ", columns, " FROM ", Table(), " ORDER BY 1"));
  }
  std::string Letters() {
    return Here().All("SELECT parked_key FROM walrelay.dead_letters ORDER BY id");
  }
};
INSTANTIATE_TEST_SUITE_P(Sink, KeyTypes, ::testing::Values(SinkKind::kLake, SinkKind::kTarget),
                         [](const auto& given) { return std::string(SinkName(given.param)); });

TEST_P(KeyTypes, AWiderKeyIsFollowed) {
  auto sink = Open(Options(GetParam()));
  Put("int32", "1", R"("a")");
  Put("int32", "2", R"("b")");
  MustApply(*sink);
  Put("int64", "3000000000", R"("c")");
  Put("int64", "1", R"("d")", "u");
  Put("int64", "2", "null", "d");
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(Rows(), "1|d|bigint\n3000000000|c|bigint");
}

TEST_P(KeyTypes, AWiderKeyThatIsIgnoredLeavesOutRowsThatDoNotFit) {
  auto sink = Open(With(&SchemaPolicies::column_widened, SchemaPolicy::kIgnore));
  Put("int32", "1", R"("a")");
  MustApply(*sink);
  Put("int64", "3000000000", R"("c")");
  Put("int64", "1", R"("d")", "u");
  EXPECT_EQ(MustApply(*sink).refused, 1);
  EXPECT_EQ(Rows(), "1|d|integer");
  EXPECT_EQ(Letters(), R"({"id":3000000000})");
}

TEST_P(KeyTypes, AKeyOfAnotherTypeWaitsForAnOperator) {
  auto sink = Open(Options(GetParam()));
  Put("int32", "1", R"("a")");
  MustApply(*sink);
  Put("string", R"("x")", R"("c")");
  Put("string", R"("1")", R"("d")", "u");
  MustApply(*sink);
  EXPECT_EQ(sink->ParkedTopics().size(), 1u);
  EXPECT_EQ(Rows(), "1|a|integer");
  Here().All(Cat("ALTER TABLE ", Table(), " ALTER id TYPE text"));
  Here().All("UPDATE walrelay.parked_tables SET resume_at = now()");
  const auto attended = sink->Attend();
  ASSERT_TRUE(attended.ok()) << Message(attended.status());
  EXPECT_EQ(attended->resumed, 1);
  applied = 1;  // The topic is read again.
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(Rows(), "1|d|text\nx|c|text");
}

TEST_P(KeyTypes, AKeyOfAnotherTypeIsFollowedWhereThatIsAllowed) {
  auto sink = Open(With(&SchemaPolicies::column_retyped, SchemaPolicy::kApply));
  Put("int32", "1", R"("a")");
  Put("int32", "2", R"("b")");
  MustApply(*sink);
  Put("string", R"("x")", R"("c")");
  Put("string", R"("1")", R"("d")", "u");
  Put("string", R"("2")", "null", "d");
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(Rows(), "1|d|text\nx|c|text");
}

TEST_P(KeyTypes, AKeyOfAnotherTypeStopsTheSinkWhereThatIsAsked) {
  auto sink = Open(With(&SchemaPolicies::column_retyped, SchemaPolicy::kStop));
  Put("int32", "1", R"("a")");
  MustApply(*sink);
  Put("string", R"("x")", R"("c")");
  EXPECT_EQ(Apply(*sink).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(KeyTypes, ATableMadeAnewWithOtherColumnsWaitsForAnOperator) {
  for (const SchemaPolicy dropped : {SchemaPolicy::kPark, SchemaPolicy::kApply}) {
    Here().Empty();
    applied = records.all.size();
    auto sink = Open(With(&SchemaPolicies::column_dropped, dropped));
    Put("int32", "1", R"("a")");
    MustApply(*sink);
    fields =
        R"({"type":"string","optional":false,"field":"code"},{"type":"int32","optional":true,"field":"w"})";
    const auto put = [&](std::string_view code, int w) {
      Keyed("c", "null", Cat(R"({"code":")", code, R"(","w":)", w, "}"),
            Cat(R"({"schema":{"type":"struct","fields":[{"type":"string","optional":false,"field":"code"}],"optional":false},"payload":{"code":")",
                code, R"("}})"));
    };
    const size_t first = records.all.size();
    put("x", 1);
    put("y", 2);
    MustApply(*sink);
    EXPECT_EQ(sink->ParkedTopics().count(std::string(kTopic)), 1u);
    EXPECT_EQ(Rows("id, v"), "1|a");
    Here().All(Cat("DROP TABLE ", Table()));
    Here().All("UPDATE walrelay.parked_tables SET resume_at = now()");
    const auto attended = sink->Attend();
    ASSERT_TRUE(attended.ok()) << Message(attended.status());
    applied = first;
    EXPECT_EQ(MustApply(*sink).dead_letters, 0);
    EXPECT_EQ(Rows("code, w"), "x|1\ny|2");
  }
}

}  // namespace
}  // namespace walrelay::apply::testing
