// The real servers that the tests of this and the other folders use.
//
// Without the environment variable a test is skipped, and says so: call SKIP_WITHOUT_SERVER first.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/status.h"
#include "pg/connection.h"

#define SKIP_WITHOUT_SERVER(variable)   \
  if (std::getenv(variable) == nullptr) \
  GTEST_SKIP() << "set " variable " to a libpq connection string"

namespace walrelay::pg {

inline ConnectionOptions TestServer(const char* variable = "WALRELAY_TEST_SOURCE") {
  absl::StatusOr<ConnectionOptions> options = ConnectionOptions::Parse(std::getenv(variable));
  EXPECT_TRUE(options.ok()) << options.status();
  options->SetDefault("application_name", "walrelay test");
  return *std::move(options);
}

inline Connection ConnectToTestServer(const char* variable = "WALRELAY_TEST_SOURCE") {
  absl::StatusOr<Connection> connection = Connection::Connect(TestServer(variable));
  EXPECT_TRUE(connection.ok()) << connection.status();
  if (!connection.ok()) throw std::runtime_error("no connection to the test's server");
  // Set-up is not what is under test: it may take long on a busy machine.
  connection->set_limit(std::chrono::seconds(200));
  return *std::move(connection);
}

// Runs statements that must succeed; the last result.
inline Result MustRun(Connection& connection, std::string_view sql) {
  absl::StatusOr<Result> result = connection.Query(sql);
  EXPECT_TRUE(result.ok()) << result.status() << " in " << sql;
  // Nothing after it would make sense; but the fixture must clean up, a slot left behind pins WAL.
  if (!result.ok()) throw std::runtime_error("a statement that the test needs failed");
  return *std::move(result);
}

inline std::string Value(Connection& connection, std::string_view sql) {
  const Result result = MustRun(connection, sql);
  EXPECT_EQ(result.rows(), 1) << sql;
  return result.rows() == 1 ? std::string(result.text(0, 0)) : std::string();
}

}  // namespace walrelay::pg
