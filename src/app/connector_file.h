// Reads the file in which a user keeps a Debezium configuration, whatever its form, into its keys.
//
// Known forms: a Connect POST body {"name":…,"config":{…}} (also what GET /connectors/NAME
// answers); a bare JSON map; a Strimzi KafkaConnector or any other YAML of keys; a .properties file
// of Connect standalone; Debezium Server's .properties or YAML. Values stay as they were written,
// references included. A key that stands there twice has its last value, as in Java.
// InvalidArgument names the file (and the line where the form has one), never a value. Pure.
// Source: OPTIONS.md §1.10; Kafka Connect's REST interface; Strimzi's KafkaConnector resource;
// Debezium Server's manual.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace walrelay::app {

struct ConnectorKey {
  std::string name;
  std::string value;
  std::string where;  // For messages: "connector.json", "connector.yaml:12".
};

struct ConnectorFile {
  enum class Kind {
    kConnect,         // Keys are a connector's own.
    kDebeziumServer,  // Keys begin with debezium. or quarkus.
  };
  Kind kind = Kind::kConnect;
  std::string name;  // The connector's, where it stands beside the configuration; may be empty.
  std::vector<ConnectorKey> keys;  // Sorted by name.
};

// `file_name` is what messages call it; its ending decides between YAML and properties.
absl::StatusOr<ConnectorFile> ReadConnector(std::string_view text, const std::string& file_name);

// The YAML part of it: nested maps as dotted keys, a list as texts separated by commas.
absl::StatusOr<ConnectorFile> ReadYamlConnector(std::string_view text,
                                                const std::string& file_name);

}  // namespace walrelay::app
