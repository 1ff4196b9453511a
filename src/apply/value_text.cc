#include "apply/value_text.h"

#include <algorithm>
#include <charconv>

#include "apply/decimal.h"
#include "apply/temporal.h"

namespace walrelay::apply {
namespace {

// Quotes for array elements and hstore: backslash before quote and backslash.
void AppendQuoted(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

// Debezium's bit string: byte 0 holds the eight rightmost bits, zero bytes on the left are cut off.
void AppendBits(std::string_view little_endian, size_t length, std::string& out) {
  std::string bits;
  for (size_t i = little_endian.size(); i-- > 0;) {
    for (int bit = 7; bit >= 0; --bit) {
      bits.push_back(static_cast<uint8_t>(little_endian[i]) >> bit & 1 ? '1' : '0');
    }
  }
  const size_t first = std::min(bits.find('1'), bits.size());
  bits.erase(0, first);
  if (bits.size() < length) out.append(length - bits.size(), '0');
  out.append(bits);
}

std::string_view NumericName(std::string_view java) {
  if (java == "POSITIVE_INFINITY") return "Infinity";
  if (java == "NEGATIVE_INFINITY") return "-Infinity";
  return java;  // NAN is read whatever its case.
}

// 1.2345678E7 → 12345678: money's input knows no exponents.
bool AppendWithoutExponent(std::string_view number, std::string& out) {
  const size_t e = number.find_first_of("eE");
  if (e == std::string_view::npos) {
    out.append(number);
    return true;
  }
  int exponent = 0;
  const std::string_view digits = number.substr(e + 1);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec != std::errc())
    return false;
  if (exponent > 30 || exponent < -30) return false;
  std::string_view mantissa = number.substr(0, e);
  if (mantissa.starts_with('-')) {
    out.push_back('-');
    mantissa.remove_prefix(1);
  }
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  std::string all(mantissa);
  if (point < all.size()) all.erase(point, 1);
  const int place = static_cast<int>(point) + exponent;
  if (place <= 0) all.insert(0, static_cast<size_t>(1 - place), '0');
  if (place > static_cast<int>(all.size()))
    all.append(static_cast<size_t>(place) - all.size(), '0');
  if (const size_t whole = static_cast<size_t>(std::max(place, 1)); whole < all.size())
    all.insert(whole, ".");
  out.append(all);
  return true;
}

bool HasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// Text columns too: somebody made them for bytes, which they show as bytea does.
bool HoldsBytes(const ColumnType& column) {
  return column.form == ColumnForm::kBytea || column.name == "text" || column.name == "varchar" ||
         column.name == "bpchar";
}

bool DecodeHex(std::string_view text, std::string& out) {
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  if (text.size() % 2 != 0 || !std::all_of(text.begin(), text.end(), is_hex)) return false;
  out.append("\\x").append(text);
  return true;
}

}  // namespace

void AppendJson(JsonValue value, std::string& out) {
  switch (value.kind()) {
    case JsonKind::kMissing:
    case JsonKind::kNull:
      out.append("null");
      return;
    case JsonKind::kTrue:
      out.append("true");
      return;
    case JsonKind::kFalse:
      out.append("false");
      return;
    case JsonKind::kNumber:
      out.append(value.text());
      return;
    case JsonKind::kString:
      AppendJsonString(out, value.text());
      return;
    case JsonKind::kArray:
    case JsonKind::kObject: {
      const bool is_object = value.is_object();
      out.push_back(is_object ? '{' : '[');
      bool first = true;
      for (auto it = value.begin(); it != value.end(); ++it) {
        if (!first) out.push_back(',');
        first = false;
        if (is_object) {
          AppendJsonString(out, it.name());
          out.push_back(':');
        }
        AppendJson(*it, out);
      }
      out.push_back(is_object ? '}' : ']');
      return;
    }
  }
}

bool ValueText::Append(const FieldType& type, const ColumnType& column, JsonValue value,
                       std::string& out) {
  if (type.form == Form::kStruct) {
    AppendJson(value, out);
    return true;
  }
  switch (value.kind()) {
    case JsonKind::kTrue:
    case JsonKind::kFalse: {
      const bool is_true = value.kind() == JsonKind::kTrue;
      const bool is_bit = column.form == ColumnForm::kBit || column.form == ColumnForm::kVarbit;
      out.push_back(is_bit ? (is_true ? '1' : '0') : (is_true ? 't' : 'f'));
      return true;
    }
    case JsonKind::kNumber:
      return AppendNumber(type, column, value.text(), out);
    case JsonKind::kString:
      return AppendString(type, column, value.text(), out);
    case JsonKind::kArray:
      return AppendArray(type, column, value, out);
    case JsonKind::kObject:
      return AppendObject(type, column, value, out);
    case JsonKind::kNull:
    case JsonKind::kMissing:
      return false;
  }
  return false;
}

bool ValueText::AppendNumber(const FieldType& type, const ColumnType& column,
                             std::string_view digits, std::string& out) {
  const bool is_time = type.form == Form::kDate || type.form == Form::kTime ||
                       type.form == Form::kTimestamp || type.form == Form::kMicroDuration;
  if (!is_time) {
    if (column.form == ColumnForm::kMoney) return AppendWithoutExponent(digits, out);
    out.append(digits);
    return true;
  }
  int64_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return false;
  switch (type.form) {
    case Form::kDate:
      AppendDate(number, out);
      return true;
    case Form::kTime:
      if (type.digits == 3 && (number < 0 || number > 86'400'000)) return false;
      return AppendTime(type.digits == 3   ? number * 1000
                        : type.digits == 6 ? number
                                           : number / 1000,
                        out);
    case Form::kTimestamp:
      AppendTimestamp(number, type.digits, out);
      return true;
    default:
      AppendInterval(number, out);
      return true;
  }
}

bool ValueText::AppendString(const FieldType& type, const ColumnType& column, std::string_view text,
                             std::string& out) {
  switch (type.form) {
    case Form::kBytes:
    case Form::kDecimal:
    case Form::kBits:
      return AppendBinary(type, column, text, out);
    case Form::kZonedTimestamp:
      return AppendIsoDateTime(text, true, out);
    case Form::kDate:
    case Form::kIsoDate:
    case Form::kTimestamp:
    case Form::kIsoTimestamp:
      return AppendIsoDateTime(text, false, out);
    case Form::kTime:
    case Form::kIsoTime:
      out.append(text.ends_with('Z') ? text.substr(0, text.size() - 1) : text);
      return true;
    default:
      break;
  }
  if (HasNul(text)) return false;
  if (column.is_array && type.form != Form::kArray) {
    out.append(text);
    return true;
  }
  if (column.form == ColumnForm::kMoney) return AppendWithoutExponent(text, out);
  if (column.form == ColumnForm::kNumeric) {
    out.append(NumericName(text));
  } else if (column.form == ColumnForm::kBytea) {
    return AppendBinary(type, column, text, out);
  } else if (column.form == ColumnForm::kHstore && type.form == Form::kJson) {
    const absl::StatusOr<JsonValue> map = json_.Parse(text);
    return map.ok() && AppendHstore(*map, out);
  } else {
    out.append(text);
  }
  return true;
}

bool ValueText::AppendBinary(const FieldType& type, const ColumnType& column, std::string_view text,
                             std::string& out) {
  bytes_.clear();
  const bool is_text =
      type.form != Form::kBytes && type.form != Form::kDecimal && type.form != Form::kBits;
  if (is_text && format_.binary == SchemalessFormat::Binary::kHex) return DecodeHex(text, out);
  if (is_text && format_.binary == SchemalessFormat::Binary::kBase64UrlSafe) {
    std::string standard(text);
    std::replace(standard.begin(), standard.end(), '-', '+');
    std::replace(standard.begin(), standard.end(), '_', '/');
    if (!DecodeBase64(standard, bytes_)) return false;
  } else if (!DecodeBase64(text, bytes_)) {
    return false;
  }
  if (type.form == Form::kDecimal) return AppendDecimal(bytes_, type.scale, out);
  if (type.form == Form::kBits) {
    // varbit's own length is not sent: what is known is that it begins with its highest bit.
    const bool padded = column.form != ColumnForm::kVarbit;
    AppendBits(bytes_, padded ? static_cast<size_t>(type.precision) : 0, out);
    return true;
  }
  if (type.form == Form::kBytes && !HoldsBytes(column)) {
    // include.unknown.datatypes: the bytes are those of the value's text.
    out.append(bytes_);
    return !HasNul(bytes_);
  }
  AppendHexBytea(bytes_, out);
  return true;
}

bool ValueText::AppendObject(const FieldType& type, const ColumnType& column, JsonValue value,
                             std::string& out) {
  switch (type.form) {
    case Form::kVariableDecimal:
    case Form::kDecimal: {
      const auto scale = value["scale"].Int<int32_t>();
      bytes_.clear();
      return scale && DecodeBase64(value["value"].text(), bytes_) &&
             AppendDecimal(bytes_, *scale, out);
    }
    case Form::kPoint:
      out.push_back('(');
      out.append(value["x"].text()).push_back(',');
      out.append(value["y"].text()).push_back(')');
      return !value["x"].text().empty() && !value["y"].text().empty();
    case Form::kGeometry:
    case Form::kGeography:
      bytes_.clear();
      if (!value["wkb"].is_string() || !DecodeBase64(value["wkb"].text(), bytes_)) return false;
      if (column.form == ColumnForm::kBytea) {
        AppendHexBytea(bytes_, out);
      } else {
        AppendHex(bytes_, out);  // PostGIS reads EWKB in hex.
      }
      return true;
    case Form::kSparseVector:
      if (column.form != ColumnForm::kSparseVector) break;
      out.push_back('{');
      for (auto it = value["vector"].begin(); it != value["vector"].end(); ++it) {
        if (out.back() != '{') out.push_back(',');
        const JsonValue pair = *it;
        auto item = pair.begin();
        if (pair.size() != 2) return false;
        out.append((*item).text()).push_back(':');
        out.append((*++item).text());
      }
      out.append("}/").append(value["dimensions"].text());
      return true;
    default:
      if (column.form == ColumnForm::kHstore) return AppendHstore(value, out);
  }
  AppendJson(value, out);
  return true;
}

bool ValueText::AppendHstore(JsonValue map, std::string& out) {
  if (!map.is_object()) return false;
  bool first = true;
  for (auto it = map.begin(); it != map.end(); ++it) {
    if (!first) out.push_back(',');
    first = false;
    AppendQuoted(it.name(), out);
    out.append("=>");
    if ((*it).is_null()) {
      out.append("NULL");
    } else {
      AppendQuoted((*it).text(), out);
    }
  }
  return true;
}

bool ValueText::AppendArray(const FieldType& type, const ColumnType& column, JsonValue list,
                            std::string& out) {
  if (type.form != Form::kArray && type.form != Form::kVector) {
    AppendJson(list, out);
    return true;
  }
  const bool is_vector = column.form == ColumnForm::kVector && !column.is_array;
  const FieldType number{.form = Form::kFloat, .digits = 8};
  const FieldType& item_type = type.element != nullptr ? *type.element : number;
  ColumnType item_column = column;
  item_column.is_array = false;
  out.push_back(is_vector ? '[' : '{');
  bool first = true;
  for (auto it = list.begin(); it != list.end(); ++it) {
    if (!first) out.push_back(',');
    first = false;
    if ((*it).is_null()) {
      out.append("NULL");
      continue;
    }
    if (is_vector || (*it).is_number()) {
      const size_t begin = out.size();
      if (!Append(item_type, item_column, *it, out)) return false;
      // Dates and times that came as numbers have blanks and need quotes.
      if (out.find(' ', begin) == std::string::npos) continue;
      element_.assign(out, begin);
      out.resize(begin);
      AppendQuoted(element_, out);
      continue;
    }
    std::string element;
    element.swap(element_);
    element.clear();
    if (!Append(item_type, item_column, *it, element)) return false;
    AppendQuoted(element, out);
    element_.swap(element);
  }
  out.push_back(is_vector ? ']' : '}');
  return true;
}

}  // namespace walrelay::apply
