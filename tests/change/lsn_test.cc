#include "change/lsn.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "change/catalog.h"
#include "change/change.h"
#include "change/position.h"
#include "change/record.h"

namespace walrelay {
namespace {

TEST(Lsn, PrintsAsTheServerDoes) {
  EXPECT_EQ(ToString(Lsn{0x16'000B'3748}), "16/B3748");
  EXPECT_EQ(ToString(kNoLsn), "0/0");
  EXPECT_EQ(Cat("at ", Lsn{0xFFFFFFFF'FFFFFFFF}), "at FFFFFFFF/FFFFFFFF");
}

TEST(Lsn, ParsesWhatItPrints) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{0x16'000B'3748}, ~uint64_t{0}}) {
    EXPECT_EQ(ParseLsn(ToString(Lsn{value})), Lsn{value});
  }
}

TEST(Lsn, RejectsOtherTexts) {
  for (const char* text : {"", "/", "0/", "/0", "16", "16/G", "16/B3748 ", "123456789/0", "-1/0", "0x1/0"}) {
    EXPECT_EQ(ParseLsn(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace walrelay
