// {"version":1,"phase":"streaming","slot":"s","epoch":{"system_identifier":"7","timeline":1,"incarnation":"0/1"},
//  "end_lsn":"0/2","last_commit_lsn":"0/2","last_commit_micros":1700000000000000,"options_hash":"ab","topics":{"cdc.public.t":[0,12,-1]},"connect_offset":5,
//  "generation":3,"claimed":true,"writer":"0190","transactional":false,"written_at_ms":1700000000000}
// phase is "snapshot_intent", "snapshot_slot" or "streaming". connect_offset is null when it is not
// known, -1 when there was no record. All members are always there, but for last_commit_micros,
// generation, claimed, writer and transactional, which records of before have not.

#include "kafka/position_codec.h"

#include "base/json.h"

namespace walrelay::kafka {
namespace {

constexpr int kVersion = 1;
std::string_view PhaseName(PositionPhase phase) {
  switch (phase) {
    case PositionPhase::kSnapshotIntent:
      return "snapshot_intent";
    case PositionPhase::kSnapshotSlot:
      return "snapshot_slot";
    case PositionPhase::kStreaming:
      return "streaming";
  }
  return "";
}

absl::Status Malformed(std::string_view what) {
  return absl::DataLossError(Cat("position record: ", what));
}

void WriteTopics(JsonWriter& out, const std::map<std::string, TopicPosition>& topics) {
  out.Key("topics").BeginObject();
  for (const auto& [topic, position] : topics) {
    out.Key(topic).BeginArray();
    for (const int64_t next : position.next) out.Int(next);
    out.EndArray();
  }
  out.EndObject();
}

// Reads members in a straight line and remembers the first that is not as it must be, as Cursor
// does for bytes.
class Fields {
 public:
  explicit Fields(JsonValue object) : object_(object) {}

  std::string String(std::string_view name) {
    const auto text = object_[name].String();
    if (!text) return Fail<std::string>(name);
    return std::string(*text);
  }
  template <class Integer>
  Integer Int(std::string_view name) {
    const auto number = object_[name].Int<Integer>();
    return number ? *number : Fail<Integer>(name);
  }
  Lsn Position(std::string_view name) {
    const auto lsn = ParseLsn(object_[name].text());
    return object_[name].is_string() && lsn ? *lsn : Fail<Lsn>(name);
  }
  JsonValue Object(std::string_view name) {
    const JsonValue value = object_[name];
    return value.is_object() ? value : Fail<JsonValue>(name);
  }
  JsonValue Any(std::string_view name) {
    const JsonValue value = object_[name];
    return value.is_missing() ? Fail<JsonValue>(name) : value;
  }
  template <class T>
  T Fail(std::string_view name) {
    if (bad_.empty()) bad_ = name;
    return T{};
  }
  // The first bad member; empty when all were good.
  const std::string& bad() const { return bad_; }

 private:
  JsonValue object_;
  std::string bad_;
};

PositionPhase ReadPhase(Fields& in) {
  const std::string phase = in.String("phase");
  using enum PositionPhase;
  for (const PositionPhase known : {kSnapshotIntent, kSnapshotSlot, kStreaming}) {
    if (phase == PhaseName(known)) return known;
  }
  return in.Fail<PositionPhase>("phase");
}

std::map<std::string, TopicPosition> ReadTopics(Fields& in) {
  std::map<std::string, TopicPosition> topics;
  const JsonValue object = in.Object("topics");
  for (auto member = object.begin(); member != object.end(); ++member) {
    TopicPosition position;
    const JsonValue offsets = *member;
    if (!offsets.is_array()) return in.Fail<decltype(topics)>("topics");
    for (auto item = offsets.begin(); item != offsets.end(); ++item) {
      const auto next = (*item).Int<int64_t>();
      if (!next || *next < -1) return in.Fail<decltype(topics)>("topics");
      position.next.push_back(*next);
    }
    if (!topics.emplace(member.name(), std::move(position)).second)
      return in.Fail<decltype(topics)>("topics");
  }
  return topics;
}

std::optional<int64_t> ReadConnectOffset(Fields& in) {
  const JsonValue value = in.Any("connect_offset");
  if (value.is_null()) return std::nullopt;
  const auto offset = value.Int<int64_t>();
  return offset && *offset >= kNoConnectRecord ? *offset : in.Fail<int64_t>("connect_offset");
}

}  // namespace

std::string EncodePosition(const PositionRecord& record) {
  std::string json;
  JsonWriter out(json);
  out.BeginObject();
  out.Key("version").Int(record.version);
  out.Key("phase").String(PhaseName(record.phase));
  out.Key("slot").String(record.slot);
  out.Key("epoch").BeginObject();
  out.Key("system_identifier").String(record.epoch.system_identifier);
  out.Key("timeline").Int(record.epoch.timeline);
  out.Key("incarnation").String(ToString(record.epoch.incarnation));
  out.EndObject();
  out.Key("end_lsn").String(ToString(record.end_lsn));
  out.Key("last_commit_lsn").String(ToString(record.last_commit_lsn));
  out.Key("last_commit_micros").Int(record.last_commit_micros);
  out.Key("options_hash").String(record.options_hash);
  WriteTopics(out, record.topics);
  out.Key("connect_offset");
  record.connect_offset ? out.Int(*record.connect_offset) : out.Null();
  out.Key("generation").Int(record.generation);
  out.Key("claimed").Bool(record.claimed);
  out.Key("writer").String(record.writer);
  out.Key("transactional").Bool(record.transactional);
  out.Key("written_at_ms").Int(record.written_at_ms);
  out.EndObject();
  return json;
}

absl::StatusOr<PositionRecord> DecodePosition(std::string_view json) {
  JsonReader reader;
  const auto document = reader.Parse(json);
  if (!document.ok()) return Malformed(Message(document.status()));
  if (!document->is_object()) return Malformed("not a JSON object");

  Fields in(*document);
  PositionRecord record;
  record.version = in.Int<int>("version");
  if (record.version > kVersion) {
    return absl::FailedPreconditionError(Cat("position record has format version ", record.version,
                                             ", this program knows ", kVersion,
                                             ": use the newer walrelay that wrote it"));
  }
  if (record.version < 1) in.Fail<int>("version");
  record.phase = ReadPhase(in);
  record.slot = in.String("slot");
  Fields epoch(in.Object("epoch"));
  record.epoch.system_identifier = epoch.String("system_identifier");
  record.epoch.timeline = epoch.Int<uint32_t>("timeline");
  record.epoch.incarnation = epoch.Position("incarnation");
  record.end_lsn = in.Position("end_lsn");
  record.last_commit_lsn = in.Position("last_commit_lsn");
  record.options_hash = in.String("options_hash");
  record.topics = ReadTopics(in);
  record.connect_offset = ReadConnectOffset(in);
  if (!(*document)["generation"].is_missing())
    record.generation = in.Int<int64_t>("generation");
  if (!(*document)["last_commit_micros"].is_missing())
    record.last_commit_micros = in.Int<int64_t>("last_commit_micros");
  record.claimed = (*document)["claimed"].Bool().value_or(false);
  if (!(*document)["writer"].is_missing()) record.writer = in.String("writer");
  record.transactional = (*document)["transactional"].Bool().value_or(false);
  record.written_at_ms = in.Int<int64_t>("written_at_ms");
  if (!in.bad().empty()) return Malformed(Cat("bad or missing ", in.bad()));
  if (!epoch.bad().empty()) return Malformed(Cat("bad or missing epoch.", epoch.bad()));
  return record;
}

}  // namespace walrelay::kafka
