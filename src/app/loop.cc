#include "app/loop.h"

#include <fcntl.h>

#include "base/check.h"

namespace walrelay::app {

namespace asio = boost::asio;

// A duplicate of the descriptor, so that Asio's bookkeeping and close never touch the owner's.
struct Loop::Watched {
  Watched(asio::io_context& io, int duplicate) : descriptor(io, duplicate) {}
  asio::posix::stream_descriptor descriptor;
  bool read_armed = false;
  bool write_armed = false;
};

Loop::Loop(const StopSignal& stop) : stop_(stop) {}

Loop::Watched& Loop::Find(int fd) {
  auto& watched = watched_[fd];
  if (watched == nullptr) {
    const int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    CHECK(duplicate >= 0);
    watched = std::make_shared<Watched>(io_, duplicate);
  }
  return *watched;
}

void Loop::Arm(const Watch& watch) {
  Watched& watched = Find(watch.fd);
  bool& armed = watch.write ? watched.write_armed : watched.read_armed;
  if (armed) return;
  armed = true;
  // The handler owns what it touches: it may run after Forget().
  watched.descriptor.async_wait(
      watch.write ? asio::posix::stream_descriptor::wait_write
                  : asio::posix::stream_descriptor::wait_read,
      [shared = watched_[watch.fd], write = watch.write](const boost::system::error_code&) {
        (write ? shared->write_armed : shared->read_armed) = false;
      });
}

absl::Status Loop::Wait(std::initializer_list<Watch> watches, SteadyTime deadline) {
  RETURN_IF_ERROR(stop_.Check());
  io_.restart();
  for (const Watch& watch : watches) {
    if (watch.fd >= 0) Arm(watch);
  }
  Arm({.fd = stop_.fd()});
  timer_.expires_at(deadline);
  timer_.async_wait([](const boost::system::error_code&) {});
  io_.run_one();
  io_.poll();
  timer_.cancel();
  io_.poll();
  return stop_.Check();
}

void Loop::Forget(int fd) {
  const auto found = watched_.find(fd);
  if (found == watched_.end()) return;
  boost::system::error_code ignored;
  found->second->descriptor.close(ignored);
  watched_.erase(found);
  io_.restart();
  io_.poll();
}

}  // namespace walrelay::app
