#include "base/cursor.h"

#include <gtest/gtest.h>

namespace walrelay {
namespace {

using namespace std::literals;

TEST(Cursor, ReadsIntegersInNetworkByteOrder) {
  Cursor in("\x01\x02\x03\xff\xff\xff\xfe\x00\x00\x00\x00\x00\x00\x00\x05"sv);
  EXPECT_EQ(in.Int<uint8_t>(), 1);
  EXPECT_EQ(in.Int<int16_t>(), 0x0203);
  EXPECT_EQ(in.Int<int32_t>(), -2);
  EXPECT_EQ(in.Int<uint64_t>(), 5u);
  EXPECT_TRUE(in.Finished());
}

TEST(Cursor, ReadsStringsUpToTheirNul) {
  Cursor in("public\0t\0"sv);
  EXPECT_EQ(in.String(), "public");
  EXPECT_EQ(in.String(), "t");
  EXPECT_TRUE(in.Finished());
}

TEST(Cursor, RemembersTheFirstShortRead) {
  Cursor in("\x00\x01"sv);
  EXPECT_EQ(in.Int<uint32_t>(), 0u);
  EXPECT_TRUE(in.failed());
  EXPECT_EQ(in.Int<uint8_t>(), 0) << "nothing is read after a failure, though a byte was there";
  EXPECT_FALSE(in.Finished());
}

TEST(Cursor, RejectsAStringWithoutNulAndANegativeSize) {
  Cursor string("abc"sv);
  EXPECT_EQ(string.String(), "");
  EXPECT_TRUE(string.failed());
  Cursor bytes("abc"sv);
  EXPECT_EQ(bytes.Bytes(-1), "");
  EXPECT_TRUE(bytes.failed());
}

TEST(Cursor, IsNotFinishedWithBytesLeft) {
  Cursor in("ab"sv);
  in.Int<uint8_t>();
  EXPECT_FALSE(in.Finished());
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(in.rest(), "b");
}

}  // namespace
}  // namespace walrelay
