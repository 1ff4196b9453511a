#include "apply/unsaid_bytes.h"

#include <algorithm>
#include <string_view>

#include "base/status.h"

namespace walrelay::apply {
namespace {

// Debezium writes hex in lower case.
bool MayBeHex(JsonValue value) {
  if (value.is_array()) {
    for (auto it = value.begin(); it != value.end(); ++it) {
      if (MayBeHex(*it)) return true;
    }
    return false;
  }
  const std::string_view text = value.text();
  return !text.empty() && text.size() % 2 == 0 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsText(const FieldType& type) {
  return type.form == Form::kText ||
         (type.form == Form::kArray && type.element != nullptr && IsText(*type.element));
}

}  // namespace

absl::Status CheckUnsaidBytes(const MirrorTable& table, JsonValue object,
                              const SharedFields* fields) {
  const auto is_bytes = [](const MirrorColumn& column) {
    return column.type.form == ColumnForm::kBytea && column.writable;
  };
  if (std::none_of(table.columns.begin(), table.columns.end(), is_bytes)) return absl::OkStatus();
  for (auto it = object.begin(); it != object.end(); ++it) {
    const auto number = table.Find(it.name());
    if (!number || !is_bytes(table.columns[*number])) continue;
    std::string_view why;
    if (fields == nullptr) {
      if (MayBeHex(*it)) why = "a value of it can be read as base64 and as hex";
    } else {
      for (const Field& field : **fields) {
        if (field.name == it.name() && IsText(field.type)) why = "its records carry text for it";
      }
    }
    if (why.empty()) continue;
    return absl::FailedPreconditionError(
        Cat("column ", it.name(), " of ", table.Describe(), " is bytea, and ", why,
            ": set source.binary.handling.mode to what the connector has (bytes, base64, "
            "base64-url-safe or hex; bytes is Debezium's default)"));
  }
  return absl::OkStatus();
}

}  // namespace walrelay::apply
