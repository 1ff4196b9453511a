// Bugs that the laboratory must find, each chosen by WALRELAY_MUTATION=name; without it nothing is
// changed.
//
//   drop-event       one record in 10 000 is not sent
//   double-event     one in 10 000 is sent twice
//   swap-events      two records of one key change places
//   confirm-early    the slot is confirmed up to what was received, not what Kafka acknowledged
//   skip-by-lsn      records whose event LSN is not above the highest one sent are taken for
//   repetitions no-lock          a sink does not take its lock (not a bug: compare-and-set must
//   still hold; two-sinks uses it) no-cas           and its progress moves without compare-and-set
//
// The linker's --wrap leads calls of one part to another through here (CMakeLists.txt names the
// functions), so that the program itself has no line for this. A function that is renamed breaks
// the link of the laboratory, not the test's meaning.

#include <cstdlib>
#include <string>

#include "app/kafka_link.h"
#include "apply/progress.h"
#include "base/check.h"
#include "wal/replication_stream.h"

#define SEND "_ZN8walrelay3app9KafkaLink4SendERKNS_6RecordE"
#define STATUS "_ZN8walrelay3wal17ReplicationStream10SendStatusERKNS0_12StatusUpdateE"
#define LOCK "_ZNK8walrelay5apply13ProgressTable4LockERNS_2pg10ConnectionEib"
#define MOVE "_ZNK8walrelay5apply13ProgressTable4MoveERKSt6vectorINS0_12ProgressStepESaIS3_EE"

namespace walrelay {

using Statements = std::vector<apply::ProgressTable::Statement>;
using Steps = std::vector<apply::ProgressStep>;

absl::Status RealSend(app::KafkaLink* link, const Record& record) asm("__real_" SEND);
absl::Status WrapSend(app::KafkaLink* link, const Record& record) asm("__wrap_" SEND);
absl::Status RealStatus(wal::ReplicationStream* stream,
                        const wal::StatusUpdate& update) asm("__real_" STATUS);
absl::Status WrapStatus(wal::ReplicationStream* stream,
                        const wal::StatusUpdate& update) asm("__wrap_" STATUS);
absl::Status RealLock(const apply::ProgressTable* table, pg::Connection& connection, int worker,
                      bool shared) asm("__real_" LOCK);
absl::Status WrapLock(const apply::ProgressTable* table, pg::Connection& connection, int worker,
                      bool shared) asm("__wrap_" LOCK);
Statements RealMove(const apply::ProgressTable* table, const Steps& steps) asm("__real_" MOVE);
Statements WrapMove(const apply::ProgressTable* table, const Steps& steps) asm("__wrap_" MOVE);

namespace {

constexpr uint64_t kOneIn = 10'000;
constexpr uint64_t kSwapOneIn = 100;  // Only where the next record has the same key, which is rare.

bool Is(std::string_view name) {
  static const std::string chosen = [] {
    const char* given = std::getenv("WALRELAY_MUTATION");
    return std::string(given == nullptr ? "" : given);
  }();
  return chosen == name;
}

// A record that waits for the next one. Only records without headers are held.
struct Held {
  bool holds = false;
  std::string topic, key, value;
  Record record;

  void Hold(const Record& given) {
    topic = given.topic;
    key = *given.key;
    value = *given.value;
    record = given;
    record.topic = topic;
    record.key = key;
    record.value = value;
    record.topic_cache = nullptr;
    holds = true;
  }
};

// The producer may be full: serves until it has taken the record.
absl::Status SendNow(app::KafkaLink* link, const Record& record) {
  for (;;) {
    const absl::Status status = RealSend(link, record);
    if (!absl::IsResourceExhausted(status)) return status;
    RETURN_IF_ERROR(link->Serve(std::chrono::milliseconds(10)));
  }
}

absl::Status SendSwapped(app::KafkaLink* link, const Record& record, uint64_t number) {
  static Held held;
  if (held.holds) {
    held.holds = false;
    const bool same_key = record.key && held.topic == record.topic && held.key == *record.key;
    if (!same_key) RETURN_IF_ERROR(SendNow(link, held.record));
    RETURN_IF_ERROR(SendNow(link, record));
    return same_key ? SendNow(link, held.record) : absl::OkStatus();
  }
  const bool plain =
      record.key && record.value && (record.headers == nullptr || record.headers->empty());
  if (!plain || number % kSwapOneIn != 0) return RealSend(link, record);
  held.Hold(record);
  return absl::OkStatus();
}

// True for a streamed event at or below the highest LSN so far.
bool LooksSent(const Record& record) {
  static uint64_t highest = 0;
  if (!record.value || record.value->find("\"snapshot\":\"false\"") == std::string_view::npos)
    return false;
  const size_t at = record.value->rfind("\"lsn\":");
  if (at == std::string_view::npos) return false;
  const uint64_t lsn =
      std::strtoull(std::string(record.value->substr(at + 6, 20)).c_str(), nullptr, 10);
  if (lsn <= highest) return true;
  highest = lsn;
  return false;
}

void Replace(std::string& sql, std::string_view old, std::string_view with) {
  const size_t at = sql.find(old);
  CHECK(at != std::string::npos);  // The statement has changed: so must this.
  sql.replace(at, old.size(), with);
}

}  // namespace

absl::Status WrapSend(app::KafkaLink* link, const Record& record) {
  static uint64_t number = 0;
  ++number;
  if (Is("drop-event") && number % kOneIn == 0) return absl::OkStatus();
  if (Is("skip-by-lsn") && LooksSent(record)) return absl::OkStatus();
  if (Is("swap-events")) return SendSwapped(link, record, number);
  const absl::Status status = RealSend(link, record);
  if (status.ok() && Is("double-event") && number % kOneIn == 0) return SendNow(link, record);
  return status;
}

absl::Status WrapStatus(wal::ReplicationStream* stream, const wal::StatusUpdate& update) {
  wal::StatusUpdate early = update;
  if (Is("confirm-early")) early.flushed = early.written;
  return RealStatus(stream, early);
}

absl::Status WrapLock(const apply::ProgressTable* table, pg::Connection& connection, int worker,
                      bool shared) {
  return Is("no-lock") || Is("no-cas") ? absl::OkStatus()
                                       : RealLock(table, connection, worker, shared);
}

Statements WrapMove(const apply::ProgressTable* table, const Steps& steps) {
  Statements statements = RealMove(table, steps);
  if (!Is("no-cas")) return statements;
  for (auto& statement : statements) {
    if (statement.sql.find("UPDATE walrelay.progress") != std::string::npos) {
      Replace(statement.sql, " AND p.next_offset = u.expected", "");
    } else {
      Replace(statement.sql, "ON CONFLICT DO NOTHING",
              "ON CONFLICT (pipeline, sink, topic, partition) DO UPDATE SET next_offset = "
              "EXCLUDED.next_offset");
    }
  }
  return statements;
}

}  // namespace walrelay
