#include "app/config.h"

#include "app/capture_options.h"
#include "app/config_layers.h"
#include "app/connector_keys.h"
#include "app/envelope_options.h"
#include "app/interpolate.h"
#include "app/option_table.h"
#include "app/public_settings.h"
#include "app/topic_rules.h"
#include "app/transform_options.h"
#include "base/check.h"
#include "kafka/client_options.h"
#include "pg/connection_options.h"

namespace walrelay::app {
namespace {

// All settings of one section, the upper layers over the lower ones.
class Merged {
 public:
  void Add(const Layer& layer) {
    for (const Section section : layer.sections) sections_[section];
    for (const Given& given : layer.given)
      sections_[given.section].insert_or_assign(given.key, given);
  }
  bool Has(Section section) const { return sections_.contains(section); }
  Settings Of(Section section) const {
    Settings settings;
    if (!Has(section)) return settings;
    for (const auto& [key, given] : sections_.at(section)) settings[key] = given.value;
    return settings;
  }
  Layer AsLayer() const {
    Layer layer;
    for (const auto& [section, keys] : sections_) {
      layer.sections.push_back(section);
      for (const auto& [key, given] : keys) layer.given.push_back(given);
    }
    return layer;
  }
  template <class Visitor>
  absl::Status ForEach(Visitor visit) {
    for (auto& [section, keys] : sections_) {
      for (auto& [key, given] : keys) RETURN_IF_ERROR(visit(given));
    }
    return absl::OkStatus();
  }

