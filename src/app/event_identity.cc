#include "app/event_identity.h"

#include <algorithm>
#include <ranges>

#include "base/status.h"

namespace walrelay::app {
namespace {

// One text for equal values: without white space, members in their order.
void AppendJson(std::string& out, JsonValue value) {
  switch (value.kind()) {
    case JsonKind::kMissing:
    case JsonKind::kNull:
      out += "null";
      return;
    case JsonKind::kFalse:
      out += "false";
      return;
    case JsonKind::kTrue:
      out += "true";
      return;
    case JsonKind::kNumber:
      out += value.text();
      return;
    case JsonKind::kString:
      AppendJsonString(out, value.text());
      return;
    case JsonKind::kArray:
    case JsonKind::kObject:
      out += value.is_array() ? '[' : '{';
      for (auto item = value.begin(); item != value.end(); ++item) {
        if (value.is_object()) AppendJsonString(out, item.name());
        AppendJson(out, *item);
        out += ',';
      }
      out += value.is_array() ? ']' : '}';
      return;
  }
}

std::map<std::string, std::string> RowOf(JsonValue row) {
  std::map<std::string, std::string> columns;
  if (!row.is_object() && !row.is_missing() && !row.is_null()) AppendJson(columns[""], row);
  for (auto member = row.begin(); member != row.end(); ++member) {
    AppendJson(columns[std::string(member.name())], *member);
  }
  return columns;
}

// The schema block's fields "before" and "after" are the rows'.
void ReadSchema(JsonValue schema, EventIdentity& event) {
  const JsonValue sides = schema["fields"];
  for (auto side = sides.begin(); side != sides.end(); ++side) {
    const std::string_view name = (*side)["field"].text();
    if (name != "before" && name != "after") continue;
    const JsonValue fields = (*side)["fields"];
    for (auto field = fields.begin(); field != fields.end(); ++field) {
      NullRendering& nulls = event.nulls[std::string((*field)["field"].text())];
      const JsonValue by_default = (*field)["default"];
      nulls = {.required = (*field)["optional"].Bool() == false};
      if (!by_default.is_missing()) AppendJson(nulls.by_default.emplace(), by_default);
    }
  }
}

constexpr std::string_view kNull = "null";

// Values of one column in two renderings. Where both say the same of NULL they are the column's
// own.
bool IsSameValue(const std::string& column, const std::string& a, const std::string& b,
                 const EventIdentity& left, const EventIdentity& right) {
  if (a == b) return true;
  const auto nulls_of = [&](const EventIdentity& event) {
    const auto found = event.nulls.find(column);
    return found == event.nulls.end() ? NullRendering{} : found->second;
  };
  const auto may_be_null = [](const std::string& value, const NullRendering& nulls) {
    if (value == kNull) return true;
    return nulls.by_default ? value == *nulls.by_default : nulls.required;
  };
  const NullRendering in_left = nulls_of(left);
  const NullRendering in_right = nulls_of(right);
  return in_left != in_right && may_be_null(a, in_left) && may_be_null(b, in_right);
}

bool HaveSameColumns(const std::map<std::string, std::string>& a,
                     const std::map<std::string, std::string>& b) {
  return std::ranges::equal(a | std::views::keys, b | std::views::keys);
}

bool SameRow(const std::map<std::string, std::string>& a,
             const std::map<std::string, std::string>& b, const EventIdentity& left,
             const EventIdentity& right) {
  if (!HaveSameColumns(a, b)) return false;
  return std::ranges::all_of(a, [&](const auto& value) {
    return IsSameValue(value.first, value.second, b.at(value.first), left, right);
  });
}

// Of keys with other columns nothing is known.
bool HaveOtherKeys(const EventIdentity& left, const EventIdentity& right) {
  return HaveSameColumns(left.key, right.key) && !SameRow(left.key, right.key, left, right);
}

// Some column has other values in both. Columns that only one of them has make them no others, nor
// does a null where it is not known how it is written.
bool AreOtherRows(const EventIdentity& left, const EventIdentity& right) {
  const bool knows_nulls = left.with_schema && right.with_schema;
  return std::ranges::any_of(left.after, [&](const auto& value) {
    const auto found = right.after.find(value.first);
    if (found == right.after.end()) return false;
    if (!knows_nulls && (value.second == kNull || found->second == kNull)) return false;
    return !IsSameValue(value.first, value.second, found->second, left, right);
  });
}

JsonValue WithoutSchema(const JsonValue& document) {
  return document["schema"].is_object() ? document["payload"] : document;
}

std::map<std::string, std::string> KeyOf(JsonReader& reader, std::string_view key) {
  const auto document = reader.Parse(key);
  if (!document.ok()) return {};
  const JsonValue row = WithoutSchema(*document);
  return row.is_object() ? RowOf(row) : std::map<std::string, std::string>();
}

bool IsNewRow(const EventIdentity& event) { return event.op == "c" || event.op == "r"; }

}  // namespace

std::optional<EventIdentity> IdentityOf(JsonReader& reader, std::string_view value,
                                        std::optional<std::string_view> key) {
  const auto document = reader.Parse(value);
  if (!document.ok() || !document->is_object()) return std::nullopt;
  EventIdentity event;
  event.with_schema = (*document)["payload"].is_object();
  const JsonValue payload = event.with_schema ? (*document)["payload"] : *document;
  const JsonValue source = payload["source"];
  const auto lsn = source["lsn"].Int<uint64_t>();
  const auto op = payload["op"].String();
  if (!lsn || !op) return std::nullopt;
  event.lsn = Lsn{*lsn};
  AppendJson(event.tx_id, source["txId"]);
  event.op = *op;
  event.table = Cat(source["schema"].text(), ".", source["table"].text());
  event.before = RowOf(payload["before"]);
  event.after = RowOf(payload[event.op == "m" ? "message" : "after"]);
  if (event.with_schema) ReadSchema((*document)["schema"], event);
  if (key) event.key = KeyOf(reader, *key);  // The last: it takes the place of the document.
  return event;
}

bool IsSameEvent(const EventIdentity& a, const EventIdentity& b) {
  return a.lsn == b.lsn && a.tx_id == b.tx_id && a.op == b.op && a.table == b.table &&
         SameRow(a.before, b.before, a, b) && SameRow(a.after, b.after, a, b) &&
         !HaveOtherKeys(a, b);
}

bool IsSameChange(const EventIdentity& ours, const EventIdentity& theirs) {
  if (ours.lsn != theirs.lsn || ours.tx_id != theirs.tx_id || ours.table != theirs.table)
    return false;
  // After a change of the key the row's insert may be there without the deletion before it.
  if (ours.op == "d" && theirs.op == "c") return false;
  if (!IsNewRow(ours) || !IsNewRow(theirs)) return true;
  return !HaveOtherKeys(ours, theirs) && !AreOtherRows(ours, theirs);
}

std::optional<std::string> KeyColumnNames(JsonReader& reader, std::optional<std::string_view> key) {
  std::string columns;
  if (!key) return columns;
  const auto document = reader.Parse(*key);
  if (!document.ok()) return std::nullopt;
  const JsonValue row = WithoutSchema(*document);
  if (!row.is_object()) return std::nullopt;
  for (auto column = row.begin(); column != row.end(); ++column)
    AppendJsonString(columns, column.name());
  return columns;
}

std::optional<std::string> PayloadOf(JsonReader& reader, std::string_view value) {
  const auto document = reader.Parse(value);
  if (!document.ok()) return std::nullopt;
  std::string payload;
  AppendJson(payload, WithoutSchema(*document));
  return payload;
}

std::string Describe(const EventIdentity& event) {
  return Cat("op ", event.op, " of ", event.table, ", LSN ", event.lsn, ", transaction ",
             event.tx_id);
}

std::string DescribeRecord(JsonReader& reader, std::optional<std::string_view> value) {
  if (!value) return "a tombstone";
  if (const auto event = IdentityOf(reader, *value)) return Describe(*event);
  return Cat("a record of ", value->size(), " bytes without an LSN");
}

}  // namespace walrelay::app
