#include "apply/placeholder.h"

#include "base/status.h"

namespace walrelay::apply {
namespace {

std::string EncodeBase64(std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t at) {
      return at < bytes.size() ? uint32_t{static_cast<uint8_t>(bytes[at])} : 0u;
    };
    const uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out.push_back(kAlphabet[group >> 18]);
    out.push_back(kAlphabet[group >> 12 & 63]);
    out.push_back(i + 1 < bytes.size() ? kAlphabet[group >> 6 & 63] : '=');
    out.push_back(i + 2 < bytes.size() ? kAlphabet[group & 63] : '=');
  }
  return out;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

absl::StatusOr<std::string> Placeholder::Bytes(std::string_view option) {
  if (!option.starts_with("hex:")) return std::string(option);
  const std::string_view digits = option.substr(4);
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    const int high = HexDigit(digits[i]);
    const int low = i + 1 < digits.size() ? HexDigit(digits[i + 1]) : -1;
    if (high < 0 || low < 0) {
      return absl::InvalidArgumentError(
          "unavailable.value.placeholder: hex: needs pairs of hex digits");
    }
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

absl::StatusOr<Placeholder> Placeholder::Make(std::string_view option, std::string_view md5_hex) {
  Placeholder placeholder;
  ASSIGN_OR_RETURN(placeholder.text_, Bytes(option));
  placeholder.base64_ = EncodeBase64(placeholder.text_);
  if (md5_hex.size() == 32) {
    // RFC 4122 §4.3: version 3 in the 13th digit, variant 10 in the top bits of the 17th.
    std::string digits(md5_hex);
    digits[12] = '3';
    digits[16] = "89ab"[HexDigit(digits[16]) & 3];
    placeholder.uuid_ =
        Cat(digits.substr(0, 8), "-", digits.substr(8, 4), "-", digits.substr(12, 4), "-",
            digits.substr(16, 4), "-", digits.substr(20));
  }
  std::string quoted;
  AppendJsonString(quoted, placeholder.text_);
  placeholder.hstore_json_ = Cat("{", quoted, ":", quoted, "}");
  return placeholder;
}

bool Placeholder::Matches(const FieldType& type, JsonValue value) const {
  if (value.is_string()) {
    const std::string_view text = value.text();
    if (type.form == Form::kBytes) return text == base64_;
    return text == text_ || (type.form == Form::kJson && text == hstore_json_);
  }
  // Without a schema block an array or a map may stand for a value of any type.
  if (value.is_array() && value.size() > 0) {
    const bool is_one = value.size() == 1 &&
                        (type.form == Form::kArray ? MatchesElement(*type.element, *value.begin())
                                                   : MatchesUntyped(*value.begin()));
    return is_one || MatchesNumbers(value);
  }
  return value.is_object() && value.size() == 1 && value.begin().name() == text_;
}

bool Placeholder::MatchesUntyped(JsonValue element) const {
  const std::string_view text = element.text();
  return element.is_string() && (text == text_ || text == uuid_ || text == base64_);
}

bool Placeholder::MatchesElement(const FieldType& type, JsonValue element) const {
  if (!element.is_string()) return false;
  const std::string_view text = element.text();
  if (type.form == Form::kBytes) return text == base64_;
  return text == text_ || (type.form == Form::kUuid && text == uuid_);
}

bool Placeholder::MatchesNumbers(JsonValue list) const {
  if (list.size() != text_.size() || text_.empty()) return false;
  size_t i = 0;
  for (auto it = list.begin(); it != list.end(); ++it, ++i) {
    if ((*it).Int<int64_t>() != static_cast<int64_t>(static_cast<int8_t>(text_[i]))) return false;
  }
  return true;
}

}  // namespace walrelay::apply
