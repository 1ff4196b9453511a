#include "admin/http_server.h"

#include <gmock/gmock.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <thread>

#include "admin/listen_address.h"

namespace walrelay::admin {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A server on a free port with its loop on a thread of its own; its answers name what was asked.
class Running {
 public:
  explicit Running(ListenOptions options = {}) {
    options.address = "127.0.0.1:0";
    auto server = HttpServer::Listen(loop_, options, [](const Request& request) {
      Response response;
      response.body = Cat(request.method, " ", request.target);
      if (request.target == "/405") response.status = 405;
      return response;
    });
    EXPECT_TRUE(server.ok()) << Message(server.status());
    server_ = *std::move(server);
    port_ = server_->port();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Running() { Stop(); }
  // Also shows that the loop runs out of work.
  void Stop() {
    if (!thread_.joinable()) return;
    asio::post(loop_, [this] { server_->Stop(); });
    thread_.join();
  }
  uint16_t port() const { return port_; }

 private:
  asio::io_context loop_;
  std::unique_ptr<HttpServer> server_;
  uint16_t port_ = 0;
  std::thread thread_;
};

class Client {
 public:
  explicit Client(uint16_t port) : socket_(loop_) {
    socket_.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port));
  }
  // False when the server has closed already; what it answered before is what counts.
  bool Send(std::string_view text) {
    error_code error;
    asio::write(socket_, asio::buffer(text.data(), text.size()), error);
    return !error;
  }
  // Everything until the server closes.
  std::string ReadAll() {
    std::string all;
    error_code error;
    asio::read(socket_, asio::dynamic_buffer(all), error);
    return all;
  }
  // At least one byte, as much as has come; empty when the server has closed.
  std::string ReadSome() {
    char bytes[4096];
    error_code error;
    return std::string(bytes, socket_.read_some(asio::buffer(bytes), error));
  }

 private:
  asio::io_context loop_;
  tcp::socket socket_;
};

std::string Ask(const Running& server, std::string_view request) {
  Client client(server.port());
  client.Send(request);
  return client.ReadAll();
}

TEST(HttpServer, AnswersAGet) {
  Running server;
  const std::string answer =
      Ask(server, "GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nGET /a?b"));
}

TEST(HttpServer, AnswersAHeadWithoutBodyButWithItsSize) {
  Running server;
  const std::string answer =
      Ask(server, "HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 7\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(HttpServer, KeepsTheConnectionForSeveralRequests) {
  Running server;
  Client client(server.port());
  for (const char* path : {"/1", "/2", "/3"}) {
    client.Send(Cat("GET ", path, " HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_THAT(client.ReadSome(), EndsWith(Cat("GET ", path)));
  }
  client.Send("GET /4 HTTP/1.1\r\nHost: x\r\n\r\nGET /5 HTTP/1.0\r\n\r\n");
  const std::string pipelined = client.ReadAll();
  EXPECT_THAT(pipelined, HasSubstr("GET /4HTTP/1.1 200 OK"));
  EXPECT_THAT(pipelined, EndsWith("GET /5")) << "HTTP/1.0 closes";
}

TEST(HttpServer, TellsWhatIsAllowedWith405) {
  Running server;
  const std::string answer = Ask(
      server, "POST /405 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST(HttpServer, RefusesWhatIsNotHttp) {
  Running server;
  EXPECT_THAT(Ask(server, "\x16\x03\x01 hello\r\n\r\n"),
              StartsWith("HTTP/1.1 400 Bad Request\r\n"));
}

TEST(HttpServer, RefusesALargeHeader) {
  Running server;
  const std::string answer =
      Ask(server, "GET / HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 431 "));
}

TEST(HttpServer, RefusesALargeBody) {
  Running server;
  const std::string answer = Ask(server, "POST / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer, EndsWith(R"({"error_code":413,"message":"Payload Too Large"})"));
}

TEST(HttpServer, DropsAClientThatTricklesItsRequest) {
  Running server({.request_timeout = milliseconds(300)});
  Client client(server.port());
  const auto begin = std::chrono::steady_clock::now();
  std::thread trickle([&client] {
    client.Send("GET / HTTP/1.1\r\n");
    for (int i = 0; i < 50 && client.Send("x"); ++i) {  // Each byte in time, the request not.
      std::this_thread::sleep_for(milliseconds(100));
    }
  });
  EXPECT_EQ(client.ReadAll(), "");
  const auto took = std::chrono::steady_clock::now() - begin;
  trickle.join();
  EXPECT_GE(took, milliseconds(300));
  EXPECT_LT(took, milliseconds(4000));
}

TEST(HttpServer, ClosesConnectionsBeyondTheLimit) {
  Running server({.max_connections = 2});
  std::optional<Client> first(server.port());
  Client second(server.port());
  for (Client* client : {&*first, &second}) {
    client->Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client->ReadSome(), HasSubstr("200 OK"));
  }
  EXPECT_EQ(Client(server.port()).ReadAll(), "");

  first.reset();
  std::string answer;
  while (answer.empty()) answer = Ask(server, "GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("200 OK"));
}

TEST(HttpServer, StopEndsIdleConnectionsAndTheLoop) {
  Running server;
  Client client(server.port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadSome(), Not(testing::IsEmpty()));
  server.Stop();
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpServer, NamesTheOptionWhenThePortIsTaken) {
  Running server;
  asio::io_context loop;
  const std::string address = Cat("127.0.0.1:", server.port());
  const auto second =
      HttpServer::Listen(loop, {.address = address}, [](const Request&) { return Response{}; });
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Message(second.status()),
            Cat("cannot listen on ", address,
                ": Address already in use; choose another address with admin.listen"));
}

TEST(ParseListenAddress, TakesLoopbackAddresses) {
  for (const auto& [text, address] : {std::pair{"127.0.0.1:8083", "127.0.0.1"},
                                      {"[::1]:8083", "::1"},
                                      {"localhost:8083", "127.0.0.1"}}) {
    const auto endpoint = ParseListenAddress(text, false);
    ASSERT_TRUE(endpoint.ok()) << text;
    EXPECT_EQ(endpoint->address().to_string(), address);
    EXPECT_EQ(endpoint->port(), 8083);
  }
}

TEST(ParseListenAddress, RefusesOtherMachinesUnlessAskedFor) {
  for (const char* text : {"0.0.0.0:8083", "[::]:8083", "192.0.2.1:8083"}) {
    const auto refused = ParseListenAddress(text, false);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(Message(refused.status())), HasSubstr("admin.allow.remote = true"));
    EXPECT_TRUE(ParseListenAddress(text, true).ok());
  }
}

TEST(ParseListenAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "8083", ":8083", "::1:8083", "127.0.0.1:", "127.0.0.1:99999",
                           "127.0.0.1:80x", "example.org:80", "[]:80", "[::1:80"}) {
    const auto refused = ParseListenAddress(text, true);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(Message(refused.status())), StartsWith("admin.listen = \""));
  }
}

}  // namespace
}  // namespace walrelay::admin
