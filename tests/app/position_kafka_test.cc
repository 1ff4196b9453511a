// walrelay position show on a real broker: WALRELAY_TEST_KAFKA. The source is left out: nothing
// listens on its port.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/cli.h"
#include "app/exit_code.h"
#include "base/json.h"
#include "envelope/connect_offset.h"
#include "kafka/position_codec.h"
#include "kafka/producer.h"
#include "kafka/topics.h"

namespace walrelay::app {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

class PositionKafkaTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* brokers = std::getenv("WALRELAY_TEST_KAFKA");
    if (brokers == nullptr) GTEST_SKIP() << "set WALRELAY_TEST_KAFKA";
    brokers_ = brokers;
  }

  struct Outcome {
    ExitCode code;
    std::string out;
    std::string err;
  };
  Outcome Show(std::vector<std::string> more = {}) const { return Run("show", std::move(more)); }
  Outcome Run(std::string_view command, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"position", std::string(command)};
    for (const std::string& set :
         {Cat("kafka.bootstrap.servers=", brokers_), std::string("source.database.port=1"),
          Cat("source.slot.name=", name_), Cat("pipeline.name=", name_),
          Cat("pipeline.offset.storage.topic=", name_, "_offsets"),
          std::string("source.topic.creation.default.replication.factor=1")}) {
      arguments.insert(arguments.end(), {"--set", set});
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::ostringstream out;
    std::ostringstream err;
    std::istringstream in;
    Console console{.out = out, .err = err, .in = in, .interactive = false};
    const int code = RunCommandLine(arguments, {}, console, [](const Config&, Stages) {
      return absl::InternalError("not here");
    });
    return {ExitCode{code}, out.str(), err.str()};
  }

  // Writes one record and returns its offset.
  int64_t Write(const std::string& topic, const kafka::TopicSpec& spec, const std::string& key,
                const std::string& value) const {
    const kafka::ClientOptions options = {{"bootstrap.servers", brokers_}};
    EXPECT_TRUE((*kafka::Topics::Open(options))->Ensure(topic, spec).ok());
    const auto producer = *kafka::Producer::Open(options);
    const Record record{.topic = topic,
                        .key = key,
                        .value = value,
                        .headers = {},
                        .volatile_spans = {},
                        .partition = {},
                        .timestamp_ms = {},
                        .topic_cache = {}};
    EXPECT_TRUE(producer->Produce(record, 0, 1).ok());
    int64_t offset = -1;
    const auto status =
        producer->Flush(std::chrono::steady_clock::now() + std::chrono::seconds(20),
                        [&](const kafka::Delivery& delivery) { offset = delivery.offset; });
    EXPECT_TRUE(status.ok()) << status;
    return offset;
  }
  void WritePosition(std::optional<int64_t> connect_offset) const {
    PositionRecord position;
    position.slot = name_;
    position.epoch = {.system_identifier = "7001", .timeline = 3, .incarnation = Lsn{0x100}};
    position.end_lsn = Lsn{0x16B3748};
    position.topics["cdc.public.orders"].next = {42, -1};
    position.connect_offset = connect_offset;
    Write(kafka::kPositionsTopic, kafka::PositionsTopicSpec(1), name_,
          kafka::EncodePosition(position));
  }
  int64_t WriteConnectOffset() const {
    envelope::ConnectOffset offset;
    offset.lsn = Lsn{0x16B3748};
    offset.lsn_proc = Lsn{0x16B3740};
    return Write(name_ + "_offsets", {.partitions = 1, .replication_factor = 1, .config = {}},
                 envelope::ConnectOffsetKey(name_, "cdc"),
                 envelope::EncodeConnectOffset(offset, envelope::Compat::k2_5_0));
  }

  std::string Path(std::string_view file) const {
    return Cat(testing::TempDir(), name_, ".", file);
  }
  static void WriteFile(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  const std::string name_ =
      Cat("position_", getpid(), "_", testing::UnitTest::GetInstance()->random_seed(), "_",
          std::chrono::steady_clock::now().time_since_epoch().count());
  std::string brokers_;
};

TEST_F(PositionKafkaTest, SaysThatThereIsNone) {
  const Outcome outcome = Show();
  EXPECT_EQ(outcome.code, ExitCode::kOk) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("none in __walrelay_positions"),
                    HasSubstr(Cat("none in ", name_, "_offsets")), HasSubstr("unknown: ")));
}

TEST_F(PositionKafkaTest, ShowsOurRecordAndWhetherDebeziumRanSince) {
  const int64_t offset = WriteConnectOffset();
  WritePosition(offset);
  const Outcome ours = Show();
  EXPECT_EQ(ours.code, ExitCode::kOk) << ours.err;
  EXPECT_THAT(ours.out, AllOf(ContainsRegex("everything before +0/16B3748"),
                              ContainsRegex("lsn_proc +0/16B3740"), HasSubstr("7001, 3"),
                              ContainsRegex("cdc.public.orders +0 +42"), HasSubstr(": ours")));

  WriteConnectOffset();
  EXPECT_THAT(Show().out, HasSubstr("it decides at start"));
}

