#include "apply/lossy_columns.h"

#include <algorithm>

#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr int kMillis = 3;  // Fractional digits.
constexpr int kSmallBits =
    1024;  // Of bits: a row has to be large for these to be stored elsewhere.

// Debezium reads the elements of arrays by another way than values (FORMAT.md §4.3).
std::string_view ElementLoss(const FieldType& type) {
  if (type.form == Form::kTime) return "microseconds, in arrays";
  if (type.form == Form::kZonedTime) return "fractions of a second, in arrays";
  return "";
}

// Of one value, or of an array's elements.
std::string_view Loss(const FieldType& type, const ColumnType& column) {
  if (column.is_array && column.form == ColumnForm::kBit) return "all values, in arrays";
  switch (type.form) {
    case Form::kArray: {
      if (type.element == nullptr) return "";
      const std::string_view loss = ElementLoss(*type.element);
      return loss.empty() ? Loss(*type.element, column) : loss;
    }
    case Form::kText:
      return column.name == "name" ? "streamed values: include.unknown.datatypes has them" : "";
    case Form::kFloat:
      return column.name == "numeric" || column.name == "money"
                 ? "digits beyond a double's: decimal.handling.mode"
                 : "";
    case Form::kMicroDuration:
      return "an interval's months and days: interval.handling.mode";
    case Form::kTime:
    case Form::kTimestamp:
      return type.digits == kMillis && (column.typmod < 0 || column.typmod > kMillis)
                 ? "microseconds: time.precision.mode"
                 : "";
    default:
      return "";
  }
}

enum class Unsent { kPlaceholder, kNull, kNullIn25 };

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Where bytes are text, hex has a placeholder in 3.6 only, base64 has none.
Unsent UnsentBytes(const FieldType& type, bool is_hex) {
  if (type.form == Form::kBytes) return Unsent::kPlaceholder;
  return is_hex ? Unsent::kNullIn25 : Unsent::kNull;
}

// FORMAT.md §4.4; types of a fixed size are never unsent.
Unsent UnsentOf(const FieldType& type, const ColumnType& column, bool is_hex) {
  const std::string_view name = column.name;
  if (column.is_array) {
    if (name == "bytea") {
      const bool is_bytes = type.element != nullptr && type.element->form == Form::kBytes;
      return is_bytes ? Unsent::kPlaceholder : Unsent::kNull;
    }
    if (name == "bpchar") return Unsent::kNullIn25;
    return IsOneOf(name, {"text", "varchar", "json", "jsonb", "int4", "int8", "date", "uuid"})
               ? Unsent::kPlaceholder
               : Unsent::kNull;
  }
  if (name == "bytea") return UnsentBytes(type, is_hex);
  if (name == "hstore" && type.form == Form::kJson) return Unsent::kNullIn25;
  // Of a declared precision it is small.
  if (name == "numeric" && type.form != Form::kText && column.typmod < 0) return Unsent::kNull;
  const bool is_long = column.typmod < 0 || column.typmod > kSmallBits;
  if (IsOneOf(name, {"bit", "varbit"}) && is_long) return Unsent::kNull;
  return IsOneOf(name, {"geometry", "geography", "vector", "halfvec", "sparsevec"})
             ? Unsent::kNull
             : Unsent::kPlaceholder;
}

void Append(std::string& list, std::string_view name, std::string_view remark) {
  list += Cat(list.empty() ? "" : ", ", name);
  if (!remark.empty()) list += Cat(" (", remark, ")");
}

}  // namespace

std::string LossyColumns(const Fields& row, const MirrorTable& table) {
  std::string columns;
  for (const Field& field : row) {
    const auto column = table.Find(field.name);
    if (!column) continue;
    const std::string_view loss = Loss(field.type, table.columns[*column].type);
    if (!loss.empty()) Append(columns, field.name, loss);
  }
  return columns;
}

std::string ColumnsUnsentAsNull(const Fields& row, const MirrorTable& table, bool is_hex) {
  std::string columns;
  for (const Field& field : row) {
    const auto column = table.Find(field.name);
    if (!column) continue;
    switch (UnsentOf(field.type, table.columns[*column].type, is_hex)) {
      case Unsent::kPlaceholder:
        break;
      case Unsent::kNull:
        Append(columns, field.name, "");
        break;
      case Unsent::kNullIn25:
        Append(columns, field.name, "with Debezium 2.5");
        break;
    }
  }
  return columns;
}

std::string ColumnsWithoutField(const Fields& row, const SourceTable& source) {
  std::string columns;
  for (const SourceColumn& column : source.columns) {
    const bool has_field = std::any_of(row.begin(), row.end(), [&](const Field& field) {
      return field.name == column.name;
    });
    if (!has_field) Append(columns, column.name, "");
  }
  return columns;
}

}  // namespace walrelay::apply
