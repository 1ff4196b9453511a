#include "apply/schema_policy.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace walrelay::apply {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

TEST(IsWider, WhereEveryValueFitsAndMoreDo) {
  for (const auto& [from, to] : std::to_array<Pair>({
           {"smallint", "integer"},
           {"smallint", "bigint"},
           {"integer", "bigint"},
           {"integer", "numeric"},
           {"integer", "numeric(12,2)"},
           {"bigint", "numeric(19,0)"},
           {"real", "double precision"},
           {"numeric(5,2)", "numeric(8,2)"},
           {"numeric(5,2)", "numeric(6,3)"},
           {"numeric(5,2)", "numeric"},
           {"character varying(10)", "character varying(20)"},
           {"character varying(10)", "character varying"},
           {"character varying(10)", "text"},
           {"character varying", "text"},
           {"character(3)", "character(5)"},
           {"bit varying(3)", "bit varying"},
           {"timestamp(3) without time zone", "timestamp without time zone"},
           {"timestamp(3) with time zone", "timestamp(6) with time zone"},
           {"integer[]", "bigint[]"},
       })) {
    EXPECT_TRUE(IsWider(from, to)) << from << " → " << to;
    EXPECT_FALSE(IsWider(to, from)) << to << " → " << from;
  }
}

TEST(IsWider, NotWhereAValueMayBeLostOrMeanSomethingElse) {
  for (const auto& [from, to] : std::to_array<Pair>({
           {"integer", "integer"},
           {"integer", "text"},
           {"integer", "real"},
           {"bigint", "numeric(18,0)"},
           {"numeric(5,2)", "numeric(5,3)"},
           {"numeric", "double precision"},
           {"text", "character varying(10)"},
           {"character(3)", "text"},
           {"timestamp(3) without time zone", "timestamp with time zone"},
           {"integer", "bigint[]"},
           {"integer[]", "bigint"},
           {"json", "jsonb"},
       })) {
    EXPECT_FALSE(IsWider(from, to)) << from << " → " << to;
  }
}

}  // namespace
}  // namespace walrelay::apply
