// Says of every key of a configuration what becomes of it here: honoured, means nothing, or refused
// with what to do; and writes a connector's configuration as ours.
//
// Looks at each key by itself; what options say together is LoadConfig's business. References are
// checked for a provider that is known, and resolved where that is possible here: whoever explains
// a configuration need not be on the machine that has its secrets. Values of secrets never stand in
// a report. Reads the files that references name, nothing else. Source: OPTIONS.md §1.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "app/config_layers.h"
#include "app/connector_keys.h"

namespace walrelay::app {

enum class KeyVerdict { kHonoured, kNothing, kRefused };
std::string_view VerdictText(KeyVerdict verdict);  // "honoured", "means nothing", "refused".

struct KeyReport {
  std::string name;   // As it was given.
  std::string where;  // File and line, variable, --set.
  std::string value;  // As it may be shown.
  KeyVerdict verdict = KeyVerdict::kHonoured;
  std::string note;          // What it does here, why it does nothing, what to do instead.
  std::vector<Given> given;  // What it becomes; holds secrets.
};

std::vector<KeyReport> ReportConnector(const ConnectorFile& file,
                                       std::span<const std::string> environment);
// Of a layer that is ours already.
std::vector<KeyReport> ReportLayer(const Layer& layer, std::span<const std::string> environment);

struct ImportedConfig {
  std::string toml;
  std::vector<std::string> notes;  // What the user has to do: secrets to provide, keys to add.
};
// The honoured keys as a file of ours, the others as comments. A secret that stood there in clear
// becomes a reference to a variable, one that was a reference stays one.
ImportedConfig WriteImported(std::span<const KeyReport> reports, std::string_view file_name);

}  // namespace walrelay::app
