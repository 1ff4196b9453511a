#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "pg/connection.h"
#include "pg/copy_text.h"
#include "pg/error.h"
#include "tests/pg/test_server.h"

namespace walrelay::pg {
namespace {

using namespace std::literals;
using Clock = std::chrono::steady_clock;

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override { SKIP_WITHOUT_SERVER("WALRELAY_TEST_SOURCE"); }
};

TEST_F(ConnectionTest, ReturnsRowsAndNulls) {
  Connection connection = ConnectToTestServer();
  const std::array<Parameter, 2> parameters = {"a"sv, std::nullopt};
  const auto result = connection.Execute("SELECT $1::text, $2::text, 42", parameters);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->rows(), 1);
  EXPECT_EQ(result->columns(), 3);
  EXPECT_EQ(result->value(0, 0), "a");
  EXPECT_EQ(result->value(0, 1), std::nullopt);
  EXPECT_EQ(result->number<int>(0, 2), 42);
  EXPECT_EQ(result->number<int>(0, 1), std::nullopt);
  EXPECT_GE(connection.server_version(), 120000);
}

TEST_F(ConnectionTest, KeepsTheServersNoticesToItself) {
  ConnectionOptions options = TestServer();
  options.Set("application_name", std::string(100, 'x'));
  testing::internal::CaptureStderr();
  EXPECT_TRUE(Connection::Connect(options).ok());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(ConnectionTest, LetsNoPolicyHideRowsUnlessToldSo) {
  const auto row_security = [](const ConnectionOptions& options) {
    auto connection = Connection::Connect(options);
    EXPECT_TRUE(connection.ok()) << connection.status();
    const auto result = connection->Query("SHOW row_security");
    EXPECT_TRUE(result.ok()) << result.status();
    return std::string(result->text(0, 0));
  };
  ConnectionOptions options = TestServer();
  EXPECT_EQ(row_security(options), "off");
  options.AddSetting("row_security", "on");
  EXPECT_EQ(row_security(options), "on");
}

TEST_F(ConnectionTest, RefusesANulByteInAParameter) {
  Connection connection = ConnectToTestServer();
  const std::array<Parameter, 1> parameters = {"a\0b"sv};
  EXPECT_EQ(connection.Execute("SELECT $1::text", parameters).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Value(connection, "SELECT 1"), "1") << "the connection is still good";
}

TEST_F(ConnectionTest, ErrorsCarryStateAndHintButNoValues) {
  Connection connection = ConnectToTestServer();
  const absl::Status value = connection.Query("SELECT 'sentinel'::int").status();
  EXPECT_EQ(value.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SqlStateOf(value), "22P02");
  EXPECT_EQ(Message(value).find("sentinel"), std::string_view::npos) << Message(value);

  MustRun(connection, "CREATE TEMP TABLE t (id int PRIMARY KEY, v text NOT NULL)");
  MustRun(connection, "INSERT INTO t VALUES (123454321, 'x')");
  const absl::Status duplicate = connection.Query("INSERT INTO t VALUES (123454321, 'x')").status();
  EXPECT_EQ(SqlStateOf(duplicate), "23505");
  EXPECT_EQ(Message(duplicate).find("123454321"), std::string_view::npos)
      << "the key stands in DETAIL";
  EXPECT_NE(Message(duplicate).find("t_pkey"), std::string_view::npos);
}

TEST_F(ConnectionTest, TellsWhyItCannotConnect) {
  ConnectionOptions wrong_password = TestServer();
  wrong_password.Set("password", "sentinel");
  wrong_password.Set("user", "walrelay_nobody");
  const absl::Status refused = Connection::Connect(wrong_password).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  EXPECT_EQ(SqlStateOf(refused).substr(0, 2), "28") << refused;
  EXPECT_EQ(Message(refused).find("sentinel"), std::string_view::npos);

  ConnectionOptions no_database = TestServer();
  no_database.Set("dbname", "walrelay_no_such_database");
  EXPECT_EQ(SqlStateOf(Connection::Connect(no_database).status()), "3D000");

  ConnectionOptions nobody_there = TestServer();
  nobody_there.Set("port", "1");
  EXPECT_EQ(Connection::Connect(nobody_there).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ConnectionTest, TellsWhatWillNotPassByTryingAgain) {
  ConnectionOptions no_password = TestServer();
  no_password.Set("password", "");
  no_password.Set("passfile", "/nonexistent");
  EXPECT_EQ(Connection::Connect(no_password).status().code(), absl::StatusCode::kFailedPrecondition)
      << Connection::Connect(no_password).status();
  ConnectionOptions wrong_mode = TestServer();
  wrong_mode.Set("sslmode", "perhaps");
  EXPECT_EQ(Connection::Connect(wrong_mode).status().code(), absl::StatusCode::kInvalidArgument)
      << Connection::Connect(wrong_mode).status();
  ConnectionOptions no_tls = TestServer();
  no_tls.Set("sslmode", "verify-full");
  no_tls.Set("sslrootcert", "/nonexistent");
  EXPECT_EQ(Connection::Connect(no_tls).status().code(), absl::StatusCode::kFailedPrecondition)
      << Connection::Connect(no_tls).status();
  ConnectionOptions no_host = TestServer();
  no_host.Set("host", "no-such-host.invalid");
  EXPECT_EQ(Connection::Connect(no_host).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ConnectionTest, GivesUpOnAServerThatDoesNotAnswer) {
  // A listener that never accepts: the kernel completes the connection, and nothing follows.
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);

  ConnectionOptions options = TestServer();
  options.Set("host", "127.0.0.1");
  options.Set("port", std::to_string(ntohs(address.sin_port)));
  const auto start = Clock::now();
  EXPECT_EQ(Connection::Connect(options, 200ms).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_LT(Clock::now() - start, 5s);
  close(listener);
}

TEST_F(ConnectionTest, CancelsAStatementAtTheLimit) {
  Connection connection = ConnectToTestServer();
  const int pid = connection.backend_pid();
  connection.set_limit(200ms);
  const auto start = Clock::now();
  EXPECT_EQ(connection.Query("SELECT pg_sleep(30)").status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_LT(Clock::now() - start, 5s);
  EXPECT_TRUE(connection.is_lost());

  Connection other = ConnectToTestServer();
  EXPECT_EQ(
      Value(other,
            Cat("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid = ", pid)),
      "0");
}

TEST_F(ConnectionTest, SaysWhenTheServerEndedTheSession) {
  Connection connection = ConnectToTestServer();
  Connection other = ConnectToTestServer();
  MustRun(other, Cat("SELECT pg_terminate_backend(", connection.backend_pid(), ")"));
  const absl::Status status = connection.Query("SELECT pg_sleep(5)").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(SqlStateOf(status), "57P01") << status;
}

TEST_F(ConnectionTest, CommitTellsDoubtFromFailure) {
  Connection connection = ConnectToTestServer();
  MustRun(connection, "BEGIN");
  EXPECT_FALSE(connection.Query("SELECT 1/0").ok());
  EXPECT_EQ(connection.Commit().code(), absl::StatusCode::kAborted) << "the server rolled back";

  MustRun(connection, "CREATE TEMP TABLE d (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
  MustRun(connection, "BEGIN; INSERT INTO d VALUES (1), (1)");
  const absl::Status refused = connection.Commit();
  EXPECT_EQ(SqlStateOf(refused), "23505") << "a deferred constraint: known not to be committed";

  MustRun(connection, "BEGIN; INSERT INTO d VALUES (2)");
  EXPECT_TRUE(connection.Commit().ok());

  MustRun(connection, "BEGIN; INSERT INTO d VALUES (3)");
  Connection other = ConnectToTestServer();
  MustRun(other, Cat("SELECT pg_terminate_backend(", connection.backend_pid(), ", 5000)"));
  EXPECT_EQ(connection.Commit().code(), absl::StatusCode::kUnknown);
}

TEST_F(ConnectionTest, PipelinesStatementsInOneTransaction) {
  Connection connection = ConnectToTestServer();
  MustRun(connection, "CREATE TEMP TABLE p (id int PRIMARY KEY)");
  ASSERT_TRUE(connection.Prepare("put", "INSERT INTO p VALUES ($1)").ok());
  ASSERT_TRUE(connection.EnterPipeline().ok());
  // More than the socket buffers of both sides hold, so that answers must be read while sending.
  constexpr int kRows = 50'000;
  for (int i = 0; i < kRows; ++i) {
    const std::string id = std::to_string(i);
    const std::array<Parameter, 1> parameters = {id};
    ASSERT_TRUE(connection.SendPrepared("put", parameters).ok());
  }
  ASSERT_TRUE(connection.PipelineSync().ok());
  for (int i = 0; i < kRows; ++i) {
    const auto result = connection.PipelineResult();
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->affected_rows(), 1);
  }
  ASSERT_TRUE(connection.PipelineSynced().ok());
  ASSERT_TRUE(connection.ExitPipeline().ok());
  EXPECT_EQ(Value(connection, "SELECT count(*) FROM p"), std::to_string(kRows));
}

TEST_F(ConnectionTest, APipelineStopsAtItsFirstError) {
  Connection connection = ConnectToTestServer();
  MustRun(connection, "CREATE TEMP TABLE p (id int PRIMARY KEY)");
  ASSERT_TRUE(connection.EnterPipeline().ok());
  ASSERT_TRUE(connection.SendQuery("INSERT INTO p VALUES (1)", {}).ok());
  ASSERT_TRUE(connection.SendQuery("INSERT INTO p VALUES (1)", {}).ok());
  ASSERT_TRUE(connection.SendQuery("INSERT INTO p VALUES (2)", {}).ok());
  ASSERT_TRUE(connection.PipelineSync().ok());
  EXPECT_TRUE(connection.PipelineResult().ok());
  EXPECT_EQ(SqlStateOf(connection.PipelineResult().status()), "23505");
  EXPECT_EQ(connection.PipelineResult().status().code(), absl::StatusCode::kCancelled);
  ASSERT_TRUE(connection.PipelineSynced().ok());
  ASSERT_TRUE(connection.ExitPipeline().ok());
  EXPECT_EQ(Value(connection, "SELECT count(*) FROM p"), "0") << "all of it was one transaction";
}

// The transaction ends at the mark: its refusal is the mark's.
TEST_F(ConnectionTest, APipelineMayBeRefusedAtItsMark) {
  Connection connection = ConnectToTestServer();
  MustRun(connection,
          "CREATE TEMP TABLE p (id int PRIMARY KEY, q int REFERENCES p INITIALLY DEFERRED)");
  ASSERT_TRUE(connection.EnterPipeline().ok());
  ASSERT_TRUE(connection.SendQuery("INSERT INTO p VALUES (1, 7)", {}).ok());
  ASSERT_TRUE(connection.PipelineSync().ok());
  EXPECT_TRUE(connection.PipelineResult().ok());
  EXPECT_EQ(SqlStateOf(connection.PipelineSynced()), "23503");
  ASSERT_TRUE(connection.ExitPipeline().ok());
  const std::array<Statement, 1> bad = {
      Statement{.sql = "INSERT INTO p VALUES (1, 7)", .parameters = {}}};
  EXPECT_EQ(SqlStateOf(connection.ExecuteAll(bad).status()), "23503");
  EXPECT_EQ(Value(connection, "SELECT count(*) FROM p"), "0") << "the connection goes on";
}

TEST_F(ConnectionTest, ExecuteAllReturnsEveryResultOrTheFirstError) {
  Connection connection = ConnectToTestServer();
  const std::array<Statement, 2> good = {
      Statement{.sql = "SELECT 1", .parameters = {}},
      Statement{.sql = "SELECT $1::text", .parameters = {"x"sv}}};
  const auto results = connection.ExecuteAll(good);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[1].text(0, 0), "x");
  const std::array<Statement, 3> bad = {good[0], Statement{.sql = "SELECT 1/0", .parameters = {}},
                                        good[1]};
  EXPECT_EQ(SqlStateOf(connection.ExecuteAll(bad).status()), "22012");
  EXPECT_EQ(Value(connection, "SELECT 1"), "1") << "the connection is still good";
  const std::array<Statement, 2> nul = {
      good[0], Statement{.sql = "SELECT $1::text", .parameters = {"a\0"sv}}};
  EXPECT_EQ(connection.ExecuteAll(nul).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Value(connection, "SELECT 1"), "1") << "the connection is still good";
}

TEST_F(ConnectionTest, APipelineSurvivesNoLostConnection) {
  Connection connection = ConnectToTestServer();
  Connection other = ConnectToTestServer();
  MustRun(other, Cat("SELECT pg_terminate_backend(", connection.backend_pid(), ", 5000)"));
  const std::array<Statement, 2> statements = {Statement{.sql = "SELECT 1", .parameters = {}},
                                               Statement{.sql = "SELECT 2", .parameters = {}}};
  EXPECT_EQ(connection.ExecuteAll(statements).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ConnectionTest, CopiesRowsInAndOut) {
  Connection connection = ConnectToTestServer();
  MustRun(connection, "CREATE TEMP TABLE c (id int, v text)");
  auto writer = connection.CopyIn("COPY c FROM STDIN");
  ASSERT_TRUE(writer.ok()) << writer.status();
  constexpr int kRows = 20'000;
  for (int i = 0; i < kRows; ++i) {
    std::string row = Cat(i, '\t');
    AppendCopyText(row, "tab\tline\nback\\N");
    ASSERT_TRUE(writer->Put(row + "\n").ok());
  }
  const auto copied = writer->End();
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(*copied, kRows);

  Connection moved = std::move(connection);
  auto reader = moved.CopyOut("COPY (SELECT * FROM c ORDER BY id) TO STDOUT");
  ASSERT_TRUE(reader.ok()) << reader.status();
  Tuple tuple;
  for (int i = 0; i < kRows; ++i) {
    const auto step = reader->WaitNext();
    ASSERT_TRUE(step.ok()) << step.status();
    ASSERT_EQ(*step, CopyReader::Step::kRow);
    ASSERT_TRUE(ReadCopyRow(reader->mutable_row(), 2, tuple).ok());
    ASSERT_EQ(tuple[0].text, std::to_string(i));
    ASSERT_EQ(tuple[1].text, "tab\tline\nback\\N");
  }
  EXPECT_EQ(*reader->WaitNext(), CopyReader::Step::kEnd);
  EXPECT_EQ(Value(moved, "SELECT 1"), "1");
}

TEST_F(ConnectionTest, ReportsARowThatCopyRefuses) {
  Connection connection = ConnectToTestServer();
  MustRun(connection, "CREATE TEMP TABLE c (id int)");
  auto writer = connection.CopyIn("COPY c FROM STDIN");
  ASSERT_TRUE(writer->Put("sentinel\n").ok());
  const absl::Status status = writer->End().status();
  EXPECT_EQ(SqlStateOf(status), "22P02");
  EXPECT_EQ(Message(status).find("sentinel"), std::string_view::npos) << status;
  EXPECT_EQ(Value(connection, "SELECT 1"), "1");
}

TEST_F(ConnectionTest, AbortsACopy) {
  Connection connection = ConnectToTestServer();
  MustRun(connection, "CREATE TEMP TABLE c (id int)");
  auto writer = connection.CopyIn("COPY c FROM STDIN");
  ASSERT_TRUE(writer->Put("1\n").ok());
  EXPECT_TRUE(writer->Abort("changed our mind").ok());
  EXPECT_EQ(Value(connection, "SELECT count(*) FROM c"), "0");
}

TEST_F(ConnectionTest, ReportsAnErrorInTheMiddleOfACopyOut) {
  Connection connection = ConnectToTestServer();
  auto reader = connection.CopyOut("COPY (SELECT 1/(3-i) FROM generate_series(1, 5) i) TO STDOUT");
  ASSERT_TRUE(reader.ok()) << reader.status();
  absl::StatusOr<CopyReader::Step> step = CopyReader::Step::kRow;
  while (step.ok() && *step == CopyReader::Step::kRow) step = reader->WaitNext();
  EXPECT_EQ(SqlStateOf(step.status()), "22012");
}

TEST_F(ConnectionTest, RefusesToReadWhatIsNotACopy) {
  Connection connection = ConnectToTestServer();
  EXPECT_EQ(connection.CopyOut("SELECT 1").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace walrelay::pg
