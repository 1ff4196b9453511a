#include "app/public_settings.h"

#include <algorithm>

#include "kafka/client_options.h"
#include "pg/connection_options.h"

namespace walrelay::app {
namespace {

constexpr std::string_view kMask = "********";

bool IsSecretName(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"password", "secret", "token", "jaas"},
      [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

bool IsConnection(Section section, std::string_view key) {
  return (section == Section::kLake || section == Section::kTarget) && key == "connection";
}

bool IsSecretOption(Section section, std::string_view key) {
  if (section == Section::kKafka && kafka::IsSecretOption(key)) return true;
  const Option* option = FindOption(section, key);
  return IsSecretName(key) || (option != nullptr && option->kind == ValueKind::kSecret);
}

// A connection string without its passwords; nothing of one that does not parse.
std::string PublicConnection(const std::string& text) {
  const auto parsed = pg::ConnectionOptions::Parse(text);
  if (!parsed.ok()) return std::string(kMask);
  std::string shown;
  for (const auto& [keyword, value] : parsed->keywords) {
    shown += Cat(shown.empty() ? "" : " ", keyword, "=",
                 IsSecretName(keyword) ? kMask : std::string_view(value));
  }
  return shown;
}

std::string PublicValue(Section section, std::string_view key, const std::string& value) {
  if (IsConnection(section, key)) return PublicConnection(value);
  return std::string(IsSecretOption(section, key) ? kMask : std::string_view(value));
}

}  // namespace

bool HoldsSecret(Section section, std::string_view key, const std::string& value) {
  if (IsConnection(section, key)) return PublicConnection(value).find(kMask) != std::string::npos;
  return IsSecretOption(section, key);
}

Settings PublicConnectorConfig(const Config& config) {
  Settings shown;
  for (const auto& [key, value] : config.source) {
    shown[PublicOptionName(Section::kSource, key)] = PublicValue(Section::kSource, key, value);
  }
  shown["name"] = config.pipeline.name;
  shown["connector.class"] = "io.debezium.connector.postgresql.PostgresConnector";
  return shown;
}

Settings PublicSettings(const Config& config) {
  Settings shown;
  const auto add = [&](Section section, std::string_view key, const std::string& value) {
    shown[Cat(SectionName(section), ".", PublicOptionName(section, key))] =
        PublicValue(section, key, value);
  };
  add(Section::kPipeline, "name", config.pipeline.name);
  add(Section::kPipeline, "compat", config.pipeline.compat);
  add(Section::kPipeline, "delivery",
      config.pipeline.delivery == Delivery::kAtLeastOnce     ? "at-least-once"
      : config.pipeline.delivery == Delivery::kTransactional ? "transactional"
                                                             : "exactly-once");
  add(Section::kPipeline, "transaction.interval.ms",
      std::to_string(config.pipeline.transaction_interval.count()));
  add(Section::kPipeline, "transaction.max.bytes",
      std::to_string(config.pipeline.transaction_bytes));
  add(Section::kPipeline, "topic.mismatch",
      config.pipeline.accept_topic_mismatch ? "accept" : "stop");
  add(Section::kPipeline, "offset.storage.topic", config.pipeline.offset_storage_topic);
  add(Section::kPipeline, "takeover.group.id", config.pipeline.takeover_group);
  add(Section::kPipeline, "offset.flush.interval.ms",
      std::to_string(config.pipeline.offset_flush_interval.count()));
  for (const auto& [key, value] : config.source) add(Section::kSource, key, value);
  for (const auto& [key, value] : config.kafka) add(Section::kKafka, key, value);
  const auto add_sink = [&](Section section, const std::optional<SinkSettings>& sink) {
    if (!sink) return;
    add(section, "connection", sink->connection);
    add(section, "table.format", sink->table_format);
    add(section, "workers", std::to_string(sink->workers));
    add(section, "deletes", sink->soft_deletes ? "soft" : "hard");
    add(section, "replication.role", sink->replication_role);
    add(section, "table.mismatch", sink->park_tables ? "park" : "stop");
    add(section, "dead.letters.per.minute", std::to_string(sink->dead_letters_per_minute));
    for (const auto& [name, policy] : sink->schema) add(section, name, policy);
    if (section != Section::kLake) return;
    add(section, "raw.payload", sink->raw_payload);
    add(section, "raw.partition", sink->raw_days ? "day" : "none");
    add(section, "raw.retention.days", std::to_string(sink->raw_keep_days));
  };
  add_sink(Section::kLake, config.lake);
  add_sink(Section::kTarget, config.target);
  add(Section::kAdmin, "listen", config.admin.listen);
  add(Section::kAdmin, "allow.remote", config.admin.allow_remote ? "true" : "false");
  add(Section::kLog, "level", config.log.level);
  add(Section::kLog, "format", config.log.format);
  return shown;
}

}  // namespace walrelay::app
