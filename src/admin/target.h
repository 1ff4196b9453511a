// A request target taken apart: its path's segments and its query, decoded.
//
// Pure. An invalid percent escape stays as it is written: it will match nothing.
// Source: RFC 3986 §3.3, §3.4.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace walrelay::admin {

struct Target {
  std::vector<std::string> segments;  // "/connectors/a/" → {"connectors", "a"}
  std::vector<std::pair<std::string, std::string>> query;

  // True when the query has `name=value`, among others of that name perhaps.
  bool Asks(std::string_view name, std::string_view value) const;
};

Target ParseTarget(std::string_view target);

}  // namespace walrelay::admin
