#include "envelope/default_value.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/status.h"
#include "envelope/decimal.h"
#include "envelope/scalar_codecs.h"
#include "envelope/source_type.h"

namespace walrelay::envelope {
namespace {

constexpr std::string_view kNullCast = "NULL::";

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

bool IsLineEnd(char c) { return c == '\n' || c == '\r'; }

// ^[(]?[A-Za-z0-9_.]+\((?:.+(?:, ?.+)*)?\)   a word and a pair of parentheses on one line, perhaps
// after a parenthesis.
bool LooksLikeCall(std::string_view text) {
  if (!text.empty() && text[0] == '(') text.remove_prefix(1);
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  };
  size_t word = 0;
  while (word < text.size() && is_word(text[word])) ++word;
  if (word == 0 || word == text.size() || text[word] != '(') return false;
  for (size_t i = word + 1; i < text.size() && !IsLineEnd(text[i]); ++i) {
    if (text[i] == ')') return true;
  }
  return false;
}

bool IsCurrentTime(std::string_view text) {
  const std::string lower = Lower(text);
  return lower == "current_timestamp" || lower == "current_time" || lower == "current_date" ||
         lower == "localtime" || lower == "localtimestamp";
}

// '(.*?)'   the first two quotes with no line end between them.
std::optional<std::string_view> QuotedLiteral(std::string_view text) {
  for (size_t open = text.find('\''); open != std::string_view::npos;
       open = text.find('\'', open + 1)) {
    const size_t close = text.find('\'', open + 1);
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view literal = text.substr(open + 1, close - open - 1);
    if (std::none_of(literal.begin(), literal.end(), IsLineEnd)) return literal;
  }
  return std::nullopt;
}

// The literal that the expression stands for; nullopt: none.
std::optional<std::string_view> Literal(std::string_view expression, std::string_view placeholder) {
  if (LooksLikeCall(expression) || IsCurrentTime(expression)) return placeholder;
  if (expression.find('\'') != std::string_view::npos) return QuotedLiteral(expression);
  if (StartsWith(expression, kNullCast)) return std::nullopt;
  return expression;
}

std::optional<std::string> Encoded(const Codec& codec, std::string_view text) {
  Buffer out;
  if (!codec.encode(codec, text, out)) return std::nullopt;
  return std::string(out.view());
}

template <class Integer>
std::optional<std::string> IntegerJson(std::string_view text) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::to_string(value);
}

std::optional<std::string> NumericJson(std::string_view text, const Codec& codec,
                                       const DefaultContext& context) {
  if (codec.schema.type == "struct") return std::nullopt;  // Connect takes no struct as a default.
  const auto decimal = ParseDecimal(text);
  if (!decimal) return std::nullopt;
  // 3.6 sets the column's scale in every mode and gives up when digits would be lost. In 2.5 such a
  // default makes the converter fail at every record: we leave it out as well.
  const bool exact = context.compat != Compat::k2_5_0 && context.typmod != -1;
  if (exact && !WithScale(*decimal, NumericScale(context.typmod))) return std::nullopt;
  Buffer plain;
  AppendPlain(plain, exact ? *WithScale(*decimal, NumericScale(context.typmod)) : *decimal);
  Codec unpadded = codec;
  if (codec.encode == EncodeDecimalText && context.typmod == -1) unpadded.scale = 0;
  return Encoded(unpadded, plain.view());
}

std::optional<std::string> BitJson(std::string_view text, const Codec& codec) {
  if (text.size() != 1) return Encoded(codec, text);
  const bool set = text == "1";
  if (codec.schema.type == "boolean") return set ? "true" : "false";
  return set ? "\"AQ==\"" : "\"AA==\"";  // A Boolean becomes one byte, also in bit(n).
}

std::optional<std::string> UuidJson(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex =
        std::string_view("0123456789abcdefABCDEF").find(text[i]) != std::string_view::npos;
    if (dash ? text[i] != '-' : !hex) return std::nullopt;
  }
  return "\"" + Lower(text) + "\"";
}

// LocalDateTime.MAX and MIN, of which the day is cast to int.
std::optional<std::string> DateJson(std::string_view text, const Codec& codec) {
  const bool iso = codec.schema.type == "string";
  if (text == "infinity") return iso ? "\"+999999999-12-31Z\"" : "169560311";
  if (text == "-infinity") return iso ? "\"-999999999-01-01Z\"" : "-170999002";
  const std::string_view day = text.substr(0, text.find(' '));
  return Encoded(codec, text.ends_with(" BC") ? Cat(day, " BC") : std::string(day));
}

// LocalTime.MAX stands for 24:00.
std::optional<std::string> TimeJson(std::string_view text, const Codec& codec) {
  if (!StartsWith(text, "24:00")) return Encoded(codec, text);
  if (codec.schema.type == "string") return "\"23:59:59.999999999Z\"";
  if (codec.schema.type == "int32") return "86399999";
  return codec.schema.name == "io.debezium.time.NanoTime" ? "86399999999999" : "86399999999";
}

