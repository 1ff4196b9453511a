#include "admin/listen_address.h"

#include <charconv>
#include <string>

namespace walrelay::admin {
namespace {

absl::Status NotAnAddress(std::string_view address) {
  return absl::InvalidArgumentError(
      Cat("admin.listen = \"", address,
          "\" is not an address: write 127.0.0.1:8083, [::1]:8083 or localhost:8083"));
}

}  // namespace

absl::StatusOr<boost::asio::ip::tcp::endpoint> ParseListenAddress(std::string_view address,
                                                                  bool allow_remote) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return NotAnAddress(address);
  const std::string_view digits = address.substr(colon + 1);
  uint16_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
    return NotAnAddress(address);
  }

  std::string host(address.substr(0, colon));
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return NotAnAddress(address);  // "::1:8083" could be read in two ways.
  }
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(host, error);
  if (error) return NotAnAddress(address);
  if (!ip.is_loopback() && !allow_remote) {
    return absl::InvalidArgumentError(Cat(
        "admin.listen = \"", address,
        "\" can be reached from other machines, and the admin pages have neither encryption nor "
        "a password: use 127.0.0.1, or set admin.allow.remote = true behind a firewall or proxy"));
  }
  return boost::asio::ip::tcp::endpoint(ip, port);
}

}  // namespace walrelay::admin
