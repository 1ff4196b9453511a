#include "envelope/source_block.h"

#include <charconv>
#include <map>

#include "base/check.h"
#include "base/json.h"
#include "base/status.h"
#include "envelope/scalar_codecs.h"

namespace walrelay::envelope {
namespace {

std::string Quoted(std::string_view text) {
  std::string json;
  AppendJsonString(json, text);
  return json;
}

std::string_view SnapshotText(SnapshotMarker marker) {
  switch (marker) {
    case SnapshotMarker::kStreaming:
      return {};
    case SnapshotMarker::kTrue:
      return "\"true\"";
    case SnapshotMarker::kFirst:
      return "\"first\"";
    case SnapshotMarker::kFirstInDataCollection:
      return "\"first_in_data_collection\"";
    case SnapshotMarker::kLastInDataCollection:
      return "\"last_in_data_collection\"";
    case SnapshotMarker::kLast:
      return "\"last\"";
  }
  return {};
}

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

template <class Number>
void AppendOptional(Buffer& out, const std::optional<Number>& value) {
  if (value) {
    out.AppendInt(*value);
  } else {
    out.append("null");
  }
}

// What follows `"[` of `sequence`.
void AppendSequence(Buffer& out, const EventContext& context, std::string_view lsn) {
  if (context.last_commit) {
    out.append("\\\"");
    out.AppendInt(Number(*context.last_commit));
    out.append("\\\",\\\"");
  } else {
    out.append("null,\\\"");
  }
  out.append(lsn);
  out.append("\\\"]\"");
}

template <class Number>
bool AppendIfThere(Buffer& out, const std::optional<Number>& value) {
  if (value) out.AppendInt(*value);
  return value.has_value();
}

void AppendOrigin(Buffer& out, const EventContext& context) {
  if (!context.origin) return out.append(",\"origin\":null,\"origin_lsn\":null");
  out.append(",\"origin\":");
  AppendJsonText(out, *context.origin);
  out.append(",\"origin_lsn\":");
  out.AppendInt(Number(context.origin_lsn));
}

}  // namespace

ConnectSchema SourceSchema(Compat compat) {
  const bool later = compat != Compat::k2_5_0;
  const auto optional = [](std::string_view type) { return PlainSchema(type).AsOptional(); };
  ConnectSchema snapshot = NamedSchema("string", "io.debezium.data.Enum").AsOptional();
  snapshot.parameters = {
      {"allowed", later ? "true,first,first_in_data_collection,last_in_data_collection,last,false,"
                          "incremental"
                        : "true,last,false,incremental"}};
  snapshot.default_json = "\"false\"";

  ConnectSchema source = NamedSchema("struct", "io.debezium.connector.postgresql.Source",
                                     later ? 1 : ConnectSchema::kNoVersion);
  source.fields = {{"version", PlainSchema("string")},
                   {"connector", PlainSchema("string")},
                   {"name", PlainSchema("string")},
                   {"ts_ms", PlainSchema("int64")},
                   {"snapshot", snapshot},
                   {"db", PlainSchema("string")},
                   {"sequence", optional("string")}};
  if (later) {
    source.fields.emplace_back("ts_us", optional("int64"));
    source.fields.emplace_back("ts_ns", optional("int64"));
  }
  source.fields.emplace_back("schema", PlainSchema("string"));
  source.fields.emplace_back("table", PlainSchema("string"));
  source.fields.emplace_back("txId", optional("int64"));
  source.fields.emplace_back("lsn", optional("int64"));
  source.fields.emplace_back("xmin", optional("int64"));
  if (later) {
    source.fields.emplace_back("origin", optional("string"));
    source.fields.emplace_back("origin_lsn", optional("int64"));
  }
  return source;
}

ConnectSchema TransactionBlockSchema() {
  ConnectSchema block = NamedSchema("struct", "event.block").AsOptional();
  block.fields = {{"id", PlainSchema("string")},
                  {"total_order", PlainSchema("int64")},
                  {"data_collection_order", PlainSchema("int64")}};
  return block;
}

SourceBlock::SourceBlock(const Options& options, std::string_view schema, std::string_view table)
    : with_origin_(options.compat != Compat::k2_5_0),
      lead_(Cat("{\"version\":\"", VersionText(options.compat),
                "\",\"connector\":\"postgresql\",\"name\":", Quoted(options.topic_prefix),
                ",\"ts_ms\":")),
      database_(Cat(",\"db\":", Quoted(options.database), ",\"sequence\":\"[")),
      // The value is unset in the stream; the converter puts the schema's default there.
      streaming_(
          Cat(",\"snapshot\":", options.value_null_as_default ? "\"false\"" : "null", database_)),
      table_(Cat(",\"schema\":", Quoted(schema), ",\"table\":", Quoted(table), ",\"txId\":")) {
  const std::map<std::string_view, std::string> constants = {
      {"version", Quoted(VersionText(options.compat))},
      {"connector", Quoted("postgresql")},
      {"name", Quoted(options.topic_prefix)},
      {"db", Quoted(options.database)},
      {"schema", Quoted(schema)},
      {"table", Quoted(table)}};
  for (const auto& [field, unused] : SourceSchema(options.compat).fields) {
    const auto constant = constants.find(field);
    constants_.push_back(constant == constants.end() ? std::string() : constant->second);
    names_.push_back(field);
  }
}

void SourceBlock::Append(Buffer& out, const EventContext& context, VolatileSpans& spans) const {
  char digits[24];
  const std::string_view lsn(
      digits,
      static_cast<size_t>(std::to_chars(digits, digits + sizeof(digits), Number(context.lsn)).ptr -
                          digits));
  out.append(lead_);
  out.AppendInt(FloorDiv(context.source_ts_micros, 1000));
  if (context.marker == SnapshotMarker::kStreaming) {
    out.append(streaming_);
  } else {
    out.append(",\"snapshot\":");
    out.append(SnapshotText(context.marker));
    out.append(database_);
  }
  AppendSequence(out, context, lsn);
  if (with_origin_) {
    out.append(",\"ts_us\":");
    out.AppendInt(context.source_ts_micros);
    out.append(",\"ts_ns\":");
    out.AppendInt(context.source_ts_micros * 1000);
  }
  out.append(table_);
  AppendOptional(out, context.tx_id);
  out.append(",\"lsn\":");
  out.append(lsn);
  out.append(",\"xmin\":");
  const size_t xmin = out.size();
  AppendOptional(out, context.xmin);
  if (context.xmin) spans.Add(xmin, out.size() - xmin);
  if (with_origin_) AppendOrigin(out, context);
  out.push_back('}');
}

bool SourceBlock::AppendField(Buffer& out, size_t place, const EventContext& context) const {
  const std::string_view name = names_[place];
  if (!constants_[place].empty()) {
    out.append(constants_[place]);
  } else if (name == "ts_ms") {
    out.AppendInt(FloorDiv(context.source_ts_micros, 1000));
  } else if (name == "ts_us") {
    out.AppendInt(context.source_ts_micros);
  } else if (name == "ts_ns") {
    out.AppendInt(context.source_ts_micros * 1000);
  } else if (name == "snapshot") {
    out.append(
        SnapshotText(context.marker));  // Unset in the stream: the default is the converter's.
    return context.marker != SnapshotMarker::kStreaming;
  } else if (name == "sequence") {
    out.append("\"[");
    AppendSequence(out, context, std::to_string(Number(context.lsn)));
  } else if (name == "txId") {
    return AppendIfThere(out, context.tx_id);
  } else if (name == "lsn") {
    out.AppendInt(Number(context.lsn));
  } else if (name == "xmin") {
    return AppendIfThere(out, context.xmin);
  } else if (name == "origin") {
    if (context.origin) AppendJsonText(out, *context.origin);
    return context.origin.has_value();
  } else {
    CHECK(name == "origin_lsn");
    if (context.origin) out.AppendInt(Number(context.origin_lsn));
    return context.origin.has_value();
  }
  return true;
}

int64_t MillisOf(WallTime time) { return FloorDiv(UnixNanos(time), 1'000'000); }

}  // namespace walrelay::envelope
