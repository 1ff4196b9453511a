#include "envelope/container_codecs.h"

#include <optional>
#include <string>
#include <vector>

#include "base/json_escape.h"
#include "envelope/java_text.h"
#include "envelope/scalar_codecs.h"

namespace walrelay::envelope {
namespace {

// Walks the elements of array_out's text: optional bounds, then {a,"b c",NULL,{…}}.
class ArrayScanner {
 public:
  enum class Kind { kValue, kNull, kNested, kEnd, kMalformed };

  explicit ArrayScanner(std::string_view text) : rest_(text) {
    const size_t brace = rest_.find('{');
    rest_ = brace == std::string_view::npos ? std::string_view() : rest_.substr(brace + 1);
    malformed_ = brace == std::string_view::npos;
  }

  // The next element; value() is its text, unescaped.
  Kind Next() {
    if (malformed_) return Kind::kMalformed;
    if (!rest_.empty() && rest_[0] == '}') return Kind::kEnd;
    if (!rest_.empty() && rest_[0] == ',') rest_.remove_prefix(1);
    if (rest_.empty()) return Kind::kMalformed;
    if (rest_[0] == '{') return SkipNested() ? Kind::kNested : Kind::kMalformed;
    if (rest_[0] == '"') return ScanQuoted() ? Kind::kValue : Kind::kMalformed;
    return ScanPlain();
  }
  std::string_view value() const { return value_; }

 private:
  Kind ScanPlain() {
    const size_t end = rest_.find_first_of(",}");
    if (end == std::string_view::npos) return Kind::kMalformed;
    value_ = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return value_ == "NULL" ? Kind::kNull : Kind::kValue;
  }

  bool ScanQuoted() {
    scratch_.clear();
    rest_.remove_prefix(1);
    while (!rest_.empty() && rest_[0] != '"') {
      if (rest_[0] == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) return false;
      scratch_.push_back(rest_[0]);
      rest_.remove_prefix(1);
    }
    if (rest_.empty()) return false;
    rest_.remove_prefix(1);
    value_ = scratch_;
    return true;
  }

  bool SkipNested() {
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = !quoted;
      } else if (!quoted && c == '{') {
        ++depth;
      } else if (!quoted && c == '}' && --depth == 0) {
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

  std::string_view rest_;
  std::string_view value_;
  std::string scratch_;
  bool malformed_ = false;
};

bool EncodeElements(const Codec& codec, std::string_view text, Buffer& out, bool nulls_fit) {
  ArrayScanner in(text);
  out.push_back('[');
  for (bool first = true;; first = false) {
    const ArrayScanner::Kind kind = in.Next();
    if (kind == ArrayScanner::Kind::kMalformed) return false;
    if (kind == ArrayScanner::Kind::kEnd) break;
    if (!first) out.push_back(',');
    if (kind == ArrayScanner::Kind::kValue) {
      if (!codec.element->encode(*codec.element, in.value(), out)) return false;
    } else {
      if (!nulls_fit) return false;
      out.append("null");
    }
  }
  out.push_back(']');
  return true;
}

struct HstorePair {
  std::string key;
  std::optional<std::string> value;
};

// "key"=>"value", "other"=>NULL: hstore_out quotes all keys and values.
class HstoreScanner {
 public:
  explicit HstoreScanner(std::string_view text) : rest_(text) {}

  std::optional<std::vector<HstorePair>> Pairs() {
    std::vector<HstorePair> pairs;
    SkipSpace();
    while (!rest_.empty()) {
      HstorePair pair;
      if (!Quoted(pair.key) || !Skip("=>")) return std::nullopt;
      if (!Skip("NULL")) {
        pair.value.emplace();
        if (!Quoted(*pair.value)) return std::nullopt;
      }
      pairs.push_back(std::move(pair));
      SkipSpace();
      if (!rest_.empty() && !Skip(",")) return std::nullopt;
      SkipSpace();
    }
    return pairs;
  }

 private:
  void SkipSpace() {
    while (!rest_.empty() && rest_[0] == ' ') rest_.remove_prefix(1);
  }
  bool Skip(std::string_view token) {
    if (rest_.substr(0, token.size()) != token) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  bool Quoted(std::string& out) {
    if (!Skip("\"")) return false;
    while (!rest_.empty() && rest_[0] != '"') {
      if (rest_[0] == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) return false;
      out.push_back(rest_[0]);
      rest_.remove_prefix(1);
    }
    return Skip("\"");
  }

  std::string_view rest_;
};

// {"k":"v","n":null} in the order of a HashMap. Into a Java string Jackson writes astral characters
// as they are.
bool AppendHstoreObject(std::string_view text, Buffer& out, bool escape_astral) {
  const auto pairs = HstoreScanner(text).Pairs();
  if (!pairs) return false;
  std::vector<std::string_view> keys;
  for (const HstorePair& pair : *pairs) keys.push_back(pair.key);
  const auto string = [&](std::string_view content) {
    out.push_back('"');
    AppendJsonEscaped(out, content, escape_astral);
    out.push_back('"');
  };
  out.push_back('{');
  bool first = true;
  for (const size_t i : HashMapOrder(keys)) {
    if (!first) out.push_back(',');
    first = false;
    string((*pairs)[i].key);
    out.push_back(':');
    if ((*pairs)[i].value) {
      string(*(*pairs)[i].value);
    } else {
      out.append("null");
    }
  }
  out.push_back('}');
  return true;
}

// Every number as Java's Double.toString prints it; marks as they are.
bool AppendGeometric(std::string_view text, Buffer& out) {
  constexpr std::string_view kMarks = "()[]{}<>,";
  while (!text.empty()) {
    if (kMarks.find(text[0]) != std::string_view::npos) {
      out.push_back(text[0]);
      text.remove_prefix(1);
      continue;
    }
    const std::string_view number = text.substr(0, text.find_first_of(kMarks));
    Buffer json;
    if (!EncodeDouble({}, number, json)) return false;
    std::string_view java = json.view();
    if (java[0] == '"') java = java.substr(1, java.size() - 2);  // NaN and the infinities.
    out.append(java);
    text.remove_prefix(number.size());
  }
  return true;
}

template <Encode kEncode>
bool EncodeGeometric(const Codec& codec, std::string_view text, Buffer& out) {
  Buffer java;
  return AppendGeometric(text, java) && kEncode(codec, java.view(), out);
}

}  // namespace

bool EncodeArray(const Codec& codec, std::string_view text, Buffer& out) {
  return EncodeElements(codec, text, out, codec.schema.items[0].optional);
}

bool EncodeArrayWithoutNulls(const Codec& codec, std::string_view text, Buffer& out) {
  return EncodeElements(codec, text, out, false);
}

bool EncodeHstoreJson(const Codec&, std::string_view text, Buffer& out) {
  Buffer json;
  if (!AppendHstoreObject(text, json, false)) return false;
  AppendJsonText(out, json.view());
  return true;
}

bool EncodeHstoreMap(const Codec&, std::string_view text, Buffer& out) {
  return AppendHstoreObject(text, out, true);
}

bool EncodeGeometricBase64(const Codec& codec, std::string_view text, Buffer& out) {
  return EncodeGeometric<EncodeRawBase64>(codec, text, out);
}
bool EncodeGeometricUrlSafe(const Codec& codec, std::string_view text, Buffer& out) {
  return EncodeGeometric<EncodeRawUrlSafe>(codec, text, out);
}
bool EncodeGeometricHex(const Codec& codec, std::string_view text, Buffer& out) {
  return EncodeGeometric<EncodeRawHex>(codec, text, out);
}

}  // namespace walrelay::envelope
