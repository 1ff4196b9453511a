// The option table, and the typed options that are made from it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "app/capture_options.h"
#include "app/config.h"
#include "app/envelope_options.h"
#include "app/option_table.h"
#include "app/topic_rules.h"

namespace walrelay::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Config With(const Settings& source) {
  Config config;
  config.source = {{"database.hostname", "db"},
                   {"database.user", "u"},
                   {"database.dbname", "d"},
                   {"topic.prefix", "p"}};
  for (const auto& [key, value] : source) config.source[key] = value;
  return config;
}

CaptureOptions Capture(const Settings& source) {
  auto options = MakeCaptureOptions(With(source));
  EXPECT_TRUE(options.ok()) << options.status();
  return *options;
}

envelope::Options Envelope(const Settings& source) {
  auto options = MakeEnvelopeOptions(With(source), std::make_shared<FilterHealth>());
  EXPECT_TRUE(options.ok()) << options.status();
  return *options;
}

TEST(OptionTable, HasEachNameOnce) {
  std::set<std::pair<Section, std::string_view>> names;
  for (const Option& option : AllOptions()) {
    EXPECT_TRUE(names.emplace(option.section, option.name).second) << option.name;
  }
}

TEST(OptionTable, SaysWhatEveryOptionDoes) {
  for (const Option& option : AllOptions()) EXPECT_FALSE(option.note.empty()) << option.name;
}

// A default that an option would itself refuse could never be in force.
TEST(OptionTable, AcceptsItsOwnDefaults) {
  for (const Option& option : AllOptions()) {
    if (option.default_value.empty() || option.treatment == Treatment::kRefused) continue;
    EXPECT_TRUE(CheckValue(option, option.name, option.default_value).ok()) << option.name;
  }
}

TEST(OptionTable, RefusesEveryOtherValueWhereOnlyTheDefaultIsHonoured) {
  for (const Option& option : AllOptions()) {
    if (option.treatment != Treatment::kDefaultOnly) continue;
    const std::string_view other = option.kind == ValueKind::kBool
                                       ? (option.default_value == "true" ? "false" : "true")
                                       : (option.default_value == "7" ? "8" : "7");
    EXPECT_FALSE(CheckValue(option, option.name, other).ok()) << option.name;
  }
}

TEST(OptionTable, FindsExactNamesBeforePatterns) {
  const auto name = [](std::string_view key) {
    const Option* option = FindOption(Section::kSource, key);
    return option == nullptr ? std::string_view("none") : option->name;
  };
  EXPECT_EQ(name("topic.creation.default.partitions"), "topic.creation.default.partitions");
  EXPECT_EQ(name("topic.creation.default.cleanup.policy"), "topic.creation.default.<option>");
  EXPECT_EQ(name("topic.creation.mine.partitions"), "topic.creation.<group>.<option>");
  EXPECT_EQ(name("column.mask.hash.v2.MD5.with.salt.s"),
            "column.mask.hash.v2.<algorithm>.with.salt.<salt>");
  EXPECT_EQ(name("column.mask.hash.MD5.with.salt.s"),
            "column.mask.hash.<algorithm>.with.salt.<salt>");
  EXPECT_EQ(name("column.truncate.to..chars"), "none");
  EXPECT_EQ(name("slot"), "none");
  EXPECT_EQ(FindOption(Section::kLake, "slot.name"), nullptr);
}

TEST(MatchPattern, SaysWhatTheWildcardsStandFor) {
  EXPECT_THAT(*MatchPattern("a.<x>.b.<y>", "a.1.b.2.b.3"), ElementsAre("1", "2.b.3"));
  EXPECT_THAT(*MatchPattern("a.<x>.b", "a.1.b.b"), ElementsAre("1.b"));
  EXPECT_THAT(*MatchPattern("a.<x>", "a.1"), ElementsAre("1"));
  EXPECT_THAT(*MatchPattern("a", "a"), ElementsAre());
  EXPECT_EQ(MatchPattern("a.<x>", "a."), std::nullopt);
  EXPECT_EQ(MatchPattern("a.<x>.b", "a..b"), std::nullopt);
  EXPECT_EQ(MatchPattern("a.<x>.b", "b.1.b"), std::nullopt);
  EXPECT_EQ(MatchPattern("a", "ab"), std::nullopt);
}

