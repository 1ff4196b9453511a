#include "envelope/transforms/field_reference.h"

#include <map>

#include "base/check.h"
#include "base/json.h"
#include "base/status.h"
#include "envelope/connect_text.h"
#include "envelope/transforms/decimal_format.h"

namespace walrelay::envelope {
namespace {

using Place = FieldSource::Place;

const std::pair<std::string, ConnectSchema>* FieldOf(const ConnectSchema& schema,
                                                     std::string_view name, size_t& index) {
  for (index = 0; index < schema.fields.size(); ++index) {
    if (schema.fields[index].first == name) return &schema.fields[index];
  }
  return nullptr;
}

// Of a field of an envelope itself; none for one that is a struct.
std::optional<Place> EnvelopePlace(std::string_view field) {
  if (field == "op") return Place::kOp;
  if (field == "ts_ms") return Place::kTsMs;
  if (field == "ts_us") return Place::kTsUs;
  if (field == "ts_ns") return Place::kTsNs;
  return std::nullopt;
}

Place PlaceIn(std::string_view parent, std::string_view field) {
  if (parent == "before") return Place::kBefore;
  if (parent == "after") return Place::kAfter;
  if (parent == "source") return Place::kSource;
  if (field == "id") return Place::kTransactionId;
  return field == "total_order" ? Place::kTotalOrder : Place::kDataCollectionOrder;
}

Place ParentPlace(std::string_view parent) {
  if (parent == "before") return Place::kBefore;
  if (parent == "after") return Place::kAfter;
  return parent == "transaction" ? Place::kTransactionId : Place::kOp;
}

// Whether the struct that the field was looked for in is null.
bool ParentIsNull(const FieldSource& source, const Flight& record) {
  if (!record.envelope) return false;
  if (source.parent == Place::kBefore) return record.envelope->before == nullptr;
  if (source.parent == Place::kAfter) return record.envelope->after == nullptr;
  return source.parent == Place::kTransactionId && !record.transaction.there;
}

absl::Status Fails(const AddedField& field, std::string_view why) {
  return absl::FailedPreconditionError(Cat("add.fields or add.headers: ", field.parent,
                                           field.parent.empty() ? "" : ".", field.field, " ", why));
}

// Nothing where the record has no such field.
absl::StatusOr<std::optional<FieldSource>> Resolve(const AddedField& wanted,
                                                   const ConnectSchema& record, bool is_envelope,
                                                   Shapes& shapes) {
  FieldSource source;
  source.name = wanted.name;
  const std::pair<std::string, ConnectSchema>* field = nullptr;
  if (!wanted.parent.empty()) {
    size_t parent_index = 0;
    const auto* parent = FieldOf(record, wanted.parent, parent_index);
    if (parent == nullptr) {
      return Fails(wanted, Cat("is not in a record without ", wanted.parent,
                               ", where Debezium's task fails; give the transform a predicate"));
    }
    if (parent->second.type != "struct") return Fails(wanted, "is not in a struct");
    field = FieldOf(parent->second, wanted.field, source.index);
    source.place = PlaceIn(wanted.parent, wanted.field);
    source.parent = ParentPlace(wanted.parent);
  }
  if (field == nullptr) {  // What another transform has added stands in the record itself.
    field = FieldOf(record, wanted.field, source.index);
    if (field == nullptr) return std::nullopt;
    source.place =
        is_envelope ? EnvelopePlace(wanted.field).value_or(Place::kDatum) : Place::kDatum;
  }
  if (field->second.type == "struct" || field->second.type == "map") {
    return Fails(wanted, "is a struct or a map, which cannot be added");
  }
  ConnectSchema schema = field->second.AsOptional();
  schema.default_json.reset();
  source.shape = shapes.Intern(schema);
  return source;
}

template <class Write>
FieldValue Written(const Flight& record, Write write, bool is_volatile = false) {
  Buffer& out = record.pieces->Next();
  if (!write(out)) return {};
  return {.json = out.view(), .is_null = false, .is_volatile = is_volatile};
}

FieldValue Number(const Flight& record, int64_t number, bool is_volatile) {
  return Written(
      record,
      [number](Buffer& out) {
        out.AppendInt(number);
        return true;
      },
      is_volatile);
}

FieldValue FieldOrNull(const StructValue* fields, size_t index) {
  return fields == nullptr ? FieldValue() : fields->fields[index];
}

FieldValue OrderOf(const Flight& record, uint64_t order) {
  if (!record.transaction.there) return {};
  return Number(record, static_cast<int64_t>(order), false);
}

FieldValue SourceField(const Flight& record, size_t index) {
  return Written(
      record, [&](Buffer& out) { return record.source->AppendField(out, index, *record.context); },
      record.source->is_volatile(index));
}

FieldValue OpOf(const Flight& record) {
  return Written(record, [&](Buffer& out) {
    out.push_back('"');
    out.push_back(record.envelope->op);
    out.push_back('"');
    return true;
  });
}

}  // namespace

absl::StatusOr<std::vector<FieldSource>> ResolveFields(const std::vector<AddedField>& fields,
                                                       const ConnectSchema& record,
                                                       bool is_envelope, Shapes& shapes) {
  std::vector<FieldSource> sources;
  for (const AddedField& field : fields) {
    ASSIGN_OR_RETURN(auto source, Resolve(field, record, is_envelope, shapes));
    if (source) sources.push_back(*std::move(source));
  }
  return sources;
}

FieldValue ReadField(const FieldSource& source, const Flight& record) {
  if (ParentIsNull(source, record)) return {};
  switch (source.place) {
    case Place::kOp:
      return OpOf(record);
    case Place::kTsMs:
      return Number(record, MillisOf(record.context->now), true);
    case Place::kTsUs:
      return Number(record, UnixNanos(record.context->now) / 1000, true);
    case Place::kTsNs:
      return Number(record, UnixNanos(record.context->now), true);
    case Place::kSource:
      return SourceField(record, source.index);
    case Place::kTransactionId:
      if (!record.transaction.there) return {};
      return Written(record, [&](Buffer& out) {
        out.append(Cat("\"", TransactionId(*record.context), "\""));
        return true;
      });
    case Place::kTotalOrder:
      return OrderOf(record, record.transaction.total_order);
    case Place::kDataCollectionOrder:
      return OrderOf(record, record.transaction.data_collection_order);
    case Place::kBefore:
      return FieldOrNull(record.envelope->before, source.index);
    case Place::kAfter:
      return FieldOrNull(record.envelope->after, source.index);
    case Place::kDatum:
      return FieldOrNull(record.value.fields, source.index);
  }
  return {};
}

RecordHeader MakeHeader(std::string_view name, const Shape& shape, const FieldValue& value,
                        const Options& options, Pieces& pieces) {
  RecordHeader header = {.name = name, .value = std::nullopt, .is_volatile = value.is_volatile};
  if (!options.json_headers) {
    if (value.is_null) return header;
    header.value =
        HeaderValueText(shape.schema, value.json, options.value_decimal_numeric, pieces.Next());
    return header;
  }
  Buffer& out = pieces.Next();
  // Headers have decimals in base64, whatever the format of values.
  const bool other_format = options.value_decimal_numeric && HasDecimal(shape.schema);
  if (options.header_schemas) {
    out.append(other_format ? MakeShape(WithDecimalFormat(shape.schema, false))->prefix
                            : shape.prefix);
  }
  if (other_format && !value.is_null) {
    AppendWithDecimalFormat(out, shape.schema, value.json, false);
  } else {
    out.append(value.is_null ? std::string_view("null") : value.json);
  }
  if (options.header_schemas) out.push_back('}');
  header.value = out.view();
  return header;
}

}  // namespace walrelay::envelope
