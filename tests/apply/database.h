// A database of its own for each test, on a server that the environment names.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/check.h"
#include "base/status.h"
#include "pg/connection.h"
#include "pg/quoting.h"

namespace walrelay::apply::testing {

// Created empty, dropped at the end.
class Database {
 public:
  // Null when the variable is not set.
  static std::unique_ptr<Database> Create(const char* variable, std::string_view name) {
    const char* server = std::getenv(variable);
    if (server == nullptr) return nullptr;
    auto options = pg::ConnectionOptions::Parse(server);
    CHECK(options.ok());
    return std::unique_ptr<Database>(new Database(*options, Cat("apply_", name, "_", getpid())));
  }
  ~Database() {
    connection_.reset();
    Admin(Cat("DROP DATABASE IF EXISTS ", name_, " WITH (FORCE)"));
  }

  const pg::ConnectionOptions& options() const { return options_; }
  pg::Connection& connection() { return *connection_; }

  // As it was created: sessions that a test left behind are ended.
  void Empty() {
    All("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND "
        "pid <> pg_backend_pid()");
    All("DROP SCHEMA IF EXISTS walrelay, cdc_raw, cdc_processed, public, archive CASCADE");
    All("CREATE SCHEMA public");
  }

  // The last result's first column of its first row; fails the test on errors.
  std::string One(std::string_view sql) {
    const auto result = connection_->Query(sql);
    EXPECT_TRUE(result.ok()) << Message(result.status()) << "\n" << sql;
    if (!result.ok() || result->rows() == 0 || result->columns() == 0) return "";
    return std::string(result->value(0, 0).value_or("NULL"));
  }
  // All rows: columns joined by "|", rows by newlines.
  std::string All(std::string_view sql) {
    const auto result = connection_->Query(sql);
    EXPECT_TRUE(result.ok()) << Message(result.status()) << "\n" << sql;
    std::string text;
    for (int row = 0; result.ok() && row < result->rows(); ++row) {
      if (row != 0) text += "\n";
      for (int column = 0; column < result->columns(); ++column) {
        text += Cat(column == 0 ? "" : "|", result->value(row, column).value_or("NULL"));
      }
    }
    return text;
  }
  // Asks until All() gives `expected`, 10 s at most.
  bool Await(const std::string& sql, std::string_view expected) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    std::string last = All(sql);
    while (last != expected) {
      if (std::chrono::steady_clock::now() > limit) {
        ADD_FAILURE() << "still \"" << last << "\"\n" << sql;
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      last = All(sql);
    }
    return true;
  }
  // The session of a connection that was closed a moment ago may still hold its locks.
  bool AwaitSessionLocks() {
    return Await(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM "
        "pg_database WHERE datname = current_database())",
        "0");
  }

 private:
  Database(pg::ConnectionOptions server, std::string name)
      : server_(std::move(server)), options_(server_), name_(std::move(name)) {
    Admin(Cat("DROP DATABASE IF EXISTS ", name_, " WITH (FORCE)"));
    Admin(Cat("CREATE DATABASE ", name_));
    options_.Set("dbname", name_);
    pg::ConnectionOptions session = options_;
    session.AddSetting("TimeZone", "UTC");
    auto connection = pg::Connection::Connect(session);
    CHECK(connection.ok());
    connection_ = std::make_unique<pg::Connection>(*std::move(connection));
  }
  void Admin(const std::string& sql) {
    auto connection = pg::Connection::Connect(server_);
    CHECK(connection.ok());
    const auto result = connection->Query(sql);
    if (!result.ok()) ADD_FAILURE() << Message(result.status());
  }

  pg::ConnectionOptions server_;
  pg::ConnectionOptions options_;
  std::string name_;
  std::unique_ptr<pg::Connection> connection_;
};

}  // namespace walrelay::apply::testing
