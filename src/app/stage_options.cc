#include "app/stage_options.h"

#include "app/envelope_options.h"
#include "app/public_settings.h"
#include "app/run_id.h"
#include "app/version.h"
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
  settings.topic_spec = MakeTopicSpec(config);
  settings.pipeline = config.pipeline.name;
  settings.offset_topic = config.pipeline.offset_storage_topic;
  settings.offset_flush_interval = config.pipeline.offset_flush_interval;
  settings.options_hash = StreamOptionsHash(config);
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

absl::StatusOr<SinkWorkerOptions> MakeSink(const Config& config, apply::SinkKind kind,
                                           const SinkSettings& sink,
                                           const envelope::Options& envelope) {
  const bool lake = kind == apply::SinkKind::kLake;
  SinkWorkerOptions options;
  options.stage = lake ? "lake" : "target";
  options.group = Cat("walrelay-", config.pipeline.name, "-", options.stage);
  options.kafka = config.kafka;
  options.is_data_topic = DataTopics(envelope);
  options.sink.kind = kind;
  options.sink.pipeline = config.pipeline.name;
  options.sink.topic_prefix = envelope.topic_prefix;
  options.sink.target_table_format = sink.table_format;
  options.sink.unavailable_placeholder = envelope.unavailable_placeholder;
  auto connection = pg::ConnectionOptions::Parse(sink.connection);
  if (!connection.ok()) return Annotate(connection.status(), Cat(options.stage, ".connection"));
  options.sink.connection = *std::move(connection);
  return options;
}

}  // namespace

absl::StatusOr<std::vector<SinkWorkerOptions>> MakeSinkOptions(const Config& config,
                                                               Stages stages) {
  std::vector<SinkWorkerOptions> sinks;
  if (stages == Stages::kCapture) return sinks;
  const auto health = std::make_shared<FilterHealth>();
  ASSIGN_OR_RETURN(const envelope::Options envelope, MakeEnvelopeOptions(config, health));
  if (config.lake) {
    ASSIGN_OR_RETURN(sinks.emplace_back(),
                     MakeSink(config, apply::SinkKind::kLake, *config.lake, envelope));
  }
  if (config.target) {
    ASSIGN_OR_RETURN(sinks.emplace_back(),
                     MakeSink(config, apply::SinkKind::kTarget, *config.target, envelope));
  }
  return sinks;
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