TEST(NearestName, CountsTypingErrors) {
  const std::vector<std::string_view> known = {"slot.name", "slot.failover", "topic.prefix"};
  EXPECT_EQ(NearestName("slot.nmae", known), "slot.name");
  EXPECT_EQ(NearestName("SLOT.NAME", known), "slot.name");
  EXPECT_EQ(NearestName("topic.perfix", known), "topic.prefix");
  EXPECT_EQ(NearestName("compression", known), "");
  EXPECT_EQ(NearestName("", known), "");
}

TEST(CaptureOptions, NeedASource) {
  for (const std::string_view required :
       {"database.hostname", "database.user", "database.dbname", "topic.prefix"}) {
    Config config = With({});
    config.source.erase(std::string(required));
    EXPECT_THAT(std::string(Message(MakeCaptureOptions(config).status())),
                HasSubstr(Cat("source.", required, " is missing")));
    EXPECT_TRUE(CheckCaptureOptions(config).ok()) << "apply needs no source";
  }
}

TEST(CaptureOptions, BecomeLibpqsKeywords) {
  const auto get = [](const Settings& source, std::string_view keyword) {
    return std::string(Capture(source).connection.Get(keyword));
  };
  EXPECT_EQ(get({}, "host"), "db");
  EXPECT_EQ(get({}, "sslmode"), "prefer");
  EXPECT_EQ(get({}, "keepalives"), "1");
  EXPECT_EQ(get({}, "application_name"), "");
  EXPECT_EQ(get({{"database.tcpKeepAlive", "false"}}, "keepalives"), "0");
  EXPECT_EQ(
      get({{"database.sslmode", "VERIFY-FULL"}, {"database.sslrootcert", "/ca.pem"}}, "sslmode"),
      "verify-full");
  EXPECT_EQ(get({{"database.sslrootcert", "/ca.pem"}}, "sslrootcert"), "/ca.pem");
  EXPECT_EQ(get({{"database.sslfactory", "org.postgresql.ssl.NonValidatingFactory"}}, "sslmode"),
            "require");
  EXPECT_EQ(get({{"driver.ApplicationName", "mine"}}, "application_name"), "mine");
}

TEST(CaptureOptions, TakeSlotAndPublication) {
  const CaptureOptions options = Capture({{"slot.stream.params", "origin=none;x=1;"},
                                          {"publication.autocreate.mode", "FILTERED"},
                                          {"publish.via.partition.root", "true"}});
  EXPECT_THAT(options.slot_stream_params, ElementsAre(Pair("origin", "none"), Pair("x", "1")));
  EXPECT_EQ(options.publication_mode, PublicationMode::kFiltered);
  EXPECT_TRUE(options.publish_via_partition_root);
}

TEST(CaptureOptions, OrderTablesByTheIncludeList) {
  const CaptureOptions options = Capture({{"table.include.list", "public.c,public.[ab]"}});
  EXPECT_EQ(options.include_place("public", "c"), 0U);
  EXPECT_EQ(options.include_place("public", "a"), 1U);
  EXPECT_EQ(options.include_place("public", "x"), std::nullopt);
  EXPECT_EQ(Capture({}).include_place("public", "c"), std::nullopt);
}

TEST(CaptureOptions, FilterMessagesByPrefix) {
  const CaptureOptions options = Capture({{"message.prefix.exclude.list", "other.*"}});
  EXPECT_FALSE(options.message_captured("other-1"));
  EXPECT_TRUE(options.message_captured("mine"));
}

TEST(CaptureOptions, ReportFiltersWithoutAnAnswer) {
  const CaptureOptions options = Capture({{"table.include.list", "(public\\.(a+)+)+b"}});
  EXPECT_FALSE(options.table_captured("public", std::string(60, 'a')));
  EXPECT_TRUE(absl::IsInvalidArgument(options.filter_health->status()));
}

TopicRules Rules(const Settings& source) {
  auto rules = TopicRules::Make(With(source), std::make_shared<FilterHealth>());
  EXPECT_TRUE(rules.ok()) << rules.status();
  return *rules;
}

