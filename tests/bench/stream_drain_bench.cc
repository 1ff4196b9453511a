// How fast a backlog comes off a real server through ReplicationStream and Decoder, with different
// pauses between reads: stream_drain_bench [ROWS], with the server in WALRELAY_TEST_SOURCE. Says
// rows/s and CPU a row, ours and, when the server runs on this machine, the walsender's. Nothing is
// confirmed, so that each run sees the same backlog.
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "base/status.h"
#include "pg/connection.h"
#include "wal/pgoutput.h"
#include "wal/replication_stream.h"

namespace walrelay::wal {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::string_view kName = "stream_drain_bench";

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}
double OwnCpu() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}
// User and system time of another process; 0 where it cannot be read.
double CpuOf(int pid) {
  std::ifstream file(Cat("/proc/", pid, "/stat"));
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct Run {
  double seconds = 0;  // From the first message to the last commit.
  double own_cpu = 0;
  double server_cpu = 0;
  int64_t rows = 0;
};

// Reads as the capture loop does: everything there is; after much of it a pause, after little a
// wait for the socket.
absl::StatusOr<Run> Drain(const pg::ConnectionOptions& server, pg::Connection& sql, int64_t rows,
                          std::chrono::microseconds pause, size_t backlog_bytes) {
  ASSIGN_OR_RETURN(ReplicationStream stream, ReplicationStream::Connect(server));
  RETURN_IF_ERROR(stream.Start(
      {.slot = std::string(kName), .start_lsn = kNoLsn, .publications = {std::string(kName)}}));
  ASSIGN_OR_RETURN(const pg::Result pid,
                   sql.Query(Cat("SELECT active_pid FROM pg_replication_slots WHERE slot_name = '",
                                 kName, "'")));
  const int server_pid = pid.number<int>(0, 0).value_or(0);
  Decoder decoder;
  Run run;
  Clock::time_point start;
  double own = 0;
  double theirs = 0;
  while (run.rows < rows || decoder.in_transaction()) {
    ASSIGN_OR_RETURN(const std::optional<Frame> frame, stream.Next());
    if (!frame) {
      if (stream.TakeBytesRead() >= backlog_bytes && pause.count() > 0) {
        std::this_thread::sleep_for(pause);
        continue;
      }
      pollfd descriptor{.fd = stream.socket(), .events = POLLIN, .revents = 0};
      poll(&descriptor, 1, 10'000);
      continue;
    }
    const auto* data = std::get_if<XLogData>(&*frame);
    if (data == nullptr) continue;
    if (start == Clock::time_point()) {
      start = Clock::now();
      own = OwnCpu();
      theirs = CpuOf(server_pid);
    }
    ASSIGN_OR_RETURN(const Change* const change, decoder.Decode(data->payload));
    if (std::holds_alternative<Insert>(*change)) ++run.rows;
  }
  run.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  run.own_cpu = OwnCpu() - own;
  run.server_cpu = CpuOf(server_pid) - theirs;
  return run;
}

absl::Status Fill(pg::Connection& sql, int64_t rows, bool one_transaction) {
  const std::string values = "i, i % 100, 'some text of thirty characters', now()";
  if (one_transaction) {
    return sql
        .Query(Cat("INSERT INTO ", kName, ".t SELECT ", values, " FROM generate_series(1, ", rows,
                   ") i"))
        .status();
  }
  RETURN_IF_ERROR(sql.Query("SET synchronous_commit = off").status());
  return sql
      .Query(Cat("DO $$ BEGIN FOR i IN 1..", rows, " LOOP INSERT INTO ", kName, ".t SELECT ",
                 values, "; COMMIT; END LOOP; END $$"))
      .status();
}

absl::Status Measure(const pg::ConnectionOptions& server, int64_t rows, bool one_transaction) {
  ASSIGN_OR_RETURN(pg::Connection sql, pg::Connection::Connect(server));
  sql.set_limit(std::chrono::minutes(10));
  RETURN_IF_ERROR(sql.Query(Cat("SELECT pg_drop_replication_slot(slot_name) FROM "
                                "pg_replication_slots WHERE slot_name = '",
                                kName, "'"))
                      .status());
  RETURN_IF_ERROR(sql.Query(Cat("SET client_min_messages = warning; DROP PUBLICATION IF EXISTS ",
                                kName, "; DROP SCHEMA IF EXISTS ", kName,
                                " CASCADE; CREATE SCHEMA ", kName, "; CREATE TABLE ", kName,
                                ".t (id bigint PRIMARY KEY, a int, b text, c timestamptz); "
                                "CREATE PUBLICATION ",
                                kName, " FOR TABLE ", kName, ".t"))
                      .status());
  RETURN_IF_ERROR(
      sql.Query(Cat("SELECT pg_create_logical_replication_slot('", kName, "', 'pgoutput')"))
          .status());
  RETURN_IF_ERROR(Fill(sql, rows, one_transaction));
  struct Way {
    int pause_us;
    size_t backlog_bytes;
  };
  static constexpr std::array<Way, 5> kWays = {
      {{0, 0}, {1000, 1}, {1000, 16 << 10}, {1000, 64 << 10}, {5000, 16 << 10}}};
  for (int round = 0; round < 3; ++round) {
    for (const Way& way : kWays) {
      ASSIGN_OR_RETURN(
          const Run run,
          Drain(server, sql, rows, std::chrono::microseconds(way.pause_us), way.backlog_bytes));
      const auto count = static_cast<double>(run.rows);
      std::printf(
          "%s, pause %d us above %zu bytes: %.0f rows/s, own CPU %.2f us/row, walsender %.2f "
          "us/row\n",
          one_transaction ? "one transaction" : "one-row transactions", way.pause_us,
          way.backlog_bytes, count / run.seconds, run.own_cpu * 1e6 / count,
          run.server_cpu * 1e6 / count);
      std::fflush(stdout);
      // The server needs a moment to see that its client has gone.
      while (
          !sql.Query(
                  Cat("SELECT 1 / (NOT active)::int FROM pg_replication_slots WHERE slot_name = '",
                      kName, "'"))
               .ok()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    }
  }
  RETURN_IF_ERROR(sql.Query(Cat("SELECT pg_drop_replication_slot('", kName, "')")).status());
  return sql.Query(Cat("DROP PUBLICATION ", kName, "; DROP SCHEMA ", kName, " CASCADE")).status();
}

}  // namespace
}  // namespace walrelay::wal

int main(int argc, char** argv) {
  const char* server = std::getenv("WALRELAY_TEST_SOURCE");
  if (server == nullptr) {
    std::fprintf(stderr, "set WALRELAY_TEST_SOURCE to a libpq connection string\n");
    return 2;
  }
  const int64_t rows = argc > 1 ? std::atoll(argv[1]) : 100'000;
  const auto options = walrelay::pg::ConnectionOptions::Parse(server);
  if (!options.ok()) return 2;
  for (const bool one_transaction : {false, true}) {
    const absl::Status status = walrelay::wal::Measure(*options, rows, one_transaction);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
      return 1;
    }
  }
  return 0;
}
