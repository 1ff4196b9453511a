// The value of admin.listen as an endpoint.
//
// Only addresses, and the name localhost: a look-up could block, and could give another address
// each time. Pure. Fails with InvalidArgument, naming the option.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string_view>

#include "base/status.h"

namespace walrelay::admin {

// "127.0.0.1:8083", "[::1]:8083", "localhost:8083", "0.0.0.0:8083" (with `allow_remote`).
absl::StatusOr<boost::asio::ip::tcp::endpoint> ParseListenAddress(std::string_view address,
                                                                  bool allow_remote);

}  // namespace walrelay::admin
