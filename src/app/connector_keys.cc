#include "app/connector_keys.h"

#include <algorithm>
#include <map>
#include <type_traits>

#include "app/java_kafka_options.h"
#include "app/option_table.h"

namespace walrelay::app {
namespace {

using Verdict = KeyMeaning::Verdict;

KeyMeaning Taken(const ConnectorKey& key, Section section, std::string_view name,
                 std::string value) {
  KeyMeaning meaning{.name = key.name, .where = key.where, .note = "", .given = {}};
  meaning.given.push_back({section, std::string(name), std::move(value), key.where});
  return meaning;
}

KeyMeaning Nothing(const ConnectorKey& key, std::string_view why) {
  return {.name = key.name,
          .where = key.where,
          .verdict = Verdict::kNothing,
          .note = std::string(why),
          .given = {}};
}

KeyMeaning Refused(const ConnectorKey& key, std::string_view why) {
  return {.name = key.name,
          .where = key.where,
          .verdict = Verdict::kRefused,
          .note = std::string(why),
          .given = {}};
}

// The rest of `name` behind `prefix`; nullopt where it does not begin so.
std::optional<std::string_view> Behind(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  return name.substr(prefix.size());
}

KeyMeaning KafkaClientKey(const ConnectorKey& key, std::string_view java_name) {
  const JavaOptionMeaning meaning = MeaningOfJavaOption(java_name, key.value);
  if (const auto* nothing = std::get_if<MeansNothing>(&meaning)) return Nothing(key, nothing->why);
  if (const auto* refused = std::get_if<RefusedOption>(&meaning)) return Refused(key, refused->why);
  KeyMeaning taken{.name = key.name, .where = key.where, .note = "", .given = {}};
  const auto& options = std::get<MappedOptions>(meaning).options;
  for (const auto& [name, value] : options) {
    taken.given.push_back({Section::kKafka, name, value, key.where});
  }
  if (options.empty()) taken.note = "always so here";
  return taken;
}

// A connector's own key: [source] but for those of the worker and of its Kafka clients.
KeyMeaning ConnectKey(const ConnectorKey& key, std::string_view name) {
  if (const auto java = Behind(name, "producer.override.")) return KafkaClientKey(key, *java);
  if (Behind(name, "consumer.override.")) {
    return Nothing(key, "a source connector does not consume; [kafka] serves every client here");
  }
  if (Behind(name, "admin.override.")) {
    return Nothing(key, "[kafka], with producer.override.* in it, serves every client here");
  }
  if (name == "offsets.storage.topic") {
    return Taken(key, Section::kPipeline, "offset.storage.topic", key.value);
  }
  return Taken(key, Section::kSource, name, key.value);
}

// --- Debezium Server ---

KeyMeaning ServerOffsetKey(const ConnectorKey& key, std::string_view name) {
  if (name == "offset.storage.topic") return Taken(key, Section::kPipeline, name, key.value);
  if (name == "offset.flush.interval.ms") return Taken(key, Section::kPipeline, name, key.value);
  if (name == "offset.flush.timeout.ms") return Nothing(key, "a flush has a limit of its own");
  return Nothing(key,
                 "positions are kept in Kafka; walrelay position import FILE takes over from the "
                 "offset file of a Debezium Server that has been stopped");
}

KeyMeaning ServerSourceKey(const ConnectorKey& key, std::string_view name) {
  if (name.starts_with("offset.")) return ServerOffsetKey(key, name);
  if (name.starts_with("schema.history.") || name.starts_with("database.history.")) {
    return Nothing(key, "the PostgreSQL connector keeps no schema history");
  }
  return ConnectKey(key, name);
}

std::string_view ConverterOf(std::string_view format) {
  if (format == "json" || format == "jsonbytearray")
    return "org.apache.kafka.connect.json.JsonConverter";
  if (format == "simplestring") return "org.apache.kafka.connect.storage.StringConverter";
  return {};
}

// debezium.format.key, .value, .header, what belongs to one of them, and what belongs to all.
KeyMeaning ServerFormatKey(const ConnectorKey& key, std::string_view name) {
  constexpr std::string_view kParts[] = {"key", "value", "header"};
  for (const std::string_view part : kParts) {
    if (name == part) {
      const std::string_view converter = ConverterOf(key.value);
      if (converter.empty()) return Refused(key, "only json and simplestring are built");
      return Taken(key, Section::kSource, Cat(part, ".converter"), std::string(converter));
    }
    if (const auto option = Behind(name, Cat(part, "."))) {
      return Taken(key, Section::kSource, Cat(part, ".converter.", *option), key.value);
    }
  }
  KeyMeaning all{.name = key.name, .where = key.where, .note = "", .given = {}};
  for (const std::string_view part : kParts) {
    all.given.push_back({Section::kSource, Cat(part, ".converter.", name), key.value, key.where});
  }
  return all;
}

KeyMeaning ServerSinkKey(const ConnectorKey& key, std::string_view name) {
  if (name == "type") {
    if (key.value != "kafka") {
      return Refused(key, "only the sink kafka is built; [lake] and [target] are databases");
    }
    KeyMeaning taken{.name = key.name, .where = key.where, .note = "always so here", .given = {}};
    return taken;
  }
  if (const auto java = Behind(name, "kafka.producer.")) return KafkaClientKey(key, *java);
  if (name == "kafka.wait.message.delivery.timeout.ms") {
    return Nothing(key, "a record is tried until Kafka has it");
  }
  if (name.starts_with("kafka.")) return Refused(key, "is not known; remove it");
  return Nothing(key, "belongs to another sink than kafka");
}

KeyMeaning ServerKey(const ConnectorKey& key) {
  if (const auto name = Behind(key.name, "debezium.source.")) return ServerSourceKey(key, *name);
  if (const auto name = Behind(key.name, "debezium.format.")) return ServerFormatKey(key, *name);
  if (const auto name = Behind(key.name, "debezium.sink.")) return ServerSinkKey(key, *name);
  for (const std::string_view chain : {"debezium.transforms", "debezium.predicates"}) {
    if (key.name == chain || key.name.starts_with(Cat(chain, "."))) {
      return Taken(key, Section::kSource, key.name.substr(std::string_view("debezium.").size()),
                   key.value);
    }
  }
  if (key.name == "debezium.termination.wait") return Nothing(key, "a stop takes at most 10 s");
  if (key.name.starts_with("debezium.")) {
    return Refused(key,
                   "is not known; Debezium Server has debezium.source., .sink., .format., "
                   ".transforms and .predicates");
  }
  return Nothing(key, "belongs to Debezium Server itself; see [admin] and [log]");
}

bool IsName(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
             std::string_view::npos;
}

bool IsProvider(std::string_view name) {
  return name == "env" || name == "file" || name == "directory" || name == "secrets" ||
         name == "vault";
}

// Debezium Server's ${NAME} and ${NAME:default}: a property of the file, else a variable.
class Expander {
 public:
  Expander(const std::map<std::string, ConnectorKey>& properties,
           std::span<const std::string> environment)
      : properties_(properties), environment_(environment) {}

