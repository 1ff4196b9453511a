#include "app/connector_file.h"

#include <algorithm>
#include <array>
#include <map>

#include "app/interpolate.h"
#include "base/json.h"

namespace walrelay::app {
namespace {

absl::StatusOr<std::string> ScalarText(const JsonValue& value) {
  switch (value.kind()) {
    case JsonKind::kString:
    case JsonKind::kNumber:
      return std::string(value.text());
    case JsonKind::kTrue:
      return std::string("true");
    case JsonKind::kFalse:
      return std::string("false");
    case JsonKind::kMissing:
    case JsonKind::kNull:
    case JsonKind::kArray:
    case JsonKind::kObject:
      break;
  }
  return absl::InvalidArgumentError("must be text, a number, true or false");
}

absl::StatusOr<std::vector<ConnectorKey>> Members(const JsonValue& object,
                                                  const std::string& file_name) {
  std::map<std::string, ConnectorKey> keys;
  for (auto it = object.begin(); it != object.end(); ++it) {
    const std::string name(it.name());
    if ((*it).is_null()) continue;  // As with Connect: not given.
    auto value = ScalarText(*it);
    if (!value.ok()) {
      return absl::InvalidArgumentError(Cat(file_name, ": ", name, " ", Message(value.status())));
    }
    keys[name] = {.name = name, .value = *std::move(value), .where = file_name};
  }
  std::vector<ConnectorKey> sorted;
  for (auto& [name, key] : keys) sorted.push_back(std::move(key));
  return sorted;
}

// What stands beside `config` in a body that is sent to Connect or comes from it.
absl::Status CheckBodyMembers(const JsonValue& body, const std::string& file_name) {
  constexpr std::array<std::string_view, 5> kKnown = {"name", "config", "tasks", "type",
                                                      "initial_state"};
  for (auto it = body.begin(); it != body.end(); ++it) {
    if (std::ranges::find(kKnown, it.name()) != kKnown.end()) continue;
    return absl::InvalidArgumentError(
        Cat(file_name, ": '", it.name(),
            "' stands beside config; options belong inside it, and beside it only name"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ConnectorFile> ReadJson(std::string_view text, const std::string& file_name) {
  JsonReader reader;
  const auto root = reader.Parse(text);
  if (!root.ok()) {
    return absl::InvalidArgumentError(
        Cat(file_name, " is not valid JSON: ", Message(root.status())));
  }
  ConnectorFile file;
  JsonValue config = *root;
  if ((*root)["config"].is_object()) {
    RETURN_IF_ERROR(CheckBodyMembers(*root, file_name));
    config = (*root)["config"];
    file.name = std::string((*root)["name"].text());
  }
  if (!config.is_object()) {
    return absl::InvalidArgumentError(
        Cat(file_name, ": must be an object of options, or one with name and config"));
  }
  ASSIGN_OR_RETURN(file.keys, Members(config, file_name));
  return file;
}

ConnectorFile ReadProperties(std::string_view text, const std::string& file_name) {
  ConnectorFile file;
  for (auto& [name, value] : ParseProperties(text)) {
    file.keys.push_back({.name = name, .value = value, .where = file_name});
  }
  return file;
}

bool HasLineBeginning(std::string_view text, std::string_view begin) {
  return text.starts_with(begin) || text.find(Cat("\n", begin)) != std::string_view::npos;
}

absl::StatusOr<ConnectorFile> ReadAnyForm(std::string_view text, const std::string& file_name) {
  const size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string_view::npos) {
    return absl::InvalidArgumentError(Cat(file_name, " is empty"));
  }
  if (text[first] == '{') return ReadJson(text.substr(first), file_name);
  const bool yaml = file_name.ends_with(".yaml") || file_name.ends_with(".yml") ||
                    HasLineBeginning(text, "apiVersion:");
  if (yaml) return ReadYamlConnector(text, file_name);
  return ReadProperties(text, file_name);
}

}  // namespace

absl::StatusOr<ConnectorFile> ReadConnector(std::string_view text, const std::string& file_name) {
  ASSIGN_OR_RETURN(ConnectorFile file, ReadAnyForm(text, file_name));
  const bool server = std::ranges::any_of(
      file.keys, [](const ConnectorKey& key) { return key.name.starts_with("debezium."); });
  if (server) file.kind = ConnectorFile::Kind::kDebeziumServer;
  if (file.keys.empty()) {
    return absl::InvalidArgumentError(Cat(file_name, " holds no options"));
  }
  return file;
}

}  // namespace walrelay::app
