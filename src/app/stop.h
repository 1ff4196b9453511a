// Asks threads to stop: once set, for ever, and visible as a readable file descriptor.
//
// The main thread owns it and sets it from its signal handler or when a stage has failed; every
// other thread watches asked() between steps and fd() while it waits. Thread-safe.
#pragma once

#include <atomic>

#include "base/status.h"

namespace walrelay::app {

class StopSignal {
 public:
  StopSignal();  // Aborts where the system has no file descriptor left for us.
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void Ask();
  bool asked() const { return asked_.load(std::memory_order_acquire); }
  int fd() const { return fd_; }  // Readable from Ask() on; nobody reads it.

  // Cancelled once stop was asked for, else OK.
  absl::Status Check() const {
    return asked() ? absl::CancelledError("stop was asked for") : absl::OkStatus();
  }

 private:
  std::atomic<bool> asked_ = false;
  int fd_;
};

}  // namespace walrelay::app
