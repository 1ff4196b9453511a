// A connector's configuration in each of its forms, and what its keys become.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/config.h"
#include "app/config_report.h"
#include "app/connector_file.h"
#include "app/connector_keys.h"
#include "app/java_kafka_options.h"

namespace walrelay::app {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

Settings Keys(std::string_view text, const std::string& name) {
  const auto file = ReadConnector(text, name);
  EXPECT_TRUE(file.ok()) << file.status();
  Settings keys;
  if (file.ok()) {
    for (const ConnectorKey& key : file->keys) keys[key.name] = key.value;
  }
  return keys;
}

std::string ReadError(std::string_view text, const std::string& name) {
  const auto file = ReadConnector(text, name);
  EXPECT_TRUE(absl::IsInvalidArgument(file.status())) << text;
  return std::string(Message(file.status()));
}

TEST(ReadConnector, TakesAPostBodyAndABareMap) {
  const auto body = ReadConnector(
      R"({"name":"shop","config":{"tasks.max":1,"slot.drop.on.stop":true,"topic.prefix":"p","x":null}})",
      "c.json");
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->name, "shop");
  EXPECT_THAT(Keys(R"({"name":"shop","config":{"a":1,"b":true,"c":"x","d":null}})", "c.json"),
              ElementsAre(Pair("a", "1"), Pair("b", "true"), Pair("c", "x")));
  EXPECT_THAT(Keys("\n {\"name\":\"n\",\"a\":\"1\",\"a\":\"2\"}", "c"),
              ElementsAre(Pair("a", "2"), Pair("name", "n")))
      << "the last one counts, as with Jackson";
}

TEST(ReadConnector, TakesAStrimziResource) {
  constexpr std::string_view kResource = R"(# deployed by hand
apiVersion: v1
kind: Secret
spec: {}
---
apiVersion: kafka.strimzi.io/v1beta2
kind: KafkaConnector
metadata:
  name: shop-connector
  labels: {strimzi.io/cluster: c}
spec:
  class: io.debezium.connector.postgresql.PostgresConnector
  tasksMax: 1
  config:
    database.hostname: db
    database.port: 5432
    tombstones.on.delete: false
    database.password: ${secrets:ns/s:password}
    column.exclude.list: >-
      public.a.x,
      public.b.y
    key: {converter: {schemas: {enable: false}}}
)";
  const auto file = ReadConnector(kResource, "connector.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->name, "shop-connector");
  EXPECT_THAT(
      Keys(kResource, "connector.yaml"),
      ElementsAre(Pair("column.exclude.list", "public.a.x, public.b.y"),
                  Pair("connector.class", "io.debezium.connector.postgresql.PostgresConnector"),
                  Pair("database.hostname", "db"),
                  Pair("database.password", "${secrets:ns/s:password}"),
                  Pair("database.port", "5432"), Pair("key.converter.schemas.enable", "false"),
                  Pair("tasks.max", "1"), Pair("tombstones.on.delete", "false")));
  EXPECT_EQ(file->keys[2].where, "connector.yaml:15");
}

TEST(ReadConnector, TakesPropertiesAndSaysWhoseTheyAre) {
  EXPECT_THAT(Keys("name=n\ntopic.prefix = p\n# x\n", "connect.properties"),
              ElementsAre(Pair("name", "n"), Pair("topic.prefix", "p")));
  EXPECT_EQ(ReadConnector("topic.prefix=p", "a.properties")->kind, ConnectorFile::Kind::kConnect);
  EXPECT_EQ(ReadConnector("debezium.source.topic.prefix=p", "a.properties")->kind,
            ConnectorFile::Kind::kDebeziumServer);
  EXPECT_EQ(ReadConnector("debezium: {source: {topic.prefix: p}}", "application.yaml")->kind,
            ConnectorFile::Kind::kDebeziumServer);
}

TEST(ReadConnector, SaysWhatIsWrongWithAFile) {
  EXPECT_THAT(ReadError("{\"a\":", "c.json"), HasSubstr("c.json is not valid JSON"));
  EXPECT_THAT(ReadError("{\"a\":[1]}", "c.json"), HasSubstr("c.json: a must be text, a number"));
  EXPECT_THAT(ReadError("{\"config\":{\"a\":\"1\"},\"slot.name\":\"s\"}", "c.json"),
              HasSubstr("'slot.name' stands beside config"));
  EXPECT_THAT(ReadError("a: [", "c.yaml"), HasSubstr("is not valid YAML"));
  EXPECT_THAT(ReadError("a: 1\n---\nb: 2\n", "c.yaml"), HasSubstr("neither a KafkaConnector"));
  EXPECT_THAT(ReadError("", "c.json"), HasSubstr("is empty"));
  EXPECT_THAT(ReadError("# nothing\n", "c.properties"), HasSubstr("holds no options"));
  EXPECT_THAT(ReadError("kind: KafkaConnector\nspec: {config: {a: {b: [[1]]}}}\n", "c.yaml"),
              HasSubstr("c.yaml:2: a.b must be text or a list of texts"));
}

