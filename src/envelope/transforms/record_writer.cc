#include "envelope/transforms/record_writer.h"

#include "base/status.h"
#include "envelope/connect_text.h"
#include "envelope/envelope_tail.h"

namespace walrelay::envelope {
namespace {

absl::Status AppendNull(Buffer& out, const ConnectSchema& schema, bool null_as_default,
                        std::string_view field) {
  const auto json = NullJson(schema, null_as_default);
  if (!json) {
    return absl::FailedPreconditionError(
        Cat("field ", field, " is required and has no default, but a transform leaves it null"));
  }
  out.append(*json);
  return absl::OkStatus();
}

void AppendVolatile(Buffer& out, std::string_view json, VolatileSpans& spans) {
  spans.Add(out.size(), json.size());
  out.append(json);
}

absl::Status AppendStruct(Buffer& out, const Shape& shape, const StructValue& value,
                          bool null_as_default, VolatileSpans& spans) {
  out.append(value.verbatim);
  if (shape.leads.empty()) out.push_back('{');
  for (size_t i = value.verbatim_fields; i < shape.leads.size(); ++i) {
    out.append(shape.leads[i]);
    const FieldValue& field = value.fields[i];
    if (field.is_null) {
      const auto& [name, schema] = shape.schema.fields[i];
      RETURN_IF_ERROR(AppendNull(out, schema, null_as_default, name));
    } else if (field.is_volatile) {
      AppendVolatile(out, field.json, spans);
    } else {
      out.append(field.json);
    }
  }
  out.push_back('}');
  return absl::OkStatus();
}

void AppendPrefix(Buffer& out, const Shape& shape, VolatileSpans& spans) {
  const VolatileSpan& part = shape.volatile_part;
  if (part.size > 0) spans.Add(out.size() + part.offset, part.size);
  out.append(shape.prefix);
}

// A whole key or value, which is not absent.
absl::Status AppendDatum(Buffer& out, const Datum& datum, bool schemas, bool null_as_default,
                         VolatileSpans& spans) {
  if (schemas) AppendPrefix(out, *datum.shape, spans);
  if (datum.is_null) {
    RETURN_IF_ERROR(AppendNull(out, datum.shape->schema, null_as_default, "of the whole record"));
  } else if (datum.fields != nullptr) {
    RETURN_IF_ERROR(AppendStruct(out, *datum.shape, *datum.fields, null_as_default, spans));
  } else {
    out.append(datum.scalar.json);
  }
  if (schemas) out.push_back('}');
  return absl::OkStatus();
}

// What StringConverter makes of a key that is not null: toString().
std::string TextOf(const Datum& key, bool decimal_numeric) {
  if (key.fields == nullptr) {
    return ObjectText(key.shape->schema, key.scalar.json, decimal_numeric);
  }
  std::string text = "Struct{";
  bool first = true;
  for (size_t i = 0; i < key.fields->fields.size(); ++i) {
    const FieldValue& field = key.fields->fields[i];
    if (field.is_null) continue;
    const auto& [name, schema] = key.shape->schema.fields[i];
    text += Cat(first ? "" : ",", name, "=", ObjectText(schema, field.json, decimal_numeric));
    first = false;
  }
  return text + "}";
}

}  // namespace

absl::StatusOr<std::optional<std::string_view>> RecordWriter::Key(const Datum& key) {
  if (key.bytes) return key.bytes;
  if (key.shape == nullptr || (options_.string_keys && key.is_null)) return std::nullopt;
  if (options_.string_keys) {
    key_text_ = TextOf(key, options_.key_decimal_numeric);
    return key_text_;
  }
  VolatileSpans none;
  key_.clear();
  RETURN_IF_ERROR(AppendDatum(key_, key, options_.key_schemas, options_.key_null_as_default, none));
  return key_.view();
}

absl::StatusOr<std::optional<std::string_view>> RecordWriter::Value(const Datum& value,
                                                                    VolatileSpans& spans) {
  if (value.bytes) {
    spans = value.spans;
    return value.bytes;
  }
  if (value.shape == nullptr) return std::nullopt;
  value_.clear();
  RETURN_IF_ERROR(
      AppendDatum(value_, value, options_.value_schemas, options_.value_null_as_default, spans));
  return value_.view();
}

absl::StatusOr<std::string_view> RecordWriter::EnvelopeValue(const Flight& flight,
                                                             VolatileSpans& spans) {
  const Envelope& envelope = *flight.envelope;
  const bool null_as_default = options_.value_null_as_default;
  const auto append_side = [&](std::string_view lead, const StructValue* row) -> absl::Status {
    value_.append(lead);
    if (row != nullptr) return AppendStruct(value_, *envelope.row, *row, null_as_default, spans);
    value_.append("null");
    return absl::OkStatus();
  };
  value_.clear();
  if (options_.value_schemas) value_.append(envelope.shape->prefix);
  RETURN_IF_ERROR(append_side("{\"before\":", envelope.before));
  RETURN_IF_ERROR(append_side(",\"after\":", envelope.after));
  AppendEnvelopeTail(value_, *flight.source, *flight.context, envelope.op, flight.transaction_json,
                     options_, spans);
  return value_.view();
}

absl::StatusOr<Record> RecordWriter::Write(const Flight& flight) {
  Record record;
  record.topic = *flight.topic;
  ASSIGN_OR_RETURN(record.key, Key(flight.key));
  if (flight.envelope) {
    ASSIGN_OR_RETURN(record.value, EnvelopeValue(flight, record.volatile_spans));
  } else {
    ASSIGN_OR_RETURN(record.value, Value(flight.value, record.volatile_spans));
  }
  record.headers = flight.headers->empty() ? nullptr : flight.headers;
  record.partition = flight.partition;
  record.timestamp_ms = flight.timestamp_ms;
  record.topic_cache = flight.topic;
  return record;
}

}  // namespace walrelay::envelope
