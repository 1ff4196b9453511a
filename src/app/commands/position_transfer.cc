#include "app/commands/position_transfer.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "admin/counters.h"
#include "app/exit_code.h"
#include "app/kafka_link.h"
#include "app/option_table.h"
#include "app/stage_options.h"
#include "app/start_decision.h"
#include "base/json.h"
#include "envelope/connect_offset.h"
#include "envelope/offset_file.h"

namespace walrelay::app {
namespace {

constexpr std::string_view kJavaMagic = "\xAC\xED";
constexpr std::uintmax_t kLargestFile = 16 * 1024 * 1024;  // An entry has some hundred bytes.

std::string TopicPrefix(const Config& config) {
  return OptionReader(Section::kSource, config.source).Text("topic.prefix");
}

std::string OffsetKey(const Config& config) {
  return envelope::ConnectOffsetKey(config.pipeline.name, TopicPrefix(config));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return absl::InvalidArgumentError(Cat("cannot read ", path, ": ", error.message()));
  if (size > kLargestFile) {
    return absl::InvalidArgumentError(
        Cat(path, " has ", size, " bytes: too many for an offset file"));
  }
  std::ifstream in(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return absl::InvalidArgumentError(Cat("cannot read ", path));
  return bytes;
}

// {"offsets":[{"partition":{"server":"cdc"},"offset":{…}}]}, or a bare offset.
absl::StatusOr<std::string> FromJson(std::string_view text, std::string_view prefix) {
  JsonReader reader;
  ASSIGN_OR_RETURN(const JsonValue document, reader.Parse(text));
  const JsonValue offsets = document["offsets"];
  if (!offsets.is_array()) return std::string(text);
  for (auto it = offsets.begin(); it != offsets.end(); ++it) {
    const JsonValue entry = *it;
    if (entry["partition"]["server"].text() != prefix) continue;
    std::string offset;
    JsonWriter(offset).Copy(entry["offset"]);
    return offset;
  }
  return absl::InvalidArgumentError(Cat("there is no offset of the server '", prefix,
                                        "' (source.topic.prefix) among ", offsets.size()));
}

absl::StatusOr<std::string> FromOffsetFile(std::string_view bytes, std::string_view prefix) {
  ASSIGN_OR_RETURN(const auto entries, envelope::ParseOffsetFile(bytes));
  std::string keys;
  for (const envelope::StoredOffset& entry : entries) {
    JsonReader reader;
    const auto key = reader.Parse(entry.key);
    const bool ours = key.ok() && key->is_array() && key->size() == 2 &&
                      (*++key->begin())["server"].text() == prefix;
    if (ours && entry.value) return *entry.value;
    keys += Cat(keys.empty() ? "" : ", ", entry.key);
  }
  return absl::InvalidArgumentError(
      Cat("there is no offset of the server '", prefix,
          "' (source.topic.prefix); the file has: ", keys.empty() ? "nothing" : keys));
}

std::string LsnText(const std::optional<Lsn>& lsn) {
  return lsn ? ToString(*lsn) : std::string("-");
}

absl::Status WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  out.close();
  if (!out) return absl::InvalidArgumentError(Cat("cannot write ", path));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<KafkaLink>> OpenOffsetLink(const Config& config,
                                                          PositionMemory& memory,
                                                          admin::CaptureCounters& counters) {
  if (config.pipeline.offset_storage_topic.empty()) {
    return absl::InvalidArgumentError(
        "pipeline.offset.storage.topic is empty: there is no place for Debezium's offset");
  }
  return OpenPositionLink(config, memory, counters);
}

// The next start must listen to the offset: else nothing is written.
absl::Status CheckImport(const std::optional<PositionRecord>& position, const std::string& slot,
                         const envelope::ConnectOffset& offset) {
  if (!position) return absl::OkStatus();
  const auto refuse = [&](std::string why) {
    return ExitError(ExitCode::kPositionMismatch,
                     Cat("walrelay itself has a position for slot ", slot, ", ", why));
  };
  if (position->phase != PositionPhase::kStreaming) {
    return refuse("of a snapshot that is not finished, which the next start takes again");
  }
  if (!position->connect_offset) {
    return refuse("which no Debezium has gone on from: the next start would go on from there");
  }
  const ConnectFacts written = MakeConnectFacts(offset, *position->connect_offset + 1);
  if (HasRunSince(written, *position)) return absl::OkStatus();
  return refuse(Cat("which is ", position->end_lsn, " and not behind the offset's ",
                    written.passed(),
                    ": the next start would go on from there; to go back, see "
                    "walrelay position rewind --help"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaLink>> OpenPositionLink(const Config& config,
                                                            PositionMemory& memory,
                                                            admin::CaptureCounters& counters) {
  ASSIGN_OR_RETURN(CaptureSettings settings, MakeCaptureSettings(config));
  auto link = KafkaLink::Open({.client = settings.kafka,
                               .slot = settings.source.slot,
                               .topic_rules = settings.topic_rules,
                               .connect_topic = settings.offset_topic,
                               .connect_key = OffsetKey(config),
                               .options_hash = settings.options_hash,
                               .exactly_once = settings.exactly_once},
                              memory, counters);
  if (!link.ok()) return KafkaError(link.status());
  return link;
}

absl::Status ExportPositionCommand(const Config& config, Console& console, const std::string& file,
                                   const Consent& consent) {
  admin::CaptureCounters counters;
  PositionMemory memory;
  ASSIGN_OR_RETURN(const auto link, OpenOffsetLink(config, memory, counters));
  const auto record = link->ReadConnectRecord();
  if (!record.ok()) return KafkaError(record.status());
  if (!*record) {
    return ExitError(ExitCode::kPositionMismatch,
                     Cat("topic ", config.pipeline.offset_storage_topic, " has no offset under ",
                         OffsetKey(config), "; walrelay position show says what there is"));
  }
  if (file.empty()) {
    std::string text;
    JsonWriter json(text);
    json.BeginObject();
    json.Key("offsets").BeginArray();
    json.BeginObject();
    json.Key("partition").BeginObject();
    json.Key("server").String(TopicPrefix(config));
    json.EndObject();
    json.Key("offset").Raw((*record)->value);
    json.EndObject();
    json.EndArray();
    json.EndObject();
    console.out << text << '\n';
    return absl::OkStatus();
  }
  if (std::filesystem::exists(file)) {
    ASSIGN_OR_RETURN(const bool proceed,
                     MayProceed(console, consent, Cat("Replaces the file ", file, ".")));
    if (!proceed) return absl::OkStatus();
  } else if (!MayProceedUnasked(console, consent, Cat("Writes the file ", file, "."))) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(WriteFile(
      file, envelope::EncodeOffsetFile({{.key = OffsetKey(config), .value = (*record)->value}})));
  console.out << Cat("Wrote ", file, ": offset ", (*record)->offset, " of ",
                     config.pipeline.offset_storage_topic, "\n");
  return absl::OkStatus();
}

absl::Status ImportPositionCommand(const Config& config, Console& console, const std::string& file,
                                   const Consent& consent) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(file));
  const std::string prefix = TopicPrefix(config);
  auto value =
      bytes.starts_with(kJavaMagic) ? FromOffsetFile(bytes, prefix) : FromJson(bytes, prefix);
  if (!value.ok()) return absl::InvalidArgumentError(Cat(file, ": ", Message(value.status())));
  const auto offset = envelope::ParseConnectOffset(*value);
  if (!offset.ok()) return absl::InvalidArgumentError(Cat(file, ": ", Message(offset.status())));
  if (!offset->lsn && !offset->lsn_proc) {
    return absl::InvalidArgumentError(Cat(file, ": the offset has neither lsn nor lsn_proc"));
  }
  admin::CaptureCounters counters;
  PositionMemory memory;
  ASSIGN_OR_RETURN(const auto link, OpenOffsetLink(config, memory, counters));
  const auto position = link->ReadPosition();
  if (!position.ok()) return KafkaError(position.status());
  RETURN_IF_ERROR(CheckImport(
      *position, OptionReader(Section::kSource, config.source).Text("slot.name"), *offset));
  const bool is_in_snapshot = MakeConnectFacts(*offset, 0).snapshot_unfinished;
  ASSIGN_OR_RETURN(
      const bool proceed,
      MayProceed(console, consent,
                 Cat("Writes to topic ", config.pipeline.offset_storage_topic, " that ",
                     OffsetKey(config), " has come to lsn_commit ", LsnText(offset->lsn_commit),
                     ", lsn_proc ", LsnText(offset->lsn_proc),
                     is_in_snapshot ? ", inside a snapshot, which the next start takes anew."
                                    : ". The next start goes on from there.")));
  if (!proceed) return absl::OkStatus();
  if (auto status = link->WriteConnectRecordNow(*value); !status.ok())
    return KafkaError(std::move(status));
  console.out << Cat("Imported the offset of ", file, "\n");
  return absl::OkStatus();
}

}  // namespace walrelay::app
