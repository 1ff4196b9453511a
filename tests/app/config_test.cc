#include "app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/capture_options.h"
#include "app/envelope_options.h"
#include "app/public_settings.h"
#include "pg/connection_options.h"

namespace walrelay::app {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kSmall = R"([source]
database.hostname = "db"
database.user = "u"
database.dbname = "d"
topic.prefix = "cdc"
plugin.name = "pgoutput"
)";

Config Good(std::optional<std::string_view> toml, const ConfigInputs& inputs = {}) {
  auto config = ParseConfig(toml, "test.toml", inputs);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : Config();
}

std::string Error(std::optional<std::string_view> toml, const ConfigInputs& inputs = {}) {
  const auto config = ParseConfig(toml, "test.toml", inputs);
  EXPECT_TRUE(absl::IsInvalidArgument(config.status())) << (toml ? *toml : "");
  return std::string(Message(config.status()));
}

// kSmall with one more line in [source].
std::string With(std::string_view line) { return Cat(kSmall, line, "\n"); }

TEST(Config, WithoutAFileIsTheDocumentedPipeline) {
  const Config config = Good(std::nullopt);
  EXPECT_EQ(config.pipeline.name, "postgres-source-connector");
  EXPECT_EQ(config.source.at("database.port"), "5433");
  EXPECT_EQ(config.source.at("slot.name"), "debezium_slot");
  EXPECT_EQ(config.source.at("publication.name"), "debezium_publication");
  EXPECT_EQ(config.source.at("topic.prefix"), "cdc");
  EXPECT_EQ(config.kafka.at("bootstrap.servers"), "localhost:9092");
  EXPECT_THAT(config.lake->connection, HasSubstr("port=5434"));
  EXPECT_THAT(config.target->connection, HasSubstr("port=5435"));
  EXPECT_EQ(config.admin.listen, "127.0.0.1:8083");
  EXPECT_THAT(config.notices, IsEmpty());
}

TEST(Config, WithAFileTakesDebeziumsDefaultsForTheRest) {
  const Config config = Good(kSmall);
  const auto options = MakeCaptureOptions(config);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->slot, "debezium");
  EXPECT_EQ(options->publication, "dbz_publication");
  EXPECT_EQ(options->connection.Get("port"), "5432");
  EXPECT_FALSE(config.lake.has_value());
  EXPECT_FALSE(config.target.has_value());
}

TEST(Config, TheFilesExampleIsTheBuiltInConfiguration) {
  const Config file = Good(R"([pipeline]
name = "postgres-source-connector"
compat = "2.5.0.Final"
delivery = "exactly-once"
offset.storage.topic = "connect_offsets"
[source]
database.hostname = "localhost"
database.port = 5433
database.user = "source_user"
database.password = "source_password"
database.dbname = "source_db"
topic.prefix = "cdc"
slot.name = "debezium_slot"
publication.name = "debezium_publication"
[kafka]
bootstrap.servers = "localhost:9092"
[lake]
connection = "host=localhost port=5434 dbname=datalake_db user=datalake_user password=datalake_password"
[target]
connection = "host=localhost port=5435 dbname=target_db user=target_user password=target_password"
[admin]
listen = "127.0.0.1:8083"
)");
  Config built_in = Good(std::nullopt);
  built_in.source.erase("plugin.name");
  EXPECT_EQ(PublicSettings(file), PublicSettings(built_in));
  EXPECT_EQ(StreamOptionsHash(file), StreamOptionsHash(built_in));
  EXPECT_THAT(file.notices, ElementsAre(HasSubstr("plugin.name is not given: pgoutput here")));
}

TEST(Config, BareQuotedAndNestedKeysMeanTheSame) {
  const std::string_view forms[] = {
      "[source]\nplugin.name = \"pgoutput\"\nslot.name = \"s1\"",
      "[source]\n\"plugin.name\" = \"pgoutput\"\n\"slot.name\" = \"s1\"",
      "[source.plugin]\nname = \"pgoutput\"\n[source.slot]\nname = \"s1\"",
      "source = { plugin.name = \"pgoutput\", slot = { name = \"s1\" } }",
  };
  for (const std::string_view form : forms)
    EXPECT_EQ(Good(form).source.at("slot.name"), "s1") << form;
}

