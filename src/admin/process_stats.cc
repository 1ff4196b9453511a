#include "admin/process_stats.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace walrelay::admin {
namespace {

// Fields of /proc/pid/stat behind the command's name, counted from 0 (proc(5) counts from 1 at the
// pid: number - 3).
constexpr size_t kUserTime = 11;
constexpr size_t kSystemTime = 12;
constexpr size_t kThreads = 17;
constexpr size_t kStartTime = 19;
constexpr size_t kVirtualSize = 20;
constexpr size_t kResidentPages = 21;
constexpr size_t kFields = 22;

std::string FileText(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

int64_t BootTimeSeconds() {
  const std::string text = FileText("/proc/stat");
  const size_t at = text.find("\nbtime ");
  if (at == std::string::npos) return 0;
  int64_t seconds = 0;
  std::from_chars(text.data() + at + 7, text.data() + text.size(), seconds);
  return seconds;
}

uint64_t OpenFiles() {
  std::error_code error;
  uint64_t files = 0;
  auto entry = std::filesystem::directory_iterator("/proc/self/fd", error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) ++files;
  return files > 0 ? files - 1 : 0;  // Without the one that lists them.
}

}  // namespace

std::optional<ProcessStats> ParseProcessStat(std::string_view line, const ProcessUnits& units) {
  // The command's name stands in parentheses and may itself contain blanks and parentheses.
  const size_t end_of_name = line.rfind(") ");
  if (end_of_name == std::string_view::npos) return std::nullopt;
  std::istringstream rest{std::string(line.substr(end_of_name + 2))};
  std::array<uint64_t, kFields> fields{};
  std::string word;
  for (size_t i = 0; i < kFields; ++i) {
    if (!(rest >> word)) return std::nullopt;
    // The state's letter and negative priorities are of no interest: they read as 0.
    std::from_chars(word.data(), word.data() + word.size(), fields[i]);
  }
  const auto ticks = static_cast<double>(units.ticks_per_second);
  return ProcessStats{
      .cpu_seconds = static_cast<double>(fields[kUserTime] + fields[kSystemTime]) / ticks,
      .start_time_seconds = static_cast<double>(units.boot_time_seconds) +
                            static_cast<double>(fields[kStartTime]) / ticks,
      .resident_bytes = fields[kResidentPages] * static_cast<uint64_t>(units.page_bytes),
      .virtual_bytes = fields[kVirtualSize],
      .threads = fields[kThreads],
      .open_files = 0};
}

ProcessStats ReadProcessStats() {
  const ProcessUnits units = {.ticks_per_second = sysconf(_SC_CLK_TCK),
                              .page_bytes = sysconf(_SC_PAGESIZE),
                              .boot_time_seconds = BootTimeSeconds()};
  ProcessStats stats =
      ParseProcessStat(FileText("/proc/self/stat"), units).value_or(ProcessStats{});
  stats.open_files = OpenFiles();
  return stats;
}

}  // namespace walrelay::admin
