#include "apply/schema_policy.h"

#include <charconv>
#include <optional>
#include <string>

namespace walrelay::apply {
namespace {

constexpr int kUnlimited = 1'000'000'000;

// name(a,b) rest
struct Type {
  std::string name;  // With what stands behind the modifier.
  std::optional<int> first;
  int second = 0;
};

Type Parse(std::string_view text) {
  Type type;
  const size_t open = text.find('(');
  if (open == std::string_view::npos) {
    type.name = text;
    return type;
  }
  const size_t close = text.find(')', open);
  type.name = text.substr(0, open);
  if (close == std::string_view::npos) return type;
  type.name += text.substr(close + 1);
  const char* end = text.data() + close;
  int first = 0;
  const auto parsed = std::from_chars(text.data() + open + 1, end, first);
  if (parsed.ec == std::errc()) type.first = first;
  if (parsed.ptr < end && *parsed.ptr == ',') std::from_chars(parsed.ptr + 1, end, type.second);
  return type;
}

// Whole numbers by their bytes; 0: none.
int IntegerBytes(std::string_view name) {
  if (name == "smallint") return 2;
  if (name == "integer") return 4;
  if (name == "bigint") return 8;
  return 0;
}

bool NumericIsWider(const Type& from, const Type& to) {
  if (!from.first) return false;
  if (!to.first) return true;
  const int from_whole = *from.first - from.second;
  const int to_whole = *to.first - to.second;
  return to_whole >= from_whole && to.second >= from.second &&
         (to_whole > from_whole || to.second > from.second);
}

// Digits that a whole number of so many bytes may have.
int DigitsOf(int bytes) { return bytes == 2 ? 5 : bytes == 4 ? 10 : 19; }

}  // namespace

bool IsWider(std::string_view from_text, std::string_view to_text) {
  if (from_text == to_text) return false;
  if (from_text.ends_with("[]") || to_text.ends_with("[]")) {
    if (!from_text.ends_with("[]") || !to_text.ends_with("[]")) return false;
    return IsWider(from_text.substr(0, from_text.size() - 2),
                   to_text.substr(0, to_text.size() - 2));
  }
  const Type from = Parse(from_text);
  const Type to = Parse(to_text);
  if (const int bytes = IntegerBytes(from.name); bytes != 0) {
    if (to.name == "numeric") return !to.first || *to.first - to.second >= DigitsOf(bytes);
    return IntegerBytes(to.name) > bytes;
  }
  if (from.name == "real") return to.name == "double precision";
  if (from.name == "numeric") return to.name == "numeric" && NumericIsWider(from, to);
  if (from.name == "character varying") {
    if (to.name == "text") return true;
    return to.name == from.name && from.first && to.first.value_or(kUnlimited) > *from.first;
  }
  // Blanks at the end of a character(n) mean nothing, those of other types do.
  if (from.name == "character")
    return to.name == from.name && to.first.value_or(1) > from.first.value_or(1);
  if (from.name == "bit varying" || from.name.starts_with("time") || from.name == "interval") {
    return to.name == from.name && from.first && to.first.value_or(kUnlimited) > *from.first;
  }
  return false;
}

}  // namespace walrelay::apply
