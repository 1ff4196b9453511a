// A small HTTP/1.1 server for the admin pages, on the caller's Asio loop.
//
// Bounded in every direction: connections, header and body size, and the time from the end of one
// request to the end of the next (so that a client that sends a byte a minute is dropped). The
// handler runs on the loop's thread and must not block. Everything here belongs to that one thread.
// Listening fails with FailedPrecondition (port in use, no permission) or InvalidArgument (the
// address, or one that is not loopback without `allow_remote`); both name the option admin.listen.
// Later errors end one connection only. Source: RFC 9112; FAULTS.md §6.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "admin/router.h"
#include "base/status.h"

namespace walrelay::admin {

struct ListenOptions {
  std::string address = "127.0.0.1:8083";  // "host:port", "[::1]:port"; port 0 takes a free one.
  // admin.allow.remote: the pages are neither encrypted nor password-protected, so another address
  // than loopback must be asked for.
  bool allow_remote = false;
  size_t max_connections = 64;
  std::chrono::milliseconds request_timeout{30'000};
};

class HttpServer {
 public:
  using Handler = std::function<Response(const Request&)>;

  // Binds at once and serves while `loop` runs. The loop outlives the server.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Listen(boost::asio::io_context& loop,
                                                            const ListenOptions& options,
                                                            Handler handler);
  ~HttpServer();  // Stop().
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const;
  size_t connections() const;
  // Closes the door and every connection. The loop runs out of work of ours soon after.
  void Stop();

 private:
  struct Shared;  // Outlives this object until the last connection has ended.
  explicit HttpServer(std::shared_ptr<Shared> shared);
  std::shared_ptr<Shared> shared_;
};

}  // namespace walrelay::admin
