#include "apply/row_mapping.h"

#include "base/status.h"

namespace walrelay::apply {
namespace {

// Numbers that PostgreSQL reads as they stand in the JSON.
bool IsPlainNumber(const FieldType& type, const ColumnType& column) {
  if (column.form != ColumnForm::kOther || column.is_array) return false;
  return type.form == Form::kInteger || type.form == Form::kFloat;
}

// Strings likewise.
bool IsPlainString(const FieldType& type, const ColumnType& column) {
  if (column.form != ColumnForm::kOther) return false;
  switch (type.form) {
    case Form::kText:
    case Form::kUuid:
    case Form::kJson:
    case Form::kXml:
    case Form::kLtree:
    case Form::kTsvector:
    case Form::kIsoInterval:
      return true;
    default:
      return false;
  }
}

const FieldType* FindField(const SharedFields* fields, std::string_view name, size_t hint) {
  if (fields == nullptr) return nullptr;
  const Fields& list = **fields;
  if (hint < list.size() && list[hint].name == name) return &list[hint].type;
  for (const Field& field : list) {
    if (field.name == name) return &field.type;
  }
  return nullptr;
}

}  // namespace

bool RowMapping::Fits(JsonValue object, const SharedFields* fields) const {
  if (!HasSchema(fields) || object.size() != members_.size()) return false;
  size_t i = 0;
  for (auto it = object.begin(); it != object.end(); ++it, ++i) {
    if (it.name() != members_[i].name) return false;
  }
  return true;
}

void RowMapping::Make(JsonValue object, const SharedFields* fields, const MirrorTable& table,
                      const SchemalessFormat& format) {
  members_.clear();
  fields_ = fields == nullptr ? nullptr : *fields;
  size_t i = 0;
  for (auto it = object.begin(); it != object.end(); ++it, ++i) {
    const std::string_view name = it.name();
    const FieldType* known = FindField(fields, name, i);
    const auto column = table.Find(name);
    if (!column) {
      members_.push_back({.name = std::string(name), .type = {}, .writable = false});
      continue;
    }
    const MirrorColumn& target = table.columns[*column];
    Member member{.name = std::string(name),
                  .type = known != nullptr ? *known : TypeOfColumn(target.type, format),
                  .column = *column,
                  .writable = target.writable};
    member.is_plain_number = IsPlainNumber(member.type, target.type);
    member.is_plain_string = IsPlainString(member.type, target.type);
    members_.push_back(std::move(member));
  }
}

absl::Status RowMapping::Read(JsonValue object, const MirrorTable& table,
                              const Placeholder* placeholder, ValueText& values, Arena& texts,
                              std::vector<Cell>& cells) {
  size_t i = 0;
  for (auto it = object.begin(); it != object.end(); ++it, ++i) {
    const Member& member = members_[i];
    if (!member.writable) continue;
    Cell& cell = cells[member.column];
    const JsonValue value = *it;
    if (value.is_null()) {
      cell = {CellState::kNull, {}};
    } else if (member.is_plain_number && (value.is_number() || value.is_string())) {
      cell = {CellState::kText, value.text()};
    } else if (placeholder != nullptr && placeholder->Matches(member.type, value)) {
      cell = {CellState::kUnsent, {}};
    } else if (member.is_plain_string && value.is_string() &&
               value.text().find('\0') == std::string_view::npos) {
      cell = {CellState::kText, value.text()};
    } else {
      text_.clear();
      if (!values.Append(member.type, table.columns[member.column].type, value, text_)) {
        return absl::DataLossError(Cat("the value of column ", member.name, " of ",
                                       table.Describe(), " is not what its schema says"));
      }
      cell = {CellState::kText, texts.Copy(text_)};
    }
  }
  return absl::OkStatus();
}

}  // namespace walrelay::apply
