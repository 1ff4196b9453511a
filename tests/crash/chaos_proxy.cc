// chaos_proxy NAME:KIND:LISTEN:TARGET…: passes TCP connections on, and spoils them on command.
//
// KIND is postgres or kafka: whose messages are recognised in what the client sends; ports are on loopback. Commands, one a
// line on standard input, each answered by one line:
//   delay NAME MS JITTER     each piece waits so long, in both directions; 0 0 ends it
//   rate NAME BYTES          bytes a second, in each direction; 0: as fast as it goes
//   hole NAME on|off         nothing is passed on, though connections stay open and new ones are taken
//   refuse NAME on|off       new connections are reset
//   reset NAME               all connections end with RST, now
//   halfclose NAME           no more bytes from the clients; the other direction stays open
//   cut NAME up|down BYTES   the connection that carries this byte next, counted from now, ends with RST behind it
//   flip NAME up|down BYTES  a bit of the byte that comes as this one next, counted from now (1: the very next), is changed
//   flip-text NAME up|down TEXT AT  the same, of the byte AT bytes behind the begin of TEXT, where a message (up) or a piece
//                            (down) next holds both; AT may be negative
//   commit NAME before|after the next commit of a sink (frames.h) is not passed on, or is, and its answer is not; then RST
//   endtxn NAME before|after the same for Kafka's EndTxn
//   hold NAME produce|endtxn TEXT  the next request of that kind that contains TEXT, and all behind it on that connection, are kept
//   release NAME             what has been kept longest goes to the broker, though its client may be gone; the error code of the
//                            broker's answer is counted: held_produce_error_0, held_endtxn_error_47, …
//   clear NAME               everything above that waits or lasts is called off; what is kept is thrown away
//   stats                    counters of what it did, as JSON
// End of input ends it. One thread. Source: FAULTS of the README; Boost.Asio manual, "C++20 Coroutines".

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <utility>
#include <variant>

#include "tests/crash/frames.h"

namespace walrelay::crash {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using boost::system::error_code;

constexpr auto kLook = 5ms;            // How soon a black hole sees that it has ended.
constexpr auto kAnswerLimit = 2000ms;  // For the answer that is swallowed behind a commit.

enum class Cut : uint8_t { kNone, kBefore, kAfter };

struct Session;

// What waits for a byte of one direction.
struct Spoiler {
  std::optional<size_t> cut;   // Bytes that may still pass.
  std::optional<size_t> flip;  // The how manieth it is; 1: the next one.
  std::optional<std::string> flip_text;
  ptrdiff_t flip_at = 0;  // From the begin of flip_text.
};

struct Link {
  std::string name;
  bool is_kafka = false;
  uint16_t target = 0;
  std::chrono::milliseconds delay{}, jitter{};
  size_t bytes_per_second = 0;
  bool hole = false, refuse = false;
  Spoiler up, down;
  Cut commit = Cut::kNone, endtxn = Cut::kNone;
  FrameKind hold_kind = FrameKind::kProduce;
  std::optional<std::string> hold;
  uint64_t holds = 0;
  std::list<std::weak_ptr<Session>> sessions;
  std::map<std::string, uint64_t> counters;
};

struct Session {
  Link& link;
  tcp::socket client, server;
  std::variant<KafkaScanner, PostgresScanner> scanner;
  bool swallow = false;    // Answers are read and dropped.
  uint64_t answers = 0;    // Pieces that the server has sent.
  bool client_gone = false;
  bool holds = false;
  std::string held;
  FrameKind held_kind = FrameKind::kOther;
  uint64_t held_number = 0;  // Of all that the link held.
  std::optional<uint32_t> released;  // The correlation of what was held; its answer is waited for.
  KafkaScanner answered;             // What the broker sends, message by message.

  Session(Link& of, tcp::socket accepted)
      : link(of), client(std::move(accepted)), server(client.get_executor()) {
    if (!link.is_kafka) scanner = PostgresScanner();
  }

