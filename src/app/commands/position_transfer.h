// walrelay position export and import: Debezium's offset carried out of, and into, the topic in
// which Debezium on Kafka Connect and walrelay keep it.
//
// Two forms: the file of Debezium Server (envelope/offset_file.h), and the JSON of Connect's REST
// (GET and PATCH /connectors/NAME/offsets). A start takes an imported offset like one that Debezium
// has written since we ran: it wins. Exit codes: exit_code.h. Source: DESIGN.md §2 "Two-way door";
// Kafka's KIP-875.
#pragma once

#include <memory>
#include <string>

#include "app/config.h"
#include "app/console.h"
#include "app/kafka_link.h"
#include "base/status.h"

namespace walrelay::app {

// The door to position and offset records. `memory` and `counters` outlive it.
absl::StatusOr<std::unique_ptr<KafkaLink>> OpenPositionLink(const Config& config,
                                                            PositionMemory& memory,
                                                            admin::CaptureCounters& counters);

// With a file: Debezium Server's form. Without: Connect's, to `console.out`.
absl::Status ExportPositionCommand(const Config& config, Console& console, const std::string& file,
                                   const Consent& consent);

// Reads either form. The entry is the one of this topic.prefix, whatever the connector's name was.
// Asks, because the position that it replaces is not used again.
absl::Status ImportPositionCommand(const Config& config, Console& console, const std::string& file,
                                   const Consent& consent);

}  // namespace walrelay::app
