// What a field's JSON value means, and which PostgreSQL type holds it with equal value.
//
// The meaning comes from the schema block of a topic's records; where schemas are off, from the
// column's type and the source's handling modes. Pure. Source: FORMAT.md §4.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apply/schemaless_format.h"
#include "base/json.h"

namespace walrelay::apply {

enum class Form : uint8_t {
  kBool,
  kInteger,  // digits = bytes: 2, 4, 8
  kFloat,    // digits = bytes: 4, 8
  kText,
  kBytes,            // base64
  kDecimal,          // base64 of the unscaled integer; precision (0: unknown), scale. Or a number
                     // (decimal.format NUMERIC).
  kVariableDecimal,  // {"scale":…,"value":…}
  kDate,             // days
  kTime,             // digits = fractional digits of the unit: 3, 6, 9
  kTimestamp,        // likewise
  kIsoDate,
  kIsoTime,
  kIsoTimestamp,
  kZonedTimestamp,
  kZonedTime,
  kMicroDuration,
  kIsoInterval,
  kUuid,
  kJson,  // JSON in a string
  kXml,
  kLtree,
  kTsvector,
  kBits,  // base64, little-endian; precision = length, 0: varying without limit
  kPoint,
  kGeometry,  // {"wkb":…,"srid":…}
  kGeography,
  kMap,     // an object of strings: hstore
  kVector,  // an array of numbers that is a vector, digits = bytes of an element
  kSparseVector,
  kArray,   // element
  kStruct,  // anything nested: kept as JSON
  kAny,     // not known: by the kind of JSON value
};

struct FieldType {
  Form form = Form::kAny;
  int32_t digits = 0;
  int32_t precision = 0;
  int32_t scale = 0;
  bool optional = true;
  std::shared_ptr<const FieldType> element = nullptr;  // Of kArray.
};

struct Field {
  std::string name;
  FieldType type;
};
using Fields = std::vector<Field>;

// How a column of the sink takes its values, where that is not simply the text that comes first to
// mind.
enum class ColumnForm : uint8_t {
  kOther,
  kBit,  // Padded to its length; a boolean is 0 or 1.
  kVarbit,
  kMoney,    // Knows no exponents.
  kNumeric,  // Java's names of infinity are translated.
  kHstore,
  kBytea,
  kVector,
  kSparseVector,
};

struct ColumnType {
  std::string sql;   // format_type(): "numeric(10,2)", "text[]".
  std::string name;  // typname of it, or of its element: "numeric", "text".
  bool is_array = false;
  int32_t typmod = -1;
  ColumnForm form = ColumnForm::kOther;
};

// From the catalog's words, domains resolved.
ColumnType MakeColumnType(std::string_view sql, std::string_view name, bool is_array,
                          int32_t typmod);

// One field of a schema block. DataLoss when it is not a Connect schema.
absl::StatusOr<FieldType> TypeOfSchema(JsonValue schema);
// The fields of a struct schema.
absl::StatusOr<Fields> FieldsOfSchema(JsonValue struct_schema);

// Where schemas are off: what a value for this column means.
FieldType TypeOfColumn(const ColumnType& column, const SchemalessFormat& format);
// Where nothing else is known: integers are bigint (numeric beyond), other numbers double
// precision, booleans boolean, objects and arrays jsonb, all else (null too) text.
FieldType TypeOfValue(JsonValue value);

// The members of a row of which nothing but the values is known.
Fields FieldsOfObject(JsonValue object);

// The column type to create for a field.
std::string PostgresType(const FieldType& type);

}  // namespace walrelay::apply
