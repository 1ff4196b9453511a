#include "app/java_syntax.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>

namespace walrelay::app {
namespace {

struct NamedClass {
  std::string_view java;
  std::string_view inside;    // What it is inside of a PCRE2 class.
  std::string_view negative;  // What its complement is there; empty: cannot be written.
};

// Java's are of ASCII; so are PCRE2's, without PCRE2_UCP.
constexpr NamedClass kNamedClasses[] = {
    {"Lower", "[:lower:]", "[:^lower:]"},
    {"Upper", "[:upper:]", "[:^upper:]"},
    {"Alpha", "[:alpha:]", "[:^alpha:]"},
    {"Digit", "[:digit:]", "[:^digit:]"},
    {"Alnum", "[:alnum:]", "[:^alnum:]"},
    {"Punct", "[:punct:]", "[:^punct:]"},
    {"Graph", "[:graph:]", "[:^graph:]"},
    {"Print", "[:print:]", "[:^print:]"},
    {"Blank", "[:blank:]", "[:^blank:]"},
    {"Cntrl", "[:cntrl:]", "[:^cntrl:]"},
    {"XDigit", "[:xdigit:]", "[:^xdigit:]"},
    {"Space", "[:space:]", "[:^space:]"},
    {"ASCII", "[:ascii:]", "[:^ascii:]"},
    {"L1", "\\x{00}-\\x{FF}", "\\x{100}-\\x{10FFFF}"},
    {"LC", "\\p{L&}", "\\P{L&}"},
    {"LD", "\\p{L}\\p{Nd}", ""},
};

class Translator {
 public:
  Translator(std::string_view java, bool caseless) : in_(java), caseless_(caseless) {}

  absl::StatusOr<std::string> Run() {
    unicode_case_ =
        in_.find("(?u") != std::string_view::npos || in_.find("(?iu") != std::string_view::npos;
    while (at_ < in_.size()) RETURN_IF_ERROR(Step());
    if (in_class_) return Error(class_begin_, "opens a class that is not closed");
    return std::move(out_);
  }

 private:
  absl::Status Step() {
    const char c = in_[at_];
    if (c == '\\') return Escape();
    if (in_class_) return InClass(c);
    if (c == '[') {
      in_class_ = true;
      class_begin_ = at_;
      return Copy(1);
    }
    if (c == '(') return Group();
    if (c == '{') return Repetition();
    if (static_cast<unsigned char>(c) >= 0x80) return Beyond();
    return Copy(1);
  }

  absl::Status InClass(char c) {
    const bool first = at_ == class_begin_ + 1 || (at_ == class_begin_ + 2 && in_[at_ - 1] == '^');
    if (c == '[' || in_.substr(at_).starts_with("&&")) {
      return Error(at_,
                   "nests or intersects character classes, which only Java can; write one class, "
                   "or alternatives");
    }
    if (c == ']' && !first) in_class_ = false;
    return Copy(1);
  }

  absl::Status Escape() {
    if (at_ + 1 >= in_.size()) return Error(at_, "ends in a backslash");
    const char c = in_[at_ + 1];
    switch (c) {
      case 'p':
      case 'P':
        return Property(c == 'P');
      case 'u':
        return CodeUnit();
      case 'Q':
        return Quoted();
      case '0':
        return Octal();
      case 'x':
        if (in_.substr(at_ + 2).starts_with('{')) return CodePoint();
        break;
      default:
        break;
    }
    constexpr std::string_view kKnown = "abBcdDeEfGhHkrRsStvVwWxXzZAn123456789";
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter && kKnown.find(c) == std::string_view::npos) {
      return Error(at_, Cat("has \\", std::string_view(&c, 1), ", which Java does not know"));
    }
    return Copy(2);
  }

  // \p{Name} and \pN.
  absl::Status Property(bool negative) {
    const size_t open = at_ + 2;
    size_t end = open + 1;
    std::string_view name = in_.substr(std::min(open, in_.size()), 1);
    if (name == "{") {
      const size_t close = in_.find('}', open);
      if (close == std::string_view::npos) return Error(at_, "has a \\p{ that is not closed");
      name = in_.substr(open + 1, close - open - 1);
      end = close + 1;
    }
    if (name.empty()) return Error(at_, "has an empty \\p");
    for (const NamedClass& known : kNamedClasses) {
      if (known.java != name) continue;
      if (negative && known.negative.empty())
        return Error(at_, Cat("has \\P{", name, "}, which only Java can"));
      const std::string_view inside = negative ? known.negative : known.inside;
      out_ += in_class_ ? std::string(inside) : Cat("[", inside, "]");
      at_ = end;
      return absl::OkStatus();
    }
    for (const std::string_view only_java : {"java", "In", "block=", "blk="}) {
      if (name.starts_with(only_java)) {
        return Error(at_, Cat("has \\p{", name, "}, which only Java can"));
      }
    }
    for (const std::string_view prefix : {"Is", "script=", "sc=", "general_category=", "gc="}) {
      if (!name.starts_with(prefix)) continue;
      name.remove_prefix(prefix.size());
      break;
    }
    // Java's upper case is any case where case is ignored.
    const bool cased = name == "Lu" || name == "Ll" || name == "Lt" || name == "Uppercase" ||
                       name == "Lowercase" || name == "Titlecase";
    if (cased && caseless_) name = "L&";
    out_ += Cat(negative ? "\\P{" : "\\p{", name, "}");
    at_ = end;
    return absl::OkStatus();
  }