  std::string Expand(std::string_view value, int depth = 0) const {
    std::string out;
    while (true) {
      const size_t open = value.find("${");
      if (open == std::string_view::npos) break;
      const size_t close = value.find('}', open);
      const bool escaped = open > 0 && value[open - 1] == '$';
      if (escaped || close == std::string_view::npos) {
        out.append(value.substr(0, open + 2));
        value.remove_prefix(open + 2);
        continue;
      }
      out.append(value.substr(0, open));
      out.append(Reference(value.substr(open, close - open + 1), depth));
      value.remove_prefix(close + 1);
    }
    return out.append(value);
  }

 private:
  std::string Reference(std::string_view whole, int depth) const {
    const std::string_view inside = whole.substr(2, whole.size() - 3);
    const size_t colon = inside.find(':');
    const std::string_view name = inside.substr(0, colon);
    if (!IsName(name) || (colon != std::string_view::npos && IsProvider(name))) {
      return std::string(whole);
    }
    const auto property = properties_.find(std::string(name));
    if (property != properties_.end() && depth < 10) {
      return Expand(property->second.value, depth + 1);
    }
    const bool set = std::ranges::any_of(environment_, [&](const std::string& entry) {
      return entry.starts_with(name) && entry.substr(name.size()).starts_with("=");
    });
    if (set || colon == std::string_view::npos) return Cat("${env:", name, "}");
    return std::string(inside.substr(colon + 1));
  }