TEST(ReadConnector, IsNotBlownUpByAliases) {
  std::string yaml = "a0: &a0 {x: 1, y: 2, z: 3}\n";
  for (int i = 1; i < 30; ++i) {
    yaml += Cat("a", i, ": &a", i, " {x: *a", i - 1, ", y: *a", i - 1, ", z: *a", i - 1, "}\n");
  }
  EXPECT_THAT(ReadError(yaml, "c.yaml"), HasSubstr("too many keys"));
}

constexpr std::string_view kConnector = R"("connector.class":
  "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
  "database.hostname":"db","database.user":"u","database.dbname":"d","topic.prefix":"cdc")";

// A connector of those options and more, as LoadConfig would make it.
absl::StatusOr<Config> Parse(std::string_view more, ConfigInputs inputs = {}) {
  inputs.connector = "connector.json";
  const std::string body =
      Cat("{\"name\":\"shop\",\"config\":{", kConnector, more.empty() ? "" : ",", more, "}}");
  return ParseConfig(std::nullopt, "", inputs, body);
}

Config Good(std::string_view more, const ConfigInputs& inputs = {}) {
  auto config = Parse(more, inputs);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : Config();
}

std::string Error(std::string_view more) {
  const auto config = Parse(more);
  EXPECT_TRUE(absl::IsInvalidArgument(config.status())) << more;
  return std::string(Message(config.status()));
}

TEST(Connector, IsALayerBetweenFileAndCommandLine) {
  const Config config = Good(
      R"("slot.name":"s","snapshot.mode":"no_data")",
      {.file = {},
       .environment = {"WALRELAY_KAFKA_BOOTSTRAP_SERVERS=b:9092", "WALRELAY_SOURCE_SLOT_NAME=e"},
       .sets = {"source.topic.prefix=other"}});
  EXPECT_EQ(config.pipeline.name, "shop");
  EXPECT_EQ(config.source.at("slot.name"), "e");
  EXPECT_EQ(config.source.at("topic.prefix"), "other");
  EXPECT_EQ(config.source.at("snapshot.mode"), "no_data");
  EXPECT_EQ(config.kafka.at("bootstrap.servers"), "b:9092");
  EXPECT_EQ(config.origin.at("source.snapshot.mode"), "connector.json");
  EXPECT_FALSE(config.lake.has_value()) << "the built-in pipeline is not beneath it";

  const auto both = ParseConfig(
      "[source]\nslot.name = \"file\"\ndatabase.port = 1\n[lake]\nconnection = \"host=l\"",
      "w.toml", {.file = {}, .connector = "c.json", .environment = {}, .sets = {}},
      Cat("{", kConnector, R"(,"slot.name":"connector"})"));
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(both->source.at("slot.name"), "connector");
  EXPECT_EQ(both->source.at("database.port"), "1");
  EXPECT_TRUE(both->lake.has_value());
}

TEST(Connector, ATypoNamesTheNearestOption) {
  EXPECT_THAT(Error(R"("table.includelist":"a")"),
              HasSubstr("connector.json: unknown option source.table.includelist; did you mean "
                        "table.include.list?"));
}

TEST(Connector, SaysOnceWhatMeansNothingAndWhatTheWorkerWouldKnow) {
  const Config config = Good(R"("max.batch.size":"4096","consumer.override.fetch.min.bytes":"1")");
  EXPECT_THAT(config.notices, Contains(HasSubstr("source.max.batch.size means nothing here")));
  EXPECT_THAT(config.notices,
              Contains(HasSubstr("consumer.override.fetch.min.bytes means nothing here")));
  EXPECT_THAT(config.notices, Contains(HasSubstr("source.value.converter is not given")));
  const Config given = Good(R"("key.converter":"org.apache.kafka.connect.json.JsonConverter",
              "value.converter":"org.apache.kafka.connect.json.JsonConverter")");
  EXPECT_THAT(given.notices, Not(Contains(HasSubstr("converter is not given"))));
}

