// The wall clock, in the units that PostgreSQL and Debezium use.
//
// Decisions about what to send or confirm never depend on it; timestamps of envelopes, metrics and logs do.
#pragma once

#include <chrono>
#include <cstdint>

namespace walrelay {

using Micros = std::chrono::microseconds;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

// Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's timestamps begin.
inline constexpr int64_t kPostgresEpochMicros = 946'684'800'000'000;

// Microseconds since 1970 of a PostgreSQL timestamp (microseconds since 2000).
constexpr int64_t UnixMicrosOfPg(int64_t pg_micros) { return pg_micros + kPostgresEpochMicros; }
constexpr int64_t PgMicrosOfUnix(int64_t unix_micros) { return unix_micros - kPostgresEpochMicros; }

inline int64_t UnixNanos(WallTime time) { return time.time_since_epoch().count(); }
inline WallTime WallNow() { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); }
inline int64_t UnixMicrosNow() { return UnixNanos(WallNow()) / 1000; }

}  // namespace walrelay
