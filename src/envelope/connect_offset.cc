#include "envelope/connect_offset.h"

#include "base/json.h"
#include "base/status.h"
#include "envelope/java_text.h"

namespace walrelay::envelope {
namespace {

constexpr std::string_view kCountPrefix = "transaction_data_collection_order_";

// Member names and their JSON, in the order in which Debezium puts them into its map.
using Members = std::vector<std::pair<std::string, std::string>>;

std::string Quoted(std::string_view text) {
  std::string json;
  AppendJsonString(json, text);
  return json;
}

template <class Value>
void AddNumber(Members& members, std::string_view name, const std::optional<Value>& value) {
  if (value) members.emplace_back(name, std::to_string(*value));
}
void AddNumber(Members& members, std::string_view name, const std::optional<Lsn>& value) {
  if (value) members.emplace_back(name, std::to_string(Number(*value)));
}
void AddBool(Members& members, std::string_view name, const std::optional<bool>& value) {
  if (value) members.emplace_back(name, *value ? "true" : "false");
}

std::string_view SnapshotName(OffsetSnapshot snapshot) {
  switch (snapshot) {
    case OffsetSnapshot::kNone:
      return {};
    case OffsetSnapshot::kInitial:
      return "INITIAL";
    case OffsetSnapshot::kBlocking:
      return "BLOCKING";
    case OffsetSnapshot::kIncremental:
      return "INCREMENTAL";
  }
  return {};
}

void AddSnapshot(Members& members, const ConnectOffset& offset, Compat compat) {
  if (offset.snapshot == OffsetSnapshot::kNone) return;
  const std::string name =
      compat == Compat::k2_5_0 ? "true" : Quoted(SnapshotName(offset.snapshot));
  members.emplace_back("snapshot", name);
  AddBool(members, "last_snapshot_record", offset.last_snapshot_record);
  if (compat != Compat::k2_5_0) AddBool(members, "snapshot_completed", offset.snapshot_completed);
}

void AddTransaction(Members& members, const ConnectOffset& offset, Compat compat) {
  if (offset.transaction_id) {
    members.emplace_back("transaction_id", Quoted(*offset.transaction_id));
  } else if (compat == Compat::k2_5_0 && offset.snapshot == OffsetSnapshot::kNone) {
    members.emplace_back("transaction_id", "null");
  }
  for (const auto& [table, count] : offset.transaction_counts) {
    members.emplace_back(Cat(kCountPrefix, table), std::to_string(count));
  }
}

absl::Status WrongType(std::string_view member) {
  return absl::DataLossError(Cat("Connect offset: member ", member, " has an unexpected type"));
}

// Reads a member that is a number, absent or null.
template <class Integer, class Value>
absl::Status Read(JsonValue root, std::string_view name, std::optional<Value>& out) {
  const JsonValue value = root[name];
  if (value.is_missing() || value.is_null()) return absl::OkStatus();
  const auto number = value.Int<Integer>();
  if (!number) return WrongType(name);
  out = static_cast<Value>(*number);
  return absl::OkStatus();
}

absl::Status Read(JsonValue root, std::string_view name, std::optional<bool>& out) {
  const JsonValue value = root[name];
  if (value.is_missing() || value.is_null()) return absl::OkStatus();
  out = value.Bool();
  return out ? absl::OkStatus() : WrongType(name);
}

absl::Status Read(JsonValue root, std::string_view name, std::optional<std::string>& out) {
  const JsonValue value = root[name];
  if (value.is_missing() || value.is_null()) return absl::OkStatus();
  if (!value.is_string()) return WrongType(name);
  out = std::string(value.text());
  return absl::OkStatus();
}

// A boolean in 2.5, where true means an initial snapshot; a name in 3.6.
absl::Status ReadSnapshot(JsonValue root, OffsetSnapshot& out) {
  const JsonValue value = root["snapshot"];
  if (value.is_missing() || value.is_null() || value.Bool() == false) return absl::OkStatus();
  if (value.Bool() == true) {
    out = OffsetSnapshot::kInitial;
    return absl::OkStatus();
  }
  for (const auto kind :
       {OffsetSnapshot::kInitial, OffsetSnapshot::kBlocking, OffsetSnapshot::kIncremental}) {
    if (value.String() != SnapshotName(kind)) continue;
    out = kind;
    return absl::OkStatus();
  }
  return WrongType("snapshot");
}

absl::Status ReadCounts(JsonValue root, ConnectOffset& offset) {
  for (auto member = root.begin(); member != root.end(); ++member) {
    if (member.name().substr(0, kCountPrefix.size()) != kCountPrefix) continue;
    const auto count = (*member).Int<uint64_t>();
    if (!count) return WrongType(member.name());
    offset.transaction_counts.emplace_back(member.name().substr(kCountPrefix.size()), *count);
  }
  return absl::OkStatus();
}

}  // namespace

std::string ConnectOffsetKey(std::string_view connector_name, std::string_view topic_prefix) {
  std::string out;
  JsonWriter(out)
      .BeginArray()
      .String(connector_name)
      .BeginObject()
      .Key("server")
      .String(topic_prefix)
      .EndObject()
      .EndArray();
  return out;
}

std::string EncodeConnectOffset(const ConnectOffset& offset, Compat compat) {
  Members members;
  AddNumber(members, "ts_usec", offset.ts_usec);
  AddNumber(members, "txId", offset.tx_id);
  AddNumber(members, "lsn", offset.lsn);
  AddNumber(members, "xmin", offset.xmin);
  AddNumber(members, "lsn_proc", offset.lsn_proc);
  AddNumber(members, "lsn_commit", offset.lsn_commit);
  if (offset.message_type) members.emplace_back("messageType", Quoted(*offset.message_type));
  AddSnapshot(members, offset, compat);
  AddTransaction(members, offset, compat);

  std::vector<std::string_view> names;
  for (const auto& [name, json] : members) names.push_back(name);
  std::string out;
  JsonWriter writer(out);
  writer.BeginObject();
  for (const size_t i : HashMapOrder(names)) writer.Key(members[i].first).Raw(members[i].second);
  writer.EndObject();
  return out;
}

absl::StatusOr<ConnectOffset> ParseConnectOffset(std::string_view json) {
  JsonReader reader;
  ASSIGN_OR_RETURN(const JsonValue root, reader.Parse(json));
  if (!root.is_object()) return absl::DataLossError("Connect offset: not a JSON object");
  ConnectOffset offset;
  RETURN_IF_ERROR(Read<uint64_t>(root, "lsn_proc", offset.lsn_proc));
  RETURN_IF_ERROR(Read<uint64_t>(root, "lsn_commit", offset.lsn_commit));
  RETURN_IF_ERROR(Read<uint64_t>(root, "lsn", offset.lsn));
  RETURN_IF_ERROR(Read<uint64_t>(root, "txId", offset.tx_id));
  RETURN_IF_ERROR(Read<uint64_t>(root, "xmin", offset.xmin));
  RETURN_IF_ERROR(Read<int64_t>(root, "ts_usec", offset.ts_usec));
  RETURN_IF_ERROR(Read(root, "messageType", offset.message_type));
  RETURN_IF_ERROR(ReadSnapshot(root, offset.snapshot));
  RETURN_IF_ERROR(Read(root, "last_snapshot_record", offset.last_snapshot_record));
  RETURN_IF_ERROR(Read(root, "snapshot_completed", offset.snapshot_completed));
  RETURN_IF_ERROR(Read(root, "transaction_id", offset.transaction_id));
  RETURN_IF_ERROR(ReadCounts(root, offset));
  return offset;
}

}  // namespace walrelay::envelope
