// Random tables and rows: what comes out is always JSON, and its payload fits its schema.
#include <gtest/gtest.h>

#include <random>

#include "base/json.h"
#include "base/status.h"
#include "tests/envelope/fixture.h"

namespace walrelay::envelope {
namespace {

struct Sample {
  const char* type;
  int32_t typmod;
  std::vector<const char*> texts;
};

const std::vector<Sample>& Samples() {
  static const std::vector<Sample> samples = {
      {"bool", -1, {"t", "f"}},
      {"int2", -1, {"-32768", "7"}},
      {"int4", -1, {"0", "2147483647"}},
      {"int8", -1, {"-9223372036854775808"}},
      {"float4", -1, {"NaN", "1e-45", "3.4028235e+38"}},
      {"float8", -1, {"Infinity", "-0", "5e-324", "123456.789"}},
      {"numeric",
       -1,
       {"NaN", "1.500", "-0.0001", "123456789012345678901234567890123456789012345678"}},
      {"numeric",
       NumericTypmod(38, 10),
       {"1.0000000000", "NaN", "-1234567890123456789012345678.0123456789"}},
      {"money", -1, {"$1,234.50", "-$0.01"}},
      {"text", -1, {"", "a\"b\\c\n\x01", "😀 ä \u2028", "\xff\xfe broken", "it''s"}},
      {"bpchar", 9, {"ab   "}},
      {"name", -1, {"n"}},
      {"bytea", -1, {"\\x", "\\x00ff", "esc\\\\aped\\000", "\\xbad"}},
      {"uuid", -1, {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}},
      {"jsonb", -1, {R"({"a": [1, "x\"y"]})"}},
      {"hstore", -1, {"", R"("a"=>"1", "b\"c"=>NULL, "😀"=>"\\")", "broken"}},
      {"bit", 1, {"0", "1"}},
      {"bit", 9, {"000000000", "100000001"}},
      {"varbit", -1, {"", "101"}},
      {"date", -1, {"2020-01-02", "0044-03-15 BC", "infinity", "-infinity"}},
      {"time", 3, {"24:00:00", "01:02:03.12"}},
      {"time", -1, {"00:00:00.000001"}},
      {"timetz", -1, {"11:51:30.123789+02"}},
      {"timestamp", 3, {"2020-01-02 03:04:05.12", "infinity"}},
      {"timestamp", -1, {"294276-12-31 23:59:59.999999", "4713-11-24 00:00:00 BC"}},
      {"timestamptz", -1, {"2020-01-02 03:04:05.987654+02", "-infinity"}},
      {"interval", -1, {"1 year 2 mons -3 days 04:05:06.78", "-178000000 years"}},
      {"point", -1, {"(1.5,-2)", "(NaN,Infinity)"}},
      {"geometry", -1, {"0101000020E6100000000000000000F03F0000000000000040"}},
      {"_int4", -1, {"{1,NULL}", "{}", "{{1},{2}}"}},
      {"_text", -1, {R"({a,NULL,"q\"\\"})"}},
      {"_numeric", -1, {"{NaN}", "{1.5,NULL}"}},
      {"_timestamptz", 3, {"{infinity,\"2020-01-02 03:04:05.9+00\"}"}},
      {"_time", 3, {"{11:51:30.123}"}},
      {"tsvector", -1, {"'a':1 'b'"}},
      {"vector", -1, {"[1,2.5]"}},
      {"sparsevec", -1, {"{1:1.5}/3"}},
      {"pg_lsn", -1, {"0/1"}},
      {"circle", -1, {"<(1,2),3>"}},
  };
  return samples;
}

// Whether a JSON value is one that the schema allows, as Connect would check it when reading.
::testing::AssertionResult Fits(JsonValue schema, JsonValue value) {
  const auto refuse = [&] {
    return ::testing::AssertionFailure()
           << "a value does not fit " << schema["type"].text() << " of " << schema["field"].text();
  };
  if (value.is_missing()) return refuse();
  if (value.is_null()) {
    if (schema["optional"].Bool() == true) return ::testing::AssertionSuccess();
    return refuse() << ": null";
  }
  const std::string_view type = schema["type"].text();
  const auto integer = [&](int64_t low, int64_t high) {
    const auto number = value.Int();
    return number && *number >= low && *number <= high ? ::testing::AssertionSuccess() : refuse();
  };
  if (type == "boolean") return value.Bool() ? ::testing::AssertionSuccess() : refuse();
  if (type == "int16") return integer(INT16_MIN, INT16_MAX);
  if (type == "int32") return integer(INT32_MIN, INT32_MAX);
  if (type == "int64") return integer(INT64_MIN, INT64_MAX);
  if (type == "float" || type == "double") {
    return value.is_number() || value.is_string() ? ::testing::AssertionSuccess() : refuse();
  }
  if (type == "string") return value.is_string() ? ::testing::AssertionSuccess() : refuse();
  if (type == "bytes") {
    return value.is_string() && value.text().size() % 4 == 0 ? ::testing::AssertionSuccess()
                                                             : refuse();
  }
  if (type == "array") {
    if (!value.is_array()) return refuse();
    for (const JsonValue item : value) {
      if (const auto fits = Fits(schema["items"], item); !fits) return fits;
    }
    return ::testing::AssertionSuccess();
  }
  if (type == "map")
    return value.is_object() || value.is_array() ? ::testing::AssertionSuccess() : refuse();
  if (type != "struct" || !value.is_object() || value.size() != schema["fields"].size())
    return refuse();
  auto member = value.begin();
  for (const JsonValue field : schema["fields"]) {
    if (member.name() != field["field"].text()) return refuse() << ": order of members";
    if (const auto fits = Fits(field, *member); !fits) return fits;
    ++member;
  }
  return ::testing::AssertionSuccess();
}

void CheckJson(const std::optional<std::string>& text) {
  if (!text) return;
  JsonReader reader;
  const auto root = reader.Parse(*text);
  ASSERT_TRUE(root.ok()) << root.status() << "\n" << *text;
  ASSERT_EQ(root->size(), 2u);
  ASSERT_TRUE(Fits((*root)["schema"], (*root)["payload"])) << *text;
}

template <class Item>
const Item& Pick(std::mt19937& random, const std::vector<Item>& items) {
  return items[random() % items.size()];
}

Options RandomOptions(std::mt19937& random) {
  Options options = TestOptions(random() % 2 == 0 ? Compat::k2_5_0 : Compat::k3_6_1);
  options.decimal =
      Pick(random, std::vector{DecimalMode::kPrecise, DecimalMode::kDouble, DecimalMode::kString});
  options.time = Pick(random, std::vector{TimeMode::kAdaptive, TimeMode::kAdaptiveTimeMicroseconds,
                                          TimeMode::kConnect, TimeMode::kMicroseconds,
                                          TimeMode::kNanoseconds, TimeMode::kIsoString});
  options.binary = Pick(random, std::vector{BinaryMode::kBytes, BinaryMode::kBase64,
                                            BinaryMode::kBase64UrlSafe, BinaryMode::kHex});
  options.hstore = Pick(random, std::vector{HstoreMode::kJson, HstoreMode::kMap});
  options.interval = Pick(random, std::vector{IntervalMode::kNumeric, IntervalMode::kString});
  options.include_unknown = random() % 2 == 0;
  options.transaction_metadata = random() % 2 == 0;
  options.skipped.truncate = false;
  options.value_null_as_default = random() % 4 != 0;
  if (random() % 4 == 0) {
    options.column_mapper = [](auto&, auto&, const std::string& column,
                               auto&) -> std::optional<ColumnMapper> {
      switch (column.back() % 4) {
        case 0:
          return TruncateColumn{2};
        case 1:
          return MaskColumn{3};
        case 2:
          return HashColumn{"SHA-256", "salt", false};
        default:
          return PropagateSourceType{};
      }
    };
  }
  return options;
}

Table RandomTable(std::mt19937& random, std::vector<const Sample*>& columns) {
  const std::vector<std::string> names = {"a", "b-c", "größe", "😀", "quo\"te", "x", "y", "z", "w"};
  Table table("public", random() % 4 == 0 ? "tä ble" : "t");
  table.Column("id", "int4").NotNull().Default("nextval('s'::regclass)").Key();
  for (const std::string& name : names) {
    const Sample& sample = Pick(random, Samples());
    columns.push_back(&sample);
    auto column = table.Column(name, sample.type, sample.typmod);
    if (random() % 3 == 0) column.NotNull();
    if (random() % 3 == 0)
      column.Default(
          Pick(random, std::vector<std::string>{"'1'::text", "now()", "5", "NULL::text", "'x"}));
    if (random() % 6 == 0) column.Key();
  }
  return table;
}

Tuple RandomRow(std::mt19937& random, const std::vector<const Sample*>& columns, bool toast) {
  Tuple row = {Value(random() % 2 == 0 ? "1" : "2")};
  for (const Sample* sample : columns) {
    const auto dice = random() % 8;
    if (dice == 0) {
      row.push_back(ColumnValue::Null());
    } else if (dice == 1 && toast) {
      row.push_back(ColumnValue::UnchangedToast());
    } else {
      row.push_back(Value(Pick(random, sample->texts)));
    }
  }
  return row;
}

// Some transforms in any order, with odd options.
std::vector<TransformStep> RandomTransforms(std::mt19937& random) {
  std::vector<TransformStep> steps;
  for (size_t count = 1 + random() % 3; count > 0; --count) {
    TransformStep step;
    step.name = "t";
    if (random() % 3 == 0) step.predicate = HasHeaderKey{"__debezium.newkey"};
    step.negate = random() % 2 == 0;
    const auto rename = [](std::string_view name) -> absl::StatusOr<std::optional<std::string>> {
      if (name.size() > 40) return std::nullopt;
      return Cat(name, ".x\"");
    };
    switch (random() % 4) {
      case 0: {
        UnwrapOptions unwrap;
        unwrap.deletes = static_cast<UnwrapOptions::Deletes>(random() % 4);
        unwrap.keep_tombstones = random() % 2 == 0;
        unwrap.fields = {{"", "ts_ms", "__ts"},
                         {"source", "sequence", "__s"},
                         {"after", "id", "__after"},
                         {"transaction", "id", "__tx"},
                         {"source", "snapshot", "__m"}};
        unwrap.headers = {{"", "op", "__op"}, {"", "ts_ms", "__ts"}, {"before", "id", "__id"}};
        step.transform = unwrap;
        break;
      }
      case 1: {
        TableRouterOptions router;
        router.topic = rename;
        router.key_field_name = Cat("from", count);
        step.transform = router;
        break;
      }
      case 2:
        step.transform = TopicRouterOptions{.topic = rename};
        break;
      default:
        step.transform = KeyFieldOptions{.field = "id"};
        if (!step.predicate) step.predicate = RecordIsTombstone{};
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

// What two runs must share.
std::string Stable(const OwnedRecord& record) {
  std::string text = Cat(record.topic, "|", record.key.value_or("-"), "|");
  if (!record.value) return text + "-";
  std::string value = *record.value;
  for (int i = record.spans.count - 1; i >= 0; --i) {
    const VolatileSpan& span = record.spans.spans[static_cast<size_t>(i)];
    value.replace(span.offset, span.size, "*");
  }
  return text + value;
}

TEST(Transforms, LeaveJsonThatFitsAndDependsOnTheClockWhereTheySay) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(Cat("seed ", seed));
  std::mt19937 random(seed);
  size_t records_seen = 0;
  for (int round = 0; round < 200; ++round) {
    Options made = RandomOptions(random);
    made.transforms = RandomTransforms(random);
    const auto options = std::make_shared<const Options>(std::move(made));
    std::vector<const Sample*> columns;
    const Table table = RandomTable(random, columns);
    const auto plan = table.Plan(*options);
    Encoder first(options);
    Encoder second(options);
    EventContext later = TestContext();
    later.now += std::chrono::seconds(4711);
    for (int event = 0; event < 6; ++event) {
      const walrelay::Update change = {.relation = {},
                                       .old_kind = OldTuple::kFull,
                                       .old_tuple = RandomRow(random, columns, false),
                                       .new_tuple = RandomRow(random, columns, true)};
      Records records;
      Records again;
      absl::Status status;
      absl::Status status_again;
      if (event < 2) {
        const walrelay::Delete gone = {
            .relation = {}, .old_kind = OldTuple::kFull, .old_tuple = change.old_tuple};
        status = first.Delete(*plan, gone, TestContext(), records.sink());
        status_again = second.Delete(*plan, gone, later, again.sink());
      } else {
        status = first.Update(*plan, change, TestContext(), records.sink());
        status_again = second.Update(*plan, change, later, again.sink());
      }
      ASSERT_EQ(status, status_again);
      ASSERT_TRUE(status.ok() || status.code() == absl::StatusCode::kFailedPrecondition) << status;
      ASSERT_EQ(records.all.size(), again.all.size());
      for (size_t i = 0; i < records.all.size(); ++i) {
        ++records_seen;
        CheckJson(records.all[i].key);
        CheckJson(records.all[i].value);
        if (HasFatalFailure()) return;
        ASSERT_EQ(Stable(records.all[i]), Stable(again.all[i]));
      }
    }
  }
  EXPECT_GT(records_seen, 300u);
}

TEST(Envelope, IsAlwaysJsonThatFitsItsSchema) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(Cat("seed ", seed));
  std::mt19937 random(seed);
  size_t records_seen = 0;
  size_t refused = 0;
  for (int round = 0; round < 300; ++round) {
    const auto options = std::make_shared<const Options>(RandomOptions(random));
    std::vector<const Sample*> columns;
    const Table table = RandomTable(random, columns);
    const auto stream = table.Plan(*options);
    const auto snapshot = table.Plan(*options, ReadFrom::kSnapshot);
    Encoder encoder(options);
    for (int event = 0; event < 8; ++event) {
      Records records;
      EventContext context = TestContext();
      const Tuple row = RandomRow(random, columns, true);
      const Tuple old_row = RandomRow(random, columns, false);
      ASSERT_TRUE(encoder.BeginTransaction(context, records.sink()).ok());
      absl::Status status;
      switch (event) {
        case 0:
          status =
              encoder.Insert(*stream, {.relation = {}, .new_tuple = row}, context, records.sink());
          break;
        case 1:
          context.marker = SnapshotMarker::kTrue;
          status = encoder.Snapshot(*snapshot, old_row, context, records.sink());
          break;
        case 2:
          status = encoder.Delete(
              *stream, {.relation = {}, .old_kind = OldTuple::kFull, .old_tuple = old_row}, context,
              records.sink());
          break;
        case 3:
          status = encoder.Truncate(*stream, context, records.sink());
          break;
        default:
          status = encoder.Update(
              *stream,
              {.relation = {}, .old_kind = OldTuple::kFull, .old_tuple = old_row, .new_tuple = row},
              context, records.sink());
      }
      // A required value that cannot be converted stops, as it does with Debezium.
      if (!status.ok()) {
        ASSERT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
        ++refused;
      }
      ASSERT_TRUE(encoder.EndTransaction(context, records.sink()).ok());
      for (const OwnedRecord& record : records.all) {
        ++records_seen;
        CheckJson(record.key);
        CheckJson(record.value);
        if (HasFatalFailure()) return;
      }
    }
  }
  EXPECT_GT(records_seen, 1500u);
  EXPECT_LT(refused, 1200u);
}

}  // namespace
}  // namespace walrelay::envelope
