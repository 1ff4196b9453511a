// Reads and writes JSON: a thin layer over simdjson, and a writer that escapes as Debezium does.
//
// JsonReader parses a copy into one flat array of nodes that it reuses, so a warm reader allocates
// nothing. Numbers stay the text that was written, so no digit is lost. Depth is limited to 1000.
// Only valid UTF-8 passes. Errors are DataLoss and say what is wrong, never the text. Not
// thread-safe. Source: RFC 8259; FORMAT.md §1.4 (escaping).
#pragma once

#include <absl/status/statusor.h>

#include <charconv>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace walrelay {

enum class JsonKind : uint8_t { kMissing, kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

// One value of the document, in document order. A member of an object is two nodes: its name (a
// string), its value.
struct JsonNode {
  JsonKind kind = JsonKind::kMissing;
  uint32_t next = 0;      // Index of the node after this value and everything inside it.
  uint32_t count = 0;     // Items of an array, members of an object.
  // A string, unescaped; a number, an array or an object as written.
  std::string_view text;
};

// A view of one value. Holds until the reader's next Parse. Cheap to copy. What is not there is
// kMissing.
class JsonValue {
 public:
  JsonValue() = default;
  JsonValue(const JsonNode* nodes, uint32_t index) : nodes_(nodes), index_(index) {}

  JsonKind kind() const { return nodes_ == nullptr ? JsonKind::kMissing : node().kind; }
  bool is_missing() const { return kind() == JsonKind::kMissing; }
  bool is_null() const { return kind() == JsonKind::kNull; }
  bool is_string() const { return kind() == JsonKind::kString; }
  bool is_number() const { return kind() == JsonKind::kNumber; }
  bool is_array() const { return kind() == JsonKind::kArray; }
  bool is_object() const { return kind() == JsonKind::kObject; }

  // A string's content or a number's digits; empty for anything else.
  std::string_view text() const {
    return is_array() || is_object() || is_missing() ? std::string_view() : node().text;
  }
  // An array or object as it was written, in the reader's copy; empty for anything else.
  std::string_view json() const {
    return is_array() || is_object() ? node().text : std::string_view();
  }
  std::optional<bool> Bool() const;
  // A string; nullopt for anything else.
  std::optional<std::string_view> String() const;
  // A number without fraction or exponent that fits.
  template <class Integer = int64_t>
  std::optional<Integer> Int() const {
    Integer value{};
    if (!is_number()) return std::nullopt;
    const std::string_view digits = node().text;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  }

  // Number of items or members; 0 for anything else.
  size_t size() const { return nodes_ == nullptr ? 0 : node().count; }
  // The member's value; kMissing when there is none, or when this is not an object. The first of
  // duplicates. Linear.
  JsonValue operator[](std::string_view name) const;

  // Walks the items of an array, or the members of an object: for (auto it = v.begin(); it !=
  // v.end(); ++it), where it.name() is the member's name and *it the value.
  class Iterator {
   public:
    Iterator(const JsonNode* nodes, uint32_t index, bool members)
        : nodes_(nodes), index_(index), members_(members) {}
    std::string_view name() const { return members_ ? nodes_[index_].text : std::string_view(); }
    JsonValue operator*() const { return {nodes_, value_index()}; }
    Iterator& operator++() {
      index_ = nodes_[value_index()].next;
      return *this;
    }
    bool operator==(const Iterator& other) const { return index_ == other.index_; }

   private:
    uint32_t value_index() const { return index_ + (members_ ? 1 : 0); }
    const JsonNode* nodes_;
    uint32_t index_;
    bool members_;
  };
  Iterator begin() const;
  Iterator end() const;

 private:
  const JsonNode& node() const { return nodes_[index_]; }
  const JsonNode* nodes_ = nullptr;
  uint32_t index_ = 0;
};

class JsonReader {
 public:
  JsonReader();
  ~JsonReader();
  JsonReader(JsonReader&&) noexcept;
  JsonReader& operator=(JsonReader&&) noexcept;

  // Parses one whole document (white space around it is fine). `text` is copied first.
  absl::StatusOr<JsonValue> Parse(std::string_view text);
  // An array or object of the document that was parsed last, in `text`, of which that was a copy.
  std::string_view JsonIn(std::string_view text, JsonValue value) const;

 private:
  struct Parser;

  std::unique_ptr<Parser> parser_;
  std::string copy_;  // With room behind it that simdjson may read.
  std::vector<JsonNode> nodes_;
};

// Appends `text` as a JSON string with its quotes, escaped as Jackson does: only what must be,
// \u00XX in upper case, and code points from U+10000 as two \uXXXX. Bytes that are not UTF-8 become
// U+FFFD, so the result is always valid JSON.
void AppendJsonString(std::string& out, std::string_view text);

// Appends one document to a string; puts the commas. The caller balances Begin and End and gives
// each member a Key.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(std::string_view name);
  JsonWriter& String(std::string_view text);
  JsonWriter& Bool(bool value) { return Raw(value ? "true" : "false"); }
  JsonWriter& Null() { return Raw("null"); }
  template <std::integral Integer>
  JsonWriter& Int(Integer value) {
    char digits[24];
    return Raw({digits, std::to_chars(digits, digits + sizeof(digits), value).ptr});
  }
  // A value that is JSON already.
  JsonWriter& Raw(std::string_view json);
  // A value that was read, with all that it holds; null for one that is missing.
  JsonWriter& Copy(const JsonValue& value);

 private:
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  void Separate();

  std::string& out_;
  bool need_comma_ = false;
};

}  // namespace walrelay