TEST(Config, TakesNumbersBoolsAndListsAsText) {
  const Config config =
      Good(With("database.port = 6000\nslot.drop.on.stop = true\n"
                "table.include.list = [\"public.a{1,2}\", \"public.b\"]"));
  EXPECT_EQ(config.source.at("database.port"), "6000");
  EXPECT_EQ(config.source.at("slot.drop.on.stop"), "true");
  const auto options = MakeCaptureOptions(config);
  EXPECT_TRUE(options->table_captured("public", "aa"));
  EXPECT_TRUE(options->table_captured("public", "b"));
  EXPECT_FALSE(options->table_captured("public", "c"));
}

TEST(ConfigError, UnknownOptionNamesFileLineAndNearest) {
  EXPECT_EQ(
      Error(With("table.includelist = \"a\"")),
      "test.toml:7: unknown option source.table.includelist; did you mean table.include.list?");
  EXPECT_EQ(Error("[kafka]\nlinger.msec = 5"),
            "test.toml:2: unknown option kafka.linger.msec; did you mean linger.ms?");
  EXPECT_EQ(Error("[pipeline]\nnmae = \"x\""),
            "test.toml:2: unknown option pipeline.nmae; did you mean name?");
  EXPECT_THAT(Error(With("zzzzzzzzzzzz = 1")), HasSubstr("config check --list-options"));
}

TEST(ConfigError, UnknownSectionNamesTheNearest) {
  EXPECT_EQ(Error("[sorce]\nx = 1"),
            "test.toml:1: unknown section [sorce]; did you mean [source]?");
  EXPECT_THAT(Error("x = 1"), HasSubstr("unknown section [x]"));
  EXPECT_THAT(Error("kafka = 1"), HasSubstr("must be a table: [kafka]"));
}

TEST(ConfigError, BrokenTomlNamesTheLine) {
  EXPECT_THAT(Error("[source]\nslot.name = \n"), HasSubstr("test.toml:2: "));
}

TEST(ConfigError, ANameThatGoesOnWhereAnotherEndsIsExplained) {
  const std::string json = "\"org.apache.kafka.connect.json.JsonConverter\"";
  for (const std::string& clash :
       {Cat("value.converter = ", json, "\nvalue.converter.schemas.enable = false"),
        Cat("value.converter.schemas.enable = false\nvalue.converter = ", json)}) {
    const std::string error = Error(With(clash));
    EXPECT_THAT(error, HasSubstr("test.toml:8: "));
    EXPECT_THAT(error, HasSubstr("quote both"));
  }
  const Config quoted = Good(
      With(Cat("\"value.converter\" = ", json, "\n\"value.converter.schemas.enable\" = false")));
  EXPECT_EQ(quoted.source.at("value.converter.schemas.enable"), "false");
}

TEST(ConfigError, OneOptionTwiceInTwoSpellings) {
  EXPECT_THAT(Error(With("slot.name = \"a\"\n\"slot.name\" = \"b\"")),
              HasSubstr("is also given at test.toml:"));
}

TEST(ConfigError, WrongValuesNameOptionAndWhatIsAllowed) {
  EXPECT_EQ(Error(With("database.port = 70000")),
            "test.toml:7: source.database.port = '70000' must be a whole number from 1 to 65535");
  EXPECT_EQ(Error(With("decimal.handling.mode = \"exact\"")),
            "test.toml:7: source.decimal.handling.mode = 'exact' must be one of: precise, string, "
            "double");
  EXPECT_EQ(Error(With("tombstones.on.delete = \"yes\"")),
            "test.toml:7: source.tombstones.on.delete = 'yes' must be true or false");
  EXPECT_THAT(Error(With("heartbeat.interval.ms = \"10s\"")), HasSubstr("from 0 (milliseconds)"));
  EXPECT_THAT(Error(With("database.port = 1979-05-27")),
              HasSubstr("must be text, a number, true, false or a list"));
  EXPECT_THAT(Error(With("table.include.list = [1]")), HasSubstr("must be a list of texts"));
}

