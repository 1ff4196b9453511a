// value   = payload | "{" "schema" ":" any "," "payload" ":" payload "}"
// payload = { "before", "after", "source", "op", "ts_ms", … }, in an order that depends on the
// version
#include "apply/envelope_reader.h"

#include <algorithm>
#include <optional>

#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kSchemaStart = "{\"schema\":";
constexpr size_t kMaxLearned =
    8;  // Schemas of one topic at a time: two tables may share it, and it may be changing.
constexpr size_t kMaxTopics = 100'000;

absl::Status NotAnEnvelope(std::string_view why) {
  return absl::DataLossError(Cat("not a Debezium envelope: ", why));
}

size_t SkipBlanks(std::string_view text, size_t at) {
  while (at < text.size() &&
         (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t'))
    ++at;
  return at;
}

// The end of the string whose quote is at `at`; npos when there is none.
size_t SkipString(std::string_view text, size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

// The end of the value at `at`, by brackets and quotes alone.
size_t SkipValue(std::string_view text, size_t at) {
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = SkipString(text, at);
      if (depth == 0 || at == std::string_view::npos) return at;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return at;  // The end of what encloses a number or word.
      if (--depth == 0) return at + 1;
    }
    if (depth == 0 && c == ',') return at;
    ++at;
  }
  return std::string_view::npos;
}

}  // namespace

EnvelopeReader::Topic& EnvelopeReader::TopicOf(std::string_view name) {
  if (last_ != nullptr && last_name_ == name) return *last_;
  if (topics_.size() >= kMaxTopics)
    topics_.clear();  // A bound on memory, not a limit that anyone meets.
  last_name_.assign(name);
  last_ = &topics_[last_name_];
  return *last_;
}

absl::StatusOr<const Envelope*> EnvelopeReader::Read(const ConsumedRecord& record) {
  envelope_ = Envelope();
  Topic& topic = TopicOf(record.topic);
  ASSIGN_OR_RETURN(const Part part, SplitSchema(*record.value, topic.values, false));
  envelope_.row_fields = part.fields;
  envelope_.value_schema = part.schema;
  envelope_.value_schema_id = part.schema_id;
  RETURN_IF_ERROR(ReadValue(part, record));
  ReadKey(record, topic);
  ReadHeaders(record);
  return &envelope_;
}

absl::StatusOr<EnvelopeReader::Part> EnvelopeReader::SplitSchema(std::string_view bytes,
                                                                 std::vector<Learned>& learned,
                                                                 bool is_key) {
  if (!bytes.starts_with(kSchemaStart)) return Part{.payload = bytes};
  for (size_t i = 0; i < learned.size(); ++i) {
    if (!bytes.starts_with(learned[i].prefix)) continue;
    if (i != 0)
      std::rotate(learned.begin(), learned.begin() + static_cast<ptrdiff_t>(i),
                  learned.begin() + static_cast<ptrdiff_t>(i) + 1);
    const Learned& known = learned.front();
    const std::string_view rest = bytes.substr(known.prefix.size());
    if (!rest.ends_with('}')) return NotAnEnvelope("cut short");
    return Part{.payload = rest.substr(0, rest.size() - 1),
                .schema = bytes.substr(known.schema_begin, known.schema_size),
                .schema_id = known.id,
                .fields = known.fields == nullptr ? nullptr : &known.fields};
  }
  const size_t begin = SkipBlanks(bytes, kSchemaStart.size());
  const size_t end = SkipValue(bytes, begin);
  if (end == std::string_view::npos) return NotAnEnvelope("cut short");
  constexpr std::string_view kPayload = "\"payload\"";
  size_t at = SkipBlanks(bytes, SkipBlanks(bytes, end) + 1);
  if (!bytes.substr(std::min(at, bytes.size())).starts_with(kPayload))
    return NotAnEnvelope("no payload after the schema");
  at = SkipBlanks(bytes, at + kPayload.size());
  if (at >= bytes.size() || bytes[at] != ':') return NotAnEnvelope("no payload after the schema");
  ASSIGN_OR_RETURN(SharedFields fields, ParseSchema(bytes.substr(begin, end - begin), is_key));
  if (learned.size() >= kMaxLearned) learned.pop_back();
  learned.insert(learned.begin(), {.prefix = std::string(bytes.substr(0, at + 1)),
                                   .schema_begin = begin,
                                   .schema_size = end - begin,
                                   .id = ++last_schema_id_,
                                   .fields = std::move(fields)});
  return SplitSchema(bytes, learned, is_key);
}

absl::StatusOr<SharedFields> EnvelopeReader::ParseSchema(std::string_view schema, bool is_key) {
  JsonReader reader;
  const absl::StatusOr<JsonValue> root = reader.Parse(schema);
  if (!root.ok()) return NotAnEnvelope("its schema is not JSON");
  JsonValue after;
  bool is_envelope = false;
  const JsonValue members = (*root)["fields"];
  for (auto it = members.begin(); !is_key && it != members.end(); ++it) {
    if ((*it)["field"].text() == "after") after = *it;
    is_envelope |= (*it)["type"].text() == "struct" &&
                   ((*it)["field"].text() == "source" || (*it)["field"].text() == "after");
  }
  const JsonValue row = is_envelope ? after : *root;
  if (!row["fields"].is_array()) return SharedFields();
  ASSIGN_OR_RETURN(Fields fields, FieldsOfSchema(row));
  if (!is_key && !is_envelope)
    std::erase_if(fields, [](const Field& field) { return IsAddedField(field.name); });
  return std::make_shared<const Fields>(std::move(fields));
}

