#include "apply/last_truncate.h"

#include <charconv>

#include "base/status.h"

namespace walrelay::apply {

std::optional<int64_t> LsnOf(const Envelope& envelope) {
  const std::string_view digits = envelope.source_lsn;
  int64_t lsn = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), lsn);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  return lsn;
}

bool LastTruncate::Covers(const Envelope& envelope) const {
  const std::optional<int64_t> other = LsnOf(envelope);
  // Some versions of Debezium know milliseconds only.
  if (!other || envelope.source_ts_us / 1000 > source_ts_us / 1000) return false;
  return *other < lsn || (*other == lsn && envelope.op == 't');
}

absl::StatusOr<std::optional<LastTruncate>> LastTruncates::Read(std::string_view source_table) {
  const pg::Parameter parameters[] = {pipeline_, sink_, source_table};
  ASSIGN_OR_RETURN(const pg::Result rows,
                   connection_.Execute("SELECT lsn, source_ts_us FROM walrelay.last_truncates "
                                       "WHERE pipeline = $1 AND sink = $2 AND source_table = $3",
                                       parameters));
  if (rows.rows() == 0) return std::optional<LastTruncate>();
  return std::optional(LastTruncate{.lsn = rows.number<int64_t>(0, 0).value_or(0),
                                    .source_ts_us = rows.number<int64_t>(0, 1).value_or(0)});
}

absl::Status LastTruncates::Write(std::string_view source_table, const LastTruncate& truncate) {
  const std::string lsn = Cat(truncate.lsn);
  const std::string source_ts_us = Cat(truncate.source_ts_us);
  const pg::Parameter parameters[] = {pipeline_, sink_, source_table, lsn, source_ts_us};
  return connection_
      .Execute(
          "INSERT INTO walrelay.last_truncates (pipeline, sink, source_table, lsn, source_ts_us) "
          "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (pipeline, sink, source_table) DO UPDATE SET "
          "lsn = EXCLUDED.lsn, source_ts_us = EXCLUDED.source_ts_us, updated_at = now()",
          parameters)
      .status();
}

}  // namespace walrelay::apply
