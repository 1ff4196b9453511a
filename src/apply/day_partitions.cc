#include "apply/day_partitions.h"

#include <algorithm>

#include "base/log.h"
#include "base/status.h"
#include "pg/quoting.h"

namespace walrelay::apply {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 1h;
constexpr auto kTryAgainAfter = 5min;

// Whoever waits for a lock on the table makes all others wait behind it.
constexpr std::string_view kShortly = "SET LOCAL lock_timeout = '1s'; ";

// Each partition from its lower to its upper bound, whoever has made it. The session's TimeZone is
// UTC.
constexpr std::string_view kRanges = R"(
WITH parts AS (
  SELECT c.oid, pg_get_expr(c.relpartbound, c.oid) AS bound
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = 'cdc_raw.cdc_events'::regclass),
ranges AS (
  SELECT oid, coalesce(substring(bound FROM 'FROM \(''([^'']+)''\)')::timestamptz, '-infinity') AS lower,
         coalesce(substring(bound FROM 'TO \(''([^'']+)''\)')::timestamptz, 'infinity') AS upper
  FROM parts WHERE bound <> 'DEFAULT')
)";

std::string DayText(std::chrono::sys_days day) {
  const std::chrono::year_month_day date(day);
  const auto two = [](unsigned number) { return Cat(number < 10 ? "0" : "", number); };
  return Cat(static_cast<int>(date.year()), "-", two(static_cast<unsigned>(date.month())), "-",
             two(static_cast<unsigned>(date.day())));
}

}  // namespace

absl::Status DayPartitions::Attend(SteadyTime now) {
  if (now < next_look_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const pg::Result clock,
                   connection_.Query("SELECT (now() AT TIME ZONE 'UTC')::date - date '1970-01-01'"));
  const auto today = clock.number<int>(0, 0);
  if (!today) return absl::DataLossError("the server's date is no number");
  ASSIGN_OR_RETURN(const int left, Keep(std::chrono::sys_days(std::chrono::days(*today))));
  next_look_ = now + (left == 0 ? SteadyTime::duration(kLookEvery) : kTryAgainAfter);
  return absl::OkStatus();
}

absl::StatusOr<int> DayPartitions::Keep(std::chrono::sys_days today) {
  const std::string tomorrow = DayText(today + std::chrono::days(1));
  int left = 0;
  ASSIGN_OR_RETURN(const std::vector<std::string> missing, Missing(today));
  for (const std::string& day : missing) {
    const absl::Status made = Make(day);
    if (made.ok() || connection_.is_lost()) {
      RETURN_IF_ERROR(made);
      continue;
    }
    ASSIGN_OR_RETURN(const std::vector<std::string> still, Missing(today));
    if (std::find(still.begin(), still.end(), day) == still.end()) continue;  // Another one did it.
    if (day <= tomorrow) return made;
    log::Warn("lake: ", Message(made), "; tried again in a while");
    ++left;
  }
  ASSIGN_OR_RETURN(const int old, DropOld(today));
  return left + old;
}

absl::StatusOr<std::vector<std::string>> DayPartitions::Missing(std::chrono::sys_days today) {
  const std::string first = DayText(today);
  const std::string ahead = Cat(kDaysAhead);
  const pg::Parameter parameters[] = {first, ahead};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection_.Execute(Cat(kRanges,
                              "SELECT to_char(day, 'YYYY-MM-DD') FROM generate_series($1::timestamptz, "
                              "$1::timestamptz + $2::int4 * interval '1 day', '1 day') AS day WHERE "
                              "NOT EXISTS (SELECT FROM ranges WHERE lower <= day AND upper >= day + "
                              "interval '1 day') ORDER BY day"),
                          parameters));
  std::vector<std::string> days;
  for (int row = 0; row < rows.rows(); ++row) days.emplace_back(rows.text(row, 0));
  return days;
}

absl::Status DayPartitions::Make(const std::string& day) {
  std::string digits = day;
  std::erase(digits, '-');
  const std::string name = Cat("cdc_raw.cdc_events_", digits);
  const std::string bounds = Cat("FROM ('", day, " 00:00:00+00') TO (timestamptz '", day,
                                 " 00:00:00+00' + interval '1 day')");
  const absl::Status made =
      connection_
          .Query(Cat(kShortly, "CREATE TABLE ", name,
                     " (LIKE cdc_raw.cdc_events INCLUDING ALL, UNIQUE (kafka_topic, "
                     "kafka_partition, kafka_offset)); ALTER TABLE cdc_raw.cdc_events ATTACH "
                     "PARTITION ", name, " FOR VALUES ", bounds))
          .status();
  if (made.ok()) log::Info("lake: made ", name, " for the raw events of ", day);
  return Annotate(made, Cat("cannot make ", name));
}

absl::StatusOr<int> DayPartitions::DropOld(std::chrono::sys_days today) {
  if (keep_days_ == 0) return 0;
  const std::string first = DayText(today);
  const std::string keep = Cat(keep_days_);
  const pg::Parameter parameters[] = {first, keep};
  ASSIGN_OR_RETURN(const pg::Result old,
                   connection_.Execute(
                       Cat(kRanges,
                           "SELECT oid::regclass FROM ranges WHERE upper <= $1::timestamptz - "
                           "$2::int4 * interval '1 day' ORDER BY upper"),
                       parameters));
  int left = 0;
  for (int row = 0; row < old.rows(); ++row) {
    const std::string_view table = old.text(row, 0);
    const absl::Status dropped =
        connection_.Query(Cat(kShortly, "DROP TABLE IF EXISTS ", table)).status();
    if (connection_.is_lost()) return dropped;
    if (dropped.ok()) {
      log::Info("lake: dropped ", table, ", whose raw events are older than ", keep, " days");
    } else {
      log::Warn("lake: cannot drop ", table, ", whose raw events are older than ", keep,
                " days: ", Message(dropped), "; tried again in a while");
      ++left;
    }
  }
  return left;
}

}  // namespace walrelay::apply
