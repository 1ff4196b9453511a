#include "apply/raw_events.h"

#include "apply/temporal.h"
#include "base/status.h"
#include "pg/copy_text.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kColumns =
    "source_table, operation, event_key, before_data, after_data, source_metadata, kafka_topic, "
    "kafka_partition, "
    "kafka_offset, event_timestamp";
constexpr size_t kCopyChunk = 64 * 1024;

void AppendColumn(std::string& out, std::string_view text, bool is_null = false) {
  if (is_null) {
    pg::AppendCopyNull(out);
  } else {
    pg::AppendCopyText(out, text);
  }
  out.push_back('\t');
}

pg::Parameter JsonParameter(std::string_view json) {
  return json.empty() ? pg::Parameter() : pg::Parameter(json);
}

}  // namespace

void AppendUtcTimestamp(int64_t micros, std::string& out) {
  AppendTimestamp(micros, 6, out);
  out.append("+00");
}

void RawEvents::Add(const ConsumedRecord& record, const Envelope& envelope, uint32_t index) {
  scratch_.assign(envelope.schema).append(".").append(envelope.table);
  if (rows_.empty() || scratch_ != last_table_text_) last_table_text_ = texts_.Copy(scratch_);
  Row row{.table = last_table_text_,
          .op = envelope.op,
          .key = envelope.key_json,
          .before = envelope.before_json,
          .after = envelope.after_json,
          .source = envelope.source_json,
          .topic = record.topic,
          .record = index};
  if (envelope.is_unwrapped) {
    for (std::string_view* json : {&row.before, &row.after, &row.source})
      *json = texts_.Copy(*json);
  }
  row.place = texts_.Copy(Cat(record.partition, '\t', record.offset));
  scratch_.clear();
  AppendUtcTimestamp(envelope.source_ts_us, scratch_);
  row.timestamp = texts_.Copy(scratch_);
  bytes_ += row.key.size() + row.before.size() + row.after.size() + row.source.size();
  rows_.push_back(row);
}

void RawEvents::Clear() {
  rows_.clear();
  texts_.Clear();
  last_table_text_ = {};
  bytes_ = 0;
}

absl::Status RawEvents::Queue(PreparedStatements& prepared, StatementQueue& queue) {
  if (rows_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string* name,
                   prepared.Name(Cat("INSERT INTO cdc_raw.cdc_events (", kColumns,
                                     ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")));
  for (const Row& row : rows_) {
    const size_t tab = row.place.find('\t');
    queue.Begin(*name, {.what = "table cdc_raw.cdc_events", .record = row.record});
    queue.Add(row.table);
    queue.Add(std::string_view(&row.op, 1));
    for (const std::string_view json : {row.key, row.before, row.after, row.source})
      queue.Add(JsonParameter(json));
    queue.Add(row.topic);
    queue.Add(row.place.substr(0, tab));
    queue.Add(row.place.substr(tab + 1));
    queue.Add(row.timestamp);
  }
  return absl::OkStatus();
}

absl::Status RawEvents::Copy(pg::Connection& connection, const pg::Later& later) {
  if (rows_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(pg::CopyWriter copy,
                   connection.CopyIn(Cat("COPY cdc_raw.cdc_events (", kColumns, ") FROM STDIN")));
  std::string text;
  for (const Row& row : rows_) {
    AppendColumn(text, row.table);
    AppendColumn(text, {&row.op, 1});
    for (const std::string_view json : {row.key, row.before, row.after, row.source}) {
      AppendColumn(text, json, json.empty());
    }
    AppendColumn(text, row.topic);
    text.append(row.place).push_back('\t');
    text.append(row.timestamp).push_back('\n');
    if (text.size() < kCopyChunk) continue;
    RETURN_IF_ERROR(copy.Put(text));
    text.clear();
  }
  RETURN_IF_ERROR(copy.Put(text));
  if (later) return copy.EndLater(later);
  return Annotate(copy.End().status(), "cannot write to table cdc_raw.cdc_events");
}

}  // namespace walrelay::apply
