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
std::set<std::string> DefaultedColumns(JsonValue schema) {
  std::set<std::string> columns;
  const JsonValue sides = schema["fields"];
  for (auto side = sides.begin(); side != sides.end(); ++side) {
    const std::string_view name = (*side)["field"].text();
    if (name != "before" && name != "after") continue;
    const JsonValue fields = (*side)["fields"];
    for (auto field = fields.begin(); field != fields.end(); ++field) {
      if (!(*field)["default"].is_missing()) columns.emplace((*field)["field"].text());
    }
  }
  return columns;
}

bool SameRow(const std::map<std::string, std::string>& a,
             const std::map<std::string, std::string>& b, const EventIdentity& left,
             const EventIdentity& right) {
  if (a.size() != b.size()) return false;
  for (auto x = a.begin(), y = b.begin(); x != a.end(); ++x, ++y) {
    if (x->first != y->first) return false;
    if (x->second == y->second) continue;
    if (!left.defaulted.contains(x->first) && !right.defaulted.contains(x->first)) return false;
  }
  return true;
}

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
  if (with_schema) event.defaulted = DefaultedColumns((*document)["schema"]);
  return event;
}

bool IsSameEvent(const EventIdentity& a, const EventIdentity& b) {
  return a.lsn == b.lsn && a.tx_id == b.tx_id && a.op == b.op && a.table == b.table &&
         SameRow(a.before, b.before, a, b) && SameRow(a.after, b.after, a, b);
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
