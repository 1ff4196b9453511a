#include "kafka/murmur2.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace walrelay::kafka {
namespace {

struct Vector {
  std::string_view text;
  int32_t hash;
};

// Source: Apache Kafka, UtilsTest.testMurmur2.
constexpr Vector kVectors[] = {
    {"21", -973932308},
    {"foobar", -790332482},
    {"a-little-bit-long-string", -985981536},
    {"a-little-bit-longer-string", -1486304829},
    {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
    {"abc", 479470107},
};

TEST(Murmur2, GivesWhatKafkasOwnTestExpects) {
  for (const auto& [text, hash] : kVectors)
    EXPECT_EQ(static_cast<int32_t>(Murmur2(text)), hash) << text;
}

TEST(PartitionOf, MasksTheSignAndTakesTheRemainder) {
  EXPECT_EQ(PartitionOf("21", 1), 0);
  EXPECT_EQ(PartitionOf("21", 6), (-973932308 & 0x7fffffff) % 6);
  EXPECT_EQ(PartitionOf("abc", 1000), 107);
}

TEST(Murmur2, TakesBytesAboveAsciiAsUnsigned) {
  // Computed with Utils.murmur2 of kafka-clients 4.3.0.
  constexpr Vector kBytes[] = {
      {"", 275646681},
      {"\xff", -311467685},
      {"\x80\xff", -80095470},
      {"\xfe\x80\xff", 1159266012},
      {"\xff\xff\xff\xff", 644171429},
      {"ü€😀", -1727201672},
  };
  for (const auto& [text, hash] : kBytes)
    EXPECT_EQ(static_cast<int32_t>(Murmur2(text)), hash) << text;
  EXPECT_EQ(PartitionOf(R"({"id":1})", 6), 0);
  EXPECT_EQ(PartitionOf("\xff", 6), 3);
}

// The keys of tests/e2e/test_partitions.py among them, with and without schema, of one and two
// columns.
TEST(PartitionOf, PlacesKeysAsTheRealProducerDid) {
  std::ifstream table(WALRELAY_SOURCE_DIR "/tests/kafka/java_placement.tsv");
  int keys = 0;
  for (std::string line; std::getline(table, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream fields(line);
    int32_t one = -1, three = -1, six = -1;
    fields >> one >> three >> six;
    fields.ignore(1);
    std::string key;
    std::getline(fields, key);
    EXPECT_EQ(PartitionOf(key, 1), one) << key;
    EXPECT_EQ(PartitionOf(key, 3), three) << key;
    EXPECT_EQ(PartitionOf(key, 6), six) << key;
    ++keys;
  }
  EXPECT_GT(keys, 50);
}

}  // namespace
}  // namespace walrelay::kafka
