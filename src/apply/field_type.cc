#include "apply/field_type.h"

#include <array>
#include <charconv>
#include <optional>

#include "base/status.h"

namespace walrelay::apply {
namespace {

struct LogicalType {
  std::string_view name;
  Form form;
  int32_t digits = 0;
};

// Schema name → meaning. "io.debezium." is left out of the names.
constexpr std::array<LogicalType, 27> kDebeziumTypes = {{
    {"data.VariableScaleDecimal", Form::kVariableDecimal},
    {"data.Uuid", Form::kUuid},
    {"data.Json", Form::kJson},
    {"data.Xml", Form::kXml},
    {"data.Ltree", Form::kLtree},
    {"data.Tsvector", Form::kTsvector},
    {"data.Enum", Form::kText},
    {"data.Bits", Form::kBits},
    {"data.DoubleVector", Form::kVector, 8},
    {"data.FloatVector", Form::kVector, 4},
    {"data.SparseDoubleVector", Form::kSparseVector},
    {"data.geometry.Point", Form::kPoint},
    {"data.geometry.Geometry", Form::kGeometry},
    {"data.geometry.Geography", Form::kGeography},
    {"time.Date", Form::kDate},
    {"time.Time", Form::kTime, 3},
    {"time.MicroTime", Form::kTime, 6},
    {"time.NanoTime", Form::kTime, 9},
    {"time.Timestamp", Form::kTimestamp, 3},
    {"time.MicroTimestamp", Form::kTimestamp, 6},
    {"time.NanoTimestamp", Form::kTimestamp, 9},
    {"time.ZonedTimestamp", Form::kZonedTimestamp},
    {"time.ZonedTime", Form::kZonedTime},
    {"time.IsoDate", Form::kIsoDate},
    {"time.IsoTime", Form::kIsoTime},
    {"time.IsoTimestamp", Form::kIsoTimestamp},
    {"time.MicroDuration", Form::kMicroDuration},
}};
constexpr std::array<LogicalType, 4> kOtherTypes = {{
    {"io.debezium.time.Interval", Form::kIsoInterval},
    {"org.apache.kafka.connect.data.Date", Form::kDate},
    {"org.apache.kafka.connect.data.Time", Form::kTime, 3},
    {"org.apache.kafka.connect.data.Timestamp", Form::kTimestamp, 3},
}};
constexpr std::array<LogicalType, 12> kPlainTypes = {{
    {"boolean", Form::kBool},
    {"int8", Form::kInteger, 2},
    {"int16", Form::kInteger, 2},
    {"int32", Form::kInteger, 4},
    {"int64", Form::kInteger, 8},
    {"float", Form::kFloat, 4},
    {"double", Form::kFloat, 8},
    {"string", Form::kText},
    {"bytes", Form::kBytes},
    {"map", Form::kMap},
    {"struct", Form::kStruct},
    {"array", Form::kArray},
}};
constexpr std::string_view kDebezium = "io.debezium.";
constexpr std::string_view kDecimal = "org.apache.kafka.connect.data.Decimal";
constexpr int32_t kUnlimitedBits = 2147483647;  // What pgjdbc calls the length of varbit.

template <class Types>
const LogicalType* Find(const Types& types, std::string_view name) {
  for (const LogicalType& type : types) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

// A parameter of a schema: a number in a string.
std::optional<int32_t> Parameter(JsonValue schema, std::string_view name) {
  const std::string_view text = schema["parameters"][name].text();
  int32_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc()) return std::nullopt;
  return value;
}

const LogicalType* FindLogical(std::string_view name) {
  if (name.starts_with(kDebezium)) {
    if (const auto* type = Find(kDebeziumTypes, name.substr(kDebezium.size()))) return type;
  }
  return Find(kOtherTypes, name);
}

// The digits of precision of time and timestamp; 6 when the type has no modifier.
int32_t TimeDigits(int32_t typmod, bool is_time, const SchemalessFormat& format) {
  if (!format.times_are_adaptive || (is_time && format.only_timestamps_are_adaptive))
    return format.time_digits;
  return typmod >= 0 && typmod <= 3 ? 3 : 6;
}

FieldType NumericType(int32_t typmod, const SchemalessFormat& format) {
  if (format.decimals_are_text) return {.form = Form::kText};
  if (typmod < 4) return {.form = Form::kVariableDecimal};
  const int32_t modifier = typmod - 4;
  return {.form = Form::kDecimal, .precision = modifier >> 16, .scale = modifier & 0x7ff};
}

}  // namespace

ColumnType MakeColumnType(std::string_view sql, std::string_view name, bool is_array,
                          int32_t typmod) {
  struct Named {
    std::string_view name;
    ColumnForm form;
  };
  constexpr std::array<Named, 9> kForms = {{{"bit", ColumnForm::kBit},
                                            {"varbit", ColumnForm::kVarbit},
                                            {"numeric", ColumnForm::kNumeric},
                                            {"money", ColumnForm::kMoney},
                                            {"hstore", ColumnForm::kHstore},
                                            {"bytea", ColumnForm::kBytea},
                                            {"vector", ColumnForm::kVector},
                                            {"halfvec", ColumnForm::kVector},
                                            {"sparsevec", ColumnForm::kSparseVector}}};
  ColumnType type{
      .sql = std::string(sql), .name = std::string(name), .is_array = is_array, .typmod = typmod};
  for (const Named& known : kForms) {
    if (known.name == name) type.form = known.form;
  }
  return type;
}

absl::StatusOr<FieldType> TypeOfSchema(JsonValue schema) {
  const auto plain = schema["type"].String();
  if (!plain) return absl::DataLossError("a schema without a type");
  FieldType type;
  type.optional = schema["optional"].Bool().value_or(true);
  const std::string_view name = schema["name"].text();
  if (name == kDecimal) {
    type.form = Form::kDecimal;
    type.scale = Parameter(schema, "scale").value_or(0);
    type.precision = Parameter(schema, "connect.decimal.precision").value_or(0);
    return type;
  }
  const LogicalType* logical = FindLogical(name);
  if (logical == nullptr) logical = Find(kPlainTypes, *plain);
  if (logical == nullptr) return absl::DataLossError(Cat("unknown schema type ", *plain));
  type.form = logical->form;
  type.digits = logical->digits;
  if (type.form == Form::kBits) {
    const int32_t length = Parameter(schema, "length").value_or(0);
    type.precision = length == kUnlimitedBits ? 0 : length;
  }
  if (type.form == Form::kArray) {
    ASSIGN_OR_RETURN(FieldType element, TypeOfSchema(schema["items"]));
    type.element = std::make_shared<const FieldType>(std::move(element));
  }
  return type;
}

absl::StatusOr<Fields> FieldsOfSchema(JsonValue struct_schema) {
  const JsonValue list = struct_schema["fields"];
  if (!list.is_array()) return absl::DataLossError("a struct schema without fields");
  Fields fields;
  fields.reserve(list.size());
  for (auto it = list.begin(); it != list.end(); ++it) {
    const auto name = (*it)["field"].String();
    if (!name) return absl::DataLossError("a field without a name");
    ASSIGN_OR_RETURN(FieldType type, TypeOfSchema(*it));
    fields.push_back({std::string(*name), std::move(type)});
  }
  return fields;
}

FieldType TypeOfColumn(const ColumnType& column, const SchemalessFormat& format) {
  if (column.is_array) {
    ColumnType element = column;
    element.is_array = false;
    return {.form = Form::kArray,
            .element = std::make_shared<const FieldType>(TypeOfColumn(element, format))};
  }
  const std::string_view name = column.name;
  if (name == "bool") return {.form = Form::kBool};
  if (name == "int2" || name == "int4" || name == "int8" || name == "oid")
    return {.form = Form::kInteger, .digits = 8};
  if (name == "float4" || name == "float8") return {.form = Form::kFloat, .digits = 8};
  if (name == "numeric") return NumericType(column.typmod, format);
  if (name == "money") {
    if (format.decimals_are_text) return {.form = Form::kText};
    return {.form = Form::kDecimal, .scale = format.money_digits};
  }
  if (name == "bytea") {
    using Binary = SchemalessFormat::Binary;
    const bool is_base64 = format.binary == Binary::kBase64 || format.binary == Binary::kUnsaid;
    return {.form = is_base64 ? Form::kBytes : Form::kText};
  }
  if (name == "date") return {.form = Form::kDate};
  if (name == "time")
    return {.form = Form::kTime, .digits = TimeDigits(column.typmod, true, format)};
  if (name == "timestamp")
    return {.form = Form::kTimestamp, .digits = TimeDigits(column.typmod, false, format)};
  if (name == "timestamptz") return {.form = Form::kZonedTimestamp};
  if (name == "timetz") return {.form = Form::kZonedTime};
  if (name == "interval") return {.form = Form::kMicroDuration};
  if (name == "json" || name == "jsonb") return {.form = Form::kJson};
  if (name == "uuid") return {.form = Form::kUuid};
  if (name == "bit")
    return column.typmod == 1 ? FieldType{.form = Form::kBool}
                              : FieldType{.form = Form::kBits, .precision = column.typmod};
  if (name == "varbit") return {.form = Form::kBits};
  if (name == "point") return {.form = Form::kPoint};
  if (name == "geometry") return {.form = Form::kGeometry};
  if (name == "geography") return {.form = Form::kGeography};
  if (name == "hstore") return {.form = Form::kJson};
  if (name == "vector" || name == "halfvec") return {.form = Form::kVector, .digits = 8};
  if (name == "sparsevec") return {.form = Form::kSparseVector};
  return {.form = Form::kText};
}

FieldType TypeOfValue(JsonValue value) {
  switch (value.kind()) {
    case JsonKind::kTrue:
    case JsonKind::kFalse:
      return {.form = Form::kBool};
    case JsonKind::kNumber:
      if (value.Int<int64_t>()) return {.form = Form::kInteger, .digits = 8};
      if (value.text().find_first_of(".eE") == std::string_view::npos)
        return {.form = Form::kDecimal};
      return {.form = Form::kFloat, .digits = 8};
    case JsonKind::kObject:
    case JsonKind::kArray:
      return {.form = Form::kStruct};
    case JsonKind::kString:
    case JsonKind::kNull:
    case JsonKind::kMissing:
      return {.form = Form::kText};
  }
  return {.form = Form::kText};
}

Fields FieldsOfObject(JsonValue object) {
  Fields fields;
  for (auto it = object.begin(); it != object.end(); ++it) {
    FieldType type = TypeOfValue(*it);
    type.optional = false;
    fields.push_back({std::string(it.name()), std::move(type)});
  }
  return fields;
}

std::string PostgresType(const FieldType& type) {
  switch (type.form) {
    case Form::kBool:
      return "boolean";
    case Form::kInteger:
      return type.digits == 2 ? "smallint" : type.digits == 4 ? "integer" : "bigint";
    case Form::kFloat:
      return type.digits == 4 ? "real" : "double precision";
    case Form::kBytes:
      return "bytea";
    case Form::kDecimal:
      // A negative scale shows as 2046 and more (FORMAT.md §4.0); money has no precision.
      if (type.precision == 0 || type.scale < 0 || type.scale > type.precision) return "numeric";
      return Cat("numeric(", type.precision, ",", type.scale, ")");
    case Form::kVariableDecimal:
      return "numeric";
    case Form::kDate:
    case Form::kIsoDate:
      return "date";
    case Form::kTime:
    case Form::kIsoTime:
      return "time without time zone";
    case Form::kTimestamp:
    case Form::kIsoTimestamp:
      return "timestamp without time zone";
    case Form::kZonedTimestamp:
      return "timestamp with time zone";
    case Form::kZonedTime:
      return "time with time zone";
    case Form::kMicroDuration:
    case Form::kIsoInterval:
      return "interval";
    case Form::kUuid:
      return "uuid";
    case Form::kJson:
      return "jsonb";
    case Form::kXml:
      return "xml";
    case Form::kTsvector:
      return "tsvector";
    case Form::kBits:
      return type.precision == 0 ? "bit varying" : Cat("bit(", type.precision, ")");
    case Form::kPoint:
      return "point";
    case Form::kGeometry:
    case Form::kGeography:
      return "bytea";
    case Form::kMap:
    case Form::kSparseVector:
    case Form::kStruct:
      return "jsonb";
    case Form::kVector:
      return type.digits == 4 ? "real[]" : "double precision[]";
    case Form::kArray:
      return Cat(PostgresType(*type.element), "[]");
    case Form::kText:
    case Form::kLtree:
    case Form::kAny:
      return "text";
  }
  return "text";
}

}  // namespace walrelay::apply
