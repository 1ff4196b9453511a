// What a statement returned: rows of text.
//
// Views hold as long as the Result. Indexes start at 0 and must be in range. Cannot fail.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "pg/handles.h"

namespace walrelay::pg {

class Result {
 public:
  explicit Result(ResultHandle handle) : handle_(std::move(handle)) {}

  int rows() const { return PQntuples(handle_.get()); }
  int columns() const { return PQnfields(handle_.get()); }
  std::string_view column_name(int column) const { return PQfname(handle_.get(), column); }

  bool is_null(int row, int column) const { return PQgetisnull(handle_.get(), row, column) != 0; }
  // Empty for NULL.
  std::string_view text(int row, int column) const {
    return {PQgetvalue(handle_.get(), row, column),
            static_cast<size_t>(PQgetlength(handle_.get(), row, column))};
  }
  std::optional<std::string_view> value(int row, int column) const {
    if (is_null(row, column)) return std::nullopt;
    return text(row, column);
  }
  // A boolean's output text.
  bool is_true(int row, int column) const { return text(row, column) == "t"; }
  // None for NULL, and for what is not a number of this type.
  template <std::integral T>
  std::optional<T> number(int row, int column) const {
    const std::string_view digits = text(row, column);
    T number{};
    const char* end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, number);
    if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
    return number;
  }

  // "INSERT 0 5", "COMMIT".
  std::string_view command_tag() const { return PQcmdStatus(handle_.get()); }
  // The number in the command tag; 0 when it has none.
  int64_t affected_rows() const {
    const std::string_view digits = PQcmdTuples(handle_.get());
    int64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
  }
  const PGresult* native() const { return handle_.get(); }

 private:
  ResultHandle handle_;
};

}  // namespace walrelay::pg
