// What the operating system says about this process: processor time, memory, open files.
//
// A number that cannot be read stays 0. Parsing is pure; reading opens a few files of
// /proc/self. Cannot fail.
// Source: proc(5), /proc/pid/stat.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace walrelay::admin {

struct ProcessStats {
  double cpu_seconds = 0;         // User and system.
  double start_time_seconds = 0;  // Since 1970.
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t threads = 0;
  uint64_t open_files = 0;
};

struct ProcessUnits {
  int64_t ticks_per_second = 100;
  int64_t page_bytes = 4096;
  int64_t boot_time_seconds = 0;  // Since 1970: "btime" of /proc/stat.
};

// Reads one line of /proc/pid/stat; nullopt when it is not one. `open_files` is not in it.
std::optional<ProcessStats> ParseProcessStat(std::string_view line, const ProcessUnits& units);

ProcessStats ReadProcessStats();

}  // namespace walrelay::admin