  std::optional<uint32_t> Hex4(size_t at) const {
    uint32_t unit = 0;
    if (at + 4 > in_.size()) return std::nullopt;
    const auto [end, error] = std::from_chars(in_.data() + at, in_.data() + at + 4, unit, 16);
    if (error != std::errc() || end != in_.data() + at + 4) return std::nullopt;
    return unit;
  }

  // \uD83D\uDE00 is one character.
  absl::Status CodeUnit() {
    auto unit = Hex4(at_ + 2);
    if (!unit) return Error(at_, "has a \\u without four hexadecimal digits");
    at_ += 6;
    if (*unit >= 0xD800 && *unit < 0xDC00 && in_.substr(at_).starts_with("\\u")) {
      const auto low = Hex4(at_ + 2);
      if (low && *low >= 0xDC00 && *low < 0xE000) {
        unit = 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00);
        at_ += 6;
      }
    }
    char text[16];
    std::snprintf(text, sizeof(text), "\\x{%X}", *unit);
    const bool fold = in_class_ || unicode_case_ || *unit < 0x80;
    out_ += fold ? std::string(text) : Cat("(?-i:", text, ")");
    return absl::OkStatus();
  }

  // \x{1F600}, which is the same in both.
  absl::Status CodePoint() {
    const size_t close = in_.find('}', at_);
    if (close == std::string_view::npos) return Error(at_, "has a \\x{ that is not closed");
    return Copy(close + 1 - at_);
  }

  absl::Status Quoted() {
    const size_t end = in_.find("\\E", at_);
    return Copy(end == std::string_view::npos ? in_.size() - at_ : end + 2 - at_);
  }

  // \0n, \0nn, \0mnn.
  absl::Status Octal() {
    size_t end = at_ + 2;
    const size_t most = at_ + (end < in_.size() && in_[end] <= '3' ? 5 : 4);
    while (end < in_.size() && end < most && in_[end] >= '0' && in_[end] <= '7') ++end;
    if (end == at_ + 2) return Error(at_, "has a \\0 without octal digits");
    out_ += Cat("\\o{", in_.substr(at_ + 2, end - at_ - 2), "}");
    at_ = end;
    return absl::OkStatus();
  }

  absl::Status Group() {
    const std::string_view rest = in_.substr(at_);
    if (rest.starts_with("(*")) return Error(at_, "has (*, which Java does not know");
    if (!rest.starts_with("(?")) return Copy(1);
    for (const std::string_view known : {"(?:", "(?=", "(?!", "(?>", "(?<"}) {
      if (rest.starts_with(known)) return Copy(known.size());
    }
    return Flags();
  }

  // (?i-s) and (?i-s: without what PCRE2 has otherwise: d (line ends are Unix' anyway), u.
  absl::Status Flags() {
    std::string kept;
    for (size_t i = at_ + 2; i < in_.size(); ++i) {
      const char c = in_[i];
      if (c == ')' || c == ':') {
        if (kept == "-") kept.clear();
        if (c == ':' || !kept.empty()) out_ += Cat("(?", kept, std::string_view(&c, 1));
        at_ = i + 1;
        return absl::OkStatus();
      }
      if (c == 'U') return Error(at_, "has the flag U, which only Java has");
      if (std::string_view("idmsux-").find(c) == std::string_view::npos) break;
      if (c != 'd' && c != 'u') kept.push_back(c);
    }
    return Error(at_, "has a group that Java does not know");
  }

  // Java takes { for nothing but a repetition; PCRE2 takes it literally where it is none.
  absl::Status Repetition() {
    const size_t close = in_.find('}', at_);
    const std::string_view inside =
        close == std::string_view::npos ? "" : in_.substr(at_ + 1, close - at_ - 1);
    const bool digit_first = !inside.empty() && inside[0] >= '0' && inside[0] <= '9';
    const bool counts = inside.find_first_not_of("0123456789,") == std::string_view::npos &&
                        inside.find(',') == inside.rfind(',');
    if (digit_first && counts) return Copy(inside.size() + 2);
    return Error(at_,
                 "has a { that begins no repetition (a comma inside an expression is written \\,)");
  }

  // A character beyond ASCII.
  absl::Status Beyond() {
    size_t size = 1;
    while (at_ + size < in_.size() && (static_cast<unsigned char>(in_[at_ + size]) & 0xC0) == 0x80)
      ++size;
    if (unicode_case_) return Copy(size);
    out_ += Cat("(?-i:", in_.substr(at_, size), ")");
    at_ += size;
    return absl::OkStatus();
  }

  absl::Status Copy(size_t size) {
    out_.append(in_.substr(at_, size));
    at_ += size;
    return absl::OkStatus();
  }

  static absl::Status Error(size_t place, std::string_view what) {
    return absl::InvalidArgumentError(Cat(what, " (at character ", place, ")"));
  }

  std::string_view in_;
  const bool caseless_;
  size_t at_ = 0;
  std::string out_;
  bool in_class_ = false;
  size_t class_begin_ = 0;
  bool unicode_case_ = false;
};

}  // namespace

absl::StatusOr<std::string> JavaRegexToPcre(std::string_view java, bool caseless) {
  return Translator(java, caseless).Run();
}

}  // namespace walrelay::app
