#include "kafka/client_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace walrelay::kafka {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Not;
using testing::Pair;

std::string ErrorOf(const ClientOptions& user) {
  const absl::Status status = ValidateOptions(user);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(Message(status));
}

TEST(KnownProperties, HasAliasesTopicOptionsAndNoCallbacks) {
  const auto names = KnownProperties();
  for (const char* name :
       {"bootstrap.servers", "linger.ms", "queue.buffering.max.ms", "acks", "compression.type",
        "sasl.password", "message.timeout.ms", "auto.offset.reset"}) {
    EXPECT_THAT(names, Contains(name));
  }
  for (const char* name : {"log_cb", "opaque", "Property"}) EXPECT_THAT(names, Not(Contains(name)));
}

TEST(ValidateOptions, AcceptsWhatUsersSet) {
  EXPECT_TRUE(ValidateOptions({}).ok());
  const absl::Status status = ValidateOptions({{"bootstrap.servers", "localhost:1"},
                                               {"linger.ms", "5"},
                                               {"acks", "all"},
                                               {"enable.idempotence", "true"},
                                               {"security.protocol", "sasl_plaintext"},
                                               {"sasl.mechanisms", "SCRAM-SHA-512"},
                                               {"sasl.username", "u"},
                                               {"sasl.password", "p"},
                                               {"group.id", "g"}});
  EXPECT_TRUE(status.ok()) << status;
}

TEST(ValidateOptions, NamesAnUnknownOptionAndTheNearest) {
  const std::string message = ErrorOf({{"bootstrap.server", "x"}});
  EXPECT_THAT(message, HasSubstr("bootstrap.server;"));
  EXPECT_THAT(message, HasSubstr("bootstrap.servers"));
  EXPECT_THAT(ErrorOf({{"log_cb", "x"}}), HasSubstr("log_cb"));
}

TEST(ValidateOptions, NamesAnOptionWithABadValue) {
  EXPECT_THAT(ErrorOf({{"linger.ms", "soon"}}), HasSubstr("linger.ms"));
  EXPECT_THAT(ErrorOf({{"compression.type", "rar"}}), HasSubstr("compression.type"));
}

TEST(ValidateOptions, RefusesWhatOurGuaranteesRestOn) {
  EXPECT_THAT(ErrorOf({{"acks", "1"}}), HasSubstr("acks cannot be set"));
  EXPECT_THAT(ErrorOf({{"request.required.acks", "0"}}),
              HasSubstr("request.required.acks cannot be set"));
  EXPECT_THAT(ErrorOf({{"enable.idempotence", "false"}}), HasSubstr("enable.idempotence"));
  EXPECT_THAT(ErrorOf({{"auto.offset.reset", "latest"}}), HasSubstr("auto.offset.reset"));
  EXPECT_THAT(ErrorOf({{"transactional.id", "x"}}), HasSubstr("transactional.id"));
}

TEST(ValidateOptions, FindsContradictionsAndMissingFiles) {
  EXPECT_THAT(ErrorOf({{"security.protocol", "ssl"}, {"ssl.ca.location", "/nowhere/ca.pem"}}),
              HasSubstr("ssl.ca.location"));
  EXPECT_FALSE(ValidateOptions({{"max.in.flight.requests.per.connection", "100"}}).ok());
}

TEST(ValidateOptions, DoesNotShowSecrets) {
  EXPECT_TRUE(IsSecretOption("sasl.password"));
  EXPECT_TRUE(IsSecretOption("ssl.key.pem"));
  EXPECT_TRUE(IsSecretOption("sasl.oauthbearer.client.secret"));
  EXPECT_FALSE(IsSecretOption("sasl.username"));
  const std::string message = ErrorOf({{"security.protocol", "ssl"}, {"ssl.key.pem", "geheim"}});
  EXPECT_THAT(message, Not(HasSubstr("geheim")));
}

TEST(ProducerOptions, PutsTheUsersOverOursAndTheFixedOverAll) {
  const ClientOptions options =
      ProducerOptions({{"linger.ms", "7"}, {"acks", "all"}, {"client.id", "x"}});
  EXPECT_THAT(options, Contains(Pair("queue.buffering.max.ms", "7")))
      << "under one name, so that ours is not set beside it";
  EXPECT_THAT(options, Not(Contains(Key("linger.ms"))));
  EXPECT_THAT(options, Contains(Pair("client.id", "x")));
  EXPECT_THAT(options, Contains(Pair("request.required.acks", "-1")));
  EXPECT_THAT(options, Contains(Pair("enable.idempotence", "true")));
  EXPECT_THAT(options, Contains(Pair("message.timeout.ms", "0")));
  EXPECT_THAT(ProducerOptions({}), Contains(Pair("queue.buffering.max.ms", "1")));
}

TEST(ConsumerOptions, StoresNoOffsetsAndResetsNone) {
  const ClientOptions options = ConsumerOptions({{"fetch.min.bytes", "10"}});
  EXPECT_THAT(options, Contains(Pair("enable.auto.commit", "false")));
  EXPECT_THAT(options, Contains(Pair("enable.auto.offset.store", "false")));
  EXPECT_THAT(options, Contains(Pair("auto.offset.reset", "error")));
  EXPECT_THAT(options, Contains(Pair("isolation.level", "read_committed")));
  EXPECT_THAT(options, Contains(Pair("fetch.min.bytes", "10")));
}

TEST(AdminAndReaderOptions, BelongToNoGroup) {
  EXPECT_THAT(AdminOptions({{"group.id", "g"}}), Not(Contains(Key("group.id"))));
  EXPECT_THAT(ReaderOptions({{"group.id", "g"}}), Not(Contains(Key("group.id"))));
}

}  // namespace
}  // namespace walrelay::kafka
