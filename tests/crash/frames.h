// Finds the messages at which the chaos proxy strikes, in the bytes that a client sends.
//
// A scanner is fed what arrives and gives back whole messages, each with its kind; bytes of an unfinished one wait. Pure. A
// stream that cannot be one of the protocol (TLS, for example) is passed on as it comes.
// Source: PostgreSQL manual, "Message Formats" (frontend); Kafka protocol guide, request header.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace walrelay::crash {

enum class FrameKind : uint8_t {
  kOther,
  kCommit,   // PostgreSQL: what commits a transaction that has moved walrelay.progress.
  kProduce,  // Kafka: ApiKey 0.
  kEndTxn,   // Kafka: ApiKey 26.
};

struct Frame {
  FrameKind kind = FrameKind::kOther;
  std::string bytes;
};

inline uint32_t BigEndian(std::string_view bytes) {
  uint32_t number = 0;
  for (const char byte : bytes.substr(0, 4)) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

// Of a Kafka request or its answer, whole with its length.
inline uint32_t CorrelationOfRequest(std::string_view request) {
  return request.size() < 12 ? 0 : BigEndian(request.substr(8));
}
inline uint32_t CorrelationOfAnswer(std::string_view answer) {
  return answer.size() < 8 ? 0 : BigEndian(answer.substr(4));
}

// The error code in the answer to a request of this kind, of its first partition where it has several; nullopt where it is not
// there. Of the versions that librdkafka 2.0.2 speaks: Produce 3 to 7, EndTxn 0 and 1.
inline std::optional<int> ErrorInAnswer(FrameKind kind, std::string_view answer) {
  const auto int16 = [&](size_t at) -> std::optional<int> {
    if (at + 2 > answer.size()) return std::nullopt;
    return static_cast<int16_t>(static_cast<uint8_t>(answer[at]) << 8 | static_cast<uint8_t>(answer[at + 1]));
  };
  // Behind length and correlation: a throttle time; or a count, the topic, a count and the partition's number.
  if (kind == FrameKind::kEndTxn) return int16(12);
  const auto topic_size = int16(12);
  if (kind != FrameKind::kProduce || !topic_size || *topic_size < 0) return std::nullopt;
  return int16(14 + static_cast<size_t>(*topic_size) + 8);
}

// Takes every frame that begins with a length off the front of `waiting`.
class KafkaScanner {
 public:
  std::vector<Frame> Feed(std::string_view bytes) {
    waiting_ += bytes;
    std::vector<Frame> frames;
    while (waiting_.size() >= 4 && waiting_.size() >= 4 + size_t{BigEndian(waiting_)}) {
      frames.push_back({Kind(), waiting_.substr(0, 4 + size_t{BigEndian(waiting_)})});
      waiting_.erase(0, frames.back().bytes.size());
    }
    return frames;
  }

 private:
  FrameKind Kind() const {
    if (BigEndian(waiting_) < 2) return FrameKind::kOther;
    const int key = static_cast<uint8_t>(waiting_[4]) << 8 | static_cast<uint8_t>(waiting_[5]);
    return key == 0 ? FrameKind::kProduce : key == 26 ? FrameKind::kEndTxn : FrameKind::kOther;
  }

  std::string waiting_;
};

// A transaction of a sink is one of two: BEGIN … COMMIT by the simple protocol, or a pipeline without BEGIN, which its Sync
// commits. Either counts once a statement that writes walrelay.progress was bound in it.
class PostgresScanner {
 public:
  std::vector<Frame> Feed(std::string_view bytes) {
    if (!started_ && waiting_.empty() && !bytes.empty()) is_tls_ = is_tls_ || bytes[0] == kTlsHandshake;
    if (is_tls_) return {{.kind = FrameKind::kOther, .bytes = std::string(bytes)}};
    waiting_ += bytes;
    std::vector<Frame> frames;
    for (;;) {
      const size_t head = started_ ? 1 : 0;  // The first messages have no tag.
      if (waiting_.size() < head + 4) return frames;
      const size_t size = head + BigEndian(std::string_view(waiting_).substr(head));
      if (waiting_.size() < size) return frames;
      const std::string message = waiting_.substr(0, size);
      waiting_.erase(0, size);
      frames.push_back({started_ ? Kind(message[0], std::string_view(message).substr(5)) : FrameKind::kOther, message});
      // SSLRequest, GSSENCRequest and CancelRequest are not the startup message yet.
      if (!started_) started_ = BigEndian(std::string_view(message).substr(4)) >> 16 != 1234;
    }
  }

 private:
  static std::string_view Text(std::string_view body) { return body.substr(0, body.find('\0')); }

  FrameKind Kind(char tag, std::string_view body) {
    const std::string_view first = Text(body);
    const std::string_view second = first.size() < body.size() ? Text(body.substr(first.size() + 1)) : std::string_view();
    switch (tag) {
      case 'P':  // Parse: statement, SQL.
        if (MovesProgress(second)) movers_.insert(std::string(first));
        return FrameKind::kOther;
      case 'B':  // Bind: portal, statement.
        moved_ = moved_ || movers_.contains(std::string(second));
        return FrameKind::kOther;
      case 'S':  // Sync.
        return explicit_ ? FrameKind::kOther : Commits();
      case 'Q':
        if (first.starts_with("BEGIN")) explicit_ = true;
        if (!first.starts_with("COMMIT") && !first.starts_with("ROLLBACK")) return FrameKind::kOther;
        explicit_ = false;
        if (first.starts_with("ROLLBACK")) moved_ = false;
        return Commits();
      default:
        return FrameKind::kOther;
    }
  }
  static bool MovesProgress(std::string_view sql) {
    return sql.find("UPDATE walrelay.progress") != std::string_view::npos ||
           sql.find("INSERT INTO walrelay.progress") != std::string_view::npos;
  }
  FrameKind Commits() {
    const bool moved = moved_;
    moved_ = false;
    return moved ? FrameKind::kCommit : FrameKind::kOther;
  }

  static constexpr char kTlsHandshake = 0x16;  // A first message of so many bytes would not be one.

  std::string waiting_;
  bool is_tls_ = false;
  bool started_ = false;
  bool explicit_ = false;
  bool moved_ = false;
  std::set<std::string> movers_;  // Prepared statements that write the progress.
};

}  // namespace walrelay::crash
