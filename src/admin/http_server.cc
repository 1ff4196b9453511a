// One coroutine accepts, one a connection reads requests and writes answers; all run on the loop's
// thread.
#include "admin/http_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <set>
#include <utility>

#include "admin/listen_address.h"
#include "base/log.h"

namespace walrelay::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

// Results come as (error_code, …): nothing throws.
constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

// A scraper's header is a few hundred bytes; a Connect client's PUT, which is answered with 405, a
// few thousand.
constexpr uint32_t kHeaderLimitBytes = 8 * 1024;
constexpr uint64_t kBodyLimitBytes = 64 * 1024;

using HttpRequest = http::request<http::string_body>;
using HttpResponse = http::response<http::string_body>;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

HttpResponse ToHttp(Response answer, unsigned version, bool head, bool keep_alive) {
  HttpResponse response(static_cast<http::status>(answer.status), version);
  response.set(http::field::content_type, answer.content_type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  if (answer.status == 405) response.set(http::field::allow, "GET, HEAD");
  const size_t size = answer.body.size();
  if (!head) response.body() = std::move(answer.body);
  response.content_length(size);  // HEAD tells the size that GET would have.
  response.keep_alive(keep_alive);
  return response;
}

// What to say to a request that could not be read; 0: nothing, the connection is gone or was too
// slow.
int StatusOfReadError(const error_code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  const bool theirs = error.category() == http::make_error_code(http::error::bad_method).category();
  const bool closed = error == http::error::end_of_stream || error == http::error::partial_message;
  return theirs && !closed ? 400 : 0;
}

}  // namespace

struct HttpServer::Shared : std::enable_shared_from_this<HttpServer::Shared> {
  Shared(asio::io_context& loop, const ListenOptions& listen, Handler answer)
      : options(listen), handler(std::move(answer)), acceptor(loop), retry(loop) {}

  absl::Status Bind(const tcp::endpoint& endpoint);
  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(tcp::socket socket);
  asio::awaitable<void> Converse(beast::tcp_stream& stream);
  void Stop();

  const ListenOptions options;
  const Handler handler;
  tcp::acceptor acceptor;
  asio::steady_timer retry;
  std::set<beast::tcp_stream*> streams;  // Owned by their coroutines.
};

absl::Status HttpServer::Shared::Bind(const tcp::endpoint& endpoint) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  // After a restart, connections of the last process in TIME_WAIT must not keep the port.
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(Cat("cannot listen on ", options.address, ": ",
                                           error.message(),
                                           "; choose another address with admin.listen"));
}

asio::awaitable<void> HttpServer::Shared::Accept() {
  while (acceptor.is_open()) {
    auto [error, socket] = co_await acceptor.async_accept(kNoThrow);
    if (!acceptor.is_open()) co_return;
    if (error) {
      // Most likely out of file descriptors: it would fail at once again.
      retry.expires_after(std::chrono::milliseconds(100));
      co_await retry.async_wait(kNoThrow);
      continue;
    }
    if (streams.size() >= options.max_connections) continue;  // The socket's destructor closes it.
    asio::co_spawn(acceptor.get_executor(), Serve(std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> HttpServer::Shared::Serve(tcp::socket socket) {
  const auto self = shared_from_this();
  beast::tcp_stream stream(std::move(socket));
  streams.insert(&stream);
  co_await Converse(stream);
  streams.erase(&stream);
  error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> HttpServer::Shared::Converse(beast::tcp_stream& stream) {
  beast::flat_buffer buffer;
  for (bool keep_alive = true; keep_alive;) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(kHeaderLimitBytes);
    parser.body_limit(kBodyLimitBytes);
    // One limit for the whole request: bytes that trickle in do not renew it.
    stream.expires_after(options.request_timeout);
    const auto [read_error, read] = co_await http::async_read(stream, buffer, parser, kNoThrow);
    const int refused = read_error ? StatusOfReadError(read_error) : 0;
    if (read_error && refused == 0) co_return;

    const HttpRequest& request = parser.get();
    keep_alive = refused == 0 && request.keep_alive();
    Response answer =
        refused != 0
            ? ErrorResponse(refused,
                            View(http::obsolete_reason(static_cast<http::status>(refused))))
            : handler({.method = View(request.method_string()), .target = View(request.target())});
    const bool head = request.method() == http::verb::head;
    HttpResponse response = ToHttp(std::move(answer), 11, head, keep_alive);
    http::response_serializer<http::string_body> serializer(response);
    stream.expires_after(options.request_timeout);
    const auto [write_error, written] =
        head ? co_await http::async_write_header(stream, serializer, kNoThrow)
             : co_await http::async_write(stream, serializer, kNoThrow);
    if (write_error) co_return;
  }
}

void HttpServer::Shared::Stop() {
  error_code ignored;
  acceptor.close(ignored);
  retry.cancel();
  for (beast::tcp_stream* stream : streams) stream->close();
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(asio::io_context& loop,
                                                               const ListenOptions& options,
                                                               Handler handler) {
  ASSIGN_OR_RETURN(const tcp::endpoint endpoint,
                   ParseListenAddress(options.address, options.allow_remote));
  auto shared = std::make_shared<Shared>(loop, options, std::move(handler));
  RETURN_IF_ERROR(shared->Bind(endpoint));
  asio::co_spawn(
      loop, [shared]() -> asio::awaitable<void> { co_await shared->Accept(); }, asio::detached);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(shared)));
}

HttpServer::HttpServer(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
HttpServer::~HttpServer() { Stop(); }

uint16_t HttpServer::port() const {
  error_code ignored;
  return shared_->acceptor.local_endpoint(ignored).port();
}

size_t HttpServer::connections() const { return shared_->streams.size(); }

void HttpServer::Stop() { shared_->Stop(); }

}  // namespace walrelay::admin
