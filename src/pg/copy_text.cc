// row     = value *( TAB value ) [ LF ]
// value   = "\N" | *( byte | escape )
// escape  = "\" ( "b" | "f" | "n" | "r" | "t" | "v" | "\" | 1*3OCTDIGIT | "x" 1*2HEXDIGIT | any
// other byte, meaning itself ) The server writes \b \f \n \r \t \v \\ only; the numeric forms are
// read, since the manual has them.
#include "pg/copy_text.h"

#include <cstring>

#include "base/status.h"

namespace walrelay::pg {
namespace {

// The letter after the backslash, or 0 for a byte that stands for itself.
constexpr char EscapeLetter(char c) {
  switch (c) {
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\v':
      return 'v';
    case '\\':
      return '\\';
  }
  return 0;
}

// The opposite; 0 where there is none.
constexpr char EscapedByte(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
  }
  return 0;
}

constexpr int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

struct Unescaped {
  char* in;
  char byte;
};

// `in` points behind the backslash and before `end`.
Unescaped ReadEscape(char* in, const char* end) {
  const char letter = *in++;
  if (const char byte = EscapedByte(letter); byte != 0) return {in, byte};
  if (letter >= '0' && letter <= '7') {
    int value = letter - '0';
    for (int i = 0; i < 2 && in != end && *in >= '0' && *in <= '7'; ++i) {
      value = value * 8 + (*in++ - '0');
    }
    return {in, static_cast<char>(value)};
  }
  if (letter == 'x' && in != end && HexDigit(*in) >= 0) {
    int value = HexDigit(*in++);
    if (in != end && HexDigit(*in) >= 0) value = value * 16 + HexDigit(*in++);
    return {in, static_cast<char>(value)};
  }
  return {in, letter};
}

absl::Status Malformed(std::string_view what, size_t columns) {
  return absl::DataLossError(Cat("a row of COPY with ", columns, " columns expected: ", what));
}

}  // namespace

void AppendCopyText(std::string& out, std::string_view text) {
  size_t done = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    // All that must be escaped is below 0x20, but for the backslash.
    if (static_cast<unsigned char>(text[i]) >= 0x20 && text[i] != '\\') [[likely]]
      continue;
    const char letter = EscapeLetter(text[i]);
    if (letter == 0) continue;
    out.append(text, done, i - done);
    out.push_back('\\');
    out.push_back(letter);
    done = i + 1;
  }
  out.append(text, done);
}

absl::Status ReadCopyRow(std::span<char> row, size_t columns, Tuple& tuple) {
  tuple.clear();
  char* in = row.data();
  char* end = in + row.size();
  if (in != end && end[-1] == '\n') --end;
  if (columns == 0) {
    return in == end ? absl::OkStatus() : Malformed("it is not empty", columns);
  }
  while (true) {
    char* tab = static_cast<char*>(std::memchr(in, '\t', static_cast<size_t>(end - in)));
    char* stop = tab == nullptr ? end : tab;
    char* escape = static_cast<char*>(std::memchr(in, '\\', static_cast<size_t>(stop - in)));
    if (escape == nullptr) {
      tuple.push_back(ColumnValue::Text({in, static_cast<size_t>(stop - in)}));
    } else if (escape == in && stop - in == 2 && in[1] == 'N') {
      tuple.push_back(ColumnValue::Null());
    } else {
      char* out = escape;
      for (char* next = escape; next != stop;) {
        if (*next != '\\') {
          *out++ = *next++;
          continue;
        }
        if (next + 1 == stop) return Malformed("it ends in a backslash", columns);
        const Unescaped unescaped = ReadEscape(next + 1, stop);
        *out++ = unescaped.byte;
        next = unescaped.in;
      }
      tuple.push_back(ColumnValue::Text({in, static_cast<size_t>(out - in)}));
    }
    if (tab == nullptr) break;
    in = tab + 1;
  }
  if (tuple.size() != columns) return Malformed(Cat("it has ", tuple.size()), columns);
  return absl::OkStatus();
}

}  // namespace walrelay::pg
