#include "envelope/transforms/outbox.h"

#include <algorithm>

#include "base/status.h"
#include "envelope/transforms/decimal_format.h"
#include "envelope/transforms/field_reference.h"
#include "envelope/transforms/json_expansion.h"

namespace walrelay::envelope {
namespace {

using Placement = OutboxOptions::Placement;

constexpr size_t kSchemaCacheSize = 10'000;  // As Debezium's payloadSchemaCache.

const ConnectSchema& TypeAt(const ConnectSchema& row, size_t column) {
  return row.fields[column].second;
}

std::optional<size_t> Find(const ConnectSchema& row, std::string_view column) {
  for (size_t i = 0; i < row.fields.size(); ++i) {
    if (row.fields[i].first == column) return i;
  }
  return std::nullopt;
}

absl::StatusOr<size_t> Required(const ConnectSchema& row, std::string_view column) {
  if (const auto found = Find(row, column)) return *found;
  return absl::FailedPreconditionError(
      Cat("EventRouter: ", row.name, " has no column ", column,
          "; is this an outbox table? Give the transform a predicate"));
}

absl::Status CheckType(const ConnectSchema& row, size_t column, std::string_view type) {
  if (TypeAt(row, column).type == type) return absl::OkStatus();
  return absl::FailedPreconditionError(Cat("EventRouter: column ", row.fields[column].first, " of ",
                                           row.name, " must be ", type, ", but is ",
                                           TypeAt(row, column).type));
}

FieldValue ValueAt(const StructValue& row, const ConnectSchema& schema, size_t column) {
  return WithDefault(row.fields[column], TypeAt(schema, column));
}

std::optional<int64_t> IntegerAt(const StructValue& row, size_t column) {
  const FieldValue& value = row.fields[column];
  int64_t number = 0;
  if (value.is_null) return std::nullopt;
  std::from_chars(value.json.data(), value.json.data() + value.json.size(), number);
  return number;
}

// "cdc.public.outbox.Value" → "cdc.public.outbox.order.Value"
std::string StructName(std::string_view row, std::string_view routed) {
  const size_t dot = row.rfind('.');
  if (dot == std::string_view::npos) return Cat(routed, ".", row);
  return Cat(row.substr(0, dot + 1), routed, row.substr(dot));
}

// The name of a struct's schema in its prefix. It comes from the first record that had the schema,
// which after a restart may be another one.
VolatileSpan NameIn(const Shape& shape) {
  constexpr std::string_view kBefore = "\"optional\":false,\"name\":\"";
  const size_t begin = shape.prefix.rfind(kBefore) + kBefore.size();
  size_t end = begin;
  while (shape.prefix[end] != '"') end += shape.prefix[end] == '\\' ? 2 : 1;
  return {.offset = static_cast<uint32_t>(begin), .size = static_cast<uint32_t>(end - begin)};
}

}  // namespace

Outbox::Outbox(OutboxOptions outbox, const Options& options, Shapes& shapes, TopicNames& topics)
    : outbox_(std::move(outbox)),
      options_(options),
      shapes_(shapes),
      topics_(topics),
      topic_(outbox_.topic),
      in_envelope_(std::ranges::any_of(
          outbox_.additional, [](const auto& a) { return a.placement == Placement::kEnvelope; })),
      expanded_(kSchemaCacheSize),
      structs_(kSchemaCacheSize) {}

absl::Status Outbox::CheckVersionColumn(Columns& columns) const {
  if (!outbox_.version_field || !in_envelope_) return absl::OkStatus();
  ASSIGN_OR_RETURN(columns.version, Required(*columns.row, *outbox_.version_field));
  return CheckType(*columns.row, *columns.version, "int32");
}

absl::StatusOr<Outbox::Columns> Outbox::FindColumns(const ConnectSchema& row) {
  Columns columns;
  columns.row = &row;
  ASSIGN_OR_RETURN(columns.payload, Required(row, outbox_.payload_field));
  ASSIGN_OR_RETURN(columns.id, Required(row, outbox_.id_field));
  ASSIGN_OR_RETURN(columns.key, Required(row, outbox_.key_field));
  ASSIGN_OR_RETURN(columns.route, Required(row, outbox_.route_by_field));
  RETURN_IF_ERROR(CheckType(row, columns.route, "string"));
  if (outbox_.timestamp_field) {
    ASSIGN_OR_RETURN(columns.timestamp, Required(row, *outbox_.timestamp_field));
    RETURN_IF_ERROR(CheckType(row, *columns.timestamp, "int64"));
  }
  RETURN_IF_ERROR(CheckVersionColumn(columns));
  for (const OutboxOptions::Additional& additional : outbox_.additional) {
    const auto column = Find(row, additional.field);
    // 2.5 looks for the schema of a field in the envelope without asking whether it is there.
    const bool fatal = !outbox_.ignore_missing || (additional.placement == Placement::kEnvelope &&
                                                   options_.compat == Compat::k2_5_0);
    if (!column && fatal) RETURN_IF_ERROR(Required(row, additional.field).status());
    if (column && additional.placement == Placement::kPartition)
      RETURN_IF_ERROR(CheckType(row, *column, "int32"));
    columns.additional.push_back(column);
    columns.additional_shapes.push_back(column ? shapes_.Intern(TypeAt(row, *column)) : nullptr);
  }
  columns.id_shape = shapes_.Intern(TypeAt(row, columns.id));
  columns.recode_key = options_.key_decimal_numeric != options_.value_decimal_numeric &&
                       HasDecimal(TypeAt(row, columns.key));
  columns.key_shape = shapes_.Intern(
      columns.recode_key ? WithDecimalFormat(TypeAt(row, columns.key), options_.key_decimal_numeric)
                         : TypeAt(row, columns.key));
  columns.payload_shape = shapes_.Intern(TypeAt(row, columns.payload));
  return columns;
}

absl::StatusOr<const Outbox::Columns*> Outbox::ColumnsOf(const Shape* envelope) {
  if (const auto known = columns_.find(envelope); known != columns_.end()) return &known->second;
  ASSIGN_OR_RETURN(Columns found, FindColumns(envelope->schema.fields[0].second));
  return &columns_.emplace(envelope, std::move(found)).first->second;
}

absl::Status Outbox::Expand(const Flight& record, Payload& payload) {
  const std::string_view text = Unquoted(payload.value.json, record.pieces->Next());
  Buffer& json = record.pieces->Next();
  ASSIGN_OR_RETURN(const auto expanded, ExpandJson({.path = outbox_.payload_field,
                                                    .null_as_bytes = outbox_.json_null_as_bytes,
                                                    .compat = options_.compat},
                                                   text, reader_, json));
  if (!expanded) return absl::OkStatus();
  if (!expanded->schema) {
    payload.shape = shapes_.none();
    return absl::OkStatus();
  }
  const std::string schema = SchemaJson(*expanded->schema);
  const OwnedShape* shape = expanded_.Find(schema);
  if (shape == nullptr) shape = &expanded_.Put(schema, MakeShape(*expanded->schema));
  payload = {.shape = shape->get(), .value = {.json = json.view(), .is_null = false}};
  return absl::OkStatus();
}

absl::StatusOr<Outbox::Payload> Outbox::PayloadOf(const Flight& record, const Columns& columns) {
  Payload payload = {.shape = columns.payload_shape,
                     .value = ValueAt(*record.envelope->after, *columns.row, columns.payload),
                     .is_text = columns.payload_shape->schema.type == "string"};
  if (outbox_.expand_json && payload.is_text && !payload.value.is_null)
    RETURN_IF_ERROR(Expand(record, payload));
  return payload;
}

bool Outbox::IsEmpty(const Flight& record, const Payload& payload) const {
  if (payload.value.is_null) return true;
  if (!payload.is_text) return false;
  // String.trim(): everything up to the blank.
  const std::string_view text = Unquoted(payload.value.json, record.pieces->Next());
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
}

absl::StatusOr<std::optional<int64_t>> Outbox::Timestamp(const Flight& record,
                                                         const Columns& columns) const {
  constexpr int64_t kNoTimestamp = -1;  // RecordBatch.NO_TIMESTAMP: Connect leaves it out.
  std::optional<int64_t> time;
  if (columns.timestamp) time = IntegerAt(*record.envelope->after, *columns.timestamp);
  if (!time) return MillisOf(record.context->now);

  const std::string& name = TypeAt(*columns.row, *columns.timestamp).name;
  if (name == "io.debezium.time.MicroTimestamp") {
    *time /= 1'000;
  } else if (name == "io.debezium.time.NanoTimestamp") {
    *time /= 1'000'000;
  } else if (name != "io.debezium.time.Timestamp") {
    return absl::FailedPreconditionError(
        Cat("EventRouter: column ", *outbox_.timestamp_field, " is not a timestamp"));
  }
  if (*time == kNoTimestamp) return std::nullopt;
  if (*time < 0) {
    return absl::FailedPreconditionError(
        Cat("EventRouter: column ", *outbox_.timestamp_field, " holds a time before 1970"));
  }
  return time;
}

absl::StatusOr<Outbox::OwnedShape> Outbox::MakeStructShape(const Columns& columns,
                                                           const Payload& payload,
                                                           std::string_view routed,
                                                           std::optional<int> version) const {
  if (payload.shape->json == "null") {
    return absl::FailedPreconditionError(
        "EventRouter: the payload [] has no schema, and cannot stand in an envelope");
  }
  ConnectSchema schema = PlainSchema("struct");
  schema.name = StructName(columns.row->name, routed);
  if (version) schema.version = *version;
  schema.fields.emplace_back("payload", payload.shape->schema);
  for (size_t i = 0; i < outbox_.additional.size(); ++i) {
    if (outbox_.additional[i].placement != Placement::kEnvelope || !columns.additional[i]) continue;
    schema.fields.emplace_back(outbox_.additional[i].alias,
                               TypeAt(*columns.row, *columns.additional[i]));
  }
  auto shape = MakeShape(schema);
  shape->volatile_part = NameIn(*shape);
  return OwnedShape(std::move(shape));
}

absl::StatusOr<const Shape*> Outbox::StructShape(const Columns& columns, const Payload& payload,
                                                 const StructValue& row, std::string_view routed) {
  if (!columns.version) {
    if (const auto* known = structs_.Find(payload.shape->json)) return known->get();
    ASSIGN_OR_RETURN(auto made, MakeStructShape(columns, payload, routed, std::nullopt));
    return structs_.Put(payload.shape->json, std::move(made)).get();
  }
  std::optional<int> version;
  if (const auto number = IntegerAt(row, *columns.version)) version = static_cast<int>(*number);
  if (const auto known = versions_.find(version); known != versions_.end())
    return known->second.get();
  ASSIGN_OR_RETURN(auto made, MakeStructShape(columns, payload, routed, version));
  return versions_.emplace(version, std::move(made)).first->second.get();
}

void Outbox::AddHeaders(Flight& record, const Columns& columns, const StructValue& row) const {
  const auto add = [&](std::string_view name, const Shape& shape, size_t column) {
    record.headers->push_back(
        MakeHeader(name, shape, ValueAt(row, *columns.row, column), options_, *record.pieces));
  };
  add("id", *columns.id_shape, columns.id);
  for (size_t i = 0; i < outbox_.additional.size(); ++i) {
    if (outbox_.additional[i].placement == Placement::kHeader && columns.additional[i])
      add(outbox_.additional[i].alias, *columns.additional_shapes[i], *columns.additional[i]);
  }
}

absl::Status Outbox::SetPartition(Flight& record, const Columns& columns,
                                  const StructValue& row) const {
  record.partition.reset();
  for (size_t i = 0; i < outbox_.additional.size(); ++i) {
    if (outbox_.additional[i].placement != Placement::kPartition || !columns.additional[i])
      continue;
    const auto partition = IntegerAt(row, *columns.additional[i]);
    record.partition = partition ? std::optional(static_cast<int32_t>(*partition)) : std::nullopt;
    if (partition && *partition < 0) {
      return absl::FailedPreconditionError(
          Cat("EventRouter: column ", outbox_.additional[i].field, " holds a negative partition"));
    }
  }
  return absl::OkStatus();
}

absl::Status Outbox::SetValue(Flight& record, const Columns& columns, const Payload& payload,
                              const StructValue& row, std::string_view routed) {
  const Shape* shape = payload.shape;
  if (in_envelope_) {
    ASSIGN_OR_RETURN(shape, StructShape(columns, payload, row, routed));
  }
  if (outbox_.tombstone_on_empty_payload && IsEmpty(record, payload)) {
    record.SetValue({});
    return absl::OkStatus();
  }
  if (!in_envelope_) {
    record.SetValue(Datum::Scalar(shape, payload.value));
    return absl::OkStatus();
  }
  struct_.fields.clear();
  struct_.fields.push_back(payload.value);
  for (size_t i = 0; i < outbox_.additional.size(); ++i) {
    if (outbox_.additional[i].placement != Placement::kEnvelope || !columns.additional[i]) continue;
    struct_.fields.push_back(ValueAt(row, *columns.row, *columns.additional[i]));
  }
  // A schema that another table's record has left here for this version may not fit.
  if (struct_.fields.size() != shape->schema.fields.size()) {
    return absl::FailedPreconditionError(
        Cat("EventRouter: ", shape->schema.name, " has other fields for the same version"));
  }
  record.SetValue(Datum::Struct(shape, &struct_));
  return absl::OkStatus();
}

absl::Status Outbox::Route(Flight& record, const Columns& columns) {
  const StructValue& row = *record.envelope->after;
  const FieldValue& route = row.fields[columns.route];
  if (route.is_null) {
    return absl::FailedPreconditionError(
        Cat("EventRouter: column ", outbox_.route_by_field, " of ", columns.row->name, " is null"));
  }
  const std::string_view routed = Unquoted(route.json, record.pieces->Next());
  FieldValue key = ValueAt(row, *columns.row, columns.key);
  if (columns.recode_key && !key.is_null) {
    Buffer& json = record.pieces->Next();
    AppendWithDecimalFormat(json, TypeAt(*columns.row, columns.key), key.json,
                            options_.key_decimal_numeric);
    key.json = json.view();
  }
  ASSIGN_OR_RETURN(const Payload payload, PayloadOf(record, columns));
  ASSIGN_OR_RETURN(record.timestamp_ms, Timestamp(record, columns));
  RETURN_IF_ERROR(SetPartition(record, columns, row));
  AddHeaders(record, columns, row);
  RETURN_IF_ERROR(SetValue(record, columns, payload, row, routed));  // Forgets the envelope.
  record.key = Datum::Scalar(columns.key_shape, key);
  record.topic = topics_.Intern(routed);
  ASSIGN_OR_RETURN(const std::string* topic, topic_.Of(record.topic, topics_));
  if (topic != nullptr) record.topic = topic;
  record.CopyHeaders();
  return absl::OkStatus();
}

absl::StatusOr<bool> Outbox::Apply(Flight& record) {
  if (record.has_null_value()) return false;
  if (!record.envelope) return true;
  if (record.envelope->op == 'd') return false;
  if (record.envelope->op == 'u') {
    if (!outbox_.fail_on_update) return false;
    return absl::FailedPreconditionError(
        "EventRouter: a row of an outbox table was updated, and table.op.invalid.behavior is "
        "fatal");
  }
  if (record.envelope->after == nullptr) {
    return absl::FailedPreconditionError(
        "EventRouter: an outbox table was truncated; leave t in skipped.operations");
  }
  ASSIGN_OR_RETURN(const Columns* columns, ColumnsOf(record.envelope->shape));
  RETURN_IF_ERROR(Route(record, *columns));
  return true;
}

}  // namespace walrelay::envelope