TEST(TopicRules, TakeConnectsDefaultGroup) {
  EXPECT_EQ(Rules({}).by_default().partitions, -1);
  const TopicRules rules = Rules({{"topic.creation.default.partitions", "6"},
                                  {"topic.creation.default.replication.factor", "3"},
                                  {"topic.creation.default.cleanup.policy", "compact"}});
  const kafka::TopicSpec& spec = rules.Of("p.public.orders");
  EXPECT_EQ(spec.partitions, 6);
  EXPECT_EQ(spec.replication_factor, 3);
  EXPECT_THAT(spec.config, ElementsAre(Pair("cleanup.policy", "compact")));
}

TEST(TopicRules, TakeTheFirstGroupThatHoldsTheTopic) {
  const TopicRules rules = Rules({{"topic.creation.default.partitions", "6"},
                                  {"topic.creation.default.replication.factor", "3"},
                                  {"topic.creation.default.cleanup.policy", "compact"},
                                  {"topic.creation.groups", "big, audit"},
                                  {"topic.creation.big.include", "p\\.public\\.(orders|items)"},
                                  {"topic.creation.big.exclude", "p\\.public\\.items"},
                                  {"topic.creation.big.partitions", "12"},
                                  {"topic.creation.audit.include", "p\\.public\\..*"},
                                  {"topic.creation.audit.retention.ms", "1000"}});
  EXPECT_EQ(rules.Of("p.public.orders").partitions, 12);
  EXPECT_EQ(rules.Of("p.public.orders").replication_factor, 3) << "the default group's";
  EXPECT_TRUE(rules.Of("p.public.orders").config.empty()) << "a group's options are its own";
  EXPECT_EQ(rules.Of("p.public.items").partitions, 6) << "the exclude list wins";
  EXPECT_THAT(rules.Of("p.public.items").config, ElementsAre(Pair("retention.ms", "1000")));
  EXPECT_THAT(rules.Of("p.PUBLIC.items").config, ElementsAre(Pair("cleanup.policy", "compact")))
      << "case counts here";
}

TEST(TopicRules, RefuseWhatHasNoEffect) {
  const auto error = [](const Settings& source) {
    const auto rules = TopicRules::Make(With(source), std::make_shared<FilterHealth>());
    return std::string(Message(rules.status()));
  };
  EXPECT_THAT(error({{"topic.creation.groups", "a"}}),
              HasSubstr("source.topic.creation.a.include is missing"));
  EXPECT_THAT(error({{"topic.creation.b.partitions", "2"}}),
              HasSubstr("source.topic.creation.b.partitions has no effect"));
  EXPECT_THAT(error({{"topic.creation.default.partitions", "0"}}), HasSubstr("must be a count"));
}

TEST(CaptureOptions, OfTheSnapshot) {
  const SnapshotOptions plain = Capture({}).snapshot;
  EXPECT_TRUE(plain.takes("public", "a"));
  EXPECT_TRUE(plain.selects.empty());
  EXPECT_EQ(plain.isolation, wal::SnapshotIsolation::kSerializable);
  EXPECT_FALSE(plain.lock_tables);

  const SnapshotOptions options =
      Capture({{"snapshot.include.collection.list", "public\\.[ab]"},
               {"snapshot.select.statement.overrides", "public.a, public.b"},
               {"snapshot.select.statement.overrides.public.a", "select 1"},
               {"snapshot.select.statement.overrides.public.b", "select 2"},
               {"snapshot.isolation.mode", "READ_COMMITTED"},
               {"snapshot.locking.mode", "shared"},
               {"snapshot.lock.timeout.ms", "5"},
               {"snapshot.delay.ms", "7"},
               {"streaming.delay.ms", "9"}})
          .snapshot;
  EXPECT_TRUE(options.takes("public", "b"));
  EXPECT_FALSE(options.takes("public", "c"));
  EXPECT_THAT(options.selects,
              ElementsAre(Pair("public.a", "select 1"), Pair("public.b", "select 2")));
  EXPECT_EQ(options.isolation, wal::SnapshotIsolation::kReadCommitted);
  EXPECT_TRUE(options.lock_tables);
  EXPECT_EQ(options.lock_timeout.count(), 5);
  EXPECT_EQ(options.delay.count(), 7);
  EXPECT_EQ(options.streaming_delay.count(), 9);
}

