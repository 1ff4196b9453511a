#include "envelope/fixed_records.h"

#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "envelope/binary_text.h"
#include "envelope/envelope_tail.h"
#include "envelope/java_text.h"
#include "envelope/scalar_codecs.h"
#include "envelope/topic_names.h"

namespace walrelay::envelope {
namespace {

std::string Prefix(const ConnectSchema& schema, bool enabled) {
  return enabled ? Cat("{\"schema\":", SchemaJson(schema), ",\"payload\":") : std::string();
}

ConnectSchema Struct(std::string_view name,
                     std::vector<std::pair<std::string, ConnectSchema>> fields) {
  ConnectSchema schema = NamedSchema("struct", name);
  schema.fields = std::move(fields);
  return schema;
}

ConnectSchema MessageValueSchema(const Options& options) {
  const bool bytes = options.binary == BinaryMode::kBytes;
  ConnectSchema value = Struct("io.debezium.connector.postgresql.MessageValue",
                               {{"op", PlainSchema("string")},
                                {"ts_ms", PlainSchema("int64").AsOptional()},
                                {"source", SourceSchema(options.compat)}});
  if (options.compat != Compat::k2_5_0)
    value.fields.emplace_back("transaction", TransactionBlockSchema());
  value.fields.emplace_back(
      "message", Struct("io.debezium.connector.postgresql.Message",
                        {{"prefix", PlainSchema("string").AsOptional()},
                         {"content", PlainSchema(bytes ? "bytes" : "string").AsOptional()}}));
  return value;
}

ConnectSchema TransactionValueSchema() {
  const ConnectSchema collection =
      Struct("event.collection",
             {{"data_collection", PlainSchema("string")}, {"event_count", PlainSchema("int64")}});
  return Struct("io.debezium.connector.common.TransactionMetadataValue",
                {{"status", PlainSchema("string")},
                 {"id", PlainSchema("string")},
                 {"event_count", PlainSchema("int64").AsOptional()},
                 {"data_collections", ArraySchema(collection.AsOptional()).AsOptional()},
                 {"ts_ms", PlainSchema("int64")}});
}

int64_t Millis(int64_t micros) { return micros / 1000 - (micros % 1000 < 0 ? 1 : 0); }

}  // namespace

RecordBuilder::RecordBuilder(std::string topic, ConnectSchema key, ConnectSchema value,
                             const Options& options)
    : topic_(std::move(topic)),
      key_schema_(std::move(key)),
      value_schema_(std::move(value)),
      string_keys_(options.string_keys),
      key_prefix_(Prefix(key_schema_, options.key_schemas)),
      value_prefix_(Prefix(value_schema_, options.value_schemas)) {}

void RecordBuilder::Begin(std::string_view key_text) {
  const std::string& name = key_schema_.fields[0].first;
  key_json_.clear();
  AppendJsonText(key_json_, key_text);
  key_.clear();
  if (string_keys_) {
    key_.append(Cat("Struct{", name, "=", key_text, "}"));
  } else {
    key_.append(Cat(key_prefix_, "{\"", name, "\":"));
    key_.append(key_json_.view());
    key_.append(key_prefix_.empty() ? "}" : "}}");
  }
  value_.clear();
  value_.append(value_prefix_);
  spans_.clear();
}

void RecordBuilder::EndField() {
  if (!spans_.empty()) spans_.back().end = value_.size();
}

Buffer& RecordBuilder::Field(std::string_view lead) {
  EndField();
  value_.push_back(spans_.empty() ? '{' : ',');
  value_.append(lead);
  spans_.push_back({.begin = value_.size(), .end = value_.size(), .is_null = false});
  return value_;
}

FixedRecord RecordBuilder::Finish() {
  EndField();
  value_.append(value_prefix_.empty() ? "}" : "}}");
  FixedRecord fixed;
  fixed.record.topic = topic_;
  fixed.record.key = key_.view();
  fixed.record.value = value_.view();
  fixed.record.topic_cache = this;
  fixed.key_schema = &key_schema_;
  fixed.key_json = key_json_.view();
  fixed.value_schema = &value_schema_;
  fixed.spans = &spans_;
  return fixed;
}

HeartbeatRecord::HeartbeatRecord(const Options& options)
    : name_(options.topic_prefix),
      builder_(HeartbeatTopic(options),
               Struct("io.debezium.connector.common.ServerNameKey",
                      {{"serverName", PlainSchema("string")}}),
               Struct("io.debezium.connector.common.Heartbeat", {{"ts_ms", PlainSchema("int64")}}),
               options) {}

FixedRecord HeartbeatRecord::Make(WallTime now) {
  builder_.Begin(name_);
  VolatileSpans spans;
  AppendVolatileInt(builder_.Field("\"ts_ms\":"), MillisOf(now), spans);
  FixedRecord fixed = builder_.Finish();
  fixed.record.volatile_spans = spans;
  fixed.record.partition = 0;
  return fixed;
}

MessageRecord::MessageRecord(const Options& options)
    : with_transaction_(options.compat != Compat::k2_5_0),
      binary_(options.binary),
      source_(options, "", ""),
      builder_(MessageTopic(options),
               Struct("io.debezium.connector.postgresql.MessageKey",
                      {{"prefix", PlainSchema("string").AsOptional()}}),
               MessageValueSchema(options), options) {}

FixedRecord MessageRecord::Make(const LogicalMessage& message, const EventContext& context,
                                std::string_view transaction) {
  // 2.5 decodes names and prefixes byte by byte.
  const std::string prefix =
      with_transaction_ ? std::string(message.prefix) : BytewiseChars(message.prefix);
  builder_.Begin(prefix);
  builder_.Field("\"op\":").append("\"m\"");
  VolatileSpans spans;
  AppendVolatileInt(builder_.Field("\"ts_ms\":"), MillisOf(context.now), spans);
  source_.Append(builder_.Field("\"source\":"), context, spans);
  if (with_transaction_) builder_.Field("\"transaction\":").append(transaction);
  Buffer& value = builder_.Field("\"message\":");
  value.append("{\"prefix\":");
  AppendJsonText(value, prefix);
  value.append(",\"content\":\"");
  if (binary_ == BinaryMode::kHex) {
    AppendHex(value, message.content);
  } else {
    AppendBase64(value, message.content, binary_ == BinaryMode::kBase64UrlSafe);
  }
  value.append("\"}");
  FixedRecord fixed = builder_.Finish();
  fixed.record.volatile_spans = spans;
  fixed.context = &context;
  fixed.source = &source_;
  return fixed;
}

TransactionRecord::TransactionRecord(const Options& options)
    : builder_(TransactionTopic(options),
               Struct("io.debezium.connector.common.TransactionMetadataKey",
                      {{"id", PlainSchema("string")}}),
               TransactionValueSchema(), options) {}

void TransactionRecord::BeginRecord(std::string_view status, std::string_view id) {
  builder_.Begin(id);
  AppendJsonText(builder_.Field("\"status\":"), status);
  AppendJsonText(builder_.Field("\"id\":"), id);
}

FixedRecord TransactionRecord::Begin(std::string_view id, int64_t source_ts_micros) {
  BeginRecord("BEGIN", id);
  builder_.Field("\"event_count\":").append("null");
  builder_.Null();
  builder_.Field("\"data_collections\":").append("null");
  builder_.Null();
  builder_.Field("\"ts_ms\":").AppendInt(Millis(source_ts_micros));
  return builder_.Finish();
}

FixedRecord TransactionRecord::End(std::string_view id, int64_t source_ts_micros,
                                   const TransactionCounts& counts) {
  BeginRecord("END", id);
  builder_.Field("\"event_count\":").AppendInt(counts.total);
  Buffer& value = builder_.Field("\"data_collections\":");
  value.push_back('[');
  std::vector<std::string_view> names;
  for (const auto& [name, count] : counts.tables) names.push_back(name);
  bool first = true;
  for (const size_t i : HashMapOrder(names)) {
    if (!first) value.push_back(',');
    first = false;
    value.append("{\"data_collection\":");
    AppendJsonText(value, names[i]);
    value.append(",\"event_count\":");
    value.AppendInt(counts.tables[i].second);
    value.push_back('}');
  }
  value.push_back(']');
  builder_.Field("\"ts_ms\":").AppendInt(Millis(source_ts_micros));
  return builder_.Finish();
}

}  // namespace walrelay::envelope
