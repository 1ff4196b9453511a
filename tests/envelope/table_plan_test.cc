#include "envelope/table_plan.h"

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

// The object that follows `"<side>":` in a payload without schemas.
std::string Side(const std::string& value, const std::string& side) {
  const size_t from = value.find("\"" + side + "\":") + side.size() + 3;
  const std::string next = side == "before" ? ",\"after\":" : ",\"source\":";
  return value.substr(from, value.find(next, from) - from);
}

OwnedRecord Inserted(const Table& table, const Options& options, std::vector<ColumnValue> row) {
  Encoder encoder(std::make_shared<const Options>(options));
  walrelay::Insert change;
  change.new_tuple = std::move(row);
  Records records;
  const auto plan = table.Plan(options);
  CHECK(encoder.Insert(*plan, change, TestContext(), records.sink()).ok());
  return records.all.at(0);
}

TEST(TablePlan, NullIsNullOrTheDefaultThatTheConverterPutsThere) {
  Table table("public", "t");
  table.Column("plain", "int4");
  table.Column("with_default", "int4").Default("5");
  Options options = Bare();
  const Tuple nulls(2, ColumnValue::Null());
  EXPECT_EQ(Side(*Inserted(table, options, nulls).value, "after"),
            R"({"plain":null,"with_default":5})");
  options.value_null_as_default = false;
  EXPECT_EQ(Side(*Inserted(table, options, nulls).value, "after"),
            R"({"plain":null,"with_default":null})");
}

TEST(TablePlan, MissingRequiredValuesHaveADefaultOrAFallback) {
  Table table("public", "t");
  table.Column("i", "int4").NotNull();
  table.Column("d", "int4").NotNull().Default("7");
  table.Column("s", "text").NotNull();
  table.Column("a", "_text").NotNull();
  Options options = Bare();
  options.value_null_as_default = false;
  EXPECT_EQ(Side(*Inserted(table, options, Tuple(4, ColumnValue::Null())).value, "after"),
            R"({"i":0,"d":7,"s":"","a":[]})");
}

TEST(TablePlan, WhatCannotBeConvertedIsTakenForNull) {
  Table table("public", "t");
  table.Column("optional", "numeric", NumericTypmod(10, 2));
  table.Column("with_default", "numeric", NumericTypmod(10, 2)).NotNull().Default("1.5");
  EXPECT_EQ(Side(*Inserted(table, Bare(), {Value("NaN"), Value("NaN")}).value, "after"),
            R"({"optional":null,"with_default":"AJY="})");
}

TEST(TablePlan, ARequiredValueThatCannotBeConvertedStops) {
  Table table("public", "t");
  table.Column("amount", "numeric", NumericTypmod(10, 2)).NotNull();
  Encoder encoder(std::make_shared<const Options>(Bare()));
  const auto plan = table.Plan(Bare());
  walrelay::Insert change;
  change.new_tuple = {Value("NaN")};
  Records records;
  const absl::Status status = encoder.Insert(*plan, change, TestContext(), records.sink());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(Message(status).find("public.t"), std::string_view::npos);
  EXPECT_NE(Message(status).find("amount"), std::string_view::npos);
  EXPECT_EQ(Message(status).find("NaN"), std::string_view::npos) << "no values in errors";
  EXPECT_TRUE(records.all.empty());
  // The encoder is none the worse for it.
  change.new_tuple = {Value("1.50")};
  EXPECT_TRUE(encoder.Insert(*plan, change, TestContext(), records.sink()).ok());
  EXPECT_EQ(Side(*records.all.at(0).value, "after"), R"({"amount":"AJY="})");
}

TEST(TablePlan, ConversionFailuresStopWhereTheOptionSaysSo) {
  Table table("public", "t");
  table.Column("amount", "numeric", NumericTypmod(10, 2));
  Options options = Bare(Compat::k3_6_1);
  options.conversion_failure = ConversionFailure::kFail;
  Encoder encoder(std::make_shared<const Options>(options));
  walrelay::Insert change;
  change.new_tuple = {Value("NaN")};
  Records records;
  EXPECT_FALSE(encoder.Insert(*table.Plan(options), change, TestContext(), records.sink()).ok());
}

TEST(TablePlan, UnsentToastValuesHavePlaceholders) {
  Table table("public", "t");
  table.Column("s", "text");
  table.Column("n", "numeric");
  table.Column("a", "_int4");
  const Tuple row(3, ColumnValue::UnchangedToast());
  Options options = Bare();
  options.unavailable_placeholder = "ab";
  EXPECT_EQ(Side(*Inserted(table, options, row).value, "after"),
            R"({"s":"ab","n":null,"a":[97,98]})");
}