// OffsetDateTime.MAX and MIN: out of range but for microseconds, which saturate and wrap, and for
// text.
std::optional<std::string> TimestampJson(std::string_view text, const Codec& codec) {
  if (text != "infinity" && text != "-infinity") return Encoded(codec, text);
  const bool positive = text == "infinity";
  if (codec.schema.type == "string") {
    return positive ? "\"+999999999-12-31T23:59:59.999999999Z\"" : "\"-999999999-01-01T00:00:00Z\"";
  }
  if (codec.schema.name != "io.debezium.time.MicroTimestamp") return std::nullopt;
  return positive ? "-9223372036853775810" : "-9223372036854775808";
}

// A type name as PostgreSQL prints it: perhaps qualified, perhaps quoted.
struct QualifiedName {
  std::string schema;
  std::string name;
};
QualifiedName ParseTypeName(std::string_view text) {
  QualifiedName result;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        result.name.push_back(text[i++]);
      } else {
        quoted = !quoted;
      }
    } else if (text[i] == '.' && !quoted) {
      result.schema = std::move(result.name);
      result.name.clear();
    } else {
      result.name.push_back(text[i]);
    }
  }
  return result;
}

// 'label'::type: 2.5 wants the bare name, 3.6 takes a qualified or quoted one.
std::optional<std::string> EnumJson(std::string_view expression, const Codec& codec,
                                    const DefaultContext& context) {
  std::string_view label;
  if (context.compat == Compat::k2_5_0) {
    const std::string suffix = "::" + std::string(context.type_name);
    if (!EndsWith(expression, suffix)) return std::nullopt;
    label = expression.substr(0, expression.size() - suffix.size());
  } else {
    const size_t cast = expression.rfind("::");
    if (cast == std::string_view::npos) return std::nullopt;
    if (ParseTypeName(expression.substr(cast + 2)).name != context.type_name) return std::nullopt;
    label = expression.substr(0, cast);
  }
  if (label.size() < 2 || label.front() != '\'' || label.back() != '\'') return std::nullopt;
  return Encoded(codec, label.substr(1, label.size() - 2));
}

std::string_view Placeholder(DefaultRule rule) {
  switch (rule) {
    case DefaultRule::kNone:
    case DefaultRule::kEnum:
    case DefaultRule::kText:
      return "";
    case DefaultRule::kBool:
      return "false";
    case DefaultRule::kInt2:
    case DefaultRule::kInt4:
    case DefaultRule::kInt8:
    case DefaultRule::kVarbit:
      return "0";
    case DefaultRule::kFloat:
    case DefaultRule::kNumeric:
      return "0.0";
    case DefaultRule::kBit:
      return "00";
    case DefaultRule::kJson:
      return "{}";
    case DefaultRule::kUuid:
      return "00000000-0000-0000-0000-000000000000";
    case DefaultRule::kDate:
    case DefaultRule::kTimestamp:
    case DefaultRule::kTimestampWithZone:
      return "1970-01-01";
    case DefaultRule::kTime:
      return "00:00";
    case DefaultRule::kInterval:
      return "epoch";
  }
  return "";
}

}  // namespace

std::optional<std::string> DefaultJson(std::string_view expression, const Codec& column_codec,
                                       const DefaultContext& context) {
  Codec codec = column_codec;
  codec.calendar = Calendar::kGregorian;  // Defaults never pass through java.sql.
  switch (context.rule) {
    case DefaultRule::kNone:
      return std::nullopt;
    case DefaultRule::kEnum:
      return EnumJson(expression, codec, context);
    default:
      break;
  }
  const bool verbatim = context.rule == DefaultRule::kText || context.rule == DefaultRule::kJson;
  const auto literal =
      Literal(verbatim ? expression : Trimmed(expression), Placeholder(context.rule));
  if (!literal) return std::nullopt;
  switch (context.rule) {
    case DefaultRule::kNone:
    case DefaultRule::kEnum:
      return std::nullopt;
    case DefaultRule::kBool:
      return Lower(*literal) == "true" ? "true" : "false";
    case DefaultRule::kInt2:
      return IntegerJson<int16_t>(*literal);
    case DefaultRule::kInt4:
      return IntegerJson<int32_t>(*literal);
    case DefaultRule::kInt8:
      return IntegerJson<int64_t>(*literal);
    case DefaultRule::kNumeric:
      return NumericJson(*literal, codec, context);
    case DefaultRule::kBit:
      return BitJson(*literal, codec);
    case DefaultRule::kUuid:
      return UuidJson(*literal);
    case DefaultRule::kDate:
      return DateJson(*literal, codec);
    case DefaultRule::kTime:
      return TimeJson(*literal, codec);
    case DefaultRule::kTimestamp:
      return TimestampJson(*literal, codec);
    case DefaultRule::kTimestampWithZone:
      if (*literal == "infinity" || *literal == "-infinity")
        return std::nullopt;  // Out of OffsetDateTime's range.
      return Encoded(codec, *literal);
    case DefaultRule::kVarbit:  // Text where 2.5's snapshot has an object that it cannot convert.
      if (codec.schema.type == "boolean") codec.encode = EncodeBit;
      return Encoded(codec, *literal);
    case DefaultRule::kFloat:
    case DefaultRule::kText:
    case DefaultRule::kJson:
    case DefaultRule::kInterval:
      return Encoded(codec, *literal);
  }
  return std::nullopt;
}

}  // namespace walrelay::envelope
