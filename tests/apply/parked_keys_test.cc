#include "apply/parked_keys.h"

#include <gtest/gtest.h>

namespace walrelay::apply {
namespace {

TEST(ParkedKeys, ParksRowsOfOneTableByTheirKeys) {
  ParkedKeys parked;
  parked.Park({"public.a", "{\"id\":1}"});
  EXPECT_TRUE(parked.Contains({"public.a", "{\"id\":1}"}));
  EXPECT_FALSE(parked.Contains({"public.b", "{\"id\":1}"}));
  EXPECT_FALSE(parked.Contains({"public.a", "{\"id\":2}"}));
  EXPECT_TRUE(parked.ContainsTable("public.a"));
  EXPECT_FALSE(parked.ContainsTable("public"));
  EXPECT_FALSE(parked.ContainsTable("public.b"));
}

TEST(ParkedKeys, ParksNothingWithoutAKey) {
  ParkedKeys parked;
  parked.Park({"public.a", ""});
  EXPECT_TRUE(parked.empty());
}

TEST(ParkedKeys, ReleasesATruncatedTable) {
  ParkedKeys parked;
  parked.Park({"public.a", "1"});
  parked.Park({"public.b", "1"});
  parked.ReleaseTable("public.a");
  EXPECT_FALSE(parked.ContainsTable("public.a"));
  EXPECT_TRUE(parked.ContainsTable("public.b"));
}

}  // namespace
}  // namespace walrelay::apply