TEST(CaptureOptions, ASelectNeedsItsTableAndTheOtherWayRound) {
  EXPECT_THAT(std::string(Message(
                  MakeCaptureOptions(With({{"snapshot.select.statement.overrides", "public.a"}}))
                      .status())),
              HasSubstr("source.snapshot.select.statement.overrides.public.a is missing"));
  EXPECT_THAT(
      std::string(Message(
          MakeCaptureOptions(With({{"snapshot.select.statement.overrides.public.a", "select 1"}}))
              .status())),
      HasSubstr("has no effect"));
}

TEST(CaptureOptions, AConfigurationBasedModeIsOneOfTheOthers) {
  const auto mode = [](Settings booleans) {
    booleans["snapshot.mode"] = "configuration_based";
    return Capture(booleans).snapshot_mode;
  };
  const std::string data = "snapshot.mode.configuration.based.snapshot.data";
  const std::string stream = "snapshot.mode.configuration.based.start.stream";
  EXPECT_EQ(mode({{data, "true"}, {stream, "true"}}), SnapshotMode::kAlways);
  EXPECT_EQ(mode({{data, "true"}}), SnapshotMode::kInitialOnly);
  EXPECT_EQ(mode({{stream, "true"}}), SnapshotMode::kNoData);
}

TEST(CaptureOptions, ReplicaIdentities) {
  const auto rules = Capture({{"replica.identity.autoset.values",
                               "public.a:FULL, public.b:index b_key,public.c:DEFAULT,d.*:NOTHING"}})
                         .replica_identities;
  ASSERT_EQ(rules.size(), 4);
  EXPECT_TRUE(rules[0].tables.Matches("public.a"));
  EXPECT_EQ(rules[0].identity, ReplicaIdentity::kFull);
  EXPECT_EQ(rules[1].identity, ReplicaIdentity::kIndex);
  EXPECT_EQ(rules[1].index, "b_key");
  EXPECT_EQ(rules[2].identity, ReplicaIdentity::kDefault);
  EXPECT_EQ(rules[3].identity, ReplicaIdentity::kNothing);
  for (const std::string bad :
       {"public.a", "public.a:SOME", "public.a:INDEX", ":FULL", "public.a:FULL x"}) {
    const auto options = MakeCaptureOptions(With({{"replica.identity.autoset.values", bad}}));
    EXPECT_TRUE(absl::IsInvalidArgument(options.status())) << bad;
  }
}

TEST(CaptureOptions, InitialStatementsEndAtSingleSemicolons) {
  EXPECT_THAT(Capture({{"database.initial.statements", "SET a = ';;' ; SET b = 1;; "}})
                  .connection.initial_statements,
              ElementsAre("SET a = ';' ", " SET b = 1; "));
  EXPECT_THAT(Capture({{"database.initial.statements", " ; "}}).connection.initial_statements,
              ElementsAre());
}

TEST(Guardrail, WarnsOrFails) {
  EXPECT_TRUE(CheckGuardrail({}, 1000).ok());
  EXPECT_TRUE(CheckGuardrail({.max_tables = 2, .fail = true}, 2).ok());
  EXPECT_TRUE(CheckGuardrail({.max_tables = 2, .fail = false}, 3).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(CheckGuardrail({.max_tables = 2, .fail = true}, 3)));
}

TEST(EnvelopeOptions, AreDebeziumsDefaultsUnlessGiven) {
  const envelope::Options options = Envelope({});
  const envelope::Options plain;
  EXPECT_EQ(options.topic_prefix, "p");
  EXPECT_EQ(options.database, "d");
  EXPECT_EQ(options.decimal, plain.decimal);
  EXPECT_EQ(options.unavailable_placeholder, plain.unavailable_placeholder);
  EXPECT_EQ(options.topic_heartbeat_prefix, plain.topic_heartbeat_prefix);
  EXPECT_EQ(options.topic_transaction, plain.topic_transaction);
  EXPECT_EQ(options.extended_headers, plain.extended_headers);
  EXPECT_TRUE(options.skipped.truncate);
  EXPECT_FALSE(options.column_included);
  EXPECT_FALSE(options.column_mapper);
  EXPECT_FALSE(options.message_key_columns);
}

