#include "app/event_identity.h"

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
      if (!(*field)["default"].is_missing()) event.defaulted.emplace((*field)["field"].text());
      if ((*field)["optional"].Bool() == false) event.required.emplace((*field)["field"].text());
    }
  }
}

constexpr std::string_view kNull = "null";

bool SameRow(const std::map<std::string, std::string>& a,
             const std::map<std::string, std::string>& b, const EventIdentity& left,
             const EventIdentity& right) {
  if (a.size() != b.size()) return false;
  for (auto x = a.begin(), y = b.begin(); x != a.end(); ++x, ++y) {
    const std::string& column = x->first;
    if (column != y->first) return false;
    if (x->second == y->second) continue;
    if (left.defaulted.contains(column) || right.defaulted.contains(column)) continue;
    if (x->second == kNull && right.required.contains(column)) continue;
    if (y->second == kNull && left.required.contains(column)) continue;
    return false;
  }
  return true;
}

// Some column has a value in both, and not the same one. Columns that only one of them has make
// them no others.
bool AreOtherRows(const std::map<std::string, std::string>& a,
                  const std::map<std::string, std::string>& b) {
  for (const auto& [column, value] : a) {
    const auto found = b.find(column);
    if (found != b.end() && found->second != value && found->second != kNull && value != kNull)
      return true;
  }
  return false;
}

bool IsNewRow(const EventIdentity& event) { return event.op == "c" || event.op == "r"; }

}  // namespace

std::optional<EventIdentity> IdentityOf(JsonReader& reader, std::string_view value) {
  const auto document = reader.Parse(value);
  if (!document.ok() || !document->is_object()) return std::nullopt;
  const bool with_schema = (*document)["payload"].is_object();
  const JsonValue payload = with_schema ? (*document)["payload"] : *document;
  const JsonValue source = payload["source"];
  const auto lsn = source["lsn"].Int<uint64_t>();
  const auto op = payload["op"].String();
  if (!lsn || !op) return std::nullopt;
  EventIdentity event;
  event.lsn = Lsn{*lsn};
  AppendJson(event.tx_id, source["txId"]);
  event.op = *op;
  event.table = Cat(source["schema"].text(), ".", source["table"].text());
  event.before = RowOf(payload["before"]);
  event.after = RowOf(payload[event.op == "m" ? "message" : "after"]);
  if (with_schema) ReadSchema((*document)["schema"], event);
  return event;
}

bool IsSameEvent(const EventIdentity& a, const EventIdentity& b) {
  return a.lsn == b.lsn && a.tx_id == b.tx_id && a.op == b.op && a.table == b.table &&
         SameRow(a.before, b.before, a, b) && SameRow(a.after, b.after, a, b);
}

bool IsSameChange(const EventIdentity& ours, const EventIdentity& theirs) {
  if (ours.lsn != theirs.lsn || ours.tx_id != theirs.tx_id || ours.table != theirs.table)
    return false;
  // After a change of the key the row's insert may be there without the deletion before it.
  if (ours.op == "d" && theirs.op == "c") return false;
  return !IsNewRow(ours) || !IsNewRow(theirs) || !AreOtherRows(ours.after, theirs.after);
}

std::optional<std::string> KeyColumnNames(JsonReader& reader, std::optional<std::string_view> key) {
  std::string columns;
  if (!key) return columns;
  const auto document = reader.Parse(*key);
  if (!document.ok()) return std::nullopt;
  const JsonValue row = (*document)["schema"].is_object() ? (*document)["payload"] : *document;
  if (!row.is_object()) return std::nullopt;
  for (auto column = row.begin(); column != row.end(); ++column)
    AppendJsonString(columns, column.name());
  return columns;
}

std::optional<std::string> PayloadOf(JsonReader& reader, std::string_view value) {
  const auto document = reader.Parse(value);
  if (!document.ok()) return std::nullopt;
  std::string payload;
  AppendJson(payload, (*document)["schema"].is_object() ? (*document)["payload"] : *document);
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
