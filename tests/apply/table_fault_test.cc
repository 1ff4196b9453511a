#include "apply/table_fault.h"

#include <gtest/gtest.h>

#include "apply/conflict.h"
#include "pg/error.h"

namespace walrelay::apply {
namespace {

absl::Status OfTable(absl::Status status) { return WithTable(std::move(status), "public.t"); }

TEST(FaultyTable, IsTheOneThatNoLongerFits) {
  EXPECT_EQ(FaultyTable(OfTable(absl::FailedPreconditionError("its key has changed"))), "public.t");
  // No such column, wrong type, no unique index for ON CONFLICT, a view depends on it.
  for (const char* sqlstate : {"42703", "42804", "42P10", "2BP01"}) {
    EXPECT_EQ(FaultyTable(OfTable(pg::ErrorWithSqlState(sqlstate, "refused"))), "public.t")
        << sqlstate;
  }
}

TEST(FaultyTable, IsNoneWhereTheSinkAsAWholeIsAtFault) {
  for (const char* sqlstate : {"42501", "08006", "53100", "40P01", "25006", "57014", "55P03"}) {
    EXPECT_EQ(FaultyTable(OfTable(pg::ErrorWithSqlState(sqlstate, "refused"))), std::nullopt)
        << sqlstate;
  }
  EXPECT_EQ(FaultyTable(OfTable(SinkConflict("somebody else"))), std::nullopt);
  EXPECT_EQ(FaultyTable(absl::FailedPreconditionError("of no table")), std::nullopt);
}

TEST(FaultyTable, IsNoneWhereARowIs) {
  EXPECT_EQ(FaultyTable(OfTable(pg::ErrorWithSqlState("22001", "too long"))), std::nullopt);
}

TEST(WithTable, KeepsTheFirstOne) {
  const absl::Status inner = OfTable(absl::FailedPreconditionError("x"));
  EXPECT_EQ(FaultyTable(WithTable(inner, "public.other")), "public.t");
  EXPECT_TRUE(OfTable(absl::OkStatus()).ok());
}

}  // namespace
}  // namespace walrelay::apply
