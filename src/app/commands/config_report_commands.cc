#include "app/commands/config_report_commands.h"

#include <algorithm>

#include "app/config_report.h"
#include "app/interpolate.h"
#include "base/json.h"

namespace walrelay::app {
namespace {

bool IsToml(const std::string& file) { return file.ends_with(".toml"); }

absl::StatusOr<std::vector<KeyReport>> ReportOfFile(const std::string& file,
                                                    std::span<const std::string> environment) {
  ASSIGN_OR_RETURN(const std::string text, ReadTextFile(file));
  if (IsToml(file)) {
    ASSIGN_OR_RETURN(const Layer layer, TomlLayer(text, file));
    return ReportLayer(layer, environment);
  }
  ASSIGN_OR_RETURN(const ConnectorFile connector, ReadConnector(text, file));
  return ReportConnector(connector, environment);
}

void Append(std::vector<KeyReport>& all, std::vector<KeyReport> more) {
  std::ranges::move(more, std::back_inserter(all));
}

// All layers of a configuration, the lowest first.
absl::StatusOr<std::vector<KeyReport>> ReportOfInputs(const ConfigInputs& inputs) {
  std::vector<KeyReport> all;
  if (inputs.file) {
    ASSIGN_OR_RETURN(all, ReportOfFile(*inputs.file, inputs.environment));
  } else if (!inputs.connector) {
    all = ReportLayer(BuiltInLayer(), inputs.environment);
  }
  if (inputs.connector) {
    ASSIGN_OR_RETURN(auto connector, ReportOfFile(*inputs.connector, inputs.environment));
    Append(all, std::move(connector));
  }
  Layer below;
  for (const KeyReport& report : all) {
    below.given.insert(below.given.end(), report.given.begin(), report.given.end());
  }
  ASSIGN_OR_RETURN(const Layer environment, EnvironmentLayer(inputs.environment, below));
  Append(all, ReportLayer(environment, inputs.environment));
  ASSIGN_OR_RETURN(const Layer sets, SetLayer(inputs.sets));
  Append(all, ReportLayer(sets, inputs.environment));
  return all;
}

void PrintJson(const std::vector<KeyReport>& reports, Console& console) {
  std::string text;
  JsonWriter json(text);
  json.BeginArray();
  for (const KeyReport& report : reports) {
    json.BeginObject();
    json.Key("name").String(report.name);
    json.Key("value").String(report.value);
    json.Key("where").String(report.where);
    json.Key("verdict").String(VerdictText(report.verdict));
    json.Key("note").String(report.note);
    json.EndObject();
  }
  json.EndArray();
  console.out << text << '\n';
}

size_t Count(const std::vector<KeyReport>& reports, KeyVerdict verdict) {
  return static_cast<size_t>(std::ranges::count(reports, verdict, &KeyReport::verdict));
}

void PrintText(const std::vector<KeyReport>& reports, Console& console) {
  TextTable table({"KEY", "VALUE", "HERE", "WHY"});
  for (const KeyReport& report : reports) {
    table.Add({report.name, report.value, std::string(VerdictText(report.verdict)), report.note});
  }
  console.out << table.ToString() << '\n'
              << Cat(Count(reports, KeyVerdict::kHonoured), " honoured, ",
                     Count(reports, KeyVerdict::kNothing), " mean nothing here, ",
                     Count(reports, KeyVerdict::kRefused), " refused\n");
}

absl::Status RefusalOf(const std::vector<KeyReport>& reports) {
  const auto first = std::ranges::find(reports, KeyVerdict::kRefused, &KeyReport::verdict);
  if (first == reports.end()) return absl::OkStatus();
  const size_t more = Count(reports, KeyVerdict::kRefused) - 1;
  return absl::InvalidArgumentError(Cat(first->where, ": ", first->name, ": ", first->note,
                                        more == 0 ? "" : Cat(" (and ", more, " more)")));
}

}  // namespace

absl::Status ExplainConfigCommand(const ConfigInputs& inputs,
                                  const std::optional<std::string>& file, Console& console,
                                  bool json) {
  std::vector<KeyReport> reports;
  ConfigInputs together = inputs;
  if (file) {
    ASSIGN_OR_RETURN(reports, ReportOfFile(*file, inputs.environment));
    (IsToml(*file) ? together.file : together.connector) = *file;
  } else {
    ASSIGN_OR_RETURN(reports, ReportOfInputs(inputs));
  }
  if (json) {
    PrintJson(reports, console);
  } else {
    PrintText(reports, console);
  }
  RETURN_IF_ERROR(RefusalOf(reports));
  const bool unresolved = std::ranges::any_of(reports, [](const KeyReport& report) {
    return report.note.starts_with("cannot be resolved here");
  });
  return unresolved ? absl::OkStatus() : LoadConfig(together).status();
}

absl::Status ImportConfigCommand(const ConfigInputs& inputs, const std::string& file,
                                 Console& console) {
  if (IsToml(file)) {
    return absl::InvalidArgumentError(Cat(file, " is a file of walrelay's already"));
  }
  ASSIGN_OR_RETURN(const auto reports, ReportOfFile(file, inputs.environment));
  const ImportedConfig imported = WriteImported(reports, file);
  console.out << imported.toml;
  for (const std::string& note : imported.notes) console.err << "Note: " << note << '\n';
  return RefusalOf(reports);
}

}  // namespace walrelay::app
