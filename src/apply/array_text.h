// An array in PostgreSQL's text form, built element by element.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace walrelay::apply {

class ArrayText {
 public:
  void Add(std::optional<std::string_view> element) {
    if (text_.size() > 1) text_ += ',';
    if (!element) {
      text_ += "NULL";
      return;
    }
    text_ += '"';
    for (const char c : *element) {
      if (c == '"' || c == '\\') text_ += '\\';
      text_ += c;
    }
    text_ += '"';
  }
  std::string Take() && { return std::move(text_ += '}'); }

 private:
  std::string text_ = "{";
};

}  // namespace walrelay::apply
