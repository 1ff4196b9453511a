// What an option of Java's Kafka clients is called in librdkafka, and what becomes of its value.
//
// The options that stand as producer.override.* in a connector's configuration, and as
// debezium.sink.kafka.producer.* in Debezium Server's. Pure. Source: Kafka 4.3's documentation,
// "Producer Configs"; librdkafka's CONFIGURATION.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace walrelay::app {

// Becomes these options of [kafka]; none where ours is the same anyway.
struct MappedOptions {
  std::vector<std::pair<std::string, std::string>> options;
};
// Means nothing here, because.
struct MeansNothing {
  std::string why;
};
// Cannot be honoured; what to do.
struct RefusedOption {
  std::string why;
};
using JavaOptionMeaning = std::variant<MappedOptions, MeansNothing, RefusedOption>;

JavaOptionMeaning MeaningOfJavaOption(std::string_view name, std::string_view value);

}  // namespace walrelay::app
