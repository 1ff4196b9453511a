#include "app/stop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/check.h"

namespace walrelay::app {

StopSignal::StopSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { CHECK(fd_ >= 0); }

StopSignal::~StopSignal() { close(fd_); }

void StopSignal::Ask() {
  asked_.store(true, std::memory_order_release);
  const uint64_t one = 1;
  // Can fail only when the counter is full, and then it is readable already.
  [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
}

}  // namespace walrelay::app
