// Options of Kafka Connect and Debezium Server that stand beside Debezium's in [source], and those
// of our own sections. OPTIONS.md §1.10; DESIGN.md §7.

#include "app/option_lists.h"

namespace walrelay::app {
namespace {

using enum ValueKind;
using enum Treatment;
constexpr Section S = Section::kSource;

constexpr std::string_view kJson = "org.apache.kafka.connect.json.JsonConverter";
constexpr std::string_view kOtherConverters =
    "io.confluent.connect.avro.AvroConverter|io.apicurio.registry.utils.converter.AvroConverter|"
    "io.confluent.connect.protobuf.ProtobufConverter|io.confluent.connect.json.JsonSchemaConverter|"
    "org.apache.kafka.connect.converters.ByteArrayConverter|io.debezium.converters."
    "CloudEventsConverter|"
    "io.debezium.converters.BinaryDataConverter";
constexpr std::string_view kConverterOption =
    "belongs to a converter that is not built yet; remove it";
constexpr std::string_view kKafkaSection =
    "give it in [kafka], under librdkafka's name (--connector does so by itself)";

constexpr Option kConnect[] = {
    {S, "name", kText, "", 'A', kHonoured, "", "the same as pipeline.name"},
    {S, "connector.class", kEnum, "io.debezium.connector.postgresql.PostgresConnector", 'A',
     kHonoured,
     "io.debezium.connector.postgresql.PostgresConnector|PostgresConnector|PostgresqlConnector|"
     "Postgres",
     "the one connector that walrelay stands in for"},
    {S, "tasks.max", kNumber, "1", 'A', kNothing, "1..", "one slot is one stream"},
    {S, "tasks.max.enforce", kBool, "true", 'A', kNothing, "", "one slot is one stream"},
    {S, "key.converter", kEnum, kJson, 'A', kHonoured,
     "org.apache.kafka.connect.json.JsonConverter|org.apache.kafka.connect.storage.StringConverter",
     "wire format of keys", kOtherConverters, true},
    {S, "key.converter.schemas.enable", kBool, "true", 'A', kHonoured, "", "schema beside each key",
     "", true},
    {S, "key.converter.replace.null.with.default", kBool, "true", 'B', kHonoured, "",
     "null with a default", "", true},
    {S, "key.converter.decimal.format", kEnum, "BASE64", 'B', kHonoured, "BASE64|NUMERIC",
     "decimals in keys", "", true},
    {S, "key.converter.schemas.cache.size", kNumber, "1000", 'X', kNothing, "0..",
     "schemas are made once a table"},
    {S, "key.converter.<option>", kText, "", 'B', kRefused, "", kConverterOption},
    {S, "value.converter", kEnum, kJson, 'A', kHonoured,
     "org.apache.kafka.connect.json.JsonConverter", "wire format of values",
     "org.apache.kafka.connect.storage.StringConverter|io.confluent.connect.avro.AvroConverter|"
     "io.apicurio.registry.utils.converter.AvroConverter|io.confluent.connect.protobuf."
     "ProtobufConverter|"
     "io.confluent.connect.json.JsonSchemaConverter|org.apache.kafka.connect.converters."
     "ByteArrayConverter|"
     "io.debezium.converters.CloudEventsConverter|io.debezium.converters.BinaryDataConverter",
     true},
    {S, "value.converter.schemas.enable", kBool, "true", 'A', kHonoured, "",
     "schema beside each value", "", true},
    {S, "value.converter.replace.null.with.default", kBool, "true", 'B', kHonoured, "",
     "null with a default", "", true},
    {S, "value.converter.decimal.format", kEnum, "BASE64", 'B', kHonoured, "BASE64|NUMERIC",
     "decimals in values", "", true},
    {S, "value.converter.schemas.cache.size", kNumber, "1000", 'X', kNothing, "0..",
     "schemas are made once a table"},
    {S, "value.converter.<option>", kText, "", 'B', kRefused, "", kConverterOption},
    {S, "header.converter", kEnum, "org.apache.kafka.connect.storage.SimpleHeaderConverter", 'B',
     kHonoured,
     "org.apache.kafka.connect.storage.SimpleHeaderConverter|org.apache.kafka.connect.json."
     "JsonConverter",
     "wire format of headers", kOtherConverters, true},
    {S, "header.converter.schemas.enable", kBool, "true", 'B', kHonoured, "",
     "schema in each header", "", true},
    {S, "header.converter.schemas.cache.size", kNumber, "1000", 'X', kNothing, "0..",
     "schemas are made once a table"},
    {S, "header.converter.<option>", kText, "", 'B', kRefused, "", kConverterOption},
    {S, "transforms", kText, "", 'A', kHonoured, "",
     "names of the single message transforms, in their order", "", true},
    {S, "transforms.<option>", kText, "", 'A', kHonoured, "", "class and options of a transform",
     "", true},
    {S, "predicates", kText, "", 'A', kHonoured, "", "names of the predicates", "", true},
    {S, "predicates.<option>", kText, "", 'A', kHonoured, "", "class and options of a predicate",
     "", true},
    {S, "topic.creation.enable", kBool, "true", 'B', kDefaultOnly, "",
     "topics are always created explicitly"},
    {S, "topic.creation.default.partitions", kNumber, "-1", 'B', kHonoured, "-1..1000000",
     "partitions of a topic that we create; -1: the broker's default"},
    {S, "topic.creation.default.replication.factor", kNumber, "-1", 'B', kHonoured, "-1..1000",
     "its replication factor; -1: the broker's default"},
    {S, "topic.creation.default.include", kRegexList, "", 'C', kNothing, "",
     "the default group holds every topic"},
    {S, "topic.creation.default.exclude", kRegexList, "", 'C', kNothing, "",
     "the default group holds every topic"},
    {S, "topic.creation.default.<option>", kText, "", 'B', kHonoured, "",
     "any topic option of Kafka"},
    {S, "topic.creation.groups", kText, "", 'B', kHonoured, "",
     "names of groups of topics with options of their own"},
    {S, "topic.creation.<group>.<option>", kText, "", 'B', kHonoured, "",
     "include, exclude, partitions, replication.factor, and any topic option of Kafka"},
    {S, "errors.tolerance", kEnum, "none", 'B', kNothing, "none|all",
     "what cannot be converted or transformed stops the stream: nothing is skipped"},
    {S, "errors.retry.timeout", kNumber, "0", 'B', kNothing, "-1..",
     "it covers converters, which do not fail here"},
    {S, "errors.retry.delay.max.ms", kMillis, "60000", 'B', kNothing, "0..",
     "it covers converters, which do not fail here"},
    {S, "errors.log.enable", kBool, "false", 'B', kNothing, "", "every error is logged once"},
    {S, "errors.log.include.messages", kBool, "false", 'B', kNothing, "",
     "values never stand in the log"},
    {S, "errors.deadletterqueue.topic.name", kText, "", 'B', kNothing, "",
     "a source connector has none"},
    {S, "errors.deadletterqueue.<option>", kText, "", 'B', kNothing, "",
     "a source connector has none"},
    {S, "producer.override.<option>", kSecret, "", 'B', kRefused, "", kKafkaSection},
    {S, "consumer.override.<option>", kSecret, "", 'B', kRefused, "", kKafkaSection},
    {S, "admin.override.<option>", kSecret, "", 'B', kRefused, "", kKafkaSection},
    {S, "exactly.once.support", kEnum, "requested", 'C', kNothing, "requested",
     "pipeline.delivery says how records are delivered", "required"},
    {S, "transaction.boundary", kEnum, "poll", 'C', kNothing, "poll",
     "pipeline.delivery says how records are delivered", "interval|connector"},
    {S, "transaction.boundary.interval.ms", kMillis, "", 'C', kNothing, "0..",
     "pipeline.delivery says how records are delivered"},
    {S, "offsets.storage.topic", kText, "", 'C', kRefused, "",
     "give it as pipeline.offset.storage.topic"},
    {S, "config.providers", kText, "", 'A', kNothing, "",
     "${file:…}, ${env:…} and ${directory:…} are always understood"},
    {S, "config.providers.<option>", kText, "", 'A', kNothing, "",
     "${file:…}, ${env:…} and ${directory:…} are always understood"},
    {S, "config.action.reload", kEnum, "restart", 'C', kNothing, "restart|none",
     "secrets are read at start"},
    {S, "record.processing.threads", kText, "", 'X', kNothing, "", "one thread captures"},
    {S, "record.processing.order", kText, "", 'X', kNothing, "", "order is always kept"},
    {S, "record.processing.with.serial.consumer", kBool, "", 'X', kNothing, "",
     "order is always kept"},
    {S, "record.processing.shutdown.timeout.ms", kMillis, "", 'X', kNothing, "0..",
     "a stop takes at most 10 s"},
    {S, "task.management.timeout.ms", kMillis, "", 'X', kNothing, "0..",
     "a stop takes at most 10 s"},
    {S, "debezium.<option>", kSecret, "", 'A', kRefused, "",
     "belongs into a file of Debezium Server: give that as it is with --connector"},
    {S, "quarkus.<option>", kText, "", 'B', kNothing, "", "see [admin] and [log]"},
};

constexpr Option kPipeline[] = {
    {Section::kPipeline, "name", kText, "postgres-source-connector", '-', kHonoured, "",
     "as Connect's connector name: REST path, key of the offset record"},
    {Section::kPipeline, "compat", kEnum, "2.5.0.Final", '-', kHonoured, "2.5.0.Final|3.6.1.Final",
     "the Debezium release whose bytes are written"},
    {Section::kPipeline, "delivery", kEnum, "exactly-once", '-', kHonoured,
     "transactional|exactly-once|at-least-once",
     "what a restart may do; transactional: in Kafka transactions, and who was thought dead is "
     "fenced"},
    {Section::kPipeline, "transaction.interval.ms", kMillis, "100", '-', kHonoured, "0..10000",
     "delivery = transactional: a Kafka transaction ends behind the first source transaction then"},
    {Section::kPipeline, "transaction.max.bytes", kNumber, "67108864", '-', kHonoured,
     "1..1073741824", "or when it holds as many bytes: a larger source transaction spans several"},
    {Section::kPipeline, "topic.mismatch", kEnum, "stop", '-', kHonoured, "stop|accept",
     "what to do where a topic does not hold what we have written; accept: go on behind it"},
    {Section::kPipeline, "offset.storage.topic", kText, "connect_offsets", '-', kHonoured, "",
     "Connect's topic for Debezium's own offset record"},
    {Section::kPipeline, "takeover.group.id", kText, "cdc-python-consumer", '-', kHonoured, "",
     "consumer group of the program that wrote lake and target before: each partition goes on where "
     "it has stopped; empty: there was none"},
    {Section::kPipeline, "offset.flush.interval.ms", kMillis, "60000", '-', kHonoured, "1..",
     "how often that record is written"},
};

constexpr std::string_view kLetters =
    "records that may go to walrelay.dead_letters in a minute; beyond it the sink stops";
constexpr std::string_view kMismatch =
    "what happens when a table no longer fits its copy: it waits and the others go on, or all stop";
constexpr std::string_view kWorkers =
    "threads, each with a connection of its own, that share the partitions of all topics";
constexpr std::string_view kDeletes =
    "hard: deleted rows go from the mirror; soft: they stay, marked in __deleted";
constexpr std::string_view kRole =
    "the sessions' session_replication_role, where they may set it; replica: triggers do not fire, "
    "foreign keys are not checked";
// When a table changes at the source.
constexpr std::string_view kPolicies = "apply|ignore|park|stop";
constexpr std::string_view kCreated =
    "a table that has no copy yet: apply makes it; park: it waits and the others go on";
constexpr std::string_view kAdded = "a column that the copy lacks: apply adds it";
constexpr std::string_view kDropped =
    "a column that records no longer have, which was dropped or renamed: apply drops it here too";
constexpr std::string_view kWidened =
    "a type with room for more (integer to bigint, varchar(10) to text): apply alters the copy";
constexpr std::string_view kRetyped =
    "any other change of a type: apply casts the values that are here, as the source has done";
constexpr std::string_view kNullable = "a column that may be NULL now: apply allows it here too";
constexpr std::string_view kTableFormat = "name of a mirror table; may hold ${schema} and ${table}";

constexpr Option kSinks[] = {
    {Section::kLake, "connection", kSecret, "", '-', kHonoured, "",
     "libpq connection string of the lake"},
    {Section::kLake, "table.format", kText, "${table}", '-', kHonoured, "", kTableFormat},
    {Section::kLake, "workers", kNumber, "1", '-', kHonoured, "1..64", kWorkers},
    {Section::kLake, "deletes", kEnum, "hard", '-', kHonoured, "hard|soft", kDeletes},
    {Section::kLake, "dead.letters.per.minute", kNumber, "100", '-', kHonoured, "0..1000000000",
     kLetters},
    {Section::kLake, "replication.role", kEnum, "replica", '-', kHonoured, "replica|origin", kRole},
    {Section::kLake, "table.mismatch", kEnum, "park", '-', kHonoured, "park|stop", kMismatch},
    {Section::kLake, "schema.table.created", kEnum, "apply", '-', kHonoured, kPolicies, kCreated},
    {Section::kLake, "schema.column.added", kEnum, "apply", '-', kHonoured, kPolicies, kAdded},
    {Section::kLake, "schema.column.dropped", kEnum, "park", '-', kHonoured, kPolicies, kDropped},
    {Section::kLake, "schema.column.widened", kEnum, "apply", '-', kHonoured, kPolicies, kWidened},
    {Section::kLake, "schema.column.retyped", kEnum, "park", '-', kHonoured, kPolicies, kRetyped},
    {Section::kLake, "schema.column.nullable", kEnum, "apply", '-', kHonoured, kPolicies, kNullable},
    {Section::kLake, "raw.payload", kEnum, "jsonb", '-', kHonoured, "jsonb|json|text",
     "type of the JSON columns of cdc_raw.cdc_events when it is created: json costs the server "
     "half, "
     "text less still"},
    {Section::kLake, "raw.partition", kEnum, "none", '-', kHonoured, "none|day",
     "day: cdc_raw.cdc_events is partitioned by the day of processed_at when it is created"},
    {Section::kLake, "raw.retention.days", kNumber, "0", '-', kHonoured, "0..36500",
     "raw.partition = day: partitions that ended so many days ago are dropped; 0: none"},
    {Section::kTarget, "connection", kSecret, "", '-', kHonoured, "",
     "libpq connection string of the target"},
    {Section::kTarget, "table.format", kText, "${table}", '-', kHonoured, "", kTableFormat},
    {Section::kTarget, "workers", kNumber, "1", '-', kHonoured, "1..64", kWorkers},
    {Section::kTarget, "deletes", kEnum, "hard", '-', kHonoured, "hard|soft", kDeletes},
    {Section::kTarget, "dead.letters.per.minute", kNumber, "100", '-', kHonoured, "0..1000000000",
     kLetters},
    {Section::kTarget, "replication.role", kEnum, "replica", '-', kHonoured, "replica|origin", kRole},
    {Section::kTarget, "table.mismatch", kEnum, "park", '-', kHonoured, "park|stop", kMismatch},
    {Section::kTarget, "schema.table.created", kEnum, "apply", '-', kHonoured, kPolicies, kCreated},
    {Section::kTarget, "schema.column.added", kEnum, "apply", '-', kHonoured, kPolicies, kAdded},
    {Section::kTarget, "schema.column.dropped", kEnum, "park", '-', kHonoured, kPolicies, kDropped},
    {Section::kTarget, "schema.column.widened", kEnum, "apply", '-', kHonoured, kPolicies, kWidened},
    {Section::kTarget, "schema.column.retyped", kEnum, "park", '-', kHonoured, kPolicies, kRetyped},
    {Section::kTarget, "schema.column.nullable", kEnum, "apply", '-', kHonoured, kPolicies, kNullable},
};

constexpr Option kAround[] = {
    {Section::kAdmin, "listen", kText, "127.0.0.1:8083", '-', kHonoured, "",
     "host:port for status, metrics and Connect's REST; empty: none"},
    {Section::kAdmin, "allow.remote", kBool, "false", '-', kHonoured, "",
     "listen may name another address than loopback: anybody who reaches it can read status and "
     "options"},
    {Section::kLog, "level", kEnum, "info", '-', kHonoured, "debug|info|warn|error",
     "lowest level that is written"},
    {Section::kLog, "format", kEnum, "text", '-', kHonoured, "text|json", "form of a line"},
};

}  // namespace

std::vector<std::span<const Option>> ConnectOptions() { return {kConnect}; }
std::vector<std::span<const Option>> OwnOptions() { return {kPipeline, kSinks, kAround}; }

}  // namespace walrelay::app
