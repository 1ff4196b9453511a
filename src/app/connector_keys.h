// What each key of a connector's configuration becomes in ours.
//
// Most keys are options of [source] under the same name. Those of Kafka's clients become
// librdkafka's in [kafka], those of the worker or of Debezium Server around the connector become
// [pipeline]'s, and a few mean nothing. Whether a value of [source] is honoured is the option
// table's business (option_table.h), as for every other layer. Pure.
// Source: OPTIONS.md §1.10; Debezium Server's manual ("Sink configuration", "Format
// configuration").
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/config_layers.h"
#include "app/connector_file.h"

namespace walrelay::app {

struct KeyMeaning {
  enum class Verdict { kTaken, kNothing, kRefused };
  std::string name;  // As in the file.
  std::string where;
  Verdict verdict = Verdict::kTaken;
  std::string note;          // Why it means nothing, or what to do.
  std::vector<Given> given;  // What it becomes.
};

// In the order of the file's keys. `environment` is for Debezium Server: DEBEZIUM_… variables stand
// above its file, and ${NAME} in a value means a property or a variable.
std::vector<KeyMeaning> MeaningsOf(const ConnectorFile& file,
                                   std::span<const std::string> environment);

// The layer that the file is. InvalidArgument for the first key that is unknown or refused, with
// place, name and what to do; what means nothing is added to `notices`.
absl::StatusOr<Layer> ConnectorLayer(const ConnectorFile& file,
                                     std::span<const std::string> environment,
                                     std::vector<std::string>& notices);

}  // namespace walrelay::app
