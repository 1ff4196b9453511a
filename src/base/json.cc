#include "base/json.h"

#include <utility>

// An assertion of RapidJSON's would be our own misuse: it must not vanish in release builds.
#include "base/check.h"
#define RAPIDJSON_ASSERT(condition) CHECK(condition)

#include <rapidjson/reader.h>

#include "base/json_escape.h"
#include "base/status.h"

namespace walrelay {
namespace {

// RapidJSON's InsituStringStream, but bounded by a size instead of a NUL. A NUL byte inside the
// text reads as its end, which the caller notices by the position.
class BoundedInsituStream {
 public:
  using Ch = char;
  BoundedInsituStream(char* text, size_t size)
      : src_(text), dst_(nullptr), head_(text), end_(text + size) {}

  Ch Peek() const { return src_ == end_ ? '\0' : *src_; }
  Ch Take() { return src_ == end_ ? '\0' : *src_++; }
  size_t Tell() const { return static_cast<size_t>(src_ - head_); }
  void Put(Ch c) { *dst_++ = c; }
  Ch* PutBegin() { return dst_ = src_; }
  size_t PutEnd(Ch* begin) { return static_cast<size_t>(dst_ - begin); }
  void Flush() {}
  Ch* Push(size_t count) {
    Ch* begin = dst_;
    dst_ += count;
    return begin;
  }
  void Pop(size_t count) { dst_ -= count; }

 private:
  Ch* src_;
  Ch* dst_;
  Ch* head_;
  Ch* end_;
};

}  // namespace
}  // namespace walrelay

namespace rapidjson {
// Lets the tokenizer keep a register copy of the stream; its numbers-as-strings need that to find
// where one began.
template <>
struct StreamTraits<walrelay::BoundedInsituStream> {
  enum { copyOptimization = 1 };
};
}  // namespace rapidjson

namespace walrelay {
namespace {

// Turns parse events into nodes.
class NodeHandler {
 public:
  NodeHandler(std::vector<JsonNode>& nodes, std::vector<uint32_t>& open)
      : nodes_(nodes), open_(open) {}

  bool Null() { return Leaf(JsonKind::kNull, {}); }
  bool Bool(bool value) { return Leaf(value ? JsonKind::kTrue : JsonKind::kFalse, {}); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    return Leaf(JsonKind::kNumber, {text, size});
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return Leaf(JsonKind::kString, {text, size});
  }
  bool Key(const char* text, rapidjson::SizeType size, bool copy) {
    return String(text, size, copy);
  }
  bool StartObject() { return Begin(JsonKind::kObject); }
  bool StartArray() { return Begin(JsonKind::kArray); }
  bool EndObject(rapidjson::SizeType count) { return End(count); }
  bool EndArray(rapidjson::SizeType count) { return End(count); }

  // Numbers come as text only.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(int64_t) { return false; }
  bool Uint64(uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  bool Leaf(JsonKind kind, std::string_view text) {
    nodes_.push_back(
        {.kind = kind, .next = static_cast<uint32_t>(nodes_.size() + 1), .count = 0, .text = text});
    return true;
  }
  bool Begin(JsonKind kind) {
    open_.push_back(static_cast<uint32_t>(nodes_.size()));
    return Leaf(kind, {});
  }
  bool End(uint32_t count) {
    JsonNode& node = nodes_[open_.back()];
    open_.pop_back();
    node.count = count;
    node.next = static_cast<uint32_t>(nodes_.size());
    return true;
  }

  std::vector<JsonNode>& nodes_;
  std::vector<uint32_t>& open_;
};

}  // namespace

// Keeps the tokenizer's stack from one document to the next.
struct JsonReader::Tokenizer {
  rapidjson::Reader reader;
};

JsonReader::JsonReader() : tokenizer_(std::make_unique<Tokenizer>()) {}
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
  copy_.assign(text);
  return ParseInSitu(copy_.data(), copy_.size());
}

absl::StatusOr<JsonValue> JsonReader::ParseInSitu(char* text, size_t size) {
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                              rapidjson::kParseNumbersAsStringsFlag |
                              rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseStopWhenDoneFlag;
  nodes_.clear();
  open_.clear();
  if (size >= UINT32_MAX)
    return absl::DataLossError(Cat("JSON document of ", size, " bytes is too large"));

  BoundedInsituStream stream(text, size);
  NodeHandler handler(nodes_, open_);
  const rapidjson::ParseResult result = tokenizer_->reader.Parse<kFlags>(stream, handler);
  if (result.IsError()) return absl::DataLossError(Cat("invalid JSON at byte ", result.Offset()));
  rapidjson::SkipWhitespace(stream);
  if (stream.Tell() != size)
    return absl::DataLossError(Cat("JSON is followed by something at byte ", stream.Tell()));
  return JsonValue(nodes_.data(), 0);
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