TEST(TablePlan, ColumnFiltersLeaveTheKeyAlone) {
  Table table("public", "t");
  table.Column("id", "int4").NotNull().Default("nextval('s'::regclass)").Key();
  table.Column("x", "text");
  Options options = TestOptions();
  options.column_included = [](auto&, auto&, const std::string& column) { return column != "id"; };
  const OwnedRecord record = Inserted(table, options, {Value("5"), Value("a")});
  EXPECT_EQ(
      *record.key,
      R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":true,"field":"id"}],"optional":false,)"
      R"("name":"cdc.public.t.Key"},"payload":{"id":5}})")
      << "the stream's look-up does not see the column: optional, no default";
  EXPECT_EQ(Side(*record.value, "after").find("id"), std::string::npos);

  const auto snapshot = table.Plan(options, ReadFrom::kSnapshot);
  EXPECT_EQ(snapshot->snapshot_columns(), std::vector<std::string>{"x"});
  EXPECT_EQ(snapshot->key_column_names(), std::vector<std::string>{"id"});
  Encoder encoder(std::make_shared<const Options>(options));
  Records records;
  ASSERT_TRUE(encoder.Snapshot(*snapshot, {Value("a")}, TestContext(), records.sink()).ok());
  EXPECT_NE(records.all.at(0).key->find(R"("payload":{"id":0})"), std::string::npos)
      << "it is not read in the snapshot";
  EXPECT_EQ(Side(*records.all.at(0).value, "after"), R"({"x":"a"})");
}

TEST(TablePlan, ATableThatIsGoneHasNeitherKeyNorDefaults) {
  Table table("public", "t");
  table.Column("id", "int4").NotNull().Default("1").Key();
  table.catalog() = CatalogTable();
  const OwnedRecord record = Inserted(table, Bare(), {ColumnValue::Null()});
  EXPECT_EQ(record.key, std::nullopt);
  EXPECT_EQ(Side(*record.value, "after"), R"({"id":null})");
}

TEST(TablePlan, NamesThatAreNotAsciiAreMangledBy25sStream) {
  Table table("public", "größe");
  table.Column("größe", "int4").NotNull().Key();
  const auto stream = table.Plan(TestOptions());
  EXPECT_EQ(stream->table(), "grￃﾶￃﾟe");
  EXPECT_EQ(stream->topic(), "cdc.public.gr____e");
  EXPECT_TRUE(stream->key_column_names().empty()) << "the catalog knows no such name";
  const auto snapshot = table.Plan(TestOptions(), ReadFrom::kSnapshot);
  EXPECT_EQ(snapshot->topic(), "cdc.public.gr__e");
  EXPECT_EQ(snapshot->key_column_names(), std::vector<std::string>{"größe"});
  EXPECT_EQ(table.Plan(TestOptions(Compat::k3_6_1))->key_column_names(),
            std::vector<std::string>{"größe"});
}

TEST(TablePlan, OnlyGeometryIsOptionalEvenIfNotNull) {
  for (const auto& [type, optional] : {std::pair{"geometry", "true"}, std::pair{"geography", "false"}}) {
    Table table("public", "t");
    table.Column("g", type).NotNull();
    const OwnedRecord record =
        Inserted(table, TestOptions(), {Value("0101000000000000000000F03F0000000000000040")});
    EXPECT_NE(record.value->find(Cat("\"optional\":", optional, ",\"name\":\"io.debezium.data.geometry.G")),
              std::string::npos)
        << type;
  }
}

TEST(TablePlan, TwoColumnsOfOneAdjustedNameAreRefused) {
  Table table("public", "t");
  table.Column("a-b", "int4");
  table.Column("a.b", "int4");
  EXPECT_TRUE(table.TryPlan(TestOptions()).ok());
  Options options = TestOptions();
  options.field_name_adjustment = NameAdjustment::kAvro;
  const auto plan = table.TryPlan(options);
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(Message(plan.status()).find("a_b"), std::string_view::npos);
}

TEST(TablePlan, TakesTheRelationOfASnapshotFromTheCatalog) {
  Table table("public", "t");
  table.Column("id", "int4");
  table.Column("g", "text");
  table.catalog().columns[1].generated = true;
  EXPECT_EQ(RelationOfCatalog("public", "t", table.catalog()).columns, table.relation()->columns);
}

TEST(TablePlan, ANameColumnIsNullInTheStream) {
  Table table("public", "t");
  table.Column("optional", "name");
  table.Column("required", "name").NotNull();
  EXPECT_EQ(Side(*Inserted(table, Bare(), {Value("a"), Value("b")}).value, "after"),
            R"({"optional":null,"required":""})");
}

// Debezium builds the key's schema as soon as there is a key column, and leaves out the field that
// has no schema.
TEST(TablePlan, AKeyOfUnknownTypesIsAnEmptyStruct) {
  Table table("public", "t");
  table.Column("q", "tsquery");
  table.Column("i", "int4");
  Options options = TestOptions(Compat::k3_6_1);
  options.message_key_columns = [](std::string_view, std::string_view) {
    return std::optional<std::vector<std::string>>({"q"});
  };
  const std::vector<ColumnValue> row = {ColumnValue::Text("'a'"), ColumnValue::Text("1")};
  EXPECT_EQ(Inserted(table, options, row).key,
            R"({"schema":{"type":"struct","fields":[],"optional":false,)"
            R"("name":"cdc.public.t.Key"},"payload":{}})");
  options.key_schemas = false;
  EXPECT_EQ(Inserted(table, options, row).key, "{}");
}

}  // namespace
}  // namespace walrelay::envelope