  static void Reset(tcp::socket& socket) {
    error_code ignored;
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
  }
  void Reset() {
    Reset(client);
    if (!holds) Reset(server);
  }
};

asio::awaitable<void> Sleep(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> Slow(Link& link, size_t bytes) {
  static std::minstd_rand random(std::random_device{}());
  auto wait = link.delay;
  if (link.jitter.count() > 0) wait += std::chrono::milliseconds(random() % static_cast<uint64_t>(link.jitter.count()));
  if (link.bytes_per_second > 0) wait += std::chrono::milliseconds(bytes * 1000 / link.bytes_per_second);
  if (wait.count() > 0) co_await Sleep(wait);
  while (link.hole) co_await Sleep(kLook);
}

// Changes the bit that a flip asks for, where it is among these bytes.
std::string Flipped(Link& link, Spoiler& spoiler, std::string_view given) {
  std::string bytes(given);
  const auto flip = [&](size_t at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    ++link.counters["bytes_flipped"];
  };
  if (spoiler.flip && *spoiler.flip <= bytes.size()) {
    flip(*std::exchange(spoiler.flip, std::nullopt) - 1);
  } else if (spoiler.flip) {
    *spoiler.flip -= bytes.size();
  }
  if (spoiler.flip_text) {
    const size_t begin = bytes.find(*spoiler.flip_text);
    const size_t at = begin + static_cast<size_t>(spoiler.flip_at);
    if (begin != std::string::npos && at < bytes.size()) {
      flip(at);
      spoiler.flip_text.reset();
    }
  }
  return bytes;
}

// Writes it, as far as a cut lets it pass. False: the session has ended.
asio::awaitable<bool> Pass(Session& session, tcp::socket& to, Spoiler& spoiler, std::string_view given) {
  const std::string bytes = Flipped(session.link, spoiler, given);
  const bool cuts = spoiler.cut && *spoiler.cut <= bytes.size();
  const size_t size = cuts ? *std::exchange(spoiler.cut, std::nullopt) : bytes.size();
  if (spoiler.cut) *spoiler.cut -= size;  // Others pass while this one is written.
  error_code error;
  co_await asio::async_write(to, asio::buffer(bytes.data(), size), asio::redirect_error(asio::use_awaitable, error));
  if (cuts) {
    ++session.link.counters["cut_at_byte"];
    session.Reset();
    co_return false;
  }
  co_return !error;
}

// What a cut at a message does. True: it was one, and the session has ended.
asio::awaitable<bool> Strike(Session& session, const Frame& frame) {
  Link& link = session.link;
  Cut& armed = frame.kind == FrameKind::kCommit ? link.commit : link.endtxn;
  const bool wanted = frame.kind == FrameKind::kCommit || frame.kind == FrameKind::kEndTxn;
  if (!wanted || armed == Cut::kNone) co_return false;
  const bool after = armed == Cut::kAfter;
  armed = Cut::kNone;
  ++link.counters[std::string(frame.kind == FrameKind::kCommit ? "commits_cut_" : "endtxns_cut_") + (after ? "after" : "before")];
  if (after) {
    session.swallow = true;
    const uint64_t answers = session.answers;
    co_await Pass(session, session.server, link.up, frame.bytes);
    for (auto waited = 0ms; session.answers == answers && waited < kAnswerLimit; waited += kLook) co_await Sleep(kLook);
  }
  session.Reset();
  co_return true;
}

std::string NameOf(FrameKind kind) { return kind == FrameKind::kEndTxn ? "endtxn" : "produce"; }

// Counts what the broker says to a request that was held.
void NoteAnswers(Session& session, std::string_view bytes) {
  for (const Frame& answer : session.answered.Feed(bytes)) {
    if (session.released != CorrelationOfAnswer(answer.bytes)) continue;
    session.released.reset();
    const auto error = ErrorInAnswer(session.held_kind, answer.bytes);
    ++session.link.counters["held_" + NameOf(session.held_kind) + "_error_" + (error ? std::to_string(*error) : "unknown")];
  }
}

asio::awaitable<bool> PassUp(Session& session, const Frame& frame) {
  Link& link = session.link;
  if (link.hold && frame.kind == link.hold_kind && frame.bytes.find(*link.hold) != std::string::npos) {
    link.hold.reset();
    session.holds = true;
    session.held_kind = frame.kind;
    session.held_number = ++link.holds;
    ++link.counters[NameOf(frame.kind) + "_requests_held"];
  }
  if (session.holds) {
    session.held += frame.bytes;
    co_return true;
  }
  if (co_await Strike(session, frame)) co_return false;
  co_return co_await Pass(session, session.server, link.up, frame.bytes);
}

asio::awaitable<void> Up(std::shared_ptr<Session> session) {
  std::array<char, 65536> buffer;
  for (;;) {
    error_code error;
    const size_t size =
        co_await session->client.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    co_await Slow(session->link, size);
    session->link.counters["bytes_up"] += size;
    const auto frames =
        std::visit([&](auto& scanner) { return scanner.Feed({buffer.data(), size}); }, session->scanner);
    for (const Frame& frame : frames) {
      if (!co_await PassUp(*session, frame)) co_return;
    }
  }
  error_code ignored;
  session->client_gone = true;
  if (!session->holds && !session->released) session->server.shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> Down(std::shared_ptr<Session> session) {
  std::array<char, 65536> buffer;
  for (;;) {
    error_code error;
    const size_t size =
        co_await session->server.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    ++session->answers;
    const bool waited = session->released.has_value();
    if (session->link.is_kafka) NoteAnswers(*session, {buffer.data(), size});
    if (waited && !session->released && session->client_gone) break;
    if (session->swallow) continue;
    co_await Slow(session->link, size);
    session->link.counters["bytes_down"] += size;
    if (!co_await Pass(*session, session->client, session->link.down, {buffer.data(), size})) {
      if (!session->holds && !session->released) break;
    }
  }
  // A server that has gone, or a cut: the client is to see it.
  error_code ignored;
  session->client.close(ignored);
  if (!session->holds) session->server.close(ignored);
}

asio::awaitable<void> Serve(std::shared_ptr<Session> session) {
  Link& link = session->link;
  error_code error;
  co_await session->server.async_connect({asio::ip::address_v4::loopback(), link.target},
                                         asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    ++link.counters["target_away"];
    session->Reset();
    co_return;
  }
  session->client.set_option(tcp::no_delay(true), error);
  session->server.set_option(tcp::no_delay(true), error);
  asio::co_spawn(session->client.get_executor(), Down(session), asio::detached);
  co_await Up(session);
}

asio::awaitable<void> Accept(Link& link, uint16_t port) {
  tcp::acceptor acceptor(co_await asio::this_coro::executor, {asio::ip::address_v4::loopback(), port});
  for (;;) {
    error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error) continue;
    ++link.counters["connections"];
    if (link.refuse) {
      Session::Reset(socket);
      continue;
    }
    auto session = std::make_shared<Session>(link, std::move(socket));
    link.sessions.remove_if([](const auto& old) { return old.expired(); });
    link.sessions.push_back(session);
    asio::co_spawn(session->client.get_executor(), Serve(session), asio::detached);
  }
}

// --- Commands ---

void ForEach(Link& link, const std::function<void(Session&)>& act) {
  for (const auto& weak : link.sessions) {
    if (const auto session = weak.lock()) act(*session);
  }
}

// Sends it, and leaves the connection open for the answer; or throws it away. A client that still lives goes on behind it.
void Release(Session& session, bool send) {
  error_code error;
  session.holds = false;
  const std::string held = std::exchange(session.held, {});
  if (send) {
    session.released = CorrelationOfRequest(held);
    asio::write(session.server, asio::buffer(held), error);
    ++session.link.counters[error ? "releases_failed" : NameOf(session.held_kind) + "_requests_released"];
  }
  if (!send || error) {
    session.released.reset();
    session.server.shutdown(tcp::socket::shutdown_send, error);
  }
}

void ReleaseFirst(Link& link) {
  std::shared_ptr<Session> first;
  for (const auto& weak : link.sessions) {
    const auto session = weak.lock();
    if (session && session->holds && (!first || session->held_number < first->held_number)) first = session;
  }
  if (first) Release(*first, true);
}

Cut ParseCut(const std::string& word) { return word == "after" ? Cut::kAfter : Cut::kBefore; }

std::string Stats(const std::list<Link>& links) {
  std::string text = "{";
  for (const Link& link : links) {
    for (const auto& [name, value] : link.counters) {
      text += (text.size() > 1 ? ", \"" : "\"") + link.name + "_" + name + "\": " + std::to_string(value);
    }
  }
  return text + "}";
}

std::string Command(std::list<Link>& links, const std::string& line) {
  std::istringstream words(line);
  std::string command, name, first, second, third;
  words >> command >> name >> first >> second >> third;
  if (command == "stats") return Stats(links);
  for (Link& link : links) {
    if (link.name != name) continue;
    Spoiler& spoiler = first == "up" ? link.up : link.down;
    if (command == "delay") {
      link.delay = std::chrono::milliseconds(std::stoi(first));
      link.jitter = std::chrono::milliseconds(std::stoi(second));
    } else if (command == "rate") {
      link.bytes_per_second = std::stoul(first);
    } else if (command == "hole") {
      link.hole = first == "on";
    } else if (command == "refuse") {
      link.refuse = first == "on";
    } else if (command == "reset") {
      ForEach(link, [&](Session& session) {
        if (session.client.is_open()) ++link.counters["resets"];
        session.Reset();
      });
    } else if (command == "halfclose") {
      ForEach(link, [&](Session& session) {
        error_code error;
        session.server.shutdown(tcp::socket::shutdown_send, error);
        if (!error) ++link.counters["half_closes"];
      });
    } else if (command == "cut") {
      spoiler.cut = std::stoul(second);
    } else if (command == "flip") {
      spoiler.flip = std::stoul(second);
    } else if (command == "flip-text") {
      spoiler.flip_text = second;
      spoiler.flip_at = std::stol(third);
    } else if (command == "commit") {
      link.commit = ParseCut(first);
    } else if (command == "endtxn") {
      link.endtxn = ParseCut(first);
    } else if (command == "hold") {
      link.hold_kind = first == "endtxn" ? FrameKind::kEndTxn : FrameKind::kProduce;
      link.hold = second;
    } else if (command == "release") {
      ReleaseFirst(link);
    } else if (command == "clear") {
      ForEach(link, [](Session& session) {
        if (session.holds) Release(session, false);
      });
      link.delay = link.jitter = {};
      link.bytes_per_second = 0;
      link.hole = link.refuse = false;
      link.up = link.down = {};
      link.commit = link.endtxn = Cut::kNone;
      link.hold.reset();
    } else {
      return "unknown command " + command;
    }
    return "ok";
  }
  return "unknown link " + name;
}

asio::awaitable<void> Control(std::list<Link>& links) {
  auto executor = co_await asio::this_coro::executor;
  asio::posix::stream_descriptor input(executor, dup(STDIN_FILENO));
  std::string waiting;
  for (;;) {
    error_code error;
    const size_t size = co_await asio::async_read_until(input, asio::dynamic_buffer(waiting), '\n',
                                                        asio::redirect_error(asio::use_awaitable, error));
    if (error) std::_Exit(0);  // Whoever commanded it has gone.
    const std::string line = waiting.substr(0, size - 1);
    waiting.erase(0, size);
    std::cout << Command(links, line) << std::endl;
  }
}

int Run(int count, char** given) {
  asio::io_context loop(1);
  std::list<Link> links;
  for (int i = 1; i < count; ++i) {
    std::istringstream words(given[i]);
    std::string name, kind, listen, target;
    std::getline(words, name, ':');
    std::getline(words, kind, ':');
    std::getline(words, listen, ':');
    std::getline(words, target);
    Link& link = links.emplace_back();
    link.name = name;
    link.is_kafka = kind == "kafka";
    link.target = static_cast<uint16_t>(std::stoi(target));
    asio::co_spawn(loop, Accept(link, static_cast<uint16_t>(std::stoi(listen))), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
  }
  asio::co_spawn(loop, Control(links), asio::detached);
  loop.run();
  return 0;
}

}  // namespace
}  // namespace walrelay::crash

int main(int count, char** given) { return walrelay::crash::Run(count, given); }
