#include "apply/table_name.h"

#include <gtest/gtest.h>

#include "base/status.h"

namespace walrelay::apply {
namespace {

TEST(MirrorTableName, ReplacesSchemaAndTable) {
  EXPECT_EQ(*MirrorTableName("${table}", {"public", "orders"}), "orders");
  EXPECT_EQ(*MirrorTableName("${schema}_${table}_v1", {"s", "t"}), "s_t_v1");
  EXPECT_EQ(*MirrorTableName("$${table}$", {"s", "t"}), "$t$");
}

TEST(MirrorTableName, RefusesWhatWouldNotTellTablesApart) {
  EXPECT_EQ(MirrorTableName("all", {"s", "t"}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MirrorTableName("${table}${x}", {"s", "t"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(MirrorTableName, RefusesNamesThatTheServerWouldCut) {
  const std::string sixty_three(63, 'x');
  EXPECT_TRUE(MirrorTableName("${table}", {"s", sixty_three}).ok());
  EXPECT_EQ(MirrorTableName("${table}_", {"s", sixty_three}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(CheckTableNames, NamesBothTablesAndTheOption) {
  const SourceTableName tables[] = {
      {"public", "orders"}, {"public", "items"}, {"archive", "orders"}};
  const absl::Status status = CheckTableNames("${table}", tables);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  for (const std::string_view part : {"public.orders", "archive.orders", "target.table.format"}) {
    EXPECT_NE(Message(status).find(part), std::string_view::npos) << part;
  }
  EXPECT_TRUE(CheckTableNames("${schema}_${table}", tables).ok());
  // The same table listed twice is no clash.
  const SourceTableName twice[] = {{"public", "orders"}, {"public", "orders"}};
  EXPECT_TRUE(CheckTableNames("${table}", twice).ok());
}

}  // namespace
}  // namespace walrelay::apply
