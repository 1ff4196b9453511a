// The files in hexadecimal were written by Java: ObjectOutputStream.writeObject(HashMap<byte[], byte[]>).
#include "envelope/offset_file.h"

#include <absl/strings/escaping.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace walrelay::envelope {
namespace {

constexpr absl::string_view kOneEntry =
    "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f61644661"
    "63746f724900097468726573686f6c6478703f4000000000000c77080000001000000001757200025b42acf317"
    "f8060854e002000078700000001b5b22676f6c64656e222c7b22736572766572223a22636463227d5d7571007e"
    "0002000000097b226c736e223a317d78";
constexpr absl::string_view kThreeEntries =
    "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f61644661"
    "63746f724900097468726573686f6c6478703f4000000000000c77080000001000000003757200025b42acf317"
    "f8060854e002000078700000001b5b22676f6c64656e222c7b22736572766572223a22636463227d5d7571007e"
    "0002000000097b226c736e223a317d7571007e000200000001637571007e00020000000201027571007e000200"
    "000001627078";

const StoredOffset kGolden = {.key = R"(["golden",{"server":"cdc"}])", .value = R"({"lsn":1})"};

TEST(OffsetFile, ReadsWhatJavaWrites) {
  const auto offsets = ParseOffsetFile(absl::HexStringToBytes(kOneEntry));
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  EXPECT_THAT(*offsets, testing::ElementsAre(kGolden));
}

TEST(OffsetFile, ReadsSeveralEntriesAndJavasNull) {
  const auto offsets = ParseOffsetFile(absl::HexStringToBytes(kThreeEntries));
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  EXPECT_THAT(*offsets, testing::ElementsAre(kGolden,
                                             StoredOffset{.key = "c", .value = "\x01\x02"},
                                             StoredOffset{.key = "b", .value = std::nullopt}));
}

TEST(OffsetFile, WritesTheBytesThatJavaWrites) {
  EXPECT_EQ(EncodeOffsetFile({kGolden}), absl::HexStringToBytes(kOneEntry));
  EXPECT_EQ(EncodeOffsetFile({kGolden,
                              {.key = "c", .value = "\x01\x02"},
                              {.key = "b", .value = std::nullopt}}),
            absl::HexStringToBytes(kThreeEntries));
}

TEST(OffsetFile, AnEmptyMapIsNoError) {
  const auto offsets = ParseOffsetFile(EncodeOffsetFile({}));
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  EXPECT_TRUE(offsets->empty());
}

TEST(OffsetFile, RejectsEveryTruncationAndWhatFollows) {
  const std::string whole = absl::HexStringToBytes(kThreeEntries);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ParseOffsetFile(whole.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(ParseOffsetFile(whole + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(OffsetFile, RejectsOtherObjectsAndSizesThatLie) {
  std::string other = absl::HexStringToBytes(kOneEntry);
  other.replace(other.find("HashMap"), 7, "HashSet");
  EXPECT_EQ(ParseOffsetFile(other).status().code(), absl::StatusCode::kDataLoss);
  // The number of entries, the four bytes before the first array.
  std::string many = absl::HexStringToBytes(kOneEntry);
  many.replace(many.find("ur") - 4, 4, "\x7F\xFF\xFF\xFF");
  EXPECT_EQ(ParseOffsetFile(many).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace walrelay::envelope
