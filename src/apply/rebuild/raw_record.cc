// value = '{"schema":' block ',"payload":' envelope '}' | envelope; key likewise
#include "apply/rebuild/raw_record.h"

#include <algorithm>

#include "apply/envelope_reader.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr size_t kMaxKeyFields = 1000;  // A bound on memory, not a limit that anyone meets.

std::string WithSchema(std::string_view schema, std::string payload) {
  if (schema.empty()) return payload;
  return Cat("{\"schema\":", schema, ",\"payload\":", payload, "}");
}

}  // namespace

ConsumedRecord RawRecord::record() const {
  ConsumedRecord record;
  record.topic = topic_;
  record.partition = partition_;
  record.offset = offset_;
  if (has_key_) record.key = key_;
  record.value = value_;
  if (!key_header_.empty())
    record.headers.push_back({.name = key_header_, .value = std::string_view("{}")});
  return record;
}

RawRecord RawRecordMaker::Make(const RawEvent& event, const SchemaBlocks& schema) {
  RawRecord record;
  record.topic_ = event.topic;
  record.partition_ = event.partition;
  record.offset_ = event.offset;
  record.has_key_ = event.key.has_value();
  if (event.key) record.key_ = WithSchema(schema.key, KeyText(*event.key, schema.key));
  if (event.changes_key) record.key_header_ = event.op == "c" ? kOldKeyHeader : kNewKeyHeader;
  record.value_ = WithSchema(
      schema.value, Cat("{\"before\":", event.before.value_or("null"),
                        ",\"after\":", event.after.value_or("null"),
                        ",\"source\":", event.source.value_or("null"), ",\"op\":\"", event.op,
                        "\",\"ts_ms\":", event.ts_ms.empty() ? "0" : event.ts_ms, "}"));
  return record;
}

// Dead letters know their row by the key's text: it must be the one that Kafka has.
std::string RawRecordMaker::KeyText(std::string_view key, std::string_view key_schema) {
  const std::vector<std::string>& fields = KeyFields(key_schema);
  const absl::StatusOr<JsonValue> parsed = reader_.Parse(key);
  if (!parsed.ok() || !parsed->is_object()) return std::string(key);
  std::string text;
  JsonWriter json(text);
  json.BeginObject();
  for (const std::string& name : fields) {
    if (const JsonValue value = (*parsed)[name]; !value.is_missing()) json.Key(name).Copy(value);
  }
  for (auto it = parsed->begin(); it != parsed->end(); ++it) {
    if (std::find(fields.begin(), fields.end(), it.name()) == fields.end())
      json.Key(it.name()).Copy(*it);
  }
  json.EndObject();
  return text;
}

const std::vector<std::string>& RawRecordMaker::KeyFields(std::string_view key_schema) {
  const auto known = key_fields_.find(key_schema);
  if (known != key_fields_.end()) return known->second;
  if (key_fields_.size() >= kMaxKeyFields) key_fields_.clear();
  std::vector<std::string>& fields = key_fields_[std::string(key_schema)];
  const absl::StatusOr<JsonValue> parsed = reader_.Parse(key_schema);
  if (!parsed.ok()) return fields;
  const JsonValue list = (*parsed)["fields"];
  for (auto it = list.begin(); it != list.end(); ++it) fields.emplace_back((*it)["field"].text());
  return fields;
}

}  // namespace walrelay::apply
