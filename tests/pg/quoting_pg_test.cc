#include <gtest/gtest.h>

#include <array>
#include <random>

#include "pg/quoting.h"
#include "tests/pg/test_server.h"

namespace walrelay::pg {
namespace {

// Text of the characters that quoting is about, and some that take two and four bytes.
std::string RandomText(std::mt19937& random, size_t max_pieces) {
  static constexpr std::array<std::string_view, 16> kPieces = {
      "\"", "'", "\\", ";", "--", "a", "B", " ", "\n", "\t", ".", "$1", "%s", "é", "😀", "\u202E"};
  std::string text;
  const size_t pieces = 1 + random() % max_pieces;
  for (size_t i = 0; i < pieces; ++i) text += kPieces[random() % kPieces.size()];
  return text;
}

TEST(QuotingOnTheServer, NamesAndLiteralsComeBackAsTheyWere) {
  SKIP_WITHOUT_SERVER("WALRELAY_TEST_SOURCE");
  Connection connection = ConnectToTestServer();
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(Cat("seed ", seed));
  std::mt19937 random(seed);
  for (const char* strings : {"on", "off"}) {
    MustRun(connection, Cat("SET standard_conforming_strings = ", strings,
                            "; SET escape_string_warning = off"));
    for (int round = 0; round < 500; ++round) {
      const std::string text = RandomText(random, 12);
      const Result result =
          MustRun(connection, Cat("SELECT ", *QuoteLiteral(text), " AS ", *QuoteIdentifier(text)));
      ASSERT_EQ(result.text(0, 0), text);
      ASSERT_EQ(result.column_name(0), text);
    }
  }
}

TEST(QuotingOnTheServer, AgreesWithQuoteIdent) {
  SKIP_WITHOUT_SERVER("WALRELAY_TEST_SOURCE");
  Connection connection = ConnectToTestServer();
  std::mt19937 random(20240607);
  for (int round = 0; round < 300; ++round) {
    const std::string text = RandomText(random, 12);
    const std::array<Parameter, 1> parameters = {text};
    const auto result = connection.Execute("SELECT quote_ident($1), quote_literal($1)", parameters);
    ASSERT_TRUE(result.ok()) << result.status();
    // The server leaves plain lower-case names bare.
    if (result->text(0, 0).starts_with('"')) {
      ASSERT_EQ(*QuoteIdentifier(text), result->text(0, 0));
    }
    const std::string_view literal = result->text(0, 1);
    ASSERT_EQ(*QuoteLiteral(text), literal.substr(literal.starts_with(' ') ? 1 : 0));
  }
}

}  // namespace
}  // namespace walrelay::pg