TEST(ConfigError, WhatIsNotBuiltIsRefusedByName) {
  EXPECT_THAT(Error(With("transforms = \"unwrap\"\n\"transforms.unwrap.type\" = \"x.Y\"")),
              HasSubstr("source.transforms.unwrap.type: 'x.Y' is not built"));
  EXPECT_THAT(Error(With("signal.data.collection = \"public.s\"")),
              HasSubstr("source.signal.data.collection cannot"));
  EXPECT_THAT(Error(With("value.converter = \"io.confluent.connect.avro.AvroConverter\"")),
              HasSubstr("choose one of: org.apache.kafka.connect.json.JsonConverter"));
  EXPECT_THAT(Error(With("snapshot.mode = \"custom\"")), HasSubstr("'custom' cannot be honoured"));
  EXPECT_THAT(Error(With("snapshot.mode = \"configuration_based\"")),
              HasSubstr("asks for nothing"));
  EXPECT_THAT(Error(With("snapshot.mode = \"sometimes\"")),
              HasSubstr("must be one of: initial, initial_only, no_data"));
  EXPECT_THAT(Error(With("flush.lsn.source = false")),
              HasSubstr("cannot be honoured (only 'true')"));
  EXPECT_THAT(Error(With("lsn.flush.mode = \"manual\"")), HasSubstr("fills the disk"));
  EXPECT_THAT(Error(With("converters = \"x\"")), HasSubstr("a Java class cannot be loaded here"));
}

TEST(ConfigError, OptionsThatShapeTheStreamAreCheckedTogether) {
  EXPECT_THAT(Error(With("slot.name = \"Big\"")),
              HasSubstr("test.toml:7: source.slot.name = 'Big' must be 1 to 63"));
  EXPECT_THAT(Error(With("time.precision.mode = \"isostring\"")),
              HasSubstr("set pipeline.compat = \"3.6.1.Final\""));
  EXPECT_THAT(Error(With("skipped.operations = \"x\"")),
              HasSubstr("some of c, u, d, t, or none alone"));
  EXPECT_THAT(Error(With("skipped.operations = \"c,none\"")), HasSubstr("none alone"));
  EXPECT_THAT(Error(With("unavailable.value.placeholder = \"hex:0\"")),
              HasSubstr("hexadecimal digits"));
  EXPECT_THAT(Error(With("slot.stream.params = \"origin\"")),
              HasSubstr("'origin' must be name=value"));
  EXPECT_THAT(Error(With("table.include.list = \"(\"")),
              HasSubstr("source.table.include.list: '(' is not a regular"));
  EXPECT_THAT(Error(With("table.include.list = \"a\"\ntable.exclude.list = \"b\"")),
              HasSubstr("exclude each other"));
  EXPECT_THAT(Error(With("column.mask.with.x.chars = \"a\"")),
              HasSubstr("'x' must be a number of characters"));
  EXPECT_THAT(Error(With("topic.creation.default.partitions = 0")),
              HasSubstr("topic.creation.default.partitions = '0' must be a count"));
  EXPECT_THAT(Error(With("message.key.columns = \"a\"")), HasSubstr("tables:column,column"));
  EXPECT_THAT(Error(With("name = \"a\"\n[pipeline]\nname = \"b\"")),
              HasSubstr("source.name and pipeline.name differ"));
}

TEST(ConfigError, SinksNeedAConnectionThatParses) {
  EXPECT_THAT(Error("[lake]"), HasSubstr("lake.connection is missing"));
  const std::string error = Error("[target]\nconnection = \"hots=x password=hidden\"");
  EXPECT_THAT(error, HasSubstr("target.connection: "));
  EXPECT_THAT(error, Not(HasSubstr("hidden")));
  EXPECT_THAT(Error("[target]\nconnection = \"host=x\"\ntable.format = \"all\""),
              HasSubstr("must hold ${table}"));
}

TEST(ConfigError, KafkaOptionsAreCheckedByLibrdkafka) {
  EXPECT_THAT(Error("[kafka]\nlinger.ms = \"soon\""), HasSubstr("linger.ms"));
  EXPECT_THAT(Error("[kafka]\nacks = 1"), HasSubstr("acks"));
}

TEST(ConfigError, SecretsNeverStandInMessages) {
  EXPECT_THAT(Error(With("database.password = \"${vault:hidden:x}\"")),
              HasSubstr("only the providers"));
  EXPECT_THAT(Error(With("\"producer.override.sasl.jaas.config\" = \"hidden\"")),
              Not(HasSubstr("hidden")));
  EXPECT_THAT(Error(With("\"column.mask.hash.X.with.salt.hidden\" = \"(\"")),
              Not(HasSubstr("hidden")));
}

