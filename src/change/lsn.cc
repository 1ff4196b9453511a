#include "change/lsn.h"

#include <charconv>
#include <cstdio>

namespace walrelay {
namespace {

std::optional<uint32_t> ParseHalf(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || text.size() > 8 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string ToString(Lsn lsn) {
  char text[32];
  std::snprintf(text, sizeof(text), "%X/%X", static_cast<uint32_t>(Number(lsn) >> 32), static_cast<uint32_t>(Number(lsn)));
  return text;
}

std::string ToString(Xid xid) { return std::to_string(Number(xid)); }
std::string ToString(Oid oid) { return std::to_string(Number(oid)); }

std::string WalRange(Lsn from, Lsn to) {
  return ToString(from) + " to " + ToString(to) + " (" + std::to_string(Number(to) - Number(from)) + " bytes of WAL)";
}

std::optional<Lsn> ParseLsn(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = ParseHalf(text.substr(0, slash));
  const auto low = ParseHalf(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return Lsn{uint64_t{*high} << 32 | *low};
}

}  // namespace walrelay
