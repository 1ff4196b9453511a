// What CrashPoint() does in the laboratory's program: WALRELAY_CRASH_AT=name:n kills it at the n-th call of that point.
//
// SIGKILL, so that nothing is flushed and no destructor runs: as if it had been killed from outside at this very line.

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "base/crash_point.h"

namespace walrelay {
namespace {

struct Choice {
  std::string name;
  std::atomic<long> calls_left = 0;

  Choice() {
    const char* given = std::getenv("WALRELAY_CRASH_AT");
    const std::string text = given == nullptr ? "" : given;
    name = text.substr(0, text.find(':'));
    if (name.size() < text.size()) calls_left = std::atol(text.c_str() + name.size() + 1);
  }
};

}  // namespace

void CrashPoint(const char* name) {
  static Choice choice;
  if (choice.name != name || --choice.calls_left != 0) return;
  const std::string line = "crash point " + choice.name + "\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  kill(getpid(), SIGKILL);
  pause();
}

}  // namespace walrelay
