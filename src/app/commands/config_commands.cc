#include "app/commands/config_commands.h"

#include <array>

#include "app/capture_options.h"
#include "app/lossy_modes.h"
#include "app/option_table.h"
#include "app/public_settings.h"
#include "base/json.h"
#include "kafka/client_options.h"

namespace walrelay::app {
namespace {

struct StageName {
  Stages stages;
  std::string_view command;
};
constexpr std::array kStages = {StageName{Stages::kAll, "run"},
                                StageName{Stages::kCapture, "produce"},
                                StageName{Stages::kApply, "apply"}};

std::string OriginOf(const Config& config, const std::string& name) {
  const auto found = config.origin.find(name);
  return found == config.origin.end() ? std::string("default") : found->second;
}

std::string_view TreatmentText(Treatment treatment) {
  switch (treatment) {
    case Treatment::kHonoured:
      return "";
    case Treatment::kNothing:
      return "means nothing here: ";
    case Treatment::kDefaultOnly:
      return "only the default: ";
    case Treatment::kRefused:
      return "refused: ";
  }
  return "";
}

std::string ValuesText(const Option& option) {
  switch (option.kind) {
    case ValueKind::kText:
      return "text";
    case ValueKind::kSecret:
      return "secret";
    case ValueKind::kBool:
      return "true, false";
    case ValueKind::kNumber:
      return "number";
    case ValueKind::kMillis:
      return "milliseconds";
    case ValueKind::kEnum: {
      std::string values(option.values);
      for (size_t bar = values.find('|'); bar != std::string::npos; bar = values.find('|', bar)) {
        values.replace(bar, 1, ", ");
      }
      return values;
    }
    case ValueKind::kRegexList:
      return "expressions";
  }
  return "";
}

void PrintJson(const Config& config, Console& console) {
  std::string text;
  JsonWriter json(text);
  json.BeginObject();
  json.Key("settings").BeginArray();
  for (const auto& [name, value] : PublicSettings(config)) {
    json.BeginObject();
    json.Key("name").String(name);
    json.Key("value").String(value);
    json.Key("origin").String(OriginOf(config, name));
    json.EndObject();
  }
  json.EndArray();
  json.Key("notices").BeginArray();
  for (const std::string& notice : config.notices) json.String(notice);
  for (const std::string& loss : LossyModes(config)) json.String(loss);
  json.EndArray();
  json.Key("complete_for").BeginArray();
  for (const StageName& stage : kStages) {
    if (CheckComplete(config, stage.stages).ok()) json.String(stage.command);
  }
  json.EndArray().EndObject();
  console.out << text << '\n';
}

void PrintText(const Config& config, Console& console) {
  TextTable table({"SETTING", "VALUE", "FROM"});
  for (const auto& [name, value] : PublicSettings(config))
    table.Add({name, value, OriginOf(config, name)});
  console.out << table.ToString() << '\n';
  for (const std::string& notice : config.notices) console.out << "Note: " << notice << '\n';
  for (const std::string& loss : LossyModes(config)) console.out << "Note: " << loss << '\n';
  for (const StageName& stage : kStages) {
    const absl::Status status = CheckComplete(config, stage.stages);
    console.out << Cat("walrelay ", stage.command, ": ", status.ok() ? "complete" : Message(status),
                       "\n");
  }
}

}  // namespace

absl::Status CheckComplete(const Config& config, Stages stages) {
  if (stages != Stages::kApply) RETURN_IF_ERROR(MakeCaptureOptions(config).status());
  const OptionReader source(Section::kSource, config.source);
  if (source.Text("topic.prefix").empty()) {
    return absl::InvalidArgumentError("source.topic.prefix is missing: it names the topics");
  }
  const bool brokers =
      config.kafka.contains("bootstrap.servers") || config.kafka.contains("metadata.broker.list");
  if (!brokers) {
    return absl::InvalidArgumentError(
        "kafka.bootstrap.servers is missing (a connector does not have it, its worker does): give "
        "it in [kafka] of --config, as --set kafka.bootstrap.servers=host:port or as "
        "WALRELAY_KAFKA_BOOTSTRAP_SERVERS");
  }
  if (stages == Stages::kApply && !config.lake && !config.target) {
    return absl::InvalidArgumentError(
        "[lake] and [target] are both missing: there is nothing to apply to");
  }
  return absl::OkStatus();
}

absl::Status CheckConfigCommand(const Config& config, Console& console, bool json) {
  if (json) {
    PrintJson(config, console);
  } else {
    PrintText(config, console);
  }
  absl::Status first;
  for (const StageName& stage : kStages) {
    const absl::Status status = CheckComplete(config, stage.stages);
    if (status.ok()) return absl::OkStatus();
    if (first.ok()) first = status;
  }
  return first;
}

void ListOptions(Console& console) {
  for (const Section section : AllSections()) {
    console.out << Cat("[", SectionName(section), "]\n");
    if (section == Section::kKafka) {
      console.out << "  any property of librdkafka; see its CONFIGURATION.md. Known here:\n";
      for (const std::string& name : kafka::KnownProperties()) console.out << Cat("  ", name, "\n");
      continue;
    }
    for (const Option& option : AllOptions()) {
      if (option.section != section) continue;
      const std::string by_default =
          option.default_value.empty() ? std::string() : Cat(", default ", option.default_value);
      console.out << Cat("  ", option.name, "  (", ValuesText(option), by_default, ")\n      ",
                         TreatmentText(option.treatment), option.note, "\n");
    }
  }
}

}  // namespace walrelay::app
