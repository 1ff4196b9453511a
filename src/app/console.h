// Where a command reads and writes, and how it asks before it destroys something.
//
// Results go to `out`, questions and errors to `err`, so that a script can take the result alone.
#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace walrelay::app {

struct Console {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  bool interactive = false;  // Somebody is there to answer: `in` and `err` are a terminal.
};

// What the user said beforehand to the question whether to go on.
struct Consent {
  bool yes = false;
  bool dry_run = false;
};

// Says what is about to happen and asks, unless --yes was given. True: go on. False: --dry-run,
// nothing is to be done. kNotConfirmed when the answer is no, or nobody is there to give one.
absl::StatusOr<bool> MayProceed(Console& console, const Consent& consent,
                                std::string_view consequence);

// The same without a question, for what destroys nothing: false with --dry-run.
bool MayProceedUnasked(Console& console, const Consent& consent, std::string_view consequence);

// Columns of text, padded to the widest cell.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "name   value" lines of one thing.
std::string AlignedPairs(const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace walrelay::app