TEST(Config, SnapshotModeAliases) {
  const auto mode = [](std::string_view name) {
    return MakeCaptureOptions(Good(With(Cat("snapshot.mode = \"", name, "\""))))->snapshot_mode;
  };
  EXPECT_EQ(mode("initial"), SnapshotMode::kInitial);
  EXPECT_EQ(mode("exported"), SnapshotMode::kInitial);
  EXPECT_EQ(mode("INITIAL_ONLY"), SnapshotMode::kInitialOnly);
  EXPECT_EQ(mode("never"), SnapshotMode::kNoData);
  EXPECT_EQ(mode("no_data"), SnapshotMode::kNoData);
  EXPECT_EQ(mode("always"), SnapshotMode::kAlways);
  EXPECT_EQ(mode("when_needed"), SnapshotMode::kWhenNeeded);
}

TEST(Config, LayersOverrideEachOther) {
  const ConfigInputs inputs = {.file = {},
                               .environment = {"WALRELAY_SOURCE_SLOT_NAME=from_environment",
                                               "WALRELAY_SOURCE_TOPIC_PREFIX=env", "OTHER=x"},
                               .sets = {"source.slot.name=from_set", "kafka.linger.ms=7"}};
  const Config config = Good(With("slot.name = \"from_file\""), inputs);
  EXPECT_EQ(config.source.at("slot.name"), "from_set");
  EXPECT_EQ(config.source.at("topic.prefix"), "env");
  EXPECT_EQ(config.kafka.at("linger.ms"), "7");
  EXPECT_EQ(config.origin.at("source.slot.name"), "--set");
  EXPECT_EQ(config.origin.at("source.topic.prefix"), "WALRELAY_SOURCE_TOPIC_PREFIX");
  EXPECT_EQ(config.origin.at("source.database.hostname"), "test.toml:2");
}

TEST(Config, OverridesTurnASinkOn) {
  const Config config =
      Good(kSmall, {.file = {}, .environment = {"WALRELAY_LAKE_CONNECTION=host=lake"}, .sets = {}});
  EXPECT_EQ(config.lake->connection, "host=lake");
}

TEST(Environment, FindsNamesWithCapitalsAndPatterns) {
  const Config config =
      Good(kSmall, {.file = {},
                    .environment = {"WALRELAY_SOURCE_DATABASE_TCPKEEPALIVE=false",
                                    "WALRELAY_SOURCE_COLUMN_MASK_WITH_4_CHARS=public.a.x",
                                    "WALRELAY_KAFKA_SASL_MECHANISM=PLAIN"},
                    .sets = {}});
  EXPECT_EQ(config.source.at("database.tcpKeepAlive"), "false");
  EXPECT_EQ(config.source.at("column.mask.with.4.chars"), "public.a.x");
  EXPECT_EQ(config.kafka.at("sasl.mechanism"), "PLAIN");
}

TEST(Environment, RefusesAnUnknownNameOfASectionAndNamesTheNearest) {
  EXPECT_EQ(Error(kSmall,
                  {.file = {}, .environment = {"WALRELAY_SOURCE_DATABASE_HOSTNAM=x"}, .sets = {}}),
            "environment variable WALRELAY_SOURCE_DATABASE_HOSTNAM names no option of [source]; "
            "did you mean "
            "WALRELAY_SOURCE_DATABASE_HOSTNAME?");
}

TEST(Environment, LeavesOtherVariablesAlone) {
  const Config config = Good(
      kSmall, {.file = {},
               .environment = {"WALRELAY_TEST_KAFKA=x", "WALRELAY_SOURCE_PORT=tcp://10.0.0.1:5",
                               "WALRELAY_ADMIN_SERVICE_HOST=x", "WALRELAY_LAKE_PORT_5432_TCP=x"},
               .sets = {}});
  EXPECT_FALSE(config.lake.has_value());
}

TEST(Set, MustNameSectionKeyAndValue) {
  EXPECT_THAT(Error(kSmall, {.file = {}, .environment = {}, .sets = {"slot.name=x"}}),
              HasSubstr("section.key=value"));
  EXPECT_THAT(Error(kSmall, {.file = {}, .environment = {}, .sets = {"source.slot.name"}}),
              HasSubstr("must be"));
  EXPECT_THAT(Error(kSmall, {.file = {}, .environment = {}, .sets = {"source.slot.nam=x"}}),
              HasSubstr("--set: unknown option source.slot.nam; did you mean slot.name?"));
}

