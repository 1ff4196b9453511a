// walrelay.last_truncates: the newest truncate of each source table that a sink has applied, so
// that a change which comes to it later than the truncate, and is older, does not make a row again.
//
// Such a change comes from another partition, or from the dead letters. Its LSN tells: TRUNCATE
// waits for everybody who writes to the table and keeps them out until it is committed, so the
// changes of one table lie before it or behind it, in their LSNs as in their order. Commit times
// tell where LSNs have begun anew, as on a restored server. Errors as pg/connection.h. Source:
// PostgreSQL manual, TRUNCATE (ACCESS EXCLUSIVE lock).
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "apply/envelope_reader.h"
#include "pg/connection.h"

namespace walrelay::apply {

struct LastTruncate {
  int64_t lsn = 0;
  int64_t source_ts_us = 0;  // When it was committed, since 1970.

  // Whether this change of the same table has nothing to say any more: one that came before, or the
  // truncate itself. False where its record has no LSN.
  bool Covers(const Envelope& envelope) const;
};

// Of a record; nullopt where it has none.
std::optional<int64_t> LsnOf(const Envelope& envelope);

class LastTruncates {
 public:
  LastTruncates(pg::Connection& connection, std::string pipeline, std::string sink)
      : connection_(connection), pipeline_(std::move(pipeline)), sink_(std::move(sink)) {}

  // By the name in the source: "schema.table". Nullopt: there was none.
  absl::StatusOr<std::optional<LastTruncate>> Read(std::string_view source_table);
  absl::Status Write(std::string_view source_table, const LastTruncate& truncate);

 private:
  pg::Connection& connection_;
  std::string pipeline_;
  std::string sink_;
};

}  // namespace walrelay::apply
