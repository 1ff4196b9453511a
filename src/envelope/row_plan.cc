#include "envelope/row_plan.h"

#include "base/status.h"

namespace walrelay::envelope {
namespace {

absl::Status NoValue(const ColumnPlan& column, std::string_view why) {
  return absl::FailedPreconditionError(
      Cat("column ", column.name, " is required and has no default, but ", why));
}

absl::Status Append(Buffer& out, const ColumnPlan& column, const std::optional<StandIn>& stand_in,
                    std::string_view why, bool& is_null) {
  if (!stand_in) return NoValue(column, why);
  out.append(stand_in->json);
  is_null = stand_in->is_null;
  return absl::OkStatus();
}

absl::Status AppendText(Buffer& out, const ColumnPlan& column, std::string_view text,
                        bool& is_null) {
  const size_t start = out.size();
  if (column.codec.encode(column.codec, text, out)) [[likely]] {
    if (column.mapping) column.mapping->Apply(out, start);
    is_null = false;
    return absl::OkStatus();
  }
  out.Truncate(start);
  if (column.fails_on_failure) {
    return absl::FailedPreconditionError(Cat("the value of column ", column.name,
                                             " cannot be converted, and ",
                                             "event.converting.failure.handling.mode is fail"));
  }
  return Append(out, column, column.failed, "its value cannot be converted", is_null);
}

const ColumnValue& ValueOf(const ColumnPlan& column, const Tuple& row, const Tuple* old_row) {
  static const ColumnValue kNull = ColumnValue::Null();
  if (column.source >= row.size()) return kNull;
  const ColumnValue& value = row[column.source];
  if (value.kind == ColumnValue::Kind::kUnchangedToast && old_row != nullptr &&
      column.source < old_row->size() &&
      (*old_row)[column.source].kind == ColumnValue::Kind::kText) {
    return (*old_row)[column.source];
  }
  return value;
}

absl::Status AppendColumn(Buffer& out, const ColumnPlan& column, const ColumnValue& value,
                          bool& is_null) {
  switch (value.kind) {
    case ColumnValue::Kind::kText:
      if (column.reads_null) break;
      return AppendText(out, column, value.text, is_null);
    case ColumnValue::Kind::kUnchangedToast:
      return Append(out, column, column.toast, "its TOAST value was not sent", is_null);
    case ColumnValue::Kind::kNull:
      break;
  }
  return Append(out, column, column.null, "its value is missing", is_null);
}

// `note` is told of each value; it costs nothing where it does nothing.
template <class Note>
absl::Status AppendColumns(Buffer& out, const RowPlan& plan, const Tuple& row, const Tuple* old_row,
                           NullMask* nulls, Note note) {
  if (nulls != nullptr) nulls->clear();
  if (plan.columns.empty()) out.push_back('{');
  for (const ColumnPlan& column : plan.columns) {
    out.append(column.lead);
    const ColumnValue& value = ValueOf(column, row, old_row);
    const size_t start = out.size();
    bool is_null = false;
    // The way of nearly all values; every other one goes through AppendColumn.
    const bool plain =
        value.kind == ColumnValue::Kind::kText && !column.reads_null && !column.mapping;
    if (!plain || !column.codec.encode(column.codec, value.text, out)) [[unlikely]] {
      out.Truncate(start);
      RETURN_IF_ERROR(AppendColumn(out, column, value, is_null));
    }
    if (nulls != nullptr) nulls->push_back(is_null);
    note(start, is_null);
  }
  out.push_back('}');
  return absl::OkStatus();
}

}  // namespace

absl::Status AppendRow(Buffer& out, const RowPlan& plan, const Tuple& row, const Tuple* old_row,
                       NullMask* nulls) {
  return AppendColumns(out, plan, row, old_row, nulls, [](size_t, bool) {});
}

absl::Status AppendRow(Buffer& out, const RowPlan& plan, const Tuple& row, const Tuple* old_row,
                       NullMask* nulls, std::vector<FieldSpan>& spans) {
  spans.clear();
  return AppendColumns(out, plan, row, old_row, nulls, [&](size_t start, bool is_null) {
    spans.push_back({.begin = start, .end = out.size(), .is_null = is_null});
  });
}

}  // namespace walrelay::envelope
