// The capture thread's one waiting place: an Asio reactor behind a straight-line call.
//
// The capture loop waits for the PostgreSQL socket, librdkafka's event descriptor, a timer and
// stop. It does so by calling Wait() and then looking at each in turn, so that its own code reads
// from top to bottom and start-up, snapshot and streaming can use the same few lines. One thread
// owns a Loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <initializer_list>
#include <map>
#include <memory>

#include "app/stop.h"
#include "base/clock.h"
#include "base/status.h"

namespace walrelay::app {

class Loop {
 public:
  explicit Loop(const StopSignal& stop);

  struct Watch {
    int fd = -1;  // Negative: ignored. Must stay open while it is watched; see Forget().
    bool write = false;
  };

  // Returns OK when a watched descriptor may be ready or `deadline` has passed; Cancelled when stop
  // was asked for. Spurious returns happen: the caller looks at everything without blocking.
  absl::Status Wait(std::initializer_list<Watch> watches, SteadyTime deadline);

  // Must be called before a watched descriptor is closed.
  void Forget(int fd);

 private:
  struct Watched;
  Watched& Find(int fd);
  void Arm(const Watch& watch);

  const StopSignal& stop_;
  boost::asio::io_context io_{1};
  boost::asio::steady_timer timer_{io_};
  std::map<int, std::shared_ptr<Watched>> watched_;
};

}  // namespace walrelay::app