TEST(EnvelopeOptions, TakeConverters) {
  const envelope::Options options =
      Envelope({{"key.converter", "org.apache.kafka.connect.storage.StringConverter"},
                {"header.converter", "org.apache.kafka.connect.json.JsonConverter"},
                {"value.converter.schemas.enable", "FALSE"},
                {"value.converter.decimal.format", "numeric"},
                {"value.converter.replace.null.with.default", "false"}});
  EXPECT_TRUE(options.string_keys);
  EXPECT_TRUE(options.json_headers);
  EXPECT_TRUE(options.key_schemas);
  EXPECT_FALSE(options.value_schemas);
  EXPECT_TRUE(options.value_decimal_numeric);
  EXPECT_FALSE(options.key_decimal_numeric);
  EXPECT_FALSE(options.value_null_as_default);
  EXPECT_TRUE(options.key_null_as_default);
}

TEST(EnvelopeOptions, SkipOperations) {
  EXPECT_FALSE(Envelope({{"skipped.operations", "none"}}).skipped.truncate);
  const auto skipped = Envelope({{"skipped.operations", "u, d"}}).skipped;
  EXPECT_TRUE(skipped.update);
  EXPECT_TRUE(skipped.remove);
  EXPECT_FALSE(skipped.create);
  EXPECT_FALSE(skipped.truncate) << "any value replaces the default";
}

TEST(EnvelopeOptions, TakeTheOlderSpellingOfTheHeartbeatTopic) {
  EXPECT_EQ(Envelope({{"heartbeat.topics.prefix", "old"}}).topic_heartbeat_prefix, "old");
  EXPECT_EQ(Envelope({{"heartbeat.topics.prefix", "old"}, {"topic.heartbeat.prefix", "new"}})
                .topic_heartbeat_prefix,
            "new");
}

TEST(EnvelopeOptions, FilterColumns) {
  const auto excluded =
      Envelope({{"column.exclude.list", "public.a.secret,public.b.id"}}).column_included;
  EXPECT_FALSE(excluded("public", "a", "secret"));
  EXPECT_TRUE(excluded("public", "a", "id"));
  const auto included = Envelope({{"column.include.list", "public.a.(id|name)"}}).column_included;
  EXPECT_TRUE(included("public", "a", "NAME"));
  EXPECT_FALSE(included("public", "a", "other"));
}

TEST(EnvelopeOptions, AskColumnMappersInDebeziumsOrder) {
  const auto mapper = Envelope({{"column.truncate.to.4.chars", "s.t.a"},
                                {"column.mask.with.6.chars", "s.t.(a|b)"},
                                {"column.mask.hash.v2.MD5.with.salt.v2salt", "s.t.(c|e)"},
                                {"column.mask.hash.SHA-256.with.salt.v1.salt", "s.t.(d|e)"},
                                {"datatype.propagate.source.type", ".*\\.numeric"}})
                          .column_mapper;
  EXPECT_EQ(std::get<envelope::TruncateColumn>(*mapper("s", "t", "a", "text")).chars, 4U);
  EXPECT_EQ(std::get<envelope::MaskColumn>(*mapper("s", "t", "b", "text")).chars, 6U);
  const auto v2 = std::get<envelope::HashColumn>(*mapper("s", "t", "c", "text"));
  EXPECT_EQ(v2.algorithm, "MD5");
  EXPECT_EQ(v2.salt, "v2salt");
  EXPECT_TRUE(v2.v2);
  const auto v1 = std::get<envelope::HashColumn>(*mapper("s", "t", "d", "text"));
  EXPECT_EQ(v1.algorithm, "SHA-256");
  EXPECT_EQ(v1.salt, "v1.salt");
  EXPECT_FALSE(v1.v2);
  EXPECT_FALSE(std::get<envelope::HashColumn>(*mapper("s", "t", "e", "text")).v2);
  EXPECT_TRUE(
      std::holds_alternative<envelope::PropagateSourceType>(*mapper("s", "t", "d", "numeric")));
  EXPECT_EQ(mapper("s", "t", "x", "text"), std::nullopt);
}

