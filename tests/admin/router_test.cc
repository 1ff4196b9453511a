#include "admin/router.h"

#include <gmock/gmock.h>

#include "base/json.h"

namespace walrelay::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const WallTime kNow{std::chrono::seconds(1'700'000'000)};

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    pipeline_.name = "postgres-source-connector";
    pipeline_.version = "0.1.0";
    pipeline_.worker_id = "127.0.0.1:8083";
    pipeline_.config = {{"database.password", "sentinel"}, {"topic.prefix", "cdc"}};
    pipeline_.topics = {"cdc.public.orders"};
    Set("capture", State::kStreaming);
    Set("lake", State::kStreaming);
  }

  void Set(std::string stage, State state, std::string detail = "") {
    board_.Set({.name = std::move(stage),
                .state = state,
                .detail = std::move(detail),
                .since = kNow,
                .next_try = std::nullopt});
  }
  Response Get(std::string_view target, std::string_view method = "GET") const {
    return Respond({.method = method, .target = target},
                   {.pipeline = pipeline_, .board = board_, .metrics = metrics_}, kNow);
  }
  std::string Status() const { return Get("/connectors/postgres-source-connector/status").body; }

  PipelineView pipeline_;
  StatusBoard board_;
  Metrics metrics_;
};

TEST_F(RouterTest, StatusHasConnectsShape) {
  const Response response = Get("/connectors/postgres-source-connector/status");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, R"({"name":"postgres-source-connector",)"
                           R"("connector":{"state":"RUNNING","worker_id":"127.0.0.1:8083"},)"
                           R"("tasks":[{"id":0,"state":"RUNNING","worker_id":"127.0.0.1:8083"}],)"
                           R"("type":"source"})");
}

TEST_F(RouterTest, SnapshotAndWaitingAreRunning) {
  Set("capture", State::kSnapshot);
  Set("lake", State::kWaiting, "connection refused");
  EXPECT_THAT(Status(), HasSubstr(R"("tasks":[{"id":0,"state":"RUNNING")"));
}

TEST_F(RouterTest, StartingIsUnassignedAndAllStoppedIsStopped) {
  Set("lake", State::kStarting);
  EXPECT_THAT(Status(), HasSubstr(R"("state":"UNASSIGNED")"));
  Set("lake", State::kStopped);
  EXPECT_THAT(Status(), HasSubstr(R"("state":"RUNNING")"));
  Set("capture", State::kStopped);
  EXPECT_THAT(Status(), HasSubstr(R"("state":"STOPPED")"));
}

TEST_F(RouterTest, AFailedStageFailsTheTaskWithATraceOfOneLine) {
  Set("lake", State::kFailed, "no table \"x\"\ncreate it");
  EXPECT_THAT(Status(),
              HasSubstr(R"("tasks":[{"id":0,"state":"FAILED","worker_id":)"
                        R"("127.0.0.1:8083","trace":"lake: no table \"x\" create it"}])"));
  EXPECT_THAT(Get("/connectors/postgres-source-connector/tasks/0/status").body,
              HasSubstr(R"({"id":0,"state":"FAILED")"));
}

TEST_F(RouterTest, ListsConnectorsPlainAndExpanded) {
  EXPECT_EQ(Get("/connectors").body, R"(["postgres-source-connector"])");
  EXPECT_EQ(Get("/connectors/?expand=status").body,
            R"({"postgres-source-connector":{"status":)" + Status() + "}}");
  const std::string both = Get("/connectors?expand=status&expand=info").body;
  EXPECT_THAT(both, HasSubstr(R"("status":{)"));
  EXPECT_THAT(both, HasSubstr(R"("info":{"name":"postgres-source-connector","config":{)"));
}

TEST_F(RouterTest, InfoConfigAndTasksHaveConnectsShape) {
  const std::string config =
      R"({"connector.class":"io.debezium.connector.postgresql.PostgresConnector",)"
      R"("database.password":"********","name":"postgres-source-connector","topic.prefix":"cdc"})";
  EXPECT_EQ(Get("/connectors/postgres-source-connector/config").body, config);
  EXPECT_EQ(
      Get("/connectors/postgres-source-connector").body,
      R"({"name":"postgres-source-connector","config":)" + config +
          R"(,"tasks":[{"connector":"postgres-source-connector","task":0}],"type":"source"})");
  EXPECT_EQ(
      Get("/connectors/postgres-source-connector/tasks").body,
      R"([{"id":{"connector":"postgres-source-connector","task":0},"config":)" + config + "}]");
}

TEST_F(RouterTest, TopicsAreTheKnownAndTheActiveOnes) {
  board_.AddTopic("cdc.public.customers");
  board_.AddTopic("cdc.public.orders");
  EXPECT_EQ(
      Get("/connectors/postgres-source-connector/topics").body,
      R"({"postgres-source-connector":{"topics":["cdc.public.customers","cdc.public.orders"]}})");
}