absl::Status EnvelopeReader::ReadValue(const Part& part, const ConsumedRecord& record) {
  const absl::StatusOr<JsonValue> root = value_reader_.Parse(part.payload);
  if (!root.ok()) return NotAnEnvelope(Message(root.status()));
  if (root->is_null()) return ReadRow(*root, record);
  if (!root->is_object()) return NotAnEnvelope("not an object");
  const auto json = [&](JsonValue value) { return value_reader_.JsonIn(part.payload, value); };
  JsonValue source;
  int64_t event_ts_ms = 0;
  for (auto it = root->begin(); it != root->end(); ++it) {
    const std::string_view name = it.name();
    const JsonValue value = *it;
    if (name == "op") {
      if (value.text().size() == 1) envelope_.op = value.text()[0];
    } else if (name == "ts_ms") {
      event_ts_ms = value.Int().value_or(0);
    } else if (value.is_object()) {
      if (name == "before") {
        envelope_.before = value;
        envelope_.before_json = json(value);
      } else if (name == "after" || name == "message") {
        envelope_.after = value;
        envelope_.after_json = json(value);
      } else if (name == "source") {
        source = value;
        envelope_.source_json = json(value);
      }
    }
  }
  const bool is_enveloped = envelope_.op != 0 &&
                            (envelope_.before.is_object() || envelope_.after.is_object());
  if (!source.is_object() && !is_enveloped) return ReadRow(*root, record);
  if (std::string_view("rcudtm").find(envelope_.op) == std::string_view::npos ||
      envelope_.op == 0) {
    return NotAnEnvelope("no op");
  }
  RETURN_IF_ERROR(ReadSource(source));
  if (envelope_.source_ts_us == 0) envelope_.source_ts_us = event_ts_ms * 1000;
  const bool needs_after = envelope_.op == 'r' || envelope_.op == 'c' || envelope_.op == 'u';
  if (needs_after && !envelope_.after.is_object()) return NotAnEnvelope("no after");
  if (envelope_.op == 'd' && !envelope_.before.is_object()) return NotAnEnvelope("no before");
  return absl::OkStatus();
}

absl::Status EnvelopeReader::ReadRow(JsonValue row, const ConsumedRecord& record) {
  ASSIGN_OR_RETURN(unwrapped_, ReadUnwrapped(row, record.headers));
  envelope_.is_unwrapped = true;
  envelope_.before = envelope_.after = JsonValue();  // Columns may have these names.
  envelope_.before_json = envelope_.after_json = {};
  envelope_.op = unwrapped_.op;
  envelope_.schema = unwrapped_.schema;
  envelope_.table = unwrapped_.table;
  envelope_.source_lsn = unwrapped_.lsn;
  envelope_.source_ts_us = unwrapped_.source_ts_us;
  envelope_.source_json = unwrapped_.source;
  const bool is_delete = unwrapped_.op == 'd';
  (is_delete ? envelope_.before_json : envelope_.after_json) = unwrapped_.row;
  ASSIGN_OR_RETURN((is_delete ? envelope_.before : envelope_.after),
                   row_reader_.Parse(unwrapped_.row));
  return absl::OkStatus();
}

absl::Status EnvelopeReader::ReadSource(JsonValue source) {
  if (!source.is_object()) return NotAnEnvelope("no source");
  bool has_table = false;
  for (auto it = source.begin(); it != source.end(); ++it) {
    const std::string_view name = it.name();
    if (name == "ts_ms") {
      if (envelope_.source_ts_us == 0) envelope_.source_ts_us = (*it).Int().value_or(0) * 1000;
    } else if (name == "ts_us") {
      if (const auto micros = (*it).Int()) envelope_.source_ts_us = *micros;
    } else if (name == "schema") {
      envelope_.schema = (*it).text();
    } else if (name == "table") {
      envelope_.table = (*it).text();
      has_table = (*it).is_string();
    } else if (name == "lsn") {
      if ((*it).is_number()) envelope_.source_lsn = (*it).text();
    }
  }
  return has_table ? absl::OkStatus() : NotAnEnvelope("its source has no table");
}

void EnvelopeReader::ReadKey(const ConsumedRecord& record, Topic& topic) {
  if (!record.key || record.key->empty()) return;
  const absl::StatusOr<Part> part = SplitSchema(*record.key, topic.keys, true);
  envelope_.has_unreadable_key = true;
  if (!part.ok()) return;  // Not a JsonConverter's key: its bytes are all that is known.
  const absl::StatusOr<JsonValue> key = key_reader_.Parse(part->payload);
  if (!key.ok()) return;
  envelope_.has_unreadable_key = !key->is_object() && !key->is_null();
  if (key->is_null()) return;
  envelope_.key = *key;
  envelope_.key_json = part->payload;
  envelope_.key_fields = part->fields;
  envelope_.key_schema = part->schema;
  envelope_.key_schema_id = part->schema_id;
}

void EnvelopeReader::ReadHeaders(const ConsumedRecord& record) {
  for (const RecordHeader& header : record.headers) {
    if (header.name == kOldKeyHeader) {
      envelope_.has_old_key = true;
      envelope_.old_key = header.value.value_or("");
    }
    if (header.name == kNewKeyHeader) envelope_.has_new_key = true;
  }
}

}  // namespace walrelay::apply