TEST(StreamOptionsHash, FollowsWhatShapesTheStreamOnly) {
  const std::string plain = StreamOptionsHash(With({}));
  EXPECT_EQ(plain.size(), 16U);
  EXPECT_EQ(StreamOptionsHash(With({{"decimal.handling.mode", "precise"}})), plain)
      << "a default that is spelled out";
  EXPECT_EQ(StreamOptionsHash(With({{"decimal.handling.mode", "PRECISE"}})), plain);
  EXPECT_EQ(
      StreamOptionsHash(With({{"database.hostname", "elsewhere"}, {"heartbeat.interval.ms", "5"}})),
      plain);
  EXPECT_NE(StreamOptionsHash(With({{"decimal.handling.mode", "string"}})), plain);
  EXPECT_NE(StreamOptionsHash(With({{"column.mask.with.3.chars", "a"}})), plain);
  EXPECT_NE(StreamOptionsHash(With({{"slot.stream.params", "origin=none"}})), plain)
      << "transactions of elsewhere are not sent then";
  Config other = With({});
  other.pipeline.compat = "3.6.1.Final";
  EXPECT_NE(StreamOptionsHash(other), plain);
}

// The names of Debezium's options, copied from its documentation and source: none may be missing.
constexpr std::string_view kDocumented[] = {
    "database.hostname",
    "database.port",
    "database.user",
    "database.password",
    "database.dbname",
    "database.sslmode",
    "database.sslrootcert",
    "database.sslcert",
    "database.sslkey",
    "database.sslpassword",
    "database.sslfactory",
    "database.tcpKeepAlive",
    "database.initial.statements",
    "database.query.timeout.ms",
    "database.connection.timeout.ms",
    "database.connection.factory.class",
    "driver.socketTimeout",
    "driver.connectTimeout",
    "driver.loginTimeout",
    "driver.options",
    "driver.ApplicationName",
    "driver.targetServerType",
    "driver.gssEncMode",
    "connection.validation.timeout.ms",
    "read.only",
    "executor.shutdown.timeout.ms",
    "plugin.name",
    "slot.name",
    "slot.drop.on.stop",
    "slot.failover",
    "slot.stream.params",
    "slot.max.retries",
    "slot.retry.delay.ms",
    "publication.name",
    "publication.autocreate.mode",
    "publish.via.partition.root",
    "replica.identity.autoset.values",
    "status.update.interval.ms",
    "lsn.flush.mode",
    "flush.lsn.source",
    "lsn.flush.timeout.ms",
    "lsn.flush.timeout.action",
    "offset.mismatch.strategy",
    "internal.slot.seek.to.known.offset.on.start",
    "internal.create.slot.command.timeout",
    "xmin.fetch.interval.ms",
    "heartbeat.interval.ms",
    "heartbeat.action.query",
    "topic.heartbeat.prefix",
    "topic.heartbeat.name",
    "heartbeat.topics.prefix",
    "schema.include.list",
    "schema.exclude.list",
    "table.include.list",
    "table.exclude.list",
    "table.ignore.builtin",
    "column.include.list",
    "column.exclude.list",
    "message.key.columns",
    "message.prefix.include.list",
    "message.prefix.exclude.list",
    "skipped.operations",
    "skip.messages.without.change",
    "tombstones.on.delete",
    "provide.transaction.metadata",
    "topic.transaction",
    "transaction.metadata.factory",
    "include.schema.changes",
    "database.include.list",
    "database.exclude.list",
    "decimal.handling.mode",
    "time.precision.mode",
    "interval.handling.mode",
    "hstore.handling.mode",
    "binary.handling.mode",
    "money.fraction.digits",
    "include.unknown.datatypes",
    "unavailable.value.placeholder",
    "schema.refresh.mode",
    "schema.name.adjustment.mode",
    "field.name.adjustment.mode",
    "column.truncate.to.20.chars",
    "column.mask.with.0.chars",
    "column.mask.hash.SHA-256.with.salt.CzQMA0cB5K",
    "column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K",
    "column.propagate.source.type",
    "datatype.propagate.source.type",
    "include.schema.comments",
    "converters",
    "post.processors",
    "event.processing.failure.handling.mode",
    "event.converting.failure.handling.mode",
    "sourceinfo.struct.maker",
    "topic.prefix",
    "topic.naming.strategy",
    "topic.delimiter",
    "topic.cache.size",
    "topic.regex",
    "topic.replacement",
    "topic.key.enforce.uniqueness",
    "topic.key.field.name",
    "topic.key.field.regex",
    "topic.key.field.replacement",
    "extended.headers.enabled",
    "snapshot.mode",
    "snapshot.mode.custom.name",
    "snapshot.custom.class",
    "snapshot.mode.configuration.based.snapshot.data",
    "snapshot.mode.configuration.based.snapshot.schema",
    "snapshot.mode.configuration.based.start.stream",
    "snapshot.mode.configuration.based.snapshot.on.schema.error",
    "snapshot.mode.configuration.based.snapshot.on.data.error",
    "snapshot.isolation.mode",
    "snapshot.locking.mode",
    "snapshot.locking.mode.custom.name",
    "snapshot.lock.timeout.ms",
    "snapshot.query.mode",
    "snapshot.query.mode.custom.name",
    "snapshot.include.collection.list",
    "snapshot.select.statement.overrides",
    "snapshot.select.statement.overrides.public.orders",
    "snapshot.fetch.size",
    "snapshot.delay.ms",
    "streaming.delay.ms",
    "snapshot.max.threads",
    "snapshot.max.threads.multiplier",
    "snapshot.max.threads.multiplier.public.orders",
    "legacy.snapshot.max.threads",
    "internal.legacy.snapshot.max.threads",
    "snapshot.tables.order.by.row.count",
    "internal.snapshot.scan.all.columns.force",
    "query.fetch.size",
    "incremental.snapshot.chunk.size",
    "incremental.snapshot.watermarking.strategy",
    "incremental.snapshot.allow.schema.changes",
    "signal.data.collection",
    "signal.enabled.channels",
    "signal.poll.interval.ms",
    "signal.kafka.topic",
    "signal.kafka.bootstrap.servers",
    "signal.kafka.groupId",
    "signal.kafka.poll.timeout.ms",
    "signal.consumer.security.protocol",
    "signal.file",
    "notification.enabled.channels",
    "notification.sink.topic.name",
    "max.batch.size",
    "max.queue.size",
    "max.queue.size.in.bytes",
    "poll.interval.ms",
    "queue.provider.type",
    "errors.max.retries",
    "retriable.restart.connector.wait.ms",
    "internal.custom.retriable.exception",
    "internal.log.position.check.enable",
    "internal.advanced.metrics.enable",
    "statistics.metrics.enabled",
    "custom.metric.tags",
    "guardrail.collections.max",
    "guardrail.collections.limit.action",
    "custom.sanitize.pattern",
    "memory.management.schemas.class",
    "memory.management.tables.class",
    "openlineage.integration.enabled",
    "openlineage.integration.config.file.path",
    "openlineage.integration.job.namespace",
    "openlineage.integration.dataset.kafka.bootstrap.servers",
    "name",
    "connector.class",
    "tasks.max",
    "tasks.max.enforce",
    "key.converter",
    "value.converter",
    "header.converter",
    "key.converter.schemas.enable",
    "value.converter.schema.registry.url",
    "value.converter.decimal.format",
    "transforms",
    "transforms.unwrap.type",
    "predicates",
    "predicates.p.type",
    "topic.creation.enable",
    "topic.creation.default.replication.factor",
    "topic.creation.default.partitions",
    "topic.creation.default.cleanup.policy",
    "topic.creation.groups",
    "topic.creation.g.include",
    "errors.tolerance",
    "errors.retry.timeout",
    "errors.retry.delay.max.ms",
    "errors.log.enable",
    "errors.log.include.messages",
    "errors.deadletterqueue.topic.name",
    "errors.deadletterqueue.context.headers.enable",
    "producer.override.linger.ms",
    "consumer.override.max.poll.records",
    "admin.override.security.protocol",
    "exactly.once.support",
    "transaction.boundary",
    "transaction.boundary.interval.ms",
    "offsets.storage.topic",
    "config.action.reload",
    "debezium.source.offset.storage",
    "debezium.sink.type",
    "quarkus.http.port",
    "record.processing.threads",
    "record.processing.order",
    "record.processing.shutdown.timeout.ms",
    "task.management.timeout.ms",
};

TEST(OptionTable, KnowsEveryDocumentedName) {
  for (const std::string_view name : kDocumented)
    EXPECT_NE(FindOption(Section::kSource, name), nullptr) << name;
}

}  // namespace
}  // namespace walrelay::app
