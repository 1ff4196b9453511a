#include "app/stage_options.h"

#include "app/envelope_options.h"
#include "app/public_settings.h"
#include "app/run_id.h"
#include "app/source_types.h"
#include "app/version.h"
#include "base/check.h"
#include "envelope/topic_names.h"

namespace walrelay::app {

absl::StatusOr<CaptureSettings> MakeCaptureSettings(const Config& config) {
  CaptureSettings settings;
  ASSIGN_OR_RETURN(settings.source, MakeCaptureOptions(config));
  ASSIGN_OR_RETURN(envelope::Options options,
                   MakeEnvelopeOptions(config, settings.source.filter_health));
  options.run_id = NewRunId(WallNow());
  settings.envelope = std::make_shared<const envelope::Options>(std::move(options));
  settings.kafka = config.kafka;
  ASSIGN_OR_RETURN(settings.topic_rules, TopicRules::Make(config, settings.source.filter_health));
  settings.pipeline = config.pipeline.name;
  settings.offset_topic = config.pipeline.offset_storage_topic;
  settings.offset_flush_interval = config.pipeline.offset_flush_interval;
  settings.options_hash = StreamOptionsHash(config);
  settings.exactly_once = config.pipeline.delivery != Delivery::kAtLeastOnce;
  settings.transactional = config.pipeline.delivery == Delivery::kTransactional;
  settings.transaction_limits.interval = config.pipeline.transaction_interval;
  settings.transaction_limits.bytes = config.pipeline.transaction_bytes;
  settings.accept_topic_mismatch = config.pipeline.accept_topic_mismatch;
  return settings;
}

namespace {

// Topics of table rows: under the prefix, but not those that Debezium writes beside them.
std::function<bool(const std::string&)> DataTopics(const envelope::Options& options) {
  return [prefix = options.topic_prefix + options.topic_delimiter,
          transactions = envelope::TransactionTopic(options),
          messages = envelope::MessageTopic(options),
          heartbeats = envelope::HeartbeatTopic(options)](const std::string& topic) {
    return topic.starts_with(prefix) && topic != transactions && topic != messages &&
           topic != heartbeats;
  };
}

// What the source's handling modes say of records that carry no schema block.
apply::SchemalessFormat FormatOf(const envelope::Options& options) {
  apply::SchemalessFormat format;
  format.decimals_are_text = options.decimal == envelope::DecimalMode::kString;
  format.money_digits = options.money_fraction_digits;
  switch (options.time) {
    case envelope::TimeMode::kAdaptive:
      break;
    case envelope::TimeMode::kAdaptiveTimeMicroseconds:
      format.time_digits = 6;
      format.only_timestamps_are_adaptive = true;
      break;
    case envelope::TimeMode::kConnect:
      format.times_are_adaptive = false;
      format.time_digits = 3;
      break;
    case envelope::TimeMode::kMicroseconds:
    case envelope::TimeMode::kIsoString:  // Texts say by themselves what they are.
      format.times_are_adaptive = false;
      format.time_digits = 6;
      break;
    case envelope::TimeMode::kNanoseconds:
      format.times_are_adaptive = false;
      format.time_digits = 9;
      break;
  }
  switch (options.binary) {
    case envelope::BinaryMode::kBytes:
    case envelope::BinaryMode::kBase64:
      format.binary = apply::SchemalessFormat::Binary::kBase64;
      break;
    case envelope::BinaryMode::kBase64UrlSafe:
      format.binary = apply::SchemalessFormat::Binary::kBase64UrlSafe;
      break;
    case envelope::BinaryMode::kHex:
      format.binary = apply::SchemalessFormat::Binary::kHex;
      break;
  }
  return format;
}

apply::SchemaPolicy PolicyOf(const SinkSettings& sink, const std::string& option) {
  const auto found = sink.schema.find(option);
  CHECK(found != sink.schema.end());
  if (found->second == "apply") return apply::SchemaPolicy::kApply;
  if (found->second == "ignore") return apply::SchemaPolicy::kIgnore;
  return found->second == "stop" ? apply::SchemaPolicy::kStop : apply::SchemaPolicy::kPark;
}

apply::SchemaPolicies PoliciesOf(const SinkSettings& sink) {
  return {.table_created = PolicyOf(sink, "schema.table.created"),
          .column_added = PolicyOf(sink, "schema.column.added"),
          .column_dropped = PolicyOf(sink, "schema.column.dropped"),
          .column_widened = PolicyOf(sink, "schema.column.widened"),
          .column_retyped = PolicyOf(sink, "schema.column.retyped"),
          .column_nullable = PolicyOf(sink, "schema.column.nullable")};
}

absl::StatusOr<SinkWorkerOptions> MakeSink(const Config& config, apply::SinkKind kind,
                                           const SinkSettings& sink,
                                           const envelope::Options& envelope) {
  const bool lake = kind == apply::SinkKind::kLake;
  SinkWorkerOptions options;
  options.stage = lake ? "lake" : "target";
  options.group = Cat("walrelay-", config.pipeline.name, "-", options.stage);
  options.kafka = config.kafka;
  options.takeover_group = config.pipeline.takeover_group;
  options.is_data_topic = DataTopics(envelope);
  options.sink.kind = kind;
  options.sink.pipeline = config.pipeline.name;
  options.sink.topic_prefix = envelope.topic_prefix;
  options.sink.target_table_format = sink.table_format;
  options.sink.unavailable_placeholder = envelope.unavailable_placeholder;
  options.sink.schemaless = FormatOf(envelope);
  options.sink.soft_deletes = sink.soft_deletes;
  if (sink.replication_role == "origin")
    options.sink.replication_role = apply::ReplicationRole::kOrigin;
  options.sink.park_tables = sink.park_tables;
  options.sink.schema = PoliciesOf(sink);
  options.sink.dead_letters_per_minute = sink.dead_letters_per_minute;
  options.sink.raw_days = sink.raw_days;
  options.sink.raw_keep_days = sink.raw_keep_days;
  if (sink.raw_payload == "json") options.sink.raw_payload = apply::RawPayload::kJson;
  if (sink.raw_payload == "text") options.sink.raw_payload = apply::RawPayload::kText;
  if (config.source.contains("database.hostname")) {
    ASSIGN_OR_RETURN(pg::ConnectionOptions source, MakeSourceConnection(config));
    source.SetDefault("application_name", Cat("walrelay types ", config.pipeline.name));
    options.sink.source_table = [types = std::make_shared<SourceTypes>(std::move(source))](
                                    const std::string& schema, const std::string& table) {
      return types->Read(schema, table);
    };
  } else if (!config.source.contains("binary.handling.mode")) {
    options.sink.schemaless.binary = apply::SchemalessFormat::Binary::kUnsaid;
  }
  auto connection = pg::ConnectionOptions::Parse(sink.connection);
  if (!connection.ok()) return Annotate(connection.status(), Cat(options.stage, ".connection"));
  options.sink.connection = *std::move(connection);
  return options;
}

// Lake and target read the same topics, each in a group of its own.
void ShareWork(const Config& config, const SinkSettings& sink, int worker,
               SinkWorkerOptions& options) {
  options.worker = options.sink.worker = worker;
  options.workers = sink.workers;
  options.sink.partial = sink.workers > 1;
  const auto group = config.kafka.find("group.id");
  if (group == config.kafka.end() || group->second.empty()) return;
  options.shared = options.sink.partial = true;
  options.sink.exclusive = false;
  options.sink.worker = 0;  // All members hold one lock.
  options.group = Cat(group->second, "-", options.stage);
  // A new partition is found by the member's own look at its topics.
  options.kafka.emplace("topic.metadata.refresh.interval.ms", "10000");
  const auto instance = options.kafka.find("group.instance.id");
  if (instance != options.kafka.end()) instance->second += Cat("-", options.stage, "-", worker);
}

// With all workers of each sink, or the first of them alone. No two share anything.
absl::StatusOr<std::vector<SinkWorkerOptions>> MakeSinks(const Config& config, Stages stages,
                                                         bool all_workers) {
  std::vector<SinkWorkerOptions> sinks;
  if (stages == Stages::kCapture) return sinks;
  const auto health = std::make_shared<FilterHealth>();
  ASSIGN_OR_RETURN(const envelope::Options envelope, MakeEnvelopeOptions(config, health));
  const auto add = [&](apply::SinkKind kind, const SinkSettings& settings) -> absl::Status {
    const int workers = all_workers ? settings.workers : 1;
    for (int worker = 0; worker < workers; ++worker) {
      ASSIGN_OR_RETURN(SinkWorkerOptions options, MakeSink(config, kind, settings, envelope));
      ShareWork(config, settings, worker, options);
      sinks.push_back(std::move(options));
    }
    return absl::OkStatus();
  };
  if (config.lake) RETURN_IF_ERROR(add(apply::SinkKind::kLake, *config.lake));
  if (config.target) RETURN_IF_ERROR(add(apply::SinkKind::kTarget, *config.target));
  return sinks;
}

}  // namespace

absl::StatusOr<std::vector<SinkWorkerOptions>> MakeSinkOptions(const Config& config,
                                                               Stages stages) {
  return MakeSinks(config, stages, false);
}

absl::StatusOr<std::vector<SinkWorkerOptions>> MakeWorkerOptions(const Config& config,
                                                                 Stages stages) {
  return MakeSinks(config, stages, true);
}

admin::PipelineView MakePipelineView(const Config& config) {
  admin::PipelineView view;
  view.name = config.pipeline.name;
  view.version = std::string(kVersion);
  view.compat = config.pipeline.compat;
  view.worker_id = config.admin.listen;
  view.config = PublicConnectorConfig(config);
  return view;
}

}  // namespace walrelay::app
