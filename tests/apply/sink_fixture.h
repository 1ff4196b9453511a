// Sinks on real databases, and records of one table for them.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "apply/parked_tables.h"
#include "apply/sink.h"
#include "base/status.h"
#include "tests/apply/database.h"
#include "tests/apply/records.h"

namespace walrelay::apply::testing {

inline constexpr std::string_view kUnsentText = R"("__debezium_unavailable_value")";

// Records of public.t (id int primary key, v text, n numeric(10,2)) by default.
class SinkTest : public ::testing::Test {
 protected:
  // One pair of databases for all tests, emptied before each.
  static void SetUpTestSuite() {
    lake = Database::Create("WALRELAY_TEST_LAKE", "lake");
    target = Database::Create("WALRELAY_TEST_TARGET", "target");
  }
  static void TearDownTestSuite() {
    lake.reset();
    target.reset();
  }
  void SetUp() override {
    if (lake == nullptr || target == nullptr)
      GTEST_SKIP() << "set WALRELAY_TEST_LAKE and WALRELAY_TEST_TARGET";
    for (Database* database : {lake.get(), target.get()}) database->Empty();
  }

  SinkOptions Options(SinkKind kind = SinkKind::kTarget) {
    SinkOptions options;
    options.connection = (kind == SinkKind::kLake ? lake : target)->options();
    options.kind = kind;
    options.pipeline = "test";
    return options;
  }
  // The server may not have noticed yet that a sink of before is closed: its lock is waited for.
  std::unique_ptr<Sink> Open(const SinkOptions& options) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    auto sink = Sink::Open(options);
    while (sink.status().code() == absl::StatusCode::kUnavailable &&
           (Message(sink.status()).find("another process applies") != std::string_view::npos ||
            Message(sink.status()).find("was just held") != std::string_view::npos) &&
           std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      sink = Sink::Open(options);
    }
    EXPECT_TRUE(sink.ok()) << Message(sink.status());
    return sink.ok() ? *std::move(sink) : nullptr;
  }

  static std::string Schema(std::string_view row_fields) {
    return Cat(R"({"type":"struct","fields":[{"type":"struct","fields":[)", row_fields,
               R"(],"optional":true,"field":"after"}],"optional":false})");
  }
  static constexpr std::string_view kFields =
      R"({"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"field":"v"},)"
      R"({"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"n"})";

  ConsumedRecord& Event(std::string_view op, std::string_view before, std::string_view after,
                        std::string_view id) {
    const std::string key = Cat(
        R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false},"payload":{"id":)",
        id, "}}");
    return Keyed(op, before, after,
                 id == "-" ? std::nullopt : std::optional<std::string_view>(key));
  }
  ConsumedRecord& Keyed(std::string_view op, std::string_view before, std::string_view after,
                        std::optional<std::string_view> key) {
    const std::string source = Cat(R"({"version":"x","ts_ms":1700000000123,"db":"d","schema":")",
                                   schema, R"(","table":")", table, R"(","lsn":)", lsn, "}");
    const std::string value = Cat(R"({"schema":)", Schema(fields), R"(,"payload":{"before":)",
                                  before, R"(,"after":)", after, R"(,"source":)", source,
                                  R"(,"op":")", op, R"(","ts_ms":1,"transaction":null}})");
    ++lsn;
    return records.Add(Cat("cdc.", schema, ".", table), 0, offset++, key, value);
  }
  static std::string Row(std::string_view id, std::string_view v, std::string_view n = "null") {
    return Cat(R"({"id":)", id, R"(,"v":)", v, R"(,"n":)", n, "}");
  }
  void Insert(int id, std::string_view v) { Event("c", "null", Row(Cat(id), v), Cat(id)); }
  void Delete(int id) {
    Event("d", Row(Cat(id), "null"), "null", Cat(id));
    records.Add(Cat("cdc.", schema, ".", table), 0, offset++, Cat(id), std::nullopt);
  }

  // Applies all records that were made since the last call.
  absl::StatusOr<BatchResult> Apply(Sink& sink) {
    const auto batch = std::span(records.all).subspan(applied);
    applied = records.all.size();
    auto result = sink.Apply(batch, leaves);
    if (!result.ok() || sink.is_settled()) return result;
    const auto settled = sink.Settle();
    if (!settled.ok()) return settled;
    result->Add(*settled);
    return result;
  }
  BatchResult MustApply(Sink& sink) {
    auto result = Apply(sink);
    EXPECT_TRUE(result.ok()) << Message(result.status());
    return result.ok() ? *result : BatchResult();
  }
  // As walrelay apply resume and the worker do: reads on from where public.t was parked.
  void Resume(Sink& sink) {
    ParkedTables tables(target->connection(), "test", "target");
    ASSERT_EQ(*tables.AskToResume("public.t"), 1);
    const auto attended = sink.Attend();
    ASSERT_TRUE(attended.ok()) << Message(attended.status());
    ASSERT_EQ(attended->resumed, 1);
    applied = 0;
    MustApply(sink);
  }
  std::string Mirror(std::string_view columns = "id, v, n") {
    return target->All(Cat("SELECT ", columns, " FROM public.t ORDER BY id, v"));
  }

  static inline std::unique_ptr<Database> lake, target;
  Records records;
  size_t applied = 0;
  bool leaves = false;
  int64_t offset = 0;
  int64_t lsn = 1000;
  std::string schema = "public";
  std::string table = "t";
  std::string fields{kFields};
};

// How batches are applied.
struct Way {
  bool is_large = false;
  bool leaves = false;  // The server is left at work on each batch, and settled then.
};
inline const auto kWays = ::testing::Values(Way{}, Way{.is_large = true},
                                            Way{.is_large = true, .leaves = true});
inline std::string WayName(const ::testing::TestParamInfo<Way>& given) {
  return given.param.leaves ? "left" : given.param.is_large ? "large" : "small";
}

// Every promise holds for the few statements of a small batch and for the COPY of a large one, also
// where that is not waited for.
class BothSizes : public SinkTest, public ::testing::WithParamInterface<Way> {
 protected:
  void SetUp() override {
    SinkTest::SetUp();
    leaves = GetParam().leaves;
  }
  // Rows that make a batch large; beyond the keys of the tests.
  void MaybeMakeLarge() {
    for (int i = 0; GetParam().is_large && i < 1000; ++i) Insert(100'000 + i, R"("filler")");
  }
  std::string MirrorWithoutFillers(std::string_view columns = "id, v, n") {
    return target->All(
        Cat("SELECT ", columns, " FROM public.t WHERE v IS DISTINCT FROM 'filler' ORDER BY id, v"));
  }
};

}  // namespace walrelay::apply::testing
