// How to reach a server: libpq's keywords, in order.
//
// The password is among them: Describe() is what may be printed. Source: PostgreSQL manual,
// "Parameter Key Words".
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace walrelay::pg {

struct ConnectionOptions {
  std::vector<std::pair<std::string, std::string>> keywords;
  // SQL that each session begins with, one statement an item.
  std::vector<std::string> initial_statements{};

  // "host=… port=…" or a postgresql:// URI. InvalidArgument never repeats the text: a password may
  // be in it.
  static absl::StatusOr<ConnectionOptions> Parse(const std::string& conninfo);

  // Replaces a keyword's value, or adds it.
  void Set(std::string_view keyword, std::string_view value);
  // Sets it only where nothing was set.
  void SetDefault(std::string_view keyword, std::string_view value);
  // Empty when it is not set.
  std::string_view Get(std::string_view keyword) const;

  // A setting (GUC) that the session starts with, as "-c name=value" in the keyword `options`; the
  // last one wins.
  void AddSetting(std::string_view name, std::string_view value);

  // "user@host:port/dbname"; no secrets.
  std::string Describe() const;
};

}  // namespace walrelay::pg
