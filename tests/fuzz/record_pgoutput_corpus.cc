// Records real pgoutput streams as inputs of pgoutput_fuzz: record_pgoutput_corpus FOLDER PREFIX,
// with the server in WALRELAY_TEST_SOURCE. One file a scenario, named PREFIX-scenario.
#include <poll.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "base/status.h"
#include "pg/connection.h"
#include "wal/replication_stream.h"

namespace walrelay::wal {
namespace {

struct Scenario {
  std::string_view name;
  int since = 0;  // The server's major version.
  std::string_view setup;
  std::string_view publication;
  std::string_view sql;
};

// In the schema `corpus`.
constexpr std::array kScenarios = {
    Scenario{"rows", 0, "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(10,2))",
             "FOR TABLE corpus.t",
             "BEGIN; INSERT INTO t VALUES (1, 'a', 1.5), (2, NULL, NULL); UPDATE t SET v = 'b' "
             "WHERE id = 1;"
             "UPDATE t SET id = 3 WHERE id = 1; DELETE FROM t WHERE id = 2; COMMIT; TRUNCATE t "
             "RESTART IDENTITY"},
    Scenario{"full", 0, "CREATE TABLE t (a int, b text); ALTER TABLE t REPLICA IDENTITY FULL",
             "FOR TABLE corpus.t",
             "BEGIN; INSERT INTO t VALUES (1, 'x'), (NULL, ''); UPDATE t SET a = 2 WHERE a = 1; "
             "DELETE FROM t; COMMIT"},
    Scenario{
        "toast", 0,
        "CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;"
        "INSERT INTO t VALUES (1, repeat('x', 2100))",
        "FOR TABLE corpus.t",
        "BEGIN; UPDATE t SET id = 2; UPDATE t SET id = 2; DELETE FROM t; COMMIT"},
    Scenario{"types", 0,
             "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE \"T \"\"q\" (\"größe\" mood[], "
             "m mood, j jsonb)",
             "FOR TABLE corpus.\"T \"\"q\"",
             "INSERT INTO \"T \"\"q\" VALUES ('{sad,ok}', 'ok', '{\"a\": [1, null]}')"},
    Scenario{"schema_change", 0, "CREATE TABLE t (id int PRIMARY KEY)", "FOR TABLE corpus.t",
             "BEGIN; INSERT INTO t VALUES (1); ALTER TABLE t ADD v text DEFAULT 'd'; INSERT INTO t "
             "VALUES (2);"
             "ALTER TABLE t DROP v; INSERT INTO t VALUES (3); COMMIT"},
    Scenario{
        "savepoints", 0, "CREATE TABLE t (id int PRIMARY KEY)", "FOR TABLE corpus.t",
        "BEGIN; INSERT INTO t VALUES (1); SAVEPOINT a; INSERT INTO t VALUES (2); ROLLBACK TO a;"
        "INSERT INTO t VALUES (3); COMMIT; BEGIN; INSERT INTO t VALUES (4); ROLLBACK; INSERT INTO "
        "t VALUES (5)"},
    Scenario{"messages", 14, "CREATE TABLE t (id int PRIMARY KEY)", "FOR TABLE corpus.t",
             "BEGIN; SELECT pg_logical_emit_message(true, 'p', 'in'); INSERT INTO t VALUES (1);"
             "SELECT pg_logical_emit_message(false, '', 'out'); COMMIT"},
    Scenario{"origin", 0, "CREATE TABLE t (id int PRIMARY KEY)", "FOR TABLE corpus.t",
             "SELECT pg_replication_origin_create('corpus'); SELECT "
             "pg_replication_origin_session_setup('corpus');"
             "BEGIN; SELECT pg_replication_origin_xact_setup('0/ABC', now()); INSERT INTO t VALUES "
             "(1); COMMIT;"
             "SELECT pg_replication_origin_session_reset(); SELECT "
             "pg_replication_origin_drop('corpus')"},
    Scenario{
        "row_filter", 15,
        "CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;"
        "INSERT INTO t VALUES (1, repeat('x', 2100))",
        "FOR TABLE corpus.t WHERE (id > 100)",
        "BEGIN; UPDATE t SET id = 101; UPDATE t SET id = 1; COMMIT"},
    Scenario{
        "truncate_many", 0,
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int REFERENCES a PRIMARY KEY)",
        "FOR TABLE corpus.a, corpus.b",
        "BEGIN; INSERT INTO a VALUES (1); TRUNCATE a CASCADE; COMMIT"},
};

absl::Status Run(pg::Connection& connection, std::string_view sql) {
  return connection.Query(sql).status();
}

// The messages until the server has sent everything up to now.
absl::StatusOr<std::string> ReadUntil(ReplicationStream& stream, Lsn end) {
  std::string recorded;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<Frame> frame, stream.Next());
    if (!frame) {
      // The answer to a status says how far the server is.
      RETURN_IF_ERROR(stream.SendStatus({.reply_requested = true}));
      pollfd descriptor{.fd = stream.socket(), .events = POLLIN, .revents = 0};
      if (poll(&descriptor, 1, 10'000) <= 0)
        return absl::UnavailableError("nothing came for ten seconds");
    } else if (const auto* data = std::get_if<XLogData>(&*frame)) {
      if (data->payload.size() > 0xFFFF)
        return absl::InvalidArgumentError("too long for the corpus");
      recorded.push_back(static_cast<char>(data->payload.size() >> 8));
      recorded.push_back(static_cast<char>(data->payload.size() & 0xFF));
      recorded.append(data->payload);
    } else if (std::get<Keepalive>(*frame).wal_end >= end) {
      return recorded;
    }
  }
}

absl::Status Record(const Scenario& scenario, const pg::ConnectionOptions& server,
                    const std::string& path) {
  ASSIGN_OR_RETURN(pg::Connection sql, pg::Connection::Connect(server));
  if (sql.server_version() / 10000 < scenario.since) return absl::OkStatus();
  RETURN_IF_ERROR(Run(sql,
                      "SET client_min_messages = warning; DROP PUBLICATION IF EXISTS corpus; "
                      "DROP SCHEMA IF EXISTS corpus CASCADE; CREATE SCHEMA corpus"));
  RETURN_IF_ERROR(Run(sql, "SET search_path = corpus"));
  RETURN_IF_ERROR(Run(sql, scenario.setup));
  RETURN_IF_ERROR(Run(sql, Cat("CREATE PUBLICATION corpus ", scenario.publication)));
  ASSIGN_OR_RETURN(ReplicationStream stream, ReplicationStream::Connect(server));
  RETURN_IF_ERROR(stream.CreateSlot("corpus", {.export_snapshot = false}).status());
  RETURN_IF_ERROR(Run(sql, scenario.sql));
  ASSIGN_OR_RETURN(const pg::Result now, sql.Query("SELECT pg_current_wal_lsn()"));
  RETURN_IF_ERROR(
      stream.Start({.slot = "corpus", .start_lsn = kNoLsn, .publications = {"corpus"}}));
  ASSIGN_OR_RETURN(const std::string recorded,
                   ReadUntil(stream, ParseLsn(now.text(0, 0)).value_or(kNoLsn)));
  RETURN_IF_ERROR(stream.Stop(std::chrono::seconds(10)));
  RETURN_IF_ERROR(Run(sql, "SELECT pg_drop_replication_slot('corpus')"));
  RETURN_IF_ERROR(Run(sql, "DROP PUBLICATION corpus; DROP SCHEMA corpus CASCADE"));
  std::ofstream(path, std::ios::binary) << recorded;
  std::printf("%s: %zu bytes\n", path.c_str(), recorded.size());
  return absl::OkStatus();
}

}  // namespace
}  // namespace walrelay::wal

int main(int argc, char** argv) {
  const char* server = std::getenv("WALRELAY_TEST_SOURCE");
  if (argc != 3 || server == nullptr) {
    std::fprintf(stderr, "usage: WALRELAY_TEST_SOURCE=... %s FOLDER PREFIX\n", argv[0]);
    return 2;
  }
  const auto options = walrelay::pg::ConnectionOptions::Parse(server);
  for (const auto& scenario : walrelay::wal::kScenarios) {
    const absl::Status status =
        !options.ok()
            ? options.status()
            : walrelay::wal::Record(scenario, *options,
                                    walrelay::Cat(argv[1], "/", argv[2], "-", scenario.name));
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
      return 1;
    }
  }
  return 0;
}