TEST(Connector, ProducerOverridesBecomeLibrdkafkas) {
  const Config config = Good(R"("producer.override.linger.ms":"5",
    "producer.override.compression.type":"ZSTD","producer.override.max.request.size":"2000000",
    "producer.override.buffer.memory":"1048576","producer.override.acks":"all",
    "producer.override.batch.size":"65536","offsets.storage.topic":"my-offsets",
    "producer.override.security.protocol":"SASL_SSL","producer.override.sasl.mechanism":"PLAIN",
    "producer.override.sasl.jaas.config":
      "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"p\\\"w\";")");
  EXPECT_THAT(config.kafka,
              ElementsAre(Pair("batch.size", "65536"), Pair("compression.type", "zstd"),
                          Pair("linger.ms", "5"), Pair("message.max.bytes", "2000000"),
                          Pair("queue.buffering.max.kbytes", "1024"),
                          Pair("sasl.mechanisms", "PLAIN"), Pair("sasl.password", "p\"w"),
                          Pair("sasl.username", "u"), Pair("security.protocol", "SASL_SSL")));
  EXPECT_EQ(config.pipeline.offset_storage_topic, "my-offsets");
}

TEST(Connector, RefusesWhatTheProducerCannotHonourByName) {
  EXPECT_THAT(Error(R"("producer.override.acks":"1")"),
              HasSubstr("connector.json: producer.override.acks cannot be honoured: what is"));
  EXPECT_THAT(Error(R"("producer.override.interceptor.classes":"x")"), HasSubstr("a Java class"));
  EXPECT_THAT(Error(R"("producer.override.linger.mss":"1")"), HasSubstr("did you mean linger.ms?"));
  EXPECT_THAT(Error(R"("producer.override.ssl.truststore.location":"/a.jks")"),
              HasSubstr("kafka.ssl.ca.location"));
  const std::string jaas = Error(R"("producer.override.sasl.jaas.config":"hidden")");
  EXPECT_THAT(jaas, HasSubstr("kafka.sasl.password"));
  EXPECT_THAT(jaas, Not(HasSubstr("hidden")));
}

// Every mapped name is one that librdkafka has.
TEST(JavaKafkaOptions, MapToOptionsThatExist) {
  for (const std::string_view name : {"bootstrap.servers",
                                      "linger.ms",
                                      "batch.size",
                                      "compression.type",
                                      "retries",
                                      "retry.backoff.ms",
                                      "request.timeout.ms",
                                      "max.in.flight.requests.per.connection",
                                      "client.id",
                                      "metadata.max.age.ms",
                                      "reconnect.backoff.ms",
                                      "security.protocol",
                                      "reconnect.backoff.max.ms",
                                      "ssl.keystore.location",
                                      "connections.max.idle.ms",
                                      "ssl.keystore.password",
                                      "socket.connection.setup.timeout.ms",
                                      "max.request.size",
                                      "send.buffer.bytes",
                                      "receive.buffer.bytes",
                                      "sasl.mechanism",
                                      "sasl.kerberos.service.name",
                                      "ssl.cipher.suites",
                                      "buffer.memory",
                                      "ssl.key.password",
                                      "ssl.endpoint.identification.algorithm"}) {
    const JavaOptionMeaning meaning = MeaningOfJavaOption(name, "1");
    ASSERT_TRUE(std::holds_alternative<MappedOptions>(meaning)) << name;
    for (const auto& [mapped, value] : std::get<MappedOptions>(meaning).options) {
      EXPECT_TRUE(CheckName(Section::kKafka, mapped, "").ok()) << mapped;
    }
  }
}

Config Server(std::string_view properties, const std::vector<std::string>& environment = {}) {
  ConfigInputs inputs;
  inputs.connector = "application.properties";
  inputs.environment = environment;
  auto config = ParseConfig(std::nullopt, "", inputs, properties);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : Config();
}

