#include "tests/crash/frames.h"

#include <gmock/gmock.h>

namespace walrelay::crash {
namespace {

std::string Int32(size_t number) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

std::string Message(char tag, const std::string& body) { return tag + Int32(body.size() + 4) + body; }

const std::string kStartup = Int32(8) + Int32(196608);
const std::string kSslRequest = Int32(8) + Int32(80877103);
const std::string kNul(1, '\0');
const std::string kPrepare = Message('P', "w" + kNul + "WITH moved AS (UPDATE walrelay.progress SET x = 1)" + kNul + kNul + kNul);
const std::string kBind = Message('B', kNul + "w" + kNul + kNul + kNul);
const std::string kSync = Message('S', "");

std::string Query(const std::string& sql) { return Message('Q', sql + kNul); }

std::vector<FrameKind> Kinds(const std::string& bytes) {
  PostgresScanner scanner;
  std::vector<FrameKind> kinds;
  for (const Frame& frame : scanner.Feed(bytes)) kinds.push_back(frame.kind);
  return kinds;
}

TEST(PostgresScanner, FindsTheSyncThatCommitsAPipeline) {
  EXPECT_EQ(Kinds(kStartup + kPrepare + kSync + kBind + kSync + kSync),
            (std::vector{FrameKind::kOther, FrameKind::kOther, FrameKind::kOther, FrameKind::kOther, FrameKind::kCommit,
                         FrameKind::kOther}));
}

TEST(PostgresScanner, FindsTheCommitOfATransactionAndNotItsSyncs) {
  EXPECT_EQ(Kinds(kSslRequest + kStartup + kPrepare + Query("BEGIN") + kBind + kSync + Query("COMMIT")),
            (std::vector{FrameKind::kOther, FrameKind::kOther, FrameKind::kOther, FrameKind::kOther, FrameKind::kOther,
                         FrameKind::kOther, FrameKind::kCommit}));
}

TEST(PostgresScanner, ACommitWithoutProgressIsNone) {
  EXPECT_EQ(Kinds(kStartup + Query("BEGIN") + Query("COMMIT")),
            (std::vector{FrameKind::kOther, FrameKind::kOther, FrameKind::kOther}));
}

TEST(PostgresScanner, PassesTlsOnAsItComes) {
  PostgresScanner scanner;
  scanner.Feed(kSslRequest);
  std::string out;
  for (const std::string& bytes : {std::string("\x16\x03\x01\x02", 4), std::string("\x00hello", 6)}) {
    for (const Frame& frame : scanner.Feed(bytes)) out += frame.bytes;
  }
  EXPECT_EQ(out, std::string("\x16\x03\x01\x02\x00hello", 10));
}

TEST(Scanners, BytesComeOutAsTheyWentIn) {
  const std::string postgres = kSslRequest + kStartup + kPrepare + Query("BEGIN") + kBind + kSync + Query("COMMIT");
  PostgresScanner one;
  std::string out;
  for (const char byte : postgres) {
    for (const Frame& frame : one.Feed({&byte, 1})) out += frame.bytes;
  }
  EXPECT_EQ(out, postgres);
}

TEST(KafkaScanner, KnowsRequestsByTheirKey) {
  const auto request = [](char key) { return Int32(8) + '\0' + key + '\0' + '\3' + Int32(7); };
  KafkaScanner scanner;
  const std::string bytes = request(0) + request(26) + request(3);
  std::vector<FrameKind> kinds;
  for (const char byte : bytes) {
    for (const Frame& frame : scanner.Feed({&byte, 1})) kinds.push_back(frame.kind);
  }
  EXPECT_EQ(kinds, (std::vector{FrameKind::kProduce, FrameKind::kEndTxn, FrameKind::kOther}));
}

TEST(ErrorInAnswer, IsThatOfTheFirstPartition) {
  const std::string topic = std::string("\0\3", 2) + "a.b";
  const std::string produced = Int32(60) + Int32(7) + Int32(1) + topic + Int32(1) + Int32(0) + std::string("\0\x2f", 2) + Int32(0);
  EXPECT_EQ(CorrelationOfAnswer(produced), 7u);
  EXPECT_EQ(ErrorInAnswer(FrameKind::kProduce, produced), 47);
  EXPECT_EQ(ErrorInAnswer(FrameKind::kProduce, produced.substr(0, 20)), std::nullopt);
  EXPECT_EQ(ErrorInAnswer(FrameKind::kEndTxn, Int32(10) + Int32(8) + Int32(0) + std::string("\0\x5a", 2)), 90);
}

}  // namespace
}  // namespace walrelay::crash
