// file = *( line LF );  line = "#" comment | blank | timeline blanks lsn [ blanks reason ]
#include "wal/timeline_history.h"

#include <charconv>
#include <optional>

#include "base/status.h"

namespace walrelay::wal {
namespace {

constexpr std::string_view kBlanks = " \t\r";

// Takes the next word off the line; empty at its end.
std::string_view TakeWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

absl::StatusOr<std::vector<TimelineSwitch>> ParseTimelineHistory(std::string_view file) {
  std::vector<TimelineSwitch> switches;
  while (!file.empty()) {
    std::string_view line = file.substr(0, file.find('\n'));
    file.remove_prefix(std::min(line.size() + 1, file.size()));
    const std::string_view number = TakeWord(line);
    if (number.empty() || number.starts_with('#')) continue;

    uint32_t timeline = 0;
    const char* end = number.data() + number.size();
    const auto parsed = std::from_chars(number.data(), end, timeline);
    const std::optional<Lsn> lsn = ParseLsn(TakeWord(line));
    const bool increasing = switches.empty() || timeline > switches.back().timeline;
    if (parsed.ec != std::errc() || parsed.ptr != end || !lsn || !increasing) {
      return absl::DataLossError(
          Cat("line ", switches.size() + 1, " of the timeline history does not parse"));
    }
    switches.push_back({.timeline = timeline, .switch_lsn = *lsn});
  }
  return switches;
}

}  // namespace walrelay::wal
