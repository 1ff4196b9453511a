#include "apply/unwrapped.h"

#include <gtest/gtest.h>

#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kAll =
    R"(,"__op":"u","__schema":"public","__table":"t","__lsn":17,"__source_ts_ms":1700000000123,"__deleted":"false")";

class Unwrapped : public ::testing::Test {
 protected:
  absl::StatusOr<UnwrappedRow> Read(std::string_view json, std::vector<RecordHeader> headers = {}) {
    const auto value = reader.Parse(json);
    EXPECT_TRUE(value.ok());
    return ReadUnwrapped(*value, headers);
  }
  JsonReader reader;
};

TEST_F(Unwrapped, TellsTheRowFromWhatWasAdded) {
  const auto row = Read(Cat(R"({"id":1,"v\"":"a\"b","f":1.50,"__mine":[{"x":null}])", kAll, "}"));
  ASSERT_TRUE(row.ok()) << Message(row.status());
  EXPECT_EQ(row->op, 'u');
  EXPECT_EQ(row->schema, "public");
  EXPECT_EQ(row->table, "t");
  EXPECT_EQ(row->lsn, "17");
  EXPECT_EQ(row->source_ts_us, 1'700'000'000'123'000);
  EXPECT_EQ(row->row, R"({"id":1,"v\"":"a\"b","f":1.50,"__mine":[{"x":null}]})");
  EXPECT_EQ(
      row->source,
      R"({"deleted":"false","lsn":17,"op":"u","schema":"public","ts_ms":1700000000123,"table":"t"})");
}

TEST_F(Unwrapped, TakesTheSourcesFieldsByEitherName) {
  const auto row = Read(
      R"({"id":1,"__op":"c","__source_schema":"s","__source_table":"t","__source_lsn":"5","__ts_ms":9,"__source_ts_ms":8,"__deleted":"false"})");
  ASSERT_TRUE(row.ok()) << Message(row.status());
  EXPECT_EQ(row->schema, "s");
  EXPECT_EQ(row->lsn, "5");
  EXPECT_EQ(row->source_ts_us, 8000) << "not when Debezium came to it";
}

TEST_F(Unwrapped, TakesHeadersToo) {
  const std::vector<RecordHeader> headers = {{.name = "__op", .value = "c"},
                                             {.name = "__schema", .value = "public"},
                                             {.name = "__table", .value = "t"},
                                             {.name = "__lsn", .value = "17"},
                                             {.name = "_", .value = "x"},
                                             {.name = "__db", .value = std::nullopt},
                                             {.name = "__source_ts_ms", .value = "8"}};
  const auto row = Read(R"({"id":1,"__deleted":"false"})", headers);
  ASSERT_TRUE(row.ok()) << Message(row.status());
  EXPECT_EQ(row->op, 'c');
  EXPECT_EQ(row->row, R"({"id":1})");
}

TEST_F(Unwrapped, KnowsADeleteByItsMark) {
  std::string json = Cat(R"({"id":1)", kAll, "}");
  json.replace(json.find("\"false\""), 7, "\"true\"");
  const auto row = Read(json);
  ASSERT_TRUE(row.ok()) << Message(row.status());
  EXPECT_EQ(row->op, 'd');
}

TEST_F(Unwrapped, SaysWhatToSetWhereSomethingIsMissing) {
  for (const std::string_view name :
       {"__op", "__schema", "__table", "__lsn", "__source_ts_ms", "__deleted"}) {
    std::string json = Cat(R"({"id":"hunter2")", kAll, "}");
    json.replace(json.find(name), 2, "x_");
    const absl::Status refused = Read(json).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss);
    EXPECT_NE(Message(refused).find(Cat(" lacks ", name, ":")), std::string_view::npos)
        << Message(refused);
    EXPECT_NE(Message(refused).find("add.fields=op,schema,table,lsn,source.ts_ms"),
              std::string_view::npos);
    EXPECT_EQ(Message(refused).find("hunter2"), std::string_view::npos);
  }
  EXPECT_EQ(Read("null").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Read("{}").status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(Unwrapped, LeavesOtherNamesToTheRow) {
  EXPECT_TRUE(IsAddedField("__op"));
  EXPECT_TRUE(IsAddedField("__source_txId"));
  EXPECT_TRUE(IsAddedField("__transaction_id"));
  for (const std::string_view name : {"", "_", "__", "op", "_op", "__cdc_operation", "__synced_at"})
    EXPECT_FALSE(IsAddedField(name)) << name;
}

}  // namespace
}  // namespace walrelay::apply
