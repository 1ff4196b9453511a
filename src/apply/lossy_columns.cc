#include "apply/lossy_columns.h"

#include <algorithm>

#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr int kMillis = 3;  // Fractional digits.

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

}  // namespace

std::string LossyColumns(const Fields& row, const MirrorTable& table) {
  std::string columns;
  for (const Field& field : row) {
    const auto column = table.Find(field.name);
    if (!column) continue;
    const std::string_view loss = Loss(field.type, table.columns[*column].type);
    if (!loss.empty())
      columns += Cat(columns.empty() ? "" : ", ", field.name, " (", loss, ")");
  }
  return columns;
}

std::string ColumnsWithoutField(const Fields& row, const SourceTable& source) {
  std::string columns;
  for (const SourceColumn& column : source.columns) {
    const bool has_field = std::any_of(row.begin(), row.end(), [&](const Field& field) {
      return field.name == column.name;
    });
    if (!has_field) columns += Cat(columns.empty() ? "" : ", ", column.name);
  }
  return columns;
}

}  // namespace walrelay::apply
