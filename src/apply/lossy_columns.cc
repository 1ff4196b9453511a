#include "apply/lossy_columns.h"

#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr int kMillis = 3;  // Fractional digits.

// Of one value, or of an array's elements.
std::string_view Loss(const FieldType& type, const ColumnType& column) {
  switch (type.form) {
    case Form::kArray:
      return type.element == nullptr ? "" : Loss(*type.element, column);
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

}  // namespace walrelay::apply
