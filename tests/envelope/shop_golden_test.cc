// Encodes the pipeline's four tables and compares with what the real connector wrote, byte for
// byte.
//
// What a record says about time and place (LSNs, transaction, clock) is read from the golden record
// and given to the encoder; all other bytes must come out the same.
#include <gtest/gtest.h>

#include <fstream>

#include "base/json.h"
#include "base/status.h"
#include "tests/envelope/fixture.h"

namespace walrelay::envelope {
namespace {

struct GoldenRecord {
  std::string topic;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
};

std::optional<std::string> Text(JsonValue value) {
  if (!value.is_string()) return std::nullopt;
  return std::string(value.text());
}

std::map<std::string, std::vector<GoldenRecord>> ReadGolden(Compat compat) {
  std::map<std::string, std::vector<GoldenRecord>> topics;
  std::ifstream file(
      Cat(WALRELAY_SOURCE_DIR "/tests/goldens/shop/", VersionText(compat), ".jsonl"));
  JsonReader reader;
  for (std::string line; std::getline(file, line);) {
    const auto root = reader.Parse(line);
    CHECK(root.ok());
    GoldenRecord record = {.topic = std::string((*root)["topic"].text()),
                           .key = Text((*root)["key"]),
                           .value = Text((*root)["value"]),
                           .headers = {}};
    for (const JsonValue header : (*root)["headers"]) {
      auto part = header.begin();
      const JsonValue name = *part;
      record.headers.emplace_back(name.text(), Text(*++part));
    }
    topics[record.topic].push_back(std::move(record));
  }
  return topics;
}

SnapshotMarker MarkerOf(std::string_view text) {
  if (text == "true") return SnapshotMarker::kTrue;
  if (text == "first") return SnapshotMarker::kFirst;
  if (text == "first_in_data_collection") return SnapshotMarker::kFirstInDataCollection;
  if (text == "last_in_data_collection") return SnapshotMarker::kLastInDataCollection;
  return text == "last" ? SnapshotMarker::kLast : SnapshotMarker::kStreaming;
}

// Where and when the real connector saw the event.
EventContext ContextOf(const std::string& value) {
  JsonReader reader;
  const auto root = reader.Parse(value);
  CHECK(root.ok());
  const JsonValue payload = (*root)["payload"];
  const JsonValue source = payload["source"];
  EventContext context;
  context.lsn = Lsn{*source["lsn"].Int<uint64_t>()};
  context.tx_id = source["txId"].Int<uint64_t>();
  context.source_ts_micros = source["ts_us"].Int().value_or(*source["ts_ms"].Int() * 1000);
  context.marker = MarkerOf(source["snapshot"].text());
  const int64_t nanos = payload["ts_ns"].Int().value_or(*payload["ts_ms"].Int() * 1'000'000);
  context.now = WallTime(std::chrono::nanoseconds(nanos));
  JsonReader sequence_reader;
  const auto sequence = sequence_reader.Parse(source["sequence"].text());
  CHECK(sequence.ok());
  const JsonValue last = *(*sequence).begin();
  if (last.is_string()) context.last_commit = Lsn{std::stoull(std::string(last.text()))};
  return context;
}

std::string RunIdOf(const std::map<std::string, std::vector<GoldenRecord>>& golden) {
  for (const auto& [name, value] : golden.begin()->second.at(0).headers) {
    if (name == "__debezium.context.runId") return *value;
  }
  return {};
}

struct ShopTable {
  Table table;
  std::vector<std::pair<char, std::vector<const char*>>> events;  // op, the row that it shows.
};

constexpr int32_t kVarchar255 = 259;
constexpr int32_t kVarchar50 = 54;

std::vector<ShopTable> Shop() {
  std::vector<ShopTable> shop;
  const auto id = [](Table& table, const char* sequence) {
    table.Column("id", "int4").NotNull().Default(Cat("nextval('", sequence, "'::regclass)")).Key();
  };
  const auto times = [](Table& table) {
    table.Column("created_at", "timestamp").Default("now()");
    table.Column("updated_at", "timestamp").Default("now()");
  };

  Table customers("public", "customers");
  id(customers, "customers_id_seq");
  for (const char* name : {"first_name", "last_name", "email"})
    customers.Column(name, "varchar", kVarchar255).NotNull();
  times(customers);
  shop.push_back(
      {std::move(customers),
       {{'r',
         {"1", "John", "Doe", "john@example.com", "2024-01-02 03:04:05.678901",
          "2024-01-02 03:04:05.678901"}},
        {'r',
         {"2", "Jane", "Smith", "jane@example.com", "2024-01-02 03:04:06",
          "2024-01-02 03:04:06.5"}},
        {'c', {"3", "Zoë", "O'Brien", "zoe@example.com", "2024-02-01 00:00:00", nullptr}},
        {'u',
         {"1", "John", "Doe-Smith", "john@example.com", "2024-01-02 03:04:05.678901",
          "2024-02-02 12:00:00.000001"}}}});

  Table order_items("public", "order_items");
  id(order_items, "order_items_id_seq");
  for (const char* name : {"order_id", "product_id", "quantity"})
    order_items.Column(name, "int4").NotNull();
  order_items.Column("unit_price", "numeric", NumericTypmod(10, 2)).NotNull();
  times(order_items);
  const char* january = "2024-01-03 10:00:00";
  const char* february = "2024-02-03 10:00:00";
  shop.push_back({std::move(order_items),
                  {{'r', {"1", "1", "1", "1", "1200.00", january, january}},
                   {'r', {"2", "1", "2", "1", "25.50", january, january}},
                   {'c', {"3", "2", "1", "2", "1200.00", february, february}},
                   {'c', {"4", "2", "2", "2", "25.00", february, february}},
                   {'d', {"1", nullptr, nullptr, nullptr, nullptr, nullptr, nullptr}},
                   {'d', {"2", nullptr, nullptr, nullptr, nullptr, nullptr, nullptr}}}});

  Table orders("public", "orders");
  id(orders, "orders_id_seq");
  orders.Column("customer_id", "int4").NotNull();
  orders.Column("order_date", "timestamp").Default("now()");
  orders.Column("status", "varchar", kVarchar50).NotNull().Default("'pending'::character varying");
  orders.Column("total_amount", "numeric", NumericTypmod(10, 2)).NotNull();
  times(orders);
  shop.push_back({std::move(orders),
                  {{'r', {"1", "1", january, "completed", "1225.50", january, january}},
                   {'c', {"2", "3", february, "pending", "2450.00", february, february}},
                   {'d', {"1", nullptr, nullptr, nullptr, nullptr, nullptr, nullptr}}}});

  Table products("public", "products");
  id(products, "products_id_seq");
  products.Column("name", "varchar", kVarchar255).NotNull();
  products.Column("description", "text");
  products.Column("price", "numeric", NumericTypmod(10, 2)).NotNull();
  products.Column("stock_quantity", "int4").NotNull().Default("0");
  times(products);
  const char* day = "2024-01-02 00:00:00";
  const char* tenth = "2024-01-02 00:00:00.1";
  const char* later = "2024-01-02 00:00:00.12";
  shop.push_back({std::move(products),
                  {{'r', {"1", "Laptop", "High-performance laptop", "1200.00", "50", day, day}},
                   {'r', {"2", "Mouse", nullptr, "25.50", "200", tenth, later}},
                   {'u', {"1", "Laptop", "High-performance laptop", "1200.00", "48", day, day}},
                   {'u', {"2", "Mouse", nullptr, "25.50", "198", tenth, later}},
                   {'u', {"1", "Laptop", "a", "99999999.99", "48", day, day}},
                   {'u', {"2", "Mouse", nullptr, "-0.01", "198", tenth, later}}}});
  return shop;
}

Tuple RowOf(const std::vector<const char*>& texts) {
  Tuple row;
  for (const char* text : texts) row.push_back(Value(text));
  return row;
}

class ShopGolden : public testing::TestWithParam<Compat> {};

TEST_P(ShopGolden, IsWrittenByteForByte) {
  const auto golden = ReadGolden(GetParam());
  ASSERT_FALSE(golden.empty());
  Options settings = TestOptions(GetParam());
  settings.run_id = RunIdOf(golden);
  const auto options = std::make_shared<const Options>(settings);
  Encoder encoder(options);

  size_t compared = 0;
  for (const ShopTable& shop : Shop()) {
    const auto stream = shop.table.Plan(*options);
    const auto snapshot = shop.table.Plan(*options, ReadFrom::kSnapshot);
    const std::vector<GoldenRecord>& expected = golden.at(stream->topic());
    size_t next = 0;
    for (const auto& [op, texts] : shop.events) {
      ASSERT_LT(next, expected.size());
      const EventContext context = ContextOf(*expected[next].value);
      const Tuple row = RowOf(texts);
      Records records;
      absl::Status status;
      if (op == 'r') status = encoder.Snapshot(*snapshot, row, context, records.sink());
      if (op == 'c')
        status =
            encoder.Insert(*stream, {.relation = {}, .new_tuple = row}, context, records.sink());
      if (op == 'u') {
        status = encoder.Update(
            *stream,
            {.relation = {}, .old_kind = OldTuple::kNone, .old_tuple = {}, .new_tuple = row},
            context, records.sink());
      }
      if (op == 'd') {
        status =
            encoder.Delete(*stream, {.relation = {}, .old_kind = OldTuple::kKey, .old_tuple = row},
                           context, records.sink());
      }
      ASSERT_TRUE(status.ok()) << status;
      for (const OwnedRecord& record : records.all) {
        ASSERT_LT(next, expected.size());
        EXPECT_EQ(record.topic, expected[next].topic);
        EXPECT_EQ(record.key, expected[next].key);
        EXPECT_EQ(record.value, expected[next].value);
        EXPECT_EQ(record.headers, expected[next].headers);
        ++next;
        ++compared;
      }
    }
    EXPECT_EQ(next, expected.size()) << stream->topic();
  }
  EXPECT_EQ(compared, 22u);
}

INSTANTIATE_TEST_SUITE_P(Versions, ShopGolden, testing::Values(Compat::k2_5_0, Compat::k3_6_1),
                         [](const auto& parameter) {
                           return parameter.param == Compat::k2_5_0 ? "v2_5_0" : "v3_6_1";
                         });

}  // namespace
}  // namespace walrelay::envelope