  const std::map<std::string, ConnectorKey>& properties_;
  std::span<const std::string> environment_;
};

// DEBEZIUM_SOURCE_DATABASE_HOSTNAME as debezium.source.database.hostname.
std::string PropertyName(std::string_view variable) {
  std::string name(variable);
  std::ranges::transform(name, name.begin(), [](char c) {
    return c == '_' ? '.' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

std::vector<ConnectorKey> ServerKeys(const ConnectorFile& file,
                                     std::span<const std::string> environment) {
  std::map<std::string, ConnectorKey> keys;
  for (const ConnectorKey& key : file.keys) keys[key.name] = key;
  for (const std::string& entry : environment) {
    const std::string variable = entry.substr(0, entry.find('='));
    if (!variable.starts_with("DEBEZIUM_") || variable.size() == entry.size()) continue;
    const std::string name = PropertyName(variable);
    keys[name] = {.name = name, .value = entry.substr(variable.size() + 1), .where = variable};
  }
  const Expander expander(keys, environment);
  std::vector<ConnectorKey> expanded;
  for (const auto& [name, key] : keys) {
    expanded.push_back({.name = name, .value = expander.Expand(key.value), .where = key.where});
  }
  return expanded;
}

// What Debezium Server has by default, where the connector alone would have something else.
void AddServerDefaults(std::vector<KeyMeaning>& meanings) {
  const auto given = [&](Section section, std::string_view name) {
    return std::ranges::any_of(meanings, [&](const KeyMeaning& meaning) {
      return std::ranges::any_of(meaning.given, [&](const Given& each) {
        return each.section == section && each.key == name;
      });
    });
  };
  const auto add = [&](Section section, std::string_view name, std::string_view value) {
    const ConnectorKey key{.name = Cat("(", name, ")"),
                           .value = std::string(value),
                           .where = "Debezium Server's default"};
    meanings.push_back(Taken(key, section, name, key.value));
  };
  if (!given(Section::kSource, "header.converter")) {
    add(Section::kSource, "header.converter", ConverterOf("json"));
  }
  if (!given(Section::kSource, "name")) add(Section::kPipeline, "name", "kafka");
}

}  // namespace

std::vector<KeyMeaning> MeaningsOf(const ConnectorFile& file,
                                   std::span<const std::string> environment) {
  std::vector<KeyMeaning> meanings;
  switch (file.kind) {
    case ConnectorFile::Kind::kConnect:
      for (const ConnectorKey& key : file.keys) meanings.push_back(ConnectKey(key, key.name));
      if (!file.name.empty()) {
        const ConnectorKey key{
            .name = "name (beside config)", .value = file.name, .where = file.keys.front().where};
        meanings.push_back(Taken(key, Section::kPipeline, "name", file.name));
      }
      return meanings;
    case ConnectorFile::Kind::kDebeziumServer:
      for (const ConnectorKey& key : ServerKeys(file, environment)) {
        meanings.push_back(ServerKey(key));
      }
      AddServerDefaults(meanings);
      return meanings;
  }
  return meanings;
}

absl::StatusOr<Layer> ConnectorLayer(const ConnectorFile& file,
                                     std::span<const std::string> environment,
                                     std::vector<std::string>& notices) {
  Layer layer;
  layer.sections.push_back(Section::kSource);
  std::map<std::pair<Section, std::string>, size_t> places;
  for (KeyMeaning& meaning : MeaningsOf(file, environment)) {
    if (meaning.verdict == Verdict::kRefused) {
      return absl::InvalidArgumentError(
          Cat(meaning.where, ": ", meaning.name, " cannot be honoured: ", meaning.note));
    }
    if (meaning.verdict == Verdict::kNothing) {
      notices.push_back(Cat(meaning.name, " means nothing here: ", meaning.note));
    }
    for (Given& given : meaning.given) {
      RETURN_IF_ERROR(CheckName(given.section, given.key, given.where));
      // What belongs to all formats gives way to what belongs to one.
      const auto [place, first] =
          places.try_emplace({given.section, given.key}, layer.given.size());
      if (first) {
        layer.given.push_back(std::move(given));
      } else if (meaning.given.size() == 1) {
        layer.given[place->second] = std::move(given);
      }
    }
  }
  return layer;
}

}  // namespace walrelay::app