constexpr std::string_view kServer = R"(debezium.sink.type=kafka
debezium.sink.kafka.producer.bootstrap.servers=broker:9092
debezium.sink.kafka.producer.key.serializer=org.apache.kafka.common.serialization.StringSerializer
debezium.sink.kafka.producer.linger.ms=3
debezium.source.connector.class=io.debezium.connector.postgresql.PostgresConnector
debezium.source.offset.storage=org.apache.kafka.connect.storage.FileOffsetBackingStore
debezium.source.offset.storage.file.filename=data/offsets.dat
debezium.source.offset.flush.interval.ms=5000
debezium.source.database.hostname=${DB_HOST:localhost}
debezium.source.database.user=u
debezium.source.database.password=${DB_PASSWORD}
debezium.source.database.dbname=d
debezium.source.topic.prefix=${app.prefix}
debezium.source.plugin.name=pgoutput
debezium.source.schema.history.internal=x
debezium.format.key=simplestring
debezium.format.schemas.enable=false
debezium.format.value.schemas.enable=true
app.prefix=cdc
quarkus.log.level=INFO
)";

TEST(DebeziumServer, ItsPropertiesBecomeOurs) {
  const Config config = Server(kServer, {"DB_PASSWORD=secret"});
  EXPECT_EQ(config.pipeline.name, "kafka") << "the sink's name is the connector's there";
  EXPECT_EQ(config.pipeline.offset_flush_interval.count(), 5000);
  EXPECT_THAT(config.kafka,
              ElementsAre(Pair("bootstrap.servers", "broker:9092"), Pair("linger.ms", "3")));
  EXPECT_EQ(config.source.at("database.hostname"), "localhost");
  EXPECT_EQ(config.source.at("database.password"), "secret");
  EXPECT_EQ(config.source.at("topic.prefix"), "cdc");
  EXPECT_EQ(config.source.at("key.converter"), "org.apache.kafka.connect.storage.StringConverter");
  EXPECT_EQ(config.source.at("value.converter.schemas.enable"), "true");
  EXPECT_EQ(config.source.at("key.converter.schemas.enable"), "false");
  EXPECT_EQ(config.source.at("header.converter"), "org.apache.kafka.connect.json.JsonConverter");
  EXPECT_THAT(config.notices, Contains(HasSubstr("debezium.source.offset.storage means nothing")));
  EXPECT_THAT(config.notices, Contains(HasSubstr("quarkus.log.level means nothing here")));
}

TEST(DebeziumServer, VariablesStandAboveTheFile) {
  const Config config =
      Server(kServer, {"DB_PASSWORD=s", "DEBEZIUM_SOURCE_SLOT_NAME=from_environment",
                       "DEBEZIUM_SOURCE_TOPIC_PREFIX=other", "DB_HOST=db"});
  EXPECT_EQ(config.source.at("slot.name"), "from_environment");
  EXPECT_EQ(config.source.at("topic.prefix"), "other");
  EXPECT_EQ(config.source.at("database.hostname"), "db");
  EXPECT_EQ(config.origin.at("source.slot.name"), "DEBEZIUM_SOURCE_SLOT_NAME");
}

TEST(DebeziumServer, ADoubledDollarIsNoReference) {
  const Config config =
      Server(Cat(kServer, "debezium.source.unavailable.value.placeholder=$${x}$${env:y}\n"),
             {"DB_PASSWORD=s"});
  EXPECT_EQ(config.source.at("unavailable.value.placeholder"), "${x}${env:y}");
}

TEST(DebeziumServer, RefusesOtherSinksAndFormatsByName) {
  const auto error = [](std::string_view line) {
    ConfigInputs inputs;
    inputs.connector = "application.properties";
    const auto config =
        ParseConfig(std::nullopt, "", inputs, Cat("debezium.source.topic.prefix=p\n", line, "\n"));
    EXPECT_TRUE(absl::IsInvalidArgument(config.status())) << line;
    return std::string(Message(config.status()));
  };
  EXPECT_THAT(error("debezium.sink.type=kinesis"), HasSubstr("debezium.sink.type cannot be"));
  EXPECT_THAT(error("debezium.format.value=avro"), HasSubstr("only json and simplestring"));
  EXPECT_THAT(error("debezium.sink.kafka.brokers=x"), HasSubstr("debezium.sink.kafka.brokers"));
  EXPECT_THAT(error("debezium.sourc.slot.name=x"), HasSubstr("debezium.sourc.slot.name"));
}

std::vector<KeyReport> Report(std::string_view connector,
                              const std::vector<std::string>& environment = {}) {
  const auto file = ReadConnector(connector, "c.json");
  EXPECT_TRUE(file.ok()) << file.status();
  return ReportConnector(*file, environment);
}