TEST_F(PositionKafkaTest, SpeaksJson) {
  WritePosition(std::nullopt);
  const Outcome outcome = Show({"--json"});
  JsonReader reader;
  const auto json = reader.Parse(outcome.out);
  ASSERT_TRUE(json.ok()) << outcome.out << outcome.err;
  EXPECT_EQ((*json)["slot"].text(), name_);
  EXPECT_TRUE((*json)["position"].is_object());
  EXPECT_TRUE((*json)["connect_offset"].is_null());
  EXPECT_TRUE((*json)["confirmed_flush_lsn"].is_null());
}

TEST_F(PositionKafkaTest, ExportsAFileThatAnotherPipelineImports) {
  WriteConnectOffset();
  const std::string path = Path("offsets.dat");
  EXPECT_THAT(Run("export", {path, "--dry-run"}).err, HasSubstr("Writes the file"));
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(Run("export", {path}).code, ExitCode::kOk);

  // The file's connector has another name: the server is what counts.
  const std::vector<std::string> other = {path, "--set", Cat("pipeline.name=", name_, "_other")};
  const auto with = [&](std::string_view more) {
    auto arguments = other;
    arguments.emplace_back(more);
    return arguments;
  };
  EXPECT_EQ(Run("import", other).code, ExitCode::kNotConfirmed);
  EXPECT_THAT(Run("import", with("--dry-run")).err, HasSubstr("lsn_proc 0/16B3740"));
  const std::vector<std::string> show = {other[1], other[2]};
  EXPECT_THAT(Run("show", show).out, HasSubstr("none in"));
  EXPECT_EQ(Run("import", with("--yes")).code, ExitCode::kOk);
  EXPECT_THAT(Run("show", show).out, ContainsRegex("lsn_proc +0/16B3740"));
}

TEST_F(PositionKafkaTest, ExportsAndImportsTheJsonOfConnect) {
  WriteConnectOffset();
  const Outcome exported = Run("export");
  EXPECT_EQ(exported.out,
            R"({"offsets":[{"partition":{"server":"cdc"},"offset":{"transaction_id":null,)"
            R"("lsn_proc":23803712,"lsn":23803720}}]})"
            "\n");
  const std::string path = Path("offsets.json");
  WriteFile(path, exported.out);
  EXPECT_EQ(Run("import", {path, "--yes"}).code, ExitCode::kOk);
  EXPECT_EQ(Run("export").out, exported.out);
}

// The next start would not listen to it (start_decision.h), so it says so at once.
TEST_F(PositionKafkaTest, RefusesAnOffsetThatOurPositionHasPassed) {
  const int64_t offset = WriteConnectOffset();
  const std::string path = Path("behind.json");
  const auto import = [&](Lsn passed) {
    WriteFile(path, Cat("{\"lsn\":", Number(passed), "}"));
    return Run("import", {path, "--yes"});
  };
  WritePosition(std::nullopt);
  EXPECT_THAT(import(Lsn{0x16B3749}).err, HasSubstr("which no Debezium has gone on from"));
  WritePosition(offset);
  const Outcome behind = import(Lsn{0x16B3748});
  EXPECT_EQ(behind.code, ExitCode::kPositionMismatch);
  EXPECT_THAT(behind.err, AllOf(HasSubstr("which is 0/16B3748"), HasSubstr("rewind")));
  WriteFile(path, R"({"lsn":1,"snapshot":true})");
  EXPECT_THAT(Run("import", {path, "--dry-run"}).err, HasSubstr("takes anew"));
  const Outcome ahead = import(Lsn{0x16B3749});
  EXPECT_EQ(ahead.code, ExitCode::kOk) << ahead.err;
}

TEST_F(PositionKafkaTest, RefusesWhatIsNoOffsetOfThisServer) {
  const std::string path = Path("other.json");
  WriteFile(path, R"({"offsets":[{"partition":{"server":"other"},"offset":{"lsn":1}}]})");
  const Outcome other = Run("import", {path, "--yes"});
  EXPECT_EQ(other.code, ExitCode::kUsage);
  EXPECT_THAT(other.err, HasSubstr("no offset of the server 'cdc'"));
  WriteFile(path, "{}");
  EXPECT_THAT(Run("import", {path, "--yes"}).err, HasSubstr("neither lsn nor lsn_proc"));
  WriteFile(path, "\xAC\xED nonsense");
  EXPECT_THAT(Run("import", {path, "--yes"}).err, HasSubstr("not an offset file"));
  EXPECT_EQ(Run("import", {Path("missing"), "--yes"}).code, ExitCode::kUsage);
  EXPECT_EQ(Run("export").code, ExitCode::kPositionMismatch);
}

TEST_F(PositionKafkaTest, ARecordThatDoesNotParseHasItsOwnCode) {
  Write(kafka::kPositionsTopic, kafka::PositionsTopicSpec(1), name_, "{");
  EXPECT_EQ(Show().code, ExitCode::kPositionMismatch);
}

}  // namespace
}  // namespace walrelay::app
