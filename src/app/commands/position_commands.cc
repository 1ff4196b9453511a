#include "app/commands/position_commands.h"

#include <ctime>
#include <optional>

#include "app/commands/source_session.h"
#include "app/exit_code.h"
#include "app/option_table.h"
#include "base/json.h"
#include "envelope/connect_offset.h"
#include "kafka/last_record.h"
#include "kafka/position_codec.h"
#include "kafka/position_reader.h"
#include "kafka/topics.h"
#include "wal/slot.h"

namespace walrelay::app {
namespace {

struct Positions {
  std::string slot_name;
  std::string offset_topic;
  std::optional<PositionRecord> ours;
  std::optional<envelope::ConnectOffset> connect;
  int64_t connect_offset = -1;  // Where that record stands in its topic.
  std::optional<wal::Slot> slot;
  std::string slot_problem;  // Why the slot is not shown.
};

absl::StatusOr<Positions> Gather(const Config& config) {
  const OptionReader source(Section::kSource, config.source);
  Positions positions;
  positions.slot_name = source.Text("slot.name");
  positions.offset_topic = config.pipeline.offset_storage_topic;
  if (!config.kafka.contains("bootstrap.servers")) {
    return absl::InvalidArgumentError("kafka.bootstrap.servers is missing");
  }
  const auto reader = kafka::LogReader::Open(config.kafka);
  if (!reader.ok()) return KafkaError(reader.status());

  auto ours = kafka::ReadPosition(**reader, positions.slot_name);
  if (!ours.ok()) {
    const bool malformed = absl::IsDataLoss(ours.status()) ||
                           absl::IsFailedPrecondition(ours.status());
    return malformed ? WithExitCode(ours.status(), ExitCode::kPositionMismatch)
                     : KafkaError(ours.status());
  }
  if (*ours) positions.ours = std::move((*ours)->position);
  const std::string key =
      envelope::ConnectOffsetKey(config.pipeline.name, source.Text("topic.prefix"));
  const auto connect = kafka::ReadLast(**reader, positions.offset_topic, key);
  if (!connect.ok()) return KafkaError(connect.status());
  if (*connect && (*connect)->value) {
    auto parsed = envelope::ParseConnectOffset(*(*connect)->value);
    if (!parsed.ok()) return WithExitCode(parsed.status(), ExitCode::kPositionMismatch);
    positions.connect = *std::move(parsed);
    positions.connect_offset = (*connect)->offset;
  }

  // The slot only rounds the picture off: Kafka's side is worth showing without it.
  auto connection = ConnectToSource(config);
  if (!connection.ok()) {
    positions.slot_problem = Message(connection.status());
    return positions;
  }
  auto slot = wal::ReadSlot(*connection, positions.slot_name);
  if (!slot.ok()) {
    positions.slot_problem = Message(slot.status());
  } else if (!*slot) {
    positions.slot_problem = "it does not exist";
  } else {
    positions.slot = **slot;
  }
  return positions;
}

std::string_view PhaseText(PositionPhase phase) {
  switch (phase) {
    case PositionPhase::kSnapshotIntent:
    case PositionPhase::kSnapshotSlot:
      return "snapshot under way";
    case PositionPhase::kStreaming:
      return "streaming";
  }
  return "";
}

std::string TimeText(int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return std::to_string(unix_ms);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string LsnText(const std::optional<Lsn>& lsn) {
  return lsn ? ToString(*lsn) : std::string("-");
}

// Newer than what our record knows of: Debezium ran since.
bool IsDebeziums(const Positions& positions) {
  return positions.connect &&
         (!positions.ours || positions.ours->connect_offset != positions.connect_offset);
}

void PrintText(const Positions& positions, Console& console) {
  std::vector<std::pair<std::string, std::string>> lines = {{"slot", positions.slot_name}};
  if (positions.ours) {
    const PositionRecord& ours = *positions.ours;
    lines.emplace_back("position record", PhaseText(ours.phase));
    lines.emplace_back("  everything before", ToString(ours.end_lsn));
    lines.emplace_back("  last commit", ToString(ours.last_commit_lsn));
    lines.emplace_back("  written", TimeText(ours.written_at_ms));
    lines.emplace_back("  system, timeline",
                       Cat(ours.epoch.system_identifier, ", ", ours.epoch.timeline));
    lines.emplace_back("  slot began at", ToString(ours.epoch.incarnation));
    lines.emplace_back("  topics", std::to_string(ours.topics.size()));
  } else {
    lines.emplace_back("position record", Cat("none in ", kafka::kPositionsTopic));
  }
  if (positions.connect) {
    lines.emplace_back(
        "Connect offset",
        Cat(positions.offset_topic, ", offset ", positions.connect_offset,
            IsDebeziums(positions) ? ": not from our last position, it decides at start"
                                   : ": ours"));
    lines.emplace_back("  lsn_proc", LsnText(positions.connect->lsn_proc));
    lines.emplace_back("  lsn_commit", LsnText(positions.connect->lsn_commit));
    lines.emplace_back("  lsn", LsnText(positions.connect->lsn));
  } else {
    lines.emplace_back("Connect offset", Cat("none in ", positions.offset_topic));
  }
  if (positions.slot) {
    lines.emplace_back("slot confirmed", ToString(positions.slot->confirmed_flush));
    lines.emplace_back("  behind the server", wal::HumanBytes(positions.slot->behind_bytes));
  } else {
    lines.emplace_back("slot confirmed", Cat("unknown: ", positions.slot_problem));
  }
  console.out << AlignedPairs(lines);
  if (!positions.ours || positions.ours->topics.empty()) return;
  TextTable table({"TOPIC", "PARTITION", "NEXT OFFSET"});
  for (const auto& [topic, position] : positions.ours->topics) {
    for (size_t i = 0; i < position.next.size(); ++i) {
      if (position.next[i] < 0) continue;
      table.Add({topic, std::to_string(i), std::to_string(position.next[i])});
    }
  }
  console.out << '\n' << table.ToString();
}

void PrintJson(const Positions& positions, Console& console) {
  std::string text;
  JsonWriter json(text);
  json.BeginObject();
  json.Key("slot").String(positions.slot_name);
  json.Key("position");
  if (positions.ours) {
    json.Raw(kafka::EncodePosition(*positions.ours));
  } else {
    json.Null();
  }
  json.Key("connect_offset");
  if (positions.connect) {
    json.BeginObject();
    json.Key("topic").String(positions.offset_topic);
    json.Key("offset").Int(positions.connect_offset);
    json.Key("ours").Bool(!IsDebeziums(positions));
    json.Key("lsn_proc").String(LsnText(positions.connect->lsn_proc));
    json.Key("lsn_commit").String(LsnText(positions.connect->lsn_commit));
    json.Key("lsn").String(LsnText(positions.connect->lsn));
    json.EndObject();
  } else {
    json.Null();
  }
  json.Key("confirmed_flush_lsn");
  if (positions.slot) {
    json.String(ToString(positions.slot->confirmed_flush));
  } else {
    json.Null();
  }
  json.EndObject();
  console.out << text << '\n';
}

}  // namespace

absl::Status ShowPositionCommand(const Config& config, Console& console, bool json) {
  ASSIGN_OR_RETURN(const Positions positions, Gather(config));
  if (json) {
    PrintJson(positions, console);
  } else {
    PrintText(positions, console);
  }
  return absl::OkStatus();
}

}  // namespace walrelay::app
