#include "pg/connection_options.h"

#include <gtest/gtest.h>

#include "base/status.h"

namespace walrelay::pg {
namespace {

TEST(ConnectionOptions, ReadsKeywordsAndUris) {
  const auto keywords =
      ConnectionOptions::Parse("host=db.example port=5433 user=u password='p w' dbname=d");
  ASSERT_TRUE(keywords.ok()) << keywords.status();
  EXPECT_EQ(keywords->Get("password"), "p w");
  EXPECT_EQ(keywords->Get("sslmode"), "");
  const auto uri =
      ConnectionOptions::Parse("postgresql://u:p%20w@db.example:5433/d?sslmode=require");
  ASSERT_TRUE(uri.ok()) << uri.status();
  EXPECT_EQ(uri->Get("password"), "p w");
  EXPECT_EQ(uri->Get("sslmode"), "require");
}

TEST(ConnectionOptions, NeverPrintsThePassword) {
  const auto options = ConnectionOptions::Parse("host=db user=u password=sentinel dbname=d");
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->Describe(), "u@db:5432/d");
  for (const char* text :
       {"host=db password=a sentinel", "password='sentinel", "postgresql://u:sentinel@[::1/d",
        "postgresql://u:sentinel@h:port:x/d?y"}) {
    const absl::Status status = ConnectionOptions::Parse(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(Message(status).find("sentinel"), std::string_view::npos) << Message(status);
  }
}

TEST(ConnectionOptions, NamesAnUnknownKeyword) {
  const absl::Status status = ConnectionOptions::Parse("hots=db").status();
  EXPECT_EQ(Message(status), "libpq has no connection keyword \"hots\"");
}

TEST(ConnectionOptions, SetReplacesAndSetDefaultDoesNot) {
  ConnectionOptions options;
  options.Set("host", "a");
  options.Set("host", "b");
  options.SetDefault("host", "c");
  options.SetDefault("port", "1");
  EXPECT_EQ(options.Get("host"), "b");
  EXPECT_EQ(options.Get("port"), "1");
  EXPECT_EQ(options.keywords.size(), 2u);
}

TEST(ConnectionOptions, EscapesSettings) {
  ConnectionOptions options;
  options.Set("options", "-c a=1");
  options.AddSetting("search_path", "a b\\c");
  EXPECT_EQ(options.Get("options"), "-c a=1 -c search_path=a\\ b\\\\c");
}

}  // namespace
}  // namespace walrelay::pg
