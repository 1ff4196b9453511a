#include "base/json.h"

#include <simdjson.h>

#include <utility>

#include "base/json_escape.h"
#include "base/status.h"

namespace walrelay {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr int kDeepest = 1000;             // As Jackson's StreamReadConstraints.
constexpr size_t kKeptCapacity = 4 << 20;  // Room for a larger document is given back.
constexpr std::string_view kBlanks = " \t\n\r";

bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

// RFC 8259 §6. simdjson would turn it into a number, and lose digits.
bool IsNumber(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto skips = [&](char c) {
    const bool is_there = at != end && *at == c;
    if (is_there) ++at;
    return is_there;
  };
  const auto skips_digits = [&] {
    const char* const begin = at;
    while (at != end && *at >= '0' && *at <= '9') ++at;
    return at != begin;
  };
  skips('-');
  if (!skips('0') && !skips_digits()) return false;
  if (skips('.') && !skips_digits()) return false;
  if (skips('e') || skips('E')) {
    if (!skips('+')) skips('-');
    if (!skips_digits()) return false;
  }
  return at == end;
}

// Walks a whole document: what is not looked at is not checked.
class Walk {
 public:
  Walk(ondemand::document& document, std::string_view text, std::vector<JsonNode>& nodes)
      : document_(document), text_(text), nodes_(nodes) {}

  simdjson::error_code Root() {
    ondemand::value root;
    if (const auto error = document_.get_value().get(root)) return error;
    if (const auto error = Value(std::move(root), 0)) return error;
    return AtEnd() ? simdjson::SUCCESS : simdjson::TRAILING_CONTENT;
  }

 private:
  simdjson::error_code Value(ondemand::value&& value, int depth) {
    ondemand::json_type type{};
    if (const auto error = value.type().get(type)) return error;
    switch (type) {
      case ondemand::json_type::object:
      case ondemand::json_type::array:
        return Nested(value, type, depth);
      case ondemand::json_type::string:
        return String(value);
      case ondemand::json_type::number:
      case ondemand::json_type::boolean:
      case ondemand::json_type::null:
        break;
    }
    // Of one token, which whoever walks on passes over.
    const std::string_view token = TrimEnd(value.raw_json_token());
    if (type == ondemand::json_type::number) {
      if (!IsNumber(token)) return simdjson::NUMBER_ERROR;
      Leaf(JsonKind::kNumber, token);
    } else if (token == "null") {
      Leaf(JsonKind::kNull, {});
    } else if (token == "true") {
      Leaf(JsonKind::kTrue, {});
    } else if (token == "false") {
      Leaf(JsonKind::kFalse, {});
    } else {
      return type == ondemand::json_type::null ? simdjson::N_ATOM_ERROR : simdjson::T_ATOM_ERROR;
    }
    return simdjson::SUCCESS;
  }

  simdjson::error_code Nested(ondemand::value& value, ondemand::json_type type, int depth) {
    if (depth == kDeepest) return simdjson::DEPTH_ERROR;
    const char* const begin = value.raw_json_token().data();
    const size_t index = nodes_.size();
    const bool is_object = type == ondemand::json_type::object;
    Leaf(is_object ? JsonKind::kObject : JsonKind::kArray, {});
    uint32_t count = 0;
    if (const auto error = is_object ? Members(value, count, depth) : Items(value, count, depth))
      return error;
    JsonNode& node = nodes_[index];
    node.count = count;
    node.next = static_cast<uint32_t>(nodes_.size());
    node.text = TrimEnd({begin, static_cast<size_t>(Here() - begin)});
    return simdjson::SUCCESS;
  }

  simdjson::error_code Members(ondemand::value& value, uint32_t& count, int depth) {
    ondemand::object members;
    if (const auto error = value.get_object().get(members)) return error;
    for (auto found : members) {
      if (found.error()) return found.error();
      ondemand::field&& member = std::move(found).value_unsafe();  // A copy would cost more.
      if (const auto error = Name(member)) return error;
      if (const auto error = Value(std::move(member.value()), depth + 1)) return error;
      ++count;
    }
    return simdjson::SUCCESS;
  }

  simdjson::error_code Items(ondemand::value& value, uint32_t& count, int depth) {
    ondemand::array items;
    if (const auto error = value.get_array().get(items)) return error;
    for (auto found : items) {
      if (found.error()) return found.error();
      if (const auto error = Value(std::move(found).value_unsafe(), depth + 1)) return error;
      ++count;
    }
    return simdjson::SUCCESS;
  }

  // Few strings have escapes, and the token of one that has none ends with its quote.
  simdjson::error_code String(ondemand::value& value) {
    const std::string_view token = TrimEnd(value.raw_json_token());
    std::string_view text;
    if (token.size() >= 2 && token.back() == '"' && token.find('\\') == std::string_view::npos) {
      ondemand::raw_json_string consumed;
      if (const auto error = value.get_raw_json_string().get(consumed)) return error;
      text = token.substr(1, token.size() - 2);
    } else if (const auto error = value.get_string().get(text)) {
      return error;
    }
    Leaf(JsonKind::kString, text);
    return simdjson::SUCCESS;
  }

  simdjson::error_code Name(ondemand::field& member) {
    const char* const begin = member.key().raw();
    const char* at = begin;
    while (*at != '"' && *at != '\\') ++at;
    std::string_view name(begin, static_cast<size_t>(at - begin));
    if (*at == '\\') {
      if (const auto error = member.unescaped_key().get(name)) return error;
    }
    Leaf(JsonKind::kString, name);
    return simdjson::SUCCESS;
  }