TEST_F(RouterTest, ServerAndPlugins) {
  EXPECT_EQ(Get("/").body, R"({"version":"0.1.0","commit":"","kafka_cluster_id":""})");
  EXPECT_EQ(Get("/connector-plugins?connectorsOnly=false").body,
            R"([{"class":"io.debezium.connector.postgresql.PostgresConnector","type":"source",)"
            R"("version":"2.5.0.Final"}])");
}

TEST_F(RouterTest, AnswersConnectsErrors) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"/connectors/other", "Connector other not found"},
      {"/connectors/other/config", "Connector other not found"},
      {"/connectors/other/status", "No status found for connector other"},
      {"/connectors/postgres-source-connector/tasks/1/status",
       "No status found for task postgres-source-connector-1"},
      {"/connectors/postgres-source-connector/nothing", "HTTP 404 Not Found"},
      {"/connectors/postgres-source-connector/status/more", "HTTP 404 Not Found"},
      {"/metrics/more", "HTTP 404 Not Found"},
      {"/health/more", "HTTP 404 Not Found"},
      {"/favicon.ico", "HTTP 404 Not Found"}};
  for (const auto& [target, message] : cases) {
    const Response response = Get(target);
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_EQ(response.body, R"({"error_code":404,"message":")" + message + "\"}");
  }
}

TEST_F(RouterTest, RefusesEverythingButReading) {
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", ""}) {
    const Response response = Get("/connectors", method);
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.body, R"({"error_code":405,"message":"HTTP 405 Method Not Allowed"})");
  }
  EXPECT_EQ(Get("/connectors", "HEAD").status, 200);
}

TEST_F(RouterTest, HealthTellsStagesAndTurnsRed) {
  const Response green = Get("/health");
  EXPECT_EQ(green.status, 200);
  EXPECT_EQ(
      green.body,
      R"({"status":"healthy","message":"capture is streaming; lake is streaming",)"
      R"("pipeline":"postgres-source-connector","version":"0.1.0","stages":[)"
      R"({"name":"capture","state":"streaming","detail":"","since":"2023-11-14T22:13:20.000Z"},)"
      R"({"name":"lake","state":"streaming","detail":"","since":"2023-11-14T22:13:20.000Z"}]})");
  Set("lake", State::kFailed, "disk full");
  const Response red = Get("/health");
  EXPECT_EQ(red.status, 503);
  EXPECT_THAT(red.body, HasSubstr(R"("status":"unhealthy","message":"lake is failed: disk full")"));
}

TEST_F(RouterTest, HealthTellsLagWhenItIsKnown) {
  CaptureCounters counters;
  counters.position = Lsn{100};
  counters.oldest_open_commit_micros = UnixNanos(kNow) / 1000 - 1'250'000;
  counters.slot.emplace().server_end = Lsn{350};
  metrics_.Publish(counters, kNow);
  metrics_.Publish("lake", 0, SinkCounters{}, kNow);
  const std::string body = Get("/health").body;
  EXPECT_THAT(body, HasSubstr(R"("lag_bytes":250,)"));
  EXPECT_THAT(body, HasSubstr(R"("lag_seconds":1.250},{"name":"lake")"));
  EXPECT_THAT(body, HasSubstr(R"("lag_seconds":0.000}]})"));
}

TEST_F(RouterTest, ProbesTellAliveFromReady) {
  EXPECT_EQ(Get("/health/live").body, R"({"status":"UP"})");
  EXPECT_EQ(Get("/health/ready").status, 200);
  Set("capture", State::kWaiting);
  EXPECT_EQ(Get("/health/live").status, 200);
  EXPECT_EQ(Get("/health/ready").status, 503);
  EXPECT_EQ(Get("/health/ready").body, R"({"status":"DOWN"})");
}

TEST_F(RouterTest, MetricsAreTextWithThePipelinesName) {
  const Response response = Get("/metrics");
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(
      response.body,
      HasSubstr(R"(walrelay_info{pipeline="postgres-source-connector",version="0.1.0"} 1)"));
}

TEST_F(RouterTest, NoPageShowsASecretAndEachJsonParses) {
  JsonReader reader;
  for (const char* target :
       {"/", "/connectors", "/connectors?expand=info&expand=status",
        "/connectors/postgres-source-connector", "/connectors/postgres-source-connector/config",
        "/connectors/postgres-source-connector/status",
        "/connectors/postgres-source-connector/tasks",
        "/connectors/postgres-source-connector/topics", "/connector-plugins", "/health", "/nowhere",
        "/metrics"}) {
    const Response response = Get(target);
    EXPECT_THAT(response.body, Not(HasSubstr("sentinel"))) << target;
    if (response.content_type == "application/json") {
      EXPECT_TRUE(reader.Parse(response.body).ok()) << target;
    }
  }
}

}  // namespace
}  // namespace walrelay::admin