 private:
  std::map<Section, std::map<std::string, Given>> sections_;
};

std::string FullName(const Given& given) {
  return Cat(SectionName(given.section), ".", PublicOptionName(given.section, given.key));
}

// The texts of the files that a configuration is made from.
struct Texts {
  std::optional<std::string_view> toml;
  std::string_view file_name;
  std::optional<std::string_view> connector;
};

absl::StatusOr<Merged> Merge(const Texts& texts, const ConfigInputs& inputs,
                             std::vector<std::string>& notices) {
  Merged merged;
  if (texts.toml) {
    ASSIGN_OR_RETURN(const Layer file, TomlLayer(*texts.toml, texts.file_name));
    merged.Add(file);
  } else if (!texts.connector) {
    merged.Add(BuiltInLayer());
  }
  if (texts.connector) {
    ASSIGN_OR_RETURN(const ConnectorFile file,
                     ReadConnector(*texts.connector, inputs.connector.value_or("connector")));
    ASSIGN_OR_RETURN(const Layer connector, ConnectorLayer(file, inputs.environment, notices));
    merged.Add(connector);
  }
  ASSIGN_OR_RETURN(const Layer environment, EnvironmentLayer(inputs.environment, merged.AsLayer()));
  merged.Add(environment);
  ASSIGN_OR_RETURN(const Layer sets, SetLayer(inputs.sets));
  merged.Add(sets);
  return merged;
}

// Resolves references, checks each value, and notes what means nothing here.
absl::Status Settle(Given& given, const ConfigInputs& inputs, Config& config) {
  const std::string name = FullName(given);
  const bool literal = given.value.find("${") == std::string::npos;
  const bool connection = given.key == "connection";
  auto value =
      Interpolate(given.value, inputs.environment, connection ? WriteInConnection : WritePlain);
  if (!value.ok())
    return absl::InvalidArgumentError(Cat(given.where, ": ", name, ": ", Message(value.status())));
  given.value = *std::move(value);
  config.origin[Cat(SectionName(given.section), ".", given.key)] = given.where;

  if (literal && given.where == "--set" && HoldsSecret(given.section, given.key, given.value)) {
    config.notices.push_back(
        Cat("--set ", name,
            " puts a secret on the command line, where every user of this machine "
            "can read it; use the environment or ${file:path:key}"));
  }
  if (given.section == Section::kKafka) return absl::OkStatus();

  const Option* option = FindOption(given.section, given.key);
  CHECK(option != nullptr);
  if (const absl::Status status = CheckValue(*option, name, given.value); !status.ok()) {
    return absl::InvalidArgumentError(Cat(given.where, ": ", Message(status)));
  }
  if (option->treatment == Treatment::kNothing && given.value != option->default_value) {
    config.notices.push_back(Cat(name, " means nothing here: ", option->note));
  }
  return absl::OkStatus();
}

absl::Status FillPipeline(const Merged& merged, Config& config) {
  const Settings given = merged.Of(Section::kPipeline);
  const OptionReader reader(Section::kPipeline, given);
  config.pipeline.name = reader.Text("name");
  config.pipeline.compat = reader.Text("compat");
  const std::string delivery = reader.Enum("delivery");
  config.pipeline.delivery = delivery == "at-least-once"   ? Delivery::kAtLeastOnce
                             : delivery == "transactional" ? Delivery::kTransactional
                                                           : Delivery::kExactlyOnce;
  config.pipeline.transaction_interval = reader.Millis("transaction.interval.ms");
  config.pipeline.transaction_bytes =
      static_cast<uint64_t>(reader.Number("transaction.max.bytes"));
  config.pipeline.accept_topic_mismatch = reader.Enum("topic.mismatch") == "accept";
  config.pipeline.offset_storage_topic = reader.Text("offset.storage.topic");
  config.pipeline.takeover_group = reader.Text("takeover.group.id");
  config.pipeline.offset_flush_interval = reader.Millis("offset.flush.interval.ms");

  const auto source_name = OptionReader(Section::kSource, config.source).Given("name");
  if (!source_name) return absl::OkStatus();
  if (reader.Given("name") && *source_name != config.pipeline.name) {
    return absl::InvalidArgumentError(Cat(
        config.origin["source.name"], ": source.name and pipeline.name differ; keep one of them"));
  }
  config.pipeline.name = *source_name;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<SinkSettings>> FillSink(const Merged& merged, Section section) {
  if (!merged.Has(section)) return std::nullopt;
  const Settings given = merged.Of(section);
  const OptionReader reader(section, given);
  SinkSettings sink = {.connection = reader.Text("connection"),
                       .table_format = reader.Text("table.format")};
  sink.dead_letters_per_minute = reader.Number("dead.letters.per.minute");
  sink.workers = static_cast<int>(reader.Number("workers"));
  sink.soft_deletes = reader.Text("deletes") == "soft";
  sink.replication_role = reader.Text("replication.role");
  sink.park_tables = reader.Text("table.mismatch") == "park";
  for (const Option& option : AllOptions()) {
    if (option.section == section && option.name.starts_with("schema."))
      sink.schema[std::string(option.name)] = reader.Enum(option.name);
  }
  if (section == Section::kLake) {
    sink.raw_payload = reader.Text("raw.payload");
    sink.raw_days = reader.Text("raw.partition") == "day";
    sink.raw_keep_days = reader.Number("raw.retention.days");
    if (sink.raw_keep_days > 0 && !sink.raw_days) {
      return absl::InvalidArgumentError(
          "lake.raw.retention.days drops partitions of a day: it needs lake.raw.partition = day");
    }
  }
  const std::string_view name = SectionName(section);
  if (sink.connection.empty()) {
    return absl::InvalidArgumentError(Cat(
        name, ".connection is missing; give a libpq connection string, or leave [", name, "] out"));
  }
  if (const auto parsed = pg::ConnectionOptions::Parse(sink.connection); !parsed.ok()) {
    return absl::InvalidArgumentError(Cat(name, ".connection: ", Message(parsed.status())));
  }
  if (sink.table_format.find("${table}") == std::string::npos) {
    return absl::InvalidArgumentError(Cat(name, ".table.format = '", sink.table_format,
                                          "' must hold ${table}, or all tables would be one"));
  }
  return sink;
}

absl::Status Fill(const Merged& merged, Config& config) {
  config.source = merged.Of(Section::kSource);
  config.kafka = merged.Of(Section::kKafka);
  RETURN_IF_ERROR(FillPipeline(merged, config));
  ASSIGN_OR_RETURN(config.lake, FillSink(merged, Section::kLake));
  ASSIGN_OR_RETURN(config.target, FillSink(merged, Section::kTarget));
  const Settings admin = merged.Of(Section::kAdmin);
  const OptionReader admin_reader(Section::kAdmin, admin);
  config.admin.listen = admin_reader.Text("listen");
  config.admin.allow_remote = admin_reader.Bool("allow.remote");
  const Settings log = merged.Of(Section::kLog);
  const OptionReader log_reader(Section::kLog, log);
  config.log = {.level = log_reader.Enum("level"), .format = log_reader.Enum("format")};

  if (const absl::Status status = kafka::ValidateOptions(config.kafka); !status.ok()) {
    return absl::InvalidArgumentError(
        Cat(config.file.empty() ? "" : Cat(config.file, ": "), "[kafka]: ", Message(status)));
  }
  RETURN_IF_ERROR(CheckCaptureOptions(config));
  RETURN_IF_ERROR(TopicRules::Make(config, std::make_shared<FilterHealth>()).status());
  for (std::string& notice : TransformNotices(config)) config.notices.push_back(std::move(notice));
  return MakeEnvelopeOptions(config, std::make_shared<FilterHealth>()).status();
}

// A connector's configuration may leave these to its worker, whose own we do not see.
void NoteConverters(Config& config) {
  for (const std::string_view name : {"key.converter", "value.converter"}) {
    if (config.source.contains(std::string(name))) continue;
    config.notices.push_back(Cat("source.", name,
                                 " is not given: JsonConverter with schemas here (in Connect the "
                                 "worker's default counts; give it if that is another)"));
  }
}

}  // namespace

absl::StatusOr<Config> ParseConfig(std::optional<std::string_view> toml, std::string_view file_name,
                                   const ConfigInputs& inputs,
                                   std::optional<std::string_view> connector) {
  Config config;
  if (toml) {
    config.file = file_name;
  } else if (connector) {
    config.file = inputs.connector.value_or("connector");
  }
  const Texts texts = {.toml = toml, .file_name = file_name, .connector = connector};
  ASSIGN_OR_RETURN(Merged merged, Merge(texts, inputs, config.notices));
  RETURN_IF_ERROR(merged.ForEach([&](Given& given) { return Settle(given, inputs, config); }));
  RETURN_IF_ERROR(Fill(merged, config));
  if (merged.Has(Section::kSource) && !config.source.contains("plugin.name")) {
    config.notices.push_back(
        "source.plugin.name is not given: pgoutput here (Debezium would take decoderbufs)");
  }
  if (connector) NoteConverters(config);
  return config;
}

absl::StatusOr<Config> LoadConfig(const ConfigInputs& inputs) {
  std::optional<std::string> text;
  if (inputs.file) {
    ASSIGN_OR_RETURN(text, ReadTextFile(*inputs.file));
  }
  std::optional<std::string> connector;
  if (inputs.connector) {
    ASSIGN_OR_RETURN(connector, ReadTextFile(*inputs.connector));
  }
  return ParseConfig(text, inputs.file.value_or(""), inputs, connector);
}

}  // namespace walrelay::app
