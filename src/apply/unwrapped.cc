#include "apply/unwrapped.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>

#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kPrefix = "__";
constexpr std::string_view kSource = "source_";
constexpr std::string_view kTransaction = "transaction_";

// Of the envelope, its source (with and without "source_") and its transaction.
constexpr std::array<std::string_view, 20> kNames = {
    "op",    "deleted", "ts_ms",       "ts_us",  "ts_ns", "version", "connector",
    "name",  "db",      "snapshot",    "schema", "table", "txId",    "lsn",
    "xmin",  "sequence", "total_order", "data_collection_order", "id", "origin"};

// Without prefixes: "__source_lsn" and "__lsn" are one.
std::string_view PlainName(std::string_view name) {
  name.remove_prefix(kPrefix.size());
  return name.starts_with(kSource) ? name.substr(kSource.size()) : name;
}

using Added = std::map<std::string, std::string, std::less<>>;

std::string_view Get(const Added& added, std::string_view name) {
  const auto found = added.find(name);
  return found == added.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<int64_t> Number(std::string_view digits) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return number;
}

// The envelope's own time says when Debezium came to it: the source's is told by its prefix.
std::string_view AddedName(std::string_view name) {
  const std::string_view plain = PlainName(name);
  const bool is_time = plain == "ts_ms" || plain == "ts_us" || plain == "ts_ns";
  return is_time ? name.substr(kPrefix.size()) : plain;
}

absl::Status Lacks(std::string_view what) {
  return absl::DataLossError(
      Cat("not a Debezium envelope, and a row that was unwrapped lacks ", what,
          ": set add.fields=op,schema,table,lsn,source.ts_ms and "
          "delete.tombstone.handling.mode=rewrite (Debezium 2.5: delete.handling.mode=rewrite) for "
          "ExtractNewRecordState"));
}

}  // namespace

bool IsAddedField(std::string_view name) {
  if (!name.starts_with(kPrefix)) return false;
  const std::string_view plain = PlainName(name);
  return plain.starts_with(kTransaction) ||
         std::find(kNames.begin(), kNames.end(), plain) != kNames.end();
}

absl::StatusOr<UnwrappedRow> ReadUnwrapped(JsonValue value,
                                           const std::vector<RecordHeader>& headers) {
  UnwrappedRow row;
  Added added;
  for (const RecordHeader& header : headers) {
    if (IsAddedField(header.name) && header.value)
      added.insert_or_assign(std::string(AddedName(header.name)), std::string(*header.value));
  }
  JsonWriter writer(row.row);
  writer.BeginObject();
  for (auto it = value.begin(); it != value.end(); ++it) {
    const JsonValue member = *it;
    if (!IsAddedField(it.name())) {
      writer.Key(it.name()).Copy(member);
    } else if (!member.text().empty()) {
      added.insert_or_assign(std::string(AddedName(it.name())), std::string(member.text()));
    }
  }
  writer.EndObject();
  for (const std::string_view needed :
       {"op", "schema", "table", "lsn", "source_ts_ms", "deleted"}) {
    if (Get(added, needed).empty()) return Lacks(Cat(kPrefix, needed));
  }
  const std::string_view op = Get(added, "op");
  if (op.size() != 1 || std::string_view("rcud").find(op) == std::string_view::npos)
    return Lacks("an __op that is r, c, u or d");
  row.op = Get(added, "deleted") == "true" ? 'd' : op[0];
  const auto millis = Number(Get(added, "source_ts_ms"));
  const auto lsn = Number(Get(added, "lsn"));
  if (!millis || !lsn) return Lacks("numbers as __lsn and __source_ts_ms");
  row.schema = Get(added, "schema");
  row.table = Get(added, "table");
  row.lsn = Get(added, "lsn");
  row.source_ts_us = *millis * 1000;
  JsonWriter source(row.source);
  source.BeginObject();
  for (const auto& [name, text] : added) {
    source.Key(name == "source_ts_ms" ? "ts_ms" : name == "ts_ms" ? "event_ts_ms" : name);
    if (const auto number = Number(text); number && Cat(*number) == text) {
      source.Raw(text);
    } else {
      source.String(text);
    }
  }
  source.EndObject();
  return row;
}

}  // namespace walrelay::apply
