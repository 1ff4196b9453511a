// What CrashPoint() does in the laboratory's program: WALRELAY_CRASH_AT=name:n kills it at the n-th
// call of that point, WALRELAY_FREEZE_AT=name:n stops it there until it is told to go on (SIGCONT),
// and WALRELAY_FIRST_CALLS=file adds a line for each point that is called, with
// the monotonic clock's seconds of the first time.
//
// SIGKILL, so that nothing is flushed and no destructor runs: as if it had been killed from outside
// at this very line.

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/crash_point.h"

namespace walrelay {
namespace {

struct Choice {
  std::string name;
  std::atomic<long> calls_left = 0;

  explicit Choice(const char* variable) {
    const char* given = std::getenv(variable);
    const std::string text = given == nullptr ? "" : given;
    name = text.substr(0, text.find(':'));
    if (name.size() < text.size()) calls_left = std::atol(text.c_str() + name.size() + 1);
  }

  bool IsNow(const char* point) { return name == point && --calls_left == 0; }
};

class FirstCalls {
 public:
  FirstCalls() {
    if (const char* path = std::getenv("WALRELAY_FIRST_CALLS")) file_.open(path, std::ios::app);
  }

  void Note(const char* name) {
    if (!file_.is_open()) return;
    const std::lock_guard lock(mutex_);
    if (seen_.contains(std::string_view(name))) return;
    seen_.emplace(name);
    const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
    file_ << name << ' ' << std::fixed << now.count() << std::endl;
  }

 private:
  std::ofstream file_;
  std::mutex mutex_;
  std::set<std::string, std::less<>> seen_;
};

}  // namespace

void CrashPoint(const char* name) {
  static FirstCalls first_calls;
  first_calls.Note(name);
  static Choice freeze("WALRELAY_FREEZE_AT");
  if (freeze.IsNow(name)) raise(SIGSTOP);  // This thread goes no further.
  static Choice crash("WALRELAY_CRASH_AT");
  if (!crash.IsNow(name)) return;
  const std::string line = "crash point " + crash.name + "\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  kill(getpid(), SIGKILL);
  pause();
}

}  // namespace walrelay