constexpr std::string_view kReported = R"({"topic.prefix":"p","max.batch.size":"1",
  "transformz":"x","converters":"iso","database.password":"hidden","lsn.flush.mode":"manual",
  "database.user":"${file:/nowhere:u}","database.dbname":"${vault:a:b}",
  "table.include.list":"public\\.o'a,public\\.b","producer.override.linger.ms":"soon",
  "producer.override.batch.size":"100000"})";

TEST(ReportConnector, JudgesEachKeyByItself) {
  std::map<std::string, KeyReport> by_name;
  for (KeyReport& report : Report(kReported)) by_name[report.name] = std::move(report);
  const auto verdict = [&](const std::string& name) { return by_name.at(name).verdict; };
  const auto note = [&](const std::string& name) { return by_name.at(name).note; };
  EXPECT_EQ(verdict("topic.prefix"), KeyVerdict::kHonoured);
  EXPECT_EQ(verdict("max.batch.size"), KeyVerdict::kNothing);
  EXPECT_EQ(verdict("transformz"), KeyVerdict::kRefused);
  EXPECT_THAT(note("transformz"), HasSubstr("did you mean transforms?"));
  EXPECT_EQ(verdict("converters"), KeyVerdict::kRefused);
  EXPECT_THAT(note("converters"), HasSubstr("a Java class"));
  EXPECT_EQ(verdict("lsn.flush.mode"), KeyVerdict::kRefused);
  EXPECT_EQ(by_name.at("database.password").value, "********");
  EXPECT_EQ(verdict("database.user"), KeyVerdict::kHonoured);
  EXPECT_THAT(note("database.user"), HasSubstr("cannot be resolved here"));
  EXPECT_EQ(by_name.at("database.user").value, "${file:/nowhere:u}");
  EXPECT_EQ(verdict("database.dbname"), KeyVerdict::kRefused);
  EXPECT_THAT(note("database.dbname"), HasSubstr("only the providers file, env and directory"));
  EXPECT_EQ(verdict("producer.override.linger.ms"), KeyVerdict::kRefused);
  EXPECT_EQ(verdict("producer.override.batch.size"), KeyVerdict::kHonoured);
  EXPECT_EQ(note("producer.override.batch.size"), "kafka.batch.size");
}

TEST(WriteImported, IsReadBackAsTheSame) {
  const std::string connector = Cat("{", kConnector, R"(,"name":"shop","max.batch.size":"9",
    "table.include.list":"public\\.(o'a|\u00e4\"x),public\\.b","database.password":"${env:PW}",
    "column.mask.with.3.chars":"public.a.b","producer.override.linger.ms":"7",
    "producer.override.sasl.mechanism":"PLAIN","producer.override.security.protocol":"SASL_SSL",
    "producer.override.sasl.jaas.config":
    "o.PlainLoginModule required username=\"u\" password=\"clear\";"})");
  const ImportedConfig imported = WriteImported(Report(connector, {"PW=x"}), "c.json");
  EXPECT_THAT(imported.toml, HasSubstr("\"database.password\" = \"${env:PW}\""));
  EXPECT_THAT(imported.toml, HasSubstr("# means nothing: max.batch.size"));
  EXPECT_THAT(imported.toml, Not(HasSubstr("clear\"")));
  EXPECT_THAT(imported.notes, Contains(HasSubstr("set SASL_PASSWORD in the environment")));
  EXPECT_THAT(imported.notes, Contains(HasSubstr("kafka.bootstrap.servers is missing")));

  ConfigInputs inputs;
  inputs.environment = {"PW=x", "SASL_PASSWORD=clear"};
  const auto back = ParseConfig(imported.toml, "w.toml", inputs);
  ASSERT_TRUE(back.ok()) << back.status() << "\n" << imported.toml;
  inputs.connector = "c.json";
  const auto direct = ParseConfig(std::nullopt, "", inputs, connector);
  ASSERT_TRUE(direct.ok()) << direct.status();
  EXPECT_EQ(back->pipeline.name, direct->pipeline.name);
  EXPECT_EQ(back->kafka, direct->kafka);
  Settings source = direct->source;
  source.erase("max.batch.size");
  EXPECT_EQ(back->source, source);
}

TEST(WriteImported, NamesWhatIsRefused) {
  const ImportedConfig imported = WriteImported(Report(kReported), "c.json");
  EXPECT_THAT(
      imported.toml,
      HasSubstr("# refused: converters: source.converters cannot be honoured: a Java class"));
  EXPECT_THAT(imported.toml, Not(HasSubstr("hidden")));
}

}  // namespace
}  // namespace walrelay::app
