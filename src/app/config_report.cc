#include "app/config_report.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "app/interpolate.h"
#include "app/option_table.h"
#include "app/public_settings.h"
#include "kafka/client_options.h"

namespace walrelay::app {
namespace {

struct Judgement {
  KeyVerdict verdict = KeyVerdict::kHonoured;
  std::string note;
};

// The message without the place, which stands beside it.
std::string WithoutPlace(std::string_view message, std::string_view where) {
  const std::string prefix = Cat(where, ": ");
  return std::string(message.starts_with(prefix) ? message.substr(prefix.size()) : message);
}

// What a report judges its keys against.
struct Surroundings {
  std::span<const std::string> environment;
  Settings kafka;  // All of [kafka]: some options are valid only beside others.
};

Surroundings SurroundingsOf(std::span<const std::string> environment,
                            std::span<const Given* const> given) {
  Surroundings around{.environment = environment, .kafka = {}};
  for (const Given* each : given) {
    if (each->section != Section::kKafka) continue;
    if (const auto value = Interpolate(each->value, environment); value.ok()) {
      around.kafka[each->key] = *value;
    }
  }
  return around;
}

Judgement JudgeKafka(const Given& given, const std::string& value, const Surroundings& around) {
  const absl::Status alone = kafka::ValidateOptions({{given.key, value}});
  if (!alone.ok() && !kafka::ValidateOptions(around.kafka).ok()) {
    return {KeyVerdict::kRefused, std::string(Message(alone))};
  }
  return {KeyVerdict::kHonoured, Cat("kafka.", given.key)};
}

Judgement Judge(const Given& given, const Surroundings& around) {
  if (const absl::Status status = CheckName(given.section, given.key, given.where); !status.ok()) {
    return {KeyVerdict::kRefused, WithoutPlace(Message(status), given.where)};
  }
  if (const absl::Status status = CheckReferences(given.value); !status.ok()) {
    return {KeyVerdict::kRefused, std::string(Message(status))};
  }
  const auto value = Interpolate(given.value, around.environment);
  if (!value.ok()) {
    return {KeyVerdict::kHonoured, Cat("cannot be resolved here: ", Message(value.status()))};
  }
  if (given.section == Section::kKafka) return JudgeKafka(given, *value, around);

  const Option& option = *FindOption(given.section, given.key);
  const std::string name =
      Cat(SectionName(given.section), ".", PublicOptionName(given.section, given.key));
  if (const absl::Status status = CheckValue(option, name, *value); !status.ok()) {
    return {KeyVerdict::kRefused, std::string(Message(status))};
  }
  if (option.treatment == Treatment::kNothing)
    return {KeyVerdict::kNothing, std::string(option.note)};
  const bool renamed = given.section != Section::kSource;
  return {KeyVerdict::kHonoured, renamed ? Cat(name, ": ", option.note) : std::string(option.note)};
}

// The worst verdict counts, with its note.
void JudgeAll(KeyReport& report, const Surroundings& around) {
  for (const Given& given : report.given) {
    Judgement judgement = Judge(given, around);
    if (&given != &report.given.front() && judgement.verdict <= report.verdict) continue;
    report.verdict = judgement.verdict;
    report.note = std::move(judgement.note);
  }
}

std::string Shown(const std::vector<Given>& given) {
  if (given.empty()) return "";
  const Given& first = given.front();
  const bool reference = first.value.find("${") != std::string::npos;
  if (!reference && HoldsSecret(first.section, first.key, first.value)) return "********";
  return first.value;
}

std::string TomlText(std::string_view text) {
  const bool plain =
      text.find('\'') == std::string_view::npos && std::ranges::none_of(text, [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
      });
  if (plain && text.find('\\') != std::string_view::npos) return Cat("'", text, "'");
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04X", static_cast<unsigned>(c));
      quoted += escape;
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "\"";
}

// "database.password" as DATABASE_PASSWORD.
std::string VariableOf(std::string_view key) {
  std::string variable(key);
  std::ranges::transform(variable, variable.begin(), [](char c) {
    if (c >= 'a' && c <= 'z') return static_cast<char>(c - 'a' + 'A');
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
  });
  return variable;
}

// One value a line: comments must not break.
std::string OneLine(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

std::string_view VerdictText(KeyVerdict verdict) {
  switch (verdict) {
    case KeyVerdict::kHonoured:
      return "honoured";
    case KeyVerdict::kNothing:
      return "means nothing";
    case KeyVerdict::kRefused:
      return "refused";
  }
  return "";
}

std::vector<KeyReport> ReportConnector(const ConnectorFile& file,
                                       std::span<const std::string> environment) {
  std::vector<KeyReport> reports;
  std::vector<KeyMeaning> meanings = MeaningsOf(file, environment);
  std::vector<const Given*> all;
  for (const KeyMeaning& meaning : meanings) {
    for (const Given& given : meaning.given) all.push_back(&given);
  }
  const Surroundings around = SurroundingsOf(environment, all);
  for (KeyMeaning& meaning : meanings) {
    KeyReport report{.name = meaning.name,
                     .where = meaning.where,
                     .value = Shown(meaning.given),
                     .verdict = KeyVerdict::kHonoured,
                     .note = meaning.note,
                     .given = std::move(meaning.given)};
    switch (meaning.verdict) {
      case KeyMeaning::Verdict::kTaken:
        JudgeAll(report, around);
        break;
      case KeyMeaning::Verdict::kNothing:
        report.verdict = KeyVerdict::kNothing;
        break;
      case KeyMeaning::Verdict::kRefused:
        report.verdict = KeyVerdict::kRefused;
        break;
    }
    if (report.given.size() == 1 && report.name == report.given.front().key) {
      report.name = PublicOptionName(report.given.front().section, report.name);
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

std::vector<KeyReport> ReportLayer(const Layer& layer, std::span<const std::string> environment) {
  std::vector<KeyReport> reports;
  std::vector<const Given*> all;
  for (const Given& given : layer.given) all.push_back(&given);
  const Surroundings around = SurroundingsOf(environment, all);
  for (const Given& given : layer.given) {
    KeyReport report{
        .name = Cat(SectionName(given.section), ".", PublicOptionName(given.section, given.key)),
        .where = given.where,
        .value = Shown({given}),
        .verdict = KeyVerdict::kHonoured,
        .note = "",
        .given = {given}};
    JudgeAll(report, around);
    reports.push_back(std::move(report));
  }
  return reports;
}

ImportedConfig WriteImported(std::span<const KeyReport> reports, std::string_view file_name) {
  ImportedConfig imported;
  std::map<Section, std::map<std::string, std::string>> sections;
  std::string others;
  for (const KeyReport& report : reports) {
    if (report.verdict != KeyVerdict::kHonoured) {
      others += Cat("# ", VerdictText(report.verdict), ": ", report.name, ": ",
                    OneLine(report.note), "\n");
      continue;
    }
    for (const Given& given : report.given) {
      std::string value = given.value;
      const bool reference = value.find("${") != std::string::npos;
      if (!reference && HoldsSecret(given.section, given.key, value)) {
        const std::string variable = VariableOf(given.key);
        value = Cat("${env:", variable, "}");
        imported.notes.push_back(Cat(report.name, " stood there in clear: set ", variable,
                                     " in the environment, or write ${file:path:key} instead"));
      }
      sections[given.section][given.key] = std::move(value);
    }
  }
  if (!sections[Section::kKafka].contains("bootstrap.servers")) {
    imported.notes.push_back(
        "kafka.bootstrap.servers is missing: a connector does not have it, its worker does");
  }
  imported.toml = Cat("# From ", file_name, ".\n");
  for (const Section section : AllSections()) {
    const auto& keys = sections[section];
    if (keys.empty() && section != Section::kKafka) continue;
    imported.toml += Cat("\n[", SectionName(section), "]\n");
    for (const auto& [key, value] : keys) {
      imported.toml += Cat(TomlText(key), " = ", TomlText(value), "\n");
    }
  }
  if (!others.empty()) imported.toml += Cat("\n", others);
  return imported;
}

}  // namespace walrelay::app
