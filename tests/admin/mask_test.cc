#include "admin/mask.h"

#include <gtest/gtest.h>

namespace walrelay::admin {
namespace {

TEST(MaskedValue, HidesByTheNameOfTheOption) {
  for (const char* key :
       {"database.password", "sasl.password", "SSL.KEY.PASSWORD", "ssl.key.pem", "sasl.jaas.config",
        "sasl.oauthbearer.client.secret", "admin.token", "aws.credentials"}) {
    EXPECT_EQ(MaskedValue(key, "sentinel"), kMask) << key;
  }
}

TEST(MaskedValue, HidesByTheFormOfTheValue) {
  for (const char* value :
       {"host=localhost password=sentinel", "host=localhost PASSWORD\t= 'sentinel'",
        "postgresql://me:sentinel@host/db", "postgresql://me:a/sentinel@host/db",
        R"(org.apache.PlainLoginModule required username="u" password="sentinel";)"}) {
    EXPECT_EQ(MaskedValue("connection", value), kMask) << value;
  }
}

TEST(MaskedValue, ShowsWhatIsNoSecret) {
  for (const auto& [key, value] :
       {std::pair{"database.user", "source_user"},
        {"database.password", ""},
        {"database.password", "${file:/run/secrets/pg:password}"},
        {"column.exclude.list", "public.users.password,public.users.email"},
        {"message.key.columns", "public.t:id"},
        {"url", "http://localhost:8081/x"},
        {"bootstrap.servers", "a:9092,b:9092"}}) {
    EXPECT_EQ(MaskedValue(key, value), value) << key;
  }
}

TEST(MaskedValue, HidesASecretThatOnlyBeginsLikeAReference) {
  EXPECT_EQ(MaskedValue("database.password", "${file:a:b}sentinel"), kMask);
}

}  // namespace
}  // namespace walrelay::admin
