#include "app/config_layers.h"

#include <algorithm>

#include "kafka/client_options.h"

namespace walrelay::app {
namespace {

constexpr std::string_view kPrefix = "WALRELAY_";

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string EnvironmentForm(std::string_view name) {
  std::string form;
  for (const char c : name) {
    if (!IsLetterOrDigit(c)) {
      form.push_back('_');
    } else {
      form.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    }
  }
  return form;
}

// Kubernetes sets such variables for a service that is called, say, walrelay-source: PORT,
// SERVICE_HOST, PORT_5432_TCP_ADDR.
bool IsServiceVariable(std::string_view rest) {
  return rest == "PORT" || rest.starts_with("SERVICE_") ||
         (rest.starts_with("PORT_") && rest.size() > 5 && rest[5] >= '0' && rest[5] <= '9');
}

std::vector<std::string> KnownNames(Section section) {
  if (section == Section::kKafka) return kafka::KnownProperties();
  std::vector<std::string> names;
  for (const Option& option : AllOptions()) {
    if (option.section == section) names.emplace_back(option.name);
  }
  return names;
}

// The keys of a section that an environment name may stand for.
std::vector<std::string> Candidates(Section section, std::string_view form, const Layer& below) {
  std::vector<std::string> keys;
  for (const Given& given : below.given) {
    if (given.section == section && EnvironmentForm(given.key) == form) return {given.key};
  }
  for (const std::string& name : KnownNames(section)) {
    if (name.find('<') == std::string::npos && EnvironmentForm(name) == form) keys.push_back(name);
  }
  if (!keys.empty() || section == Section::kKafka) return keys;

  // A pattern: what the wildcards stand for was written in upper case, and dots are lost. Taken as
  // lower case, dots.
  std::string dotted(form);
  std::ranges::transform(dotted, dotted.begin(), [](char c) {
    return c == '_' ? '.' : (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  });
  const Option* option = FindOption(section, dotted);
  if (option != nullptr && option->name == "column.truncate.to.<n>.chars") keys.push_back(dotted);
  if (option != nullptr && option->name == "column.mask.with.<n>.chars") keys.push_back(dotted);
  return keys;
}

absl::StatusOr<std::string> KeyOf(Section section, std::string_view variable, std::string_view form,
                                  const Layer& below) {
  const std::vector<std::string> keys = Candidates(section, form, below);
  if (keys.size() == 1) return keys.front();
  if (keys.size() > 1) {
    return absl::InvalidArgumentError(Cat("environment variable ", variable, " may mean ", keys[0],
                                          " or ", keys[1], "; use --set ", SectionName(section),
                                          ".", keys[0], "=…"));
  }
  std::vector<std::string> forms;
  for (const std::string& name : KnownNames(section)) forms.push_back(EnvironmentForm(name));
  const std::vector<std::string_view> views(forms.begin(), forms.end());
  const std::string nearest = NearestName(form, views);
  const std::string hint = nearest.empty()
                               ? std::string("")
                               : Cat("; did you mean ", kPrefix,
                                     EnvironmentForm(SectionName(section)), "_", nearest, "?");
  return absl::InvalidArgumentError(Cat("environment variable ", variable, " names no option of [",
                                        SectionName(section), "]", hint));
}

}  // namespace

absl::Status CheckName(Section section, std::string_view key, std::string_view where) {
  if (section == Section::kKafka) {
    const auto known = kafka::KnownProperties();
    if (std::ranges::find(known, key) != known.end()) return absl::OkStatus();
    const std::vector<std::string_view> views(known.begin(), known.end());
    const std::string nearest = NearestName(key, views);
    return absl::InvalidArgumentError(Cat(where, ": unknown option kafka.", key,
                                          nearest.empty()
                                              ? std::string("; [kafka] takes librdkafka's names")
                                              : Cat("; did you mean ", nearest, "?")));
  }
  if (FindOption(section, key) != nullptr) return absl::OkStatus();
  const std::string nearest = NearestOption(section, key);
  const std::string hint = nearest.empty()
                               ? std::string("; see walrelay config check --list-options")
                               : Cat("; did you mean ", nearest, "?");
  return absl::InvalidArgumentError(
      Cat(where, ": unknown option ", SectionName(section), ".", key, hint));
}

Layer BuiltInLayer() {
  constexpr std::string_view kWhere = "built-in configuration";
  Layer layer;
  const auto give = [&](Section section, std::string_view key, std::string_view value) {
    layer.given.push_back({section, std::string(key), std::string(value), std::string(kWhere)});
  };
  give(Section::kPipeline, "name", "postgres-source-connector");
  give(Section::kSource, "database.hostname", "localhost");
  give(Section::kSource, "database.port", "5433");
  give(Section::kSource, "database.user", "source_user");
  give(Section::kSource, "database.password", "source_password");
  give(Section::kSource, "database.dbname", "source_db");
  give(Section::kSource, "topic.prefix", "cdc");
  give(Section::kSource, "plugin.name", "pgoutput");
  give(Section::kSource, "slot.name", "debezium_slot");
  give(Section::kSource, "publication.name", "debezium_publication");
  give(Section::kKafka, "bootstrap.servers", "localhost:9092");
  give(Section::kLake, "connection",
       "host=localhost port=5434 dbname=datalake_db user=datalake_user password=datalake_password");
  give(Section::kTarget, "connection",
       "host=localhost port=5435 dbname=target_db user=target_user password=target_password");
  give(Section::kAdmin, "listen", "127.0.0.1:8083");
  for (const Section section : AllSections()) layer.sections.push_back(section);
  return layer;
}

absl::StatusOr<Layer> EnvironmentLayer(std::span<const std::string> environment,
                                       const Layer& below) {
  Layer layer;
  for (const std::string& entry : environment) {
    const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
    if (!name.starts_with(kPrefix) || name.size() == entry.size()) continue;
    for (const Section section : AllSections()) {
      const std::string prefix = Cat(kPrefix, EnvironmentForm(SectionName(section)), "_");
      if (!name.starts_with(prefix)) continue;
      const std::string_view form = name.substr(prefix.size());
      if (IsServiceVariable(form)) continue;
      ASSIGN_OR_RETURN(std::string key, KeyOf(section, name, form, below));
      layer.given.push_back(
          {section, std::move(key), entry.substr(name.size() + 1), std::string(name)});
      layer.sections.push_back(section);
    }
  }
  return layer;
}

absl::StatusOr<Layer> SetLayer(std::span<const std::string> sets) {
  Layer layer;
  for (const std::string& set : sets) {
    const std::string_view name = std::string_view(set).substr(0, set.find('='));
    const size_t dot = name.find('.');
    const auto section = ParseSection(name.substr(0, dot));
    if (name.size() == set.size() || dot == std::string_view::npos || !section) {
      return absl::InvalidArgumentError(
          Cat("--set '", name,
              "' must be section.key=value, with a section of: pipeline, source, kafka, lake, "
              "target, admin, log"));
    }
    const std::string_view key = name.substr(dot + 1);
    RETURN_IF_ERROR(CheckName(*section, key, "--set"));
    layer.given.push_back({*section, std::string(key), set.substr(name.size() + 1), "--set"});
    layer.sections.push_back(*section);
  }
  return layer;
}

}  // namespace walrelay::app
