#include "app/console.h"

#include <algorithm>

#include "app/exit_code.h"

namespace walrelay::app {
namespace {

// Characters, not bytes: continuation bytes of UTF-8 take no place of their own.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string Padded(const std::string& text, size_t width) {
  return text + std::string(width - std::min(width, Width(text)), ' ');
}

}  // namespace

absl::StatusOr<bool> MayProceed(Console& console, const Consent& consent,
                                std::string_view consequence) {
  console.err << consequence << '\n';
  if (consent.dry_run) {
    console.err << "Dry run: nothing was done.\n";
    return false;
  }
  if (consent.yes) return true;
  if (!console.interactive) {
    return ExitError(ExitCode::kNotConfirmed,
                     "nothing was done: give --yes to go on, or --dry-run to only look");
  }
  console.err << "Go on? [y/N] " << std::flush;
  std::string answer;
  std::getline(console.in, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return true;
  return ExitError(ExitCode::kNotConfirmed, "nothing was done");
}

bool MayProceedUnasked(Console& console, const Consent& consent, std::string_view consequence) {
  if (!consent.dry_run) return true;
  console.err << consequence << "\nDry run: nothing was done.\n";
  return false;
}

std::string TextTable::ToString() const {
  std::vector<size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += Cat(i == 0 ? "" : "  ", Padded(row[i], widths[i]));
    line.erase(line.find_last_not_of(' ') + 1);
    text += Cat(line, "\n");
  }
  return text;
}

std::string AlignedPairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  size_t widest = 0;
  for (const auto& [name, value] : pairs) widest = std::max(widest, Width(name));
  std::string text;
  for (const auto& [name, value] : pairs) text += Cat(Padded(name, widest), "  ", value, "\n");
  return text;
}

}  // namespace walrelay::app
