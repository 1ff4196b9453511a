#include "envelope/unquoted.h"

#include <charconv>
#include <cstdint>

namespace walrelay::envelope {
namespace {

uint32_t HexNumber(std::string_view digits) {
  uint32_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return number;
}

void AppendUtf8(Buffer& out, uint32_t code) {
  const auto push = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return push(code);
  if (code < 0x800) {
    push(0xC0 | code >> 6);
  } else if (code < 0x10000) {
    push(0xE0 | code >> 12);
    push(0x80 | (code >> 6 & 0x3F));
  } else {
    push(0xF0 | code >> 18);
    push(0x80 | (code >> 12 & 0x3F));
    push(0x80 | (code >> 6 & 0x3F));
  }
  push(0x80 | (code & 0x3F));
}

char Unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'f':
      return '\f';
    case 'r':
      return '\r';
    default:
      return c;
  }
}

}  // namespace

std::string_view Unquoted(std::string_view json, Buffer& scratch) {
  if (json.size() < 2 || json.front() != '"') return json;
  json = json.substr(1, json.size() - 2);
  if (json.find('\\') == std::string_view::npos) return json;
  scratch.clear();
  for (size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '\\') {
      scratch.push_back(json[i]);
      continue;
    }
    if (json[++i] != 'u') {
      scratch.push_back(Unescaped(json[i]));
      continue;
    }
    uint32_t code = HexNumber(json.substr(i + 1, 4));
    i += 4;
    if (code >= 0xD800 && code < 0xDC00 && json.substr(i + 1, 2) == "\\u") {
      code = 0x10000 + ((code - 0xD800) << 10) + (HexNumber(json.substr(i + 3, 4)) - 0xDC00);
      i += 6;
    }
    AppendUtf8(scratch, code);
  }
  return scratch.view();
}

}  // namespace walrelay::envelope