  void Leaf(JsonKind kind, std::string_view text) {
    nodes_.push_back(
        {.kind = kind, .next = static_cast<uint32_t>(nodes_.size() + 1), .count = 0, .text = text});
  }

  bool AtEnd() { return document_.current_location().error() == simdjson::OUT_OF_BOUNDS; }
  // Where the next token begins.
  const char* Here() {
    const char* here = nullptr;
    return document_.current_location().get(here) ? text_.data() + text_.size() : here;
  }

  ondemand::document& document_;
  std::string_view text_;
  std::vector<JsonNode>& nodes_;
};

}  // namespace

struct JsonReader::Parser {
  ondemand::parser parser;
};

JsonReader::JsonReader() : parser_(std::make_unique<Parser>()) {}
JsonReader::~JsonReader() = default;
JsonReader::JsonReader(JsonReader&&) noexcept = default;
JsonReader& JsonReader::operator=(JsonReader&&) noexcept = default;

std::optional<bool> JsonValue::Bool() const {
  if (kind() == JsonKind::kTrue) return true;
  if (kind() == JsonKind::kFalse) return false;
  return std::nullopt;
}

std::optional<std::string_view> JsonValue::String() const {
  if (!is_string()) return std::nullopt;
  return text();
}

JsonValue JsonValue::operator[](std::string_view name) const {
  if (!is_object()) return {};
  for (auto member = begin(); member != end(); ++member) {
    if (member.name() == name) return *member;
  }
  return {};
}

JsonValue::Iterator JsonValue::begin() const {
  if (!is_array() && !is_object()) return end();
  return {nodes_, index_ + 1, is_object()};
}

JsonValue::Iterator JsonValue::end() const {
  if (!is_array() && !is_object()) return {nodes_, 0, false};
  return {nodes_, node().next, is_object()};
}

absl::StatusOr<JsonValue> JsonReader::Parse(std::string_view text) {
  nodes_.clear();
  const auto invalid = [](simdjson::error_code error) {
    return absl::DataLossError(Cat("invalid JSON: ", simdjson::error_message(error)));
  };
  if (text.size() >= UINT32_MAX - 2)
    return absl::DataLossError(Cat("JSON document of ", text.size(), " bytes is too large"));

  // simdjson reads documents of one word another way: it is read as the item of an array.
  const size_t first = text.find_first_not_of(kBlanks);
  const bool is_word = first != std::string_view::npos && text[first] != '{' && text[first] != '[';
  if (text.size() < kKeptCapacity && copy_.capacity() > 2 * kKeptCapacity) {
    copy_ = std::string();
    parser_ = std::make_unique<Parser>();
  }
  copy_.reserve(text.size() + 2 + simdjson::SIMDJSON_PADDING);
  copy_.assign(is_word ? "[" : "").append(text).append(is_word ? "]" : "");

  ondemand::parser& parser = parser_->parser;
  if (parser.capacity() < copy_.size()) {
    if (const auto error = parser.allocate(copy_.capacity())) return invalid(error);
  }
  ondemand::document document;
  auto error = parser.iterate(simdjson::padded_string_view(copy_, copy_.capacity())).get(document);
  if (error) return invalid(error);
  error = Walk(document, copy_, nodes_).Root();
  if (error) return invalid(error);
  if (!is_word) return JsonValue(nodes_.data(), 0);
  if (nodes_.front().count != 1) return invalid(simdjson::TRAILING_CONTENT);
  return JsonValue(nodes_.data(), 1);
}

std::string_view JsonReader::JsonIn(std::string_view text, JsonValue value) const {
  const std::string_view json = value.json();
  return json.empty() ? json
                      : text.substr(static_cast<size_t>(json.data() - copy_.data()), json.size());
}

void AppendJsonString(std::string& out, std::string_view text) {
  out.push_back('"');
  AppendJsonEscaped(out, text);
  out.push_back('"');
}

JsonWriter& JsonWriter::Open(char bracket) {
  Separate();
  out_.push_back(bracket);
  need_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::Close(char bracket) {
  out_.push_back(bracket);
  need_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view name) {
  Separate();
  AppendJsonString(out_, name);
  out_.push_back(':');
  need_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view text) {
  Separate();
  AppendJsonString(out_, text);
  return *this;
}

JsonWriter& JsonWriter::Copy(const JsonValue& value) {
  switch (value.kind()) {
    case JsonKind::kMissing:
    case JsonKind::kNull:
      return Null();
    case JsonKind::kFalse:
      return Bool(false);
    case JsonKind::kTrue:
      return Bool(true);
    case JsonKind::kNumber:
      return Raw(value.text());
    case JsonKind::kString:
      return String(value.text());
    case JsonKind::kArray:
      BeginArray();
      for (auto it = value.begin(); it != value.end(); ++it) Copy(*it);
      return EndArray();
    case JsonKind::kObject:
      BeginObject();
      for (auto it = value.begin(); it != value.end(); ++it) Key(it.name()).Copy(*it);
      return EndObject();
  }
  return *this;
}

JsonWriter& JsonWriter::Raw(std::string_view json) {
  Separate();
  out_.append(json);
  return *this;
}

void JsonWriter::Separate() {
  if (need_comma_) out_.push_back(',');
  need_comma_ = true;
}

}  // namespace walrelay
