#include "envelope/transforms/unwrap.h"

#include <algorithm>

#include "base/status.h"

namespace walrelay::envelope {
namespace {

constexpr std::string_view kDeleted = "__deleted";
constexpr std::string_view kBlank = " \t\n\v\f\r";

const ConnectSchema& RowOf(const ConnectSchema& envelope) { return envelope.fields[0].second; }

// As SchemaBuilder.field() refuses it.
absl::Status AddField(ConnectSchema& row, std::string_view name, const ConnectSchema& field) {
  const bool there =
      std::ranges::any_of(row.fields, [&](const auto& known) { return known.first == name; });
  if (there) {
    return absl::FailedPreconditionError(
        Cat("add.fields: ", row.name, " already has a field ", name, "; change add.fields.prefix"));
  }
  row.fields.emplace_back(name, field);
  return absl::OkStatus();
}

}  // namespace

Unwrap::Unwrap(UnwrapOptions unwrap, const Options& options, Shapes& shapes, TopicNames& topics)
    : unwrap_(std::move(unwrap)),
      options_(options),
      shapes_(shapes),
      topics_(topics),
      op_header_(shapes.Intern(PlainSchema("string"))) {}

absl::Status Unwrap::PrepareRow(const ConnectSchema& envelope, Prepared& prepared) {
  prepared.null_row = shapes_.Intern(RowOf(envelope));
  ConnectSchema row = RowOf(envelope);
  row.optional = false;
  if (rewrites()) RETURN_IF_ERROR(AddField(row, kDeleted, PlainSchema("string").AsOptional()));
  ASSIGN_OR_RETURN(prepared.fields, ResolveFields(unwrap_.fields, envelope, true, shapes_));
  for (const FieldSource& field : prepared.fields) {
    RETURN_IF_ERROR(AddField(row, field.name, field.shape->schema));
  }
  prepared.row = shapes_.Intern(row);
  if (unwrap_.route_by_field.empty()) return absl::OkStatus();
  prepared.route = prepared.null_row->Find(unwrap_.route_by_field);
  if (!prepared.route || row.fields[*prepared.route].second.type != "string") {
    return absl::FailedPreconditionError(
        Cat("route.by.field: ", unwrap_.route_by_field, " is not a text column of ", row.name));
  }
  return absl::OkStatus();
}

absl::StatusOr<const Unwrap::Prepared*> Unwrap::PreparedFor(const Shape* shape) {
  if (const auto known = prepared_.find(shape); known != prepared_.end()) return &known->second;
  Prepared prepared;
  RETURN_IF_ERROR(PrepareRow(shape->schema, prepared));
  ASSIGN_OR_RETURN(prepared.headers, ResolveFields(unwrap_.headers, shape->schema, true, shapes_));
  return &prepared_.emplace(shape, std::move(prepared)).first->second;
}

void Unwrap::AddTombstoneHeaders(Flight& record) {
  for (const AddedField& field : unwrap_.headers) {
    if (field.field != "op") continue;
    record.headers->push_back(MakeHeader(
        field.name, *op_header_, {.json = "\"d\"", .is_null = false}, options_, *record.pieces));
  }
}

absl::Status Unwrap::AddHeaders(Flight& record) {
  if (record.has_null_value()) {
    AddTombstoneHeaders(record);
    return absl::OkStatus();
  }
  if (!record.envelope && options_.compat != Compat::k2_5_0) return absl::OkStatus();
  const Shape* const shape = record.envelope ? record.envelope->shape : record.value.shape;
  if (!shape->is_struct()) {
    return absl::FailedPreconditionError(
        "add.headers: the value is not a struct, where Debezium 2.5's task fails; give the "
        "transform a predicate");
  }
  // Other records are few, and their shapes need not live as long as we do.
  std::vector<FieldSource> others;
  const std::vector<FieldSource>* headers = &others;
  if (record.envelope) {
    ASSIGN_OR_RETURN(const Prepared* prepared, PreparedFor(shape));
    headers = &prepared->headers;
  } else {
    ASSIGN_OR_RETURN(others, ResolveFields(unwrap_.headers, shape->schema, false, shapes_));
  }
  for (const FieldSource& field : *headers) {
    record.headers->push_back(
        MakeHeader(field.name, *field.shape, ReadField(field, record), options_, *record.pieces));
  }
  return absl::OkStatus();
}

void Unwrap::Route(Flight& record, const Prepared& prepared, const StructValue& row,
                   bool defaults) {
  if (!prepared.route) return;
  FieldValue value = row.fields[*prepared.route];
  if (defaults)
    value = WithDefault(value, prepared.null_row->schema.fields[*prepared.route].second);
  if (value.is_null) return;
  const std::string_view topic = Unquoted(value.json, record.pieces->Next());
  if (topic.find_first_not_of(kBlank) == std::string_view::npos) return;
  record.topic = topics_.Intern(topic);
}

void Unwrap::SetRow(Flight& record, const Prepared& prepared, const StructValue& row,
                    bool deleted) {
  if (rewrites() && unwrap_.rewrite_null_as_default) {
    FillDefaults(row, prepared.null_row->schema, options_.value_null_as_default, row_);
  } else {
    row_ = row;
  }
  if (rewrites()) {
    row_.fields.push_back({.json = deleted ? "\"true\"" : "\"false\"", .is_null = false});
  }
  for (const FieldSource& field : prepared.fields) row_.fields.push_back(ReadField(field, record));
  record.SetValue(Datum::Struct(prepared.row, &row_));
}

absl::StatusOr<bool> Unwrap::Delete(Flight& record, const Prepared& prepared) {
  using Deletes = UnwrapOptions::Deletes;
  const StructValue& before = *record.envelope->before;
  if (unwrap_.deletes == Deletes::kDrop) return false;
  Route(record, prepared, before, false);
  switch (unwrap_.deletes) {
    case Deletes::kDrop:
      break;
    case Deletes::kNullValue:
      record.SetValue(Datum::Null(prepared.null_row));
      break;
    case Deletes::kTombstone:
      record.SetValue({});
      break;
    case Deletes::kRewrite:
      SetRow(record, prepared, before, true);
      break;
  }
  return true;
}

absl::StatusOr<bool> Unwrap::Apply(Flight& record) {
  if (!unwrap_.headers.empty()) RETURN_IF_ERROR(AddHeaders(record));
  if (record.has_null_value()) return unwrap_.keep_tombstones;
  if (!record.envelope) return true;
  const StructValue* const after = record.envelope->after;
  if (after == nullptr && record.envelope->before == nullptr) return false;  // Truncate.

  ASSIGN_OR_RETURN(const Prepared* prepared, PreparedFor(record.envelope->shape));
  record.CopyHeaders();
  if (after == nullptr) return Delete(record, *prepared);
  Route(record, *prepared, *after, rewrites() && unwrap_.rewrite_null_as_default);
  SetRow(record, *prepared, *after, false);
  return true;
}

}  // namespace walrelay::envelope
