#include "envelope/fixed_records.h"

#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "envelope/binary_text.h"
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

RecordBuilder::RecordBuilder(std::string topic, const ConnectSchema& key,
                             const ConnectSchema& value, const Options& options)
    : topic_(std::move(topic)),
      key_prefix_(Prefix(key, options.key_schemas)),
      value_prefix_(Prefix(value, options.value_schemas)) {}

Buffer& RecordBuilder::BeginKey() {
  key_.clear();
  key_.append(key_prefix_);
  return key_;
}

Buffer& RecordBuilder::BeginValue() {
  value_.clear();
  value_.append(value_prefix_);
  return value_;
}

Record RecordBuilder::Finish() {
  if (!key_prefix_.empty()) key_.push_back('}');
  if (!value_prefix_.empty()) value_.push_back('}');
  Record record;
  record.topic = topic_;
  record.key = key_.view();
  record.value = value_.view();
  record.topic_cache = this;
  return record;
}

HeartbeatRecord::HeartbeatRecord(const Options& options)
    : builder_(HeartbeatTopic(options),
               Struct("io.debezium.connector.common.ServerNameKey",
                      {{"serverName", PlainSchema("string")}}),
               Struct("io.debezium.connector.common.Heartbeat", {{"ts_ms", PlainSchema("int64")}}),
               options) {
  JsonWriter(key_).BeginObject().Key("serverName").String(options.topic_prefix).EndObject();
}

Record HeartbeatRecord::Make(WallTime now) {
  builder_.BeginKey().append(key_);
  Buffer& value = builder_.BeginValue();
  value.append("{\"ts_ms\":");
  const size_t start = value.size();
  value.AppendInt(MillisOf(now));
  const size_t size = value.size() - start;
  value.push_back('}');
  Record record = builder_.Finish();
  record.volatile_spans.Add(start, size);
  record.partition = 0;
  return record;
}

MessageRecord::MessageRecord(const Options& options)
    : with_transaction_(options.compat != Compat::k2_5_0),
      binary_(options.binary),
      source_(options, "", ""),
      builder_(MessageTopic(options),
               Struct("io.debezium.connector.postgresql.MessageKey",
                      {{"prefix", PlainSchema("string").AsOptional()}}),
               MessageValueSchema(options), options) {}

Record MessageRecord::Make(const LogicalMessage& message, const EventContext& context,
                           std::string_view transaction) {
  Buffer& key = builder_.BeginKey();
  key.append("{\"prefix\":");
  AppendJsonText(key, message.prefix);
  key.push_back('}');

  Buffer& value = builder_.BeginValue();
  value.append("{\"op\":\"m\",\"ts_ms\":");
  const size_t start = value.size();
  value.AppendInt(MillisOf(context.now));
  const size_t size = value.size() - start;
  value.append(",\"source\":");
  source_.Append(value, context);
  if (with_transaction_) {
    value.append(",\"transaction\":");
    value.append(transaction);
  }
  value.append(",\"message\":{\"prefix\":");
  AppendJsonText(value, message.prefix);
  value.append(",\"content\":\"");
  if (binary_ == BinaryMode::kHex) {
    AppendHex(value, message.content);
  } else {
    AppendBase64(value, message.content, binary_ == BinaryMode::kBase64UrlSafe);
  }
  value.append("\"}}");
  Record record = builder_.Finish();
  record.volatile_spans.Add(start, size);
  return record;
}

TransactionRecord::TransactionRecord(const Options& options)
    : builder_(TransactionTopic(options),
               Struct("io.debezium.connector.common.TransactionMetadataKey",
                      {{"id", PlainSchema("string")}}),
               TransactionValueSchema(), options) {}

void TransactionRecord::BeginRecord(std::string_view status, std::string_view id) {
  Buffer& key = builder_.BeginKey();
  key.append("{\"id\":");
  AppendJsonText(key, id);
  key.push_back('}');
  Buffer& value = builder_.BeginValue();
  value.append("{\"status\":");
  AppendJsonText(value, status);
  value.append(",\"id\":");
  AppendJsonText(value, id);
}

Record TransactionRecord::Begin(std::string_view id, int64_t source_ts_micros) {
  BeginRecord("BEGIN", id);
  Buffer& value = builder_.value();
  value.append(",\"event_count\":null,\"data_collections\":null,\"ts_ms\":");
  value.AppendInt(Millis(source_ts_micros));
  value.push_back('}');
  return builder_.Finish();
}

Record TransactionRecord::End(std::string_view id, int64_t source_ts_micros,
                              const TransactionCounts& counts) {
  BeginRecord("END", id);
  Buffer& value = builder_.value();
  value.append(",\"event_count\":");
  value.AppendInt(counts.total);
  value.append(",\"data_collections\":[");
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
  value.append("],\"ts_ms\":");
  value.AppendInt(Millis(source_ts_micros));
  value.push_back('}');
  return builder_.Finish();
}

}  // namespace walrelay::envelope
