#include "admin/target.h"

#include <algorithm>
#include <charconv>

namespace walrelay::admin {
namespace {

std::string PercentDecoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      out.push_back(static_cast<char>(byte));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// Calls `use` with each piece between separators that is not empty.
template <class Use>
void Split(std::string_view text, char separator, Use use) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) use(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

bool Target::Asks(std::string_view name, std::string_view value) const {
  return std::ranges::any_of(
      query, [&](const auto& pair) { return pair.first == name && pair.second == value; });
}

Target ParseTarget(std::string_view target) {
  Target parsed;
  const size_t question = std::min(target.find('?'), target.size());
  Split(target.substr(0, question), '/', [&parsed](std::string_view segment) {
    parsed.segments.push_back(PercentDecoded(segment));
  });
  Split(target.substr(std::min(question + 1, target.size())), '&',
        [&parsed](std::string_view pair) {
          const size_t equals = std::min(pair.find('='), pair.size());
          parsed.query.emplace_back(PercentDecoded(pair.substr(0, equals)),
                                    PercentDecoded(pair.substr(std::min(equals + 1, pair.size()))));
        });
  return parsed;
}

}  // namespace walrelay::admin