TEST(Set, SaysThatASecretOnTheCommandLineCanBeRead) {
  const auto notices = [](std::string set) {
    return Good(kSmall, {.file = {}, .environment = {"P=x"}, .sets = {std::move(set)}}).notices;
  };
  EXPECT_THAT(notices("source.database.password=hidden"),
              ElementsAre(testing::AllOf(HasSubstr("puts a secret on the command line"),
                                         Not(HasSubstr("hidden")))));
  EXPECT_THAT(notices("lake.connection=host=x password=hidden"),
              ElementsAre(HasSubstr("command line")));
  EXPECT_THAT(notices("source.database.password=${env:P}"), IsEmpty());
  EXPECT_THAT(notices("lake.connection=host=x"), IsEmpty());
}

TEST(Config, ResolvesReferencesInEveryLayer) {
  const ConfigInputs inputs = {
      .file = {}, .environment = {"PW=p w"}, .sets = {"source.database.user=${env:PW}"}};
  const Config config = Good(With("database.password = \"${env:PW}\""), inputs);
  EXPECT_EQ(config.source.at("database.password"), "p w");
  EXPECT_EQ(config.source.at("database.user"), "p w");
  EXPECT_THAT(Error(With("database.password = \"${env:NO}\""), {}),
              HasSubstr("test.toml:7: source.database.password: ${env:NO}: the environment has no "
                        "such variable"));
}

TEST(Config, AReferenceInAConnectionStringStaysOneValue) {
  const auto password = [](const std::string& connection, const std::string& secret) {
    const ConfigInputs inputs = {.file = {}, .environment = {"PW=" + secret}, .sets = {}};
    const Config config = Good(Cat("[lake]\nconnection = \"", connection, "\""), inputs);
    const auto parsed = pg::ConnectionOptions::Parse(config.lake->connection);
    EXPECT_EQ(parsed->Get("host"), "h");
    return std::string(parsed->Get("password"));
  };
  for (const std::string secret :
       {"plain", "a b", "it's", "back\\slash", "x host=evil", "p@ss:/?#[]%&=+", "'", "\t"}) {
    EXPECT_EQ(password("host=h password=${env:PW} port=1", secret), secret);
    EXPECT_EQ(password("host=h password='${env:PW}' port=1", secret), secret);
    EXPECT_EQ(password("postgresql://u:${env:PW}@h/d", secret), secret);
  }
  EXPECT_EQ(password("password=${env:PW} host=h", ""), "");
  EXPECT_EQ(password("password='${env:PW}' host=h", ""), "");
  EXPECT_EQ(password("${env:PW}", "host=h password=whole"), "whole");
}

TEST(Config, SaysOnceWhatMeansNothingHere) {
  const Config config = Good(With("max.batch.size = 100\ntasks.max = 1\npoll.interval.ms = 500"));
  EXPECT_THAT(config.notices, ElementsAre(HasSubstr("source.max.batch.size means nothing here: ")));
}

TEST(Config, ConnectsNameIsThePipelines) {
  EXPECT_EQ(Good(With("name = \"my-connector\"")).pipeline.name, "my-connector");
}

TEST(PublicSettings, MaskSecretsOnly) {
  const Config config =
      Good(With("database.password = \"hidden1\"\n"
                "\"column.mask.hash.MD5.with.salt.hidden2\" = \"public.a.b\"\n[kafka]\n"
                "bootstrap.servers = \"b:1\"\nsasl.password = \"hidden3\"\n[lake]\n"
                "connection = \"host=l password=hidden4\"\n[target]\n"
                "connection = \"postgresql://u:hidden5@t/d\""));
  std::string all;
  for (const auto& [key, value] : PublicSettings(config)) all += Cat(key, "=", value, "\n");
  for (const auto& [key, value] : PublicConnectorConfig(config)) all += Cat(key, "=", value, "\n");
  EXPECT_THAT(all, Not(HasSubstr("hidden")));
  EXPECT_THAT(all, HasSubstr("source.database.password=********"));
  EXPECT_THAT(all, HasSubstr("kafka.bootstrap.servers=b:1"));
  EXPECT_THAT(all, HasSubstr("lake.connection=password=******** host=l"));
  EXPECT_THAT(all, HasSubstr("host=t"));
  EXPECT_EQ(PublicConnectorConfig(config)["name"], "postgres-source-connector");
}

TEST(LoadConfig, NamesTheFileThatItCannotRead) {
  const auto config = LoadConfig({.file = "/does/not/exist.toml", .environment = {}, .sets = {}});
  EXPECT_THAT(std::string(Message(config.status())), HasSubstr("cannot read /does/not/exist.toml"));
}

}  // namespace
}  // namespace walrelay::app
