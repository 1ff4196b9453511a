// Debezium's own options of [source]: connection, slot, publication, filters, values, topics,
// snapshot. Order and tiers as in OPTIONS.md §1.1 to §1.9.

#include "app/option_lists.h"

namespace walrelay::app {
namespace {

using enum ValueKind;
using enum Treatment;
constexpr Section S = Section::kSource;

constexpr std::string_view kJavaClass = "a Java class cannot be loaded here; remove it";
constexpr std::string_view kNotBuilt = "not built yet; remove it";

constexpr Option kConnection[] = {
    {S, "database.hostname", kText, "", 'A', kHonoured, "",
     "host of the source server, or several (db1,db2:5433), of which the primary is taken; required "
     "to capture"},
    {S, "database.port", kNumber, "5432", 'A', kHonoured, "1..65535", "its port"},
    {S, "database.user", kText, "", 'A', kHonoured, "",
     "role with REPLICATION; required to capture"},
    {S, "database.password", kSecret, "", 'A', kHonoured, "", "its password"},
    {S, "database.dbname", kText, "", 'A', kHonoured, "", "the database to capture; required", "",
     true},
    {S, "database.sslmode", kEnum, "prefer", 'A', kHonoured,
     "disable|allow|prefer|require|verify-ca|verify-full", "as libpq's sslmode"},
    {S, "database.sslrootcert", kText, "", 'B', kHonoured, "",
     "file with the CA certificates, PEM"},
    {S, "database.sslcert", kText, "", 'B', kHonoured, "", "file with the client certificate, PEM"},
    {S, "database.sslkey", kText, "", 'B', kHonoured, "", "file with the client key, PEM or DER"},
    {S, "database.sslpassword", kSecret, "", 'C', kHonoured, "", "pass phrase of the key"},
    {S, "database.sslfactory", kEnum, "", 'X', kHonoured, "org.postgresql.ssl.NonValidatingFactory",
     "that one class means sslmode=require here: encrypted, nothing verified"},
    {S, "database.tcpKeepAlive", kBool, "true", 'B', kHonoured, "",
     "TCP keep-alive on our connections"},
    {S, "database.initial.statements", kText, "", 'C', kHonoured, "",
     "SQL that each of our sessions begins with but the replication connection; ; ends a "
     "statement, "
     ";; is one inside"},
    {S, "database.query.timeout.ms", kMillis, "600000", 'C', kNothing, "0..",
     "look-ups have a limit of their own"},
    {S, "database.connection.timeout.ms", kMillis, "600000", 'C', kNothing, "0..",
     "there is no connection pool to wait for"},
    {S, "database.connection.factory.class", kText, "", 'X', kRefused, "", kJavaClass},
    {S, "driver.ApplicationName", kText, "", 'C', kHonoured, "",
     "application_name of our connections"},
    {S, "driver.options", kText, "", 'C', kHonoured, "",
     "command-line options for the session, as libpq's options"},
    {S, "driver.connectTimeout", kNumber, "", 'C', kHonoured, "0..",
     "seconds, as libpq's connect_timeout"},
    {S, "driver.gssEncMode", kEnum, "", 'C', kHonoured, "disable|prefer|require",
     "as libpq's gssencmode"},
    {S, "driver.targetServerType", kEnum, "any", 'C', kHonoured,
     "any|primary|master|secondary|slave|preferSecondary|preferSlave",
     "as libpq's target_session_attrs"},
    {S, "driver.<property>", kText, "", 'C', kRefused, "",
     "a property of pgjdbc that has no meaning to libpq; driver.ApplicationName, .options, "
     ".connectTimeout, .gssEncMode and .targetServerType are honoured"},
    {S, "connection.validation.timeout.ms", kMillis, "60000", 'C', kNothing, "0..",
     "nothing is registered that would have to be validated"},
    {S, "read.only", kBool, "false", 'B', kNothing, "",
     "walrelay writes nothing into the source's tables; slot and publication must be there where "
     "it "
     "may not create them"},
    {S, "executor.shutdown.timeout.ms", kMillis, "4000", 'X', kNothing, "0..",
     "there are no such executors"},
};

constexpr Option kReplication[] = {
    {S, "plugin.name", kEnum, "pgoutput", 'A', kHonoured, "pgoutput",
     "output plug-in; a missing one means pgoutput here, decoderbufs with Debezium", "decoderbufs"},
    {S, "slot.name", kText, "debezium", 'A', kHonoured, "",
     "replication slot to create or to reuse"},
    {S, "slot.drop.on.stop", kBool, "false", 'B', kHonoured, "",
     "drop the slot at an orderly stop"},
    {S, "slot.failover", kBool, "false", 'B', kHonoured, "",
     "a slot that we create is synchronised to standbys (PostgreSQL 17, not on a standby)"},
    {S, "slot.stream.params", kText, "", 'C', kHonoured, "",
     "k=v;k=v: options for START_REPLICATION", "", true},
    {S, "slot.max.retries", kNumber, "6", 'C', kNothing, "0..",
     "a busy slot is tried again for ever"},
    {S, "slot.retry.delay.ms", kMillis, "10000", 'C', kNothing, "0..",
     "trying again has a back-off of its own"},
    {S, "publication.name", kText, "dbz_publication", 'A', kHonoured, "", "publication to read", "",
     true},
    {S, "publication.autocreate.mode", kEnum, "all_tables", 'A', kHonoured,
     "disabled|all_tables|filtered|no_tables", "what to create when the publication is missing"},
    {S, "publish.via.partition.root", kBool, "false", 'B', kHonoured, "",
     "publish_via_partition_root of a publication that we create"},
    {S, "replica.identity.autoset.values", kText, "", 'B', kHonoured, "",
     "tables:FULL,tables:INDEX name,…: replica identities that are set at the start"},
    {S, "status.update.interval.ms", kMillis, "10000", 'B', kHonoured, "1..",
     "period of status messages; at most 10 s and a third of wal_sender_timeout are used"},
    {S, "lsn.flush.mode", kEnum, "connector", 'B', kNothing, "connector|connector_and_driver",
     "the slot follows what Kafka has, and the server's keepalive when idle; one that is never "
     "confirmed fills the disk",
     "manual"},
    {S, "flush.lsn.source", kBool, "true", 'C', kDefaultOnly, "",
     "a slot that is never confirmed fills the disk"},
    {S, "lsn.flush.timeout.ms", kMillis, "30000", 'C', kNothing, "0..", "confirming never waits"},
    {S, "lsn.flush.timeout.action", kEnum, "fail", 'C', kNothing, "fail|warn|ignore",
     "confirming never waits"},
    {S, "offset.mismatch.strategy", kEnum, "no_validation", 'B', kHonoured,
     "no_validation|trust_offset|trust_slot|trust_greater_lsn",
     "where the slot is ahead of what Kafka has: stop, but with the last two go on at the slot"},
    {S, "internal.slot.seek.to.known.offset.on.start", kBool, "false", 'C', kNothing, "",
     "the position always counts"},
    {S, "internal.create.slot.command.timeout", kNumber, "90", 'C', kNothing, "0..",
     "creating a slot has a limit of its own"},
    {S, "xmin.fetch.interval.ms", kMillis, "0", 'C', kHonoured, "0..",
     "how often the slot's catalog_xmin is read for source.xmin, 0: never"},
};

constexpr Option kHeartbeat[] = {
    {S, "heartbeat.interval.ms", kMillis, "0", 'A', kHonoured, "0..",
     "period of heartbeat records, 0: none; the slot moves without them"},
    {S, "heartbeat.action.query", kText, "", 'A', kHonoured, "",
     "SQL run on the source at each heartbeat"},
    {S, "topic.heartbeat.prefix", kText, "__debezium-heartbeat", 'B', kHonoured, "",
     "heartbeat topic: this, the delimiter, topic.prefix", "", true},
    {S, "topic.heartbeat.name", kText, "", 'C', kHonoured, "",
     "the whole name of the heartbeat topic", "", true},
    {S, "heartbeat.topics.prefix", kText, "", 'C', kHonoured, "",
     "older spelling of topic.heartbeat.prefix", "", true},
};

constexpr Option kCaptured[] = {
    {S, "schema.include.list", kRegexList, "", 'A', kHonoured, "", "schemas to capture", "", true},
    {S, "schema.exclude.list", kRegexList, "", 'B', kHonoured, "", "schemas to leave out", "",
     true},
    {S, "table.include.list", kRegexList, "", 'A', kHonoured, "", "schema.table to capture", "",
     true},
    {S, "table.exclude.list", kRegexList, "", 'B', kHonoured, "", "schema.table to leave out", "",
     true},
    {S, "table.ignore.builtin", kBool, "true", 'C', kHonoured, "",
     "leave out the system's own tables", "", true},
    {S, "column.include.list", kRegexList, "", 'B', kHonoured, "", "schema.table.column in values",
     "", true},
    {S, "column.exclude.list", kRegexList, "", 'B', kHonoured, "", "columns left out of values", "",
     true},
    {S, "message.key.columns", kText, "", 'B', kHonoured, "",
     "tables:column,column;…: the message key", "", true},
    {S, "message.prefix.include.list", kRegexList, "", 'C', kHonoured, "",
     "prefixes of pg_logical_emit_message to capture", "", true},
    {S, "message.prefix.exclude.list", kRegexList, "", 'C', kHonoured, "", "prefixes to leave out",
     "", true},
    {S, "skipped.operations", kText, "t", 'B', kHonoured, "",
     "operations not sent: c, u, d, t, or none", "", true},
    {S, "skip.messages.without.change", kBool, "false", 'C', kHonoured, "",
     "no update when no included column changed", "", true},
    {S, "tombstones.on.delete", kBool, "true", 'A', kHonoured, "", "a null value after each delete",
     "", true},
    {S, "provide.transaction.metadata", kBool, "false", 'B', kHonoured, "",
     "BEGIN and END records, transaction block in events", "", true},
    {S, "topic.transaction", kText, "transaction", 'C', kHonoured, "", "suffix of their topic", "",
     true},
    {S, "transaction.metadata.factory", kText,
     "io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory", 'X', kDefaultOnly, "",
     kJavaClass},
    {S, "include.schema.changes", kBool, "", 'X', kNothing, "",
     "the PostgreSQL connector never had it"},
    {S, "database.include.list", kText, "", 'C', kNothing, "",
     "one database is captured: database.dbname"},
    {S, "database.exclude.list", kText, "", 'C', kNothing, "",
     "one database is captured: database.dbname"},
};

constexpr Option kValues[] = {
    {S, "decimal.handling.mode", kEnum, "precise", 'A', kHonoured, "precise|string|double",
     "numeric and money", "", true},
    {S, "time.precision.mode", kEnum, "adaptive", 'A', kHonoured,
     "adaptive|adaptive_time_microseconds|connect|isostring|microseconds|nanoseconds",
     "dates and times; the last three need compat 3.6.1.Final", "", true},
    {S, "interval.handling.mode", kEnum, "numeric", 'B', kHonoured, "numeric|string", "intervals",
     "", true},
    {S, "hstore.handling.mode", kEnum, "json", 'C', kHonoured, "json|map", "hstore", "", true},
    {S, "binary.handling.mode", kEnum, "bytes", 'B', kHonoured, "bytes|base64|base64-url-safe|hex",
     "bytea", "", true},
    {S, "money.fraction.digits", kNumber, "2", 'C', kHonoured, "0..100", "scale of money", "",
     true},
    {S, "include.unknown.datatypes", kBool, "false", 'B', kHonoured, "",
     "columns of unknown types as bytes", "", true},
    {S, "unavailable.value.placeholder", kText, "__debezium_unavailable_value", 'A', kHonoured, "",
     "marks a TOAST value that was not sent; hex:… for bytes", "", true},
    {S, "schema.refresh.mode", kEnum, "columns_diff", 'C', kNothing,
     "columns_diff|columns_diff_exclude_unchanged_toast",
     "pgoutput says itself when a table changes"},
    {S, "schema.name.adjustment.mode", kEnum, "none", 'C', kHonoured, "none|avro|avro_unicode",
     "schema names", "", true},
    {S, "field.name.adjustment.mode", kEnum, "none", 'C', kHonoured, "none|avro|avro_unicode",
     "field names", "", true},
    {S, "column.truncate.to.<n>.chars", kRegexList, "", 'C', kHonoured, "",
     "columns cut to n characters", "", true},
    {S, "column.mask.with.<n>.chars", kRegexList, "", 'C', kHonoured, "",
     "columns replaced by n asterisks", "", true},
    {S, "column.mask.hash.v2.<algorithm>.with.salt.<salt>", kRegexList, "", 'C', kHonoured, "",
     "columns replaced by a salted hash", "", true},
    {S, "column.mask.hash.<algorithm>.with.salt.<salt>", kRegexList, "", 'C', kHonoured, "",
     "the same over Java's serialized form", "", true},
    {S, "column.propagate.source.type", kRegexList, "", 'B', kHonoured, "",
     "columns whose source type stands in the schema", "", true},
    {S, "datatype.propagate.source.type", kRegexList, "", 'B', kHonoured, "",
     "the same, by schema.table.type", "", true},
    {S, "include.schema.comments", kBool, "false", 'C', kNothing, "",
     "Debezium's PostgreSQL connector reads no comments"},
    {S, "converters", kText, "", 'X', kRefused, "", kJavaClass},
    {S, "post.processors", kText, "", 'X', kRefused, "",
     "reading columns again is not built, and a Java class cannot be loaded here; remove it (the "
     "mirrors keep values that were not sent; REPLICA IDENTITY FULL sends them)"},
    {S, "event.processing.failure.handling.mode", kEnum, "fail", 'B', kNothing, "fail",
     "an event that cannot be decoded always stops the stream: nothing is skipped",
     "warn|skip|ignore"},
    {S, "event.converting.failure.handling.mode", kEnum, "warn", 'B', kHonoured, "fail|warn|skip",
     "a value that cannot be converted: stop, or null", "", true},
    {S, "sourceinfo.struct.maker", kText,
     "io.debezium.connector.postgresql.PostgresSourceInfoStructMaker", 'X', kDefaultOnly, "",
     kJavaClass},
};

constexpr Option kTopics[] = {
    {S, "topic.prefix", kText, "", 'A', kHonoured, "", "first part of every topic's name; required",
     "", true},
    {S, "topic.naming.strategy", kEnum, "io.debezium.schema.SchemaTopicNamingStrategy", 'C',
     kHonoured, "io.debezium.schema.SchemaTopicNamingStrategy", "prefix.schema.table",
     "io.debezium.schema.DefaultTopicNamingStrategy|io.debezium.schema."
     "SchemaUnicodeTopicNamingStrategy|"
     "io.debezium.schema.DefaultUnicodeTopicNamingStrategy|io.debezium.schema."
     "DefaultRegexTopicNamingStrategy|"
     "io.debezium.schema.SchemaRegexTopicNamingStrategy"},
    {S, "topic.delimiter", kText, ".", 'C', kHonoured, "", "between the parts of a topic's name",
     "", true},
    {S, "topic.cache.size", kNumber, "10000", 'X', kNothing, "1..", "names are made once a table"},
    {S, "topic.regex", kText, "", 'C', kRefused, "", kNotBuilt},
    {S, "topic.replacement", kText, "", 'C', kRefused, "", kNotBuilt},
    {S, "topic.key.enforce.uniqueness", kBool, "true", 'C', kNothing, "",
     "only with the regex naming strategies"},
    {S, "topic.key.field.name", kText, "__dbz__physicalTableIdentifier", 'C', kNothing, "",
     "only with the regex naming strategies"},
    {S, "topic.key.field.regex", kText, "", 'C', kRefused, "", kNotBuilt},
    {S, "topic.key.field.replacement", kText, "", 'C', kRefused, "", kNotBuilt},
    {S, "extended.headers.enabled", kBool, "true", 'C', kHonoured, "",
     "context headers (compat 3.6.1.Final)", "", true},
};

constexpr Option kSnapshot[] = {
    {S, "snapshot.mode", kEnum, "initial", 'A', kHonoured,
     "initial|initial_only|no_data|never|always|when_needed|exported|configuration_based",
     "when the tables are read; never is no_data, exported is initial",
     "custom|schema_only|initial_schema_only"},
    {S, "snapshot.mode.custom.name", kText, "", 'X', kRefused, "", kJavaClass},
    {S, "snapshot.custom.class", kText, "", 'X', kRefused, "", kJavaClass},
    {S, "snapshot.mode.configuration.based.snapshot.data", kBool, "false", 'C', kHonoured, "",
     "with configuration_based: read the tables at every start"},
    {S, "snapshot.mode.configuration.based.snapshot.schema", kBool, "false", 'C', kNothing, "",
     "the PostgreSQL connector keeps no schema history"},
    {S, "snapshot.mode.configuration.based.start.stream", kBool, "false", 'C', kHonoured, "",
     "with configuration_based: stream afterwards"},
    {S, "snapshot.mode.configuration.based.snapshot.on.schema.error", kBool, "false", 'C', kNothing,
     "", "the PostgreSQL connector keeps no schema history"},
    {S, "snapshot.mode.configuration.based.snapshot.on.data.error", kBool, "false", 'C', kHonoured,
     "", "with configuration_based: of no effect beside snapshot.data, else refused"},
    {S, "snapshot.isolation.mode", kEnum, "serializable", 'C', kHonoured,
     "serializable|repeatable_read|read_committed|read_uncommitted",
     "without effect when the slot is new, as with Debezium"},
    {S, "snapshot.locking.mode", kEnum, "none", 'C', kHonoured, "none|shared",
     "shared: ACCESS SHARE on each table", "custom"},
    {S, "snapshot.locking.mode.custom.name", kText, "", 'X', kRefused, "", kJavaClass},
    {S, "snapshot.lock.timeout.ms", kMillis, "10000", 'C', kHonoured, "0..",
     "how long a lock may be waited for"},
    {S, "snapshot.query.mode", kEnum, "select_all", 'C', kNothing, "select_all",
     "whole tables are read", "custom"},
    {S, "snapshot.query.mode.custom.name", kText, "", 'X', kRefused, "", kJavaClass},
    {S, "snapshot.include.collection.list", kRegexList, "", 'B', kHonoured, "",
     "captured tables whose rows the snapshot takes"},
    {S, "snapshot.select.statement.overrides", kText, "", 'B', kHonoured, "",
     "schema.table,…: tables that are read by a SELECT of their own"},
    {S, "snapshot.select.statement.overrides.<table>", kText, "", 'B', kHonoured, "",
     "that SELECT"},
    {S, "snapshot.fetch.size", kNumber, "10240", 'B', kNothing, "0..",
     "COPY streams; there is no cursor"},
    {S, "snapshot.delay.ms", kMillis, "0", 'C', kHonoured, "0..", "a pause before the snapshot"},
    {S, "streaming.delay.ms", kMillis, "0", 'C', kHonoured, "0..",
     "a pause between snapshot and streaming"},
    {S, "snapshot.max.threads", kNumber, "1", 'B', kNothing, "1..",
     "one COPY reads at a time so far"},
    {S, "snapshot.max.threads.multiplier", kNumber, "1", 'C', kNothing, "1..",
     "tables are not cut into chunks"},
    {S, "snapshot.max.threads.multiplier.<table>", kNumber, "", 'C', kNothing, "1..",
     "tables are not cut into chunks"},
    {S, "legacy.snapshot.max.threads", kBool, "false", 'C', kNothing, "",
     "tables are not cut into chunks"},
    {S, "internal.legacy.snapshot.max.threads", kBool, "false", 'C', kNothing, "",
     "tables are not cut into chunks"},
    {S, "snapshot.tables.order.by.row.count", kEnum, "disabled", 'C', kNothing,
     "ascending|descending|disabled",
     "Debezium has no effect of it here either: tables go by the include list, then by name"},
    {S, "internal.snapshot.scan.all.columns.force", kBool, "false", 'C', kNothing, "",
     "columns are read a table"},
    {S, "query.fetch.size", kNumber, "0", 'C', kNothing, "0..", "there are no cursors"},
    {S, "incremental.snapshot.chunk.size", kNumber, "1024", 'B', kNothing, "1..",
     "signals are not built yet"},
    {S, "incremental.snapshot.watermarking.strategy", kEnum, "insert_insert", 'C', kNothing,
     "insert_insert|insert_delete", "signals are not built yet"},
    {S, "incremental.snapshot.allow.schema.changes", kBool, "false", 'C', kNothing, "",
     "signals are not built yet"},
};

constexpr Option kSignals[] = {
    {S, "signal.data.collection", kText, "", 'B', kRefused, "", kNotBuilt},
    {S, "signal.enabled.channels", kEnum, "source", 'B', kNothing, "source",
     "signals are not built yet", "kafka|file|jmx"},
    {S, "signal.poll.interval.ms", kMillis, "5000", 'C', kNothing, "0..",
     "signals are not built yet"},
    {S, "signal.kafka.topic", kText, "", 'B', kRefused, "", kNotBuilt},
    {S, "signal.kafka.bootstrap.servers", kText, "", 'B', kRefused, "", kNotBuilt},
    {S, "signal.kafka.groupId", kText, "kafka-signal", 'C', kRefused, "", kNotBuilt},
    {S, "signal.kafka.poll.timeout.ms", kMillis, "0", 'C', kNothing, "0..",
     "signals are not built yet"},
    {S, "signal.consumer.<property>", kSecret, "", 'B', kRefused, "", kNotBuilt},
    {S, "signal.file", kText, "file-signals.txt", 'C', kRefused, "", kNotBuilt},
    {S, "notification.enabled.channels", kText, "", 'C', kRefused, "", kNotBuilt},
    {S, "notification.sink.topic.name", kText, "", 'C', kRefused, "", kNotBuilt},
};

constexpr std::string_view kQueue =
    "there is no queue between threads; [kafka] queue.buffering.max.kbytes bounds memory";

constexpr Option kRest[] = {
    {S, "max.batch.size", kNumber, "2048", 'B', kNothing, "1..", kQueue},
    {S, "max.queue.size", kNumber, "8192", 'B', kNothing, "1..", kQueue},
    {S, "max.queue.size.in.bytes", kNumber, "0", 'B', kNothing, "0..", kQueue},
    {S, "poll.interval.ms", kMillis, "500", 'B', kNothing, "1..",
     "changes are read when they arrive"},
    {S, "queue.provider.type", kText, "memory", 'X', kNothing, "", kQueue},
    {S, "errors.max.retries", kNumber, "-1", 'B', kHonoured, "-1..",
     "how often in a row capture is tried again after an error that may pass, -1: for ever"},
    {S, "retriable.restart.connector.wait.ms", kMillis, "10000", 'C', kNothing, "0..",
     "reconnecting has a back-off of its own"},
    {S, "internal.custom.retriable.exception", kText, "", 'C', kRefused, "", kNotBuilt},
    {S, "internal.log.position.check.enable", kBool, "true", 'C', kDefaultOnly, "",
     "the position is always checked at start"},
    {S, "internal.advanced.metrics.enable", kBool, "false", 'C', kNothing, "",
     "metrics are per table already"},
    {S, "statistics.metrics.enabled", kBool, "true", 'C', kNothing, "", "see /metrics"},
    {S, "custom.metric.tags", kText, "", 'C', kRefused, "",
     "not built yet; add labels where Prometheus scrapes"},
    {S, "guardrail.collections.max", kNumber, "0", 'C', kHonoured, "0..",
     "most tables that may be captured, 0: any number"},
    {S, "guardrail.collections.limit.action", kEnum, "warn", 'C', kHonoured, "warn|fail",
     "what more of them do"},
    {S, "custom.sanitize.pattern", kText, "", 'C', kRefused, "",
     "not built yet; secrets are always masked"},
    {S, "memory.management.schemas.class", kText, "", 'X', kNothing, "",
     "a Java class, of no use here"},
    {S, "memory.management.tables.class", kText, "", 'X', kNothing, "",
     "a Java class, of no use here"},
    {S, "openlineage.integration.enabled", kBool, "false", 'X', kDefaultOnly, "", kNotBuilt},
    {S, "openlineage.integration.<option>", kText, "", 'X', kNothing, "",
     "OpenLineage is not built"},
};

// Properties of pgjdbc that people set, and that neither libpq nor COPY needs. Debezium takes them
// behind both prefixes.
constexpr std::string_view kJdbcOnly[] = {
    "adaptiveFetch",
    "assumeMinServerVersion",
    "autosave",
    "binaryTransfer",
    "cancelSignalTimeout",
    "cleanupSavepoints",
    "defaultRowFetchSize",
    "hostRecheckSeconds",
    "loadBalanceHosts",
    "logServerErrorDetail",
    "loginTimeout",
    "maxResultBuffer",
    "preferQueryMode",
    "prepareThreshold",
    "readOnly",
    "reWriteBatchedInserts",
    "socketTimeout",
    "stringtype",
    "tcpNoDelay",
};

std::span<const Option> JdbcOptions() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (const std::string_view prefix : {"database.", "driver."}) {
      for (const std::string_view name : kJdbcOnly) made.push_back(Cat(prefix, name));
    }
    return made;
  }();
  static const std::vector<Option> options = [] {
    std::vector<Option> made;
    for (const std::string& name : names) {
      made.emplace_back(S, name, kText, "", 'C', kNothing, "",
                        "a property of pgjdbc; every call has a limit of its own here");
    }
    return made;
  }();
  return options;
}

}  // namespace

std::vector<std::span<const Option>> SourceOptions() {
  return {JdbcOptions(), kConnection, kReplication, kHeartbeat, kCaptured,
          kValues,       kTopics,     kSnapshot,    kSignals,   kRest};
}

}  // namespace walrelay::app
