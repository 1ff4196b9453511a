#include "envelope/topic_names.h"

#include <algorithm>
#include <cstdint>

#include "base/json_escape.h"
#include "base/status.h"

namespace walrelay::envelope {
namespace {

constexpr size_t kMaxTopicLength = 249;

bool IsLetter(uint32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(uint32_t c) { return c >= '0' && c <= '9'; }

// Calls unit(u) for each UTF-16 unit: Java looks at chars.
template <class Function>
void ForEachUnit(std::string_view text, Function unit) {
  while (!text.empty()) {
    const size_t size = Utf8SequenceSize(text);
    const uint32_t code = size == 0 ? 0xFFFD : Utf8CodePoint(text, size);
    if (code < 0x10000) {
      unit(code);
    } else {
      unit(0xD800 + ((code - 0x10000) >> 10));
      unit(0xDC00 + ((code - 0x10000) & 0x3FF));
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
}

std::string SanitisedTopic(std::string_view name) {
  std::string topic;
  ForEachUnit(name, [&](uint32_t unit) {
    const bool legal = IsLetter(unit) || IsDigit(unit) || unit == '.' || unit == '_' || unit == '-';
    topic.push_back(legal ? static_cast<char>(unit) : '_');
  });
  if (topic.size() > kMaxTopicLength) topic.resize(kMaxTopicLength);
  if (topic == "." || topic == "..") std::fill(topic.begin(), topic.end(), '_');
  return topic;
}

// "_u" and the hexadecimal digits of the char, with "00" before at most two of them.
void AppendUnicodeReplacement(std::string& out, uint32_t unit) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  for (uint32_t rest = unit; rest != 0 || hex.empty(); rest >>= 4)
    hex.insert(hex.begin(), kHex[rest & 15]);
  out += hex.size() <= 2 ? "_u00" : "_u";
  out += hex;
}

// What an Avro name may hold; `dots`: a full name.
std::string Adjusted(NameAdjustment mode, std::string_view name, bool dots) {
  if (mode == NameAdjustment::kNone) return std::string(name);
  const bool unicode = mode == NameAdjustment::kAvroUnicode;
  std::string out;
  bool first = true;
  ForEachUnit(name, [&](uint32_t unit) {
    const bool underscore = unit == '_' && !unicode;
    const bool valid_first = IsLetter(unit) || underscore;
    const bool valid = valid_first || IsDigit(unit) || (dots && unit == '.');
    if (first ? valid_first : valid) {
      out.push_back(static_cast<char>(unit));
    } else if (unicode) {
      AppendUnicodeReplacement(out, unit);
    } else {
      out.push_back('_');
      if (first && IsDigit(unit)) out.push_back(static_cast<char>(unit));
    }
    first = false;
  });
  return out;
}

}  // namespace

std::string TopicName(const Options& options, std::string_view schema, std::string_view table) {
  return SanitisedTopic(
      Cat(options.topic_prefix, options.topic_delimiter, schema, options.topic_delimiter, table));
}

std::string HeartbeatTopic(const Options& options) {
  if (options.topic_heartbeat_name) return *options.topic_heartbeat_name;
  return Cat(options.topic_heartbeat_prefix, options.topic_delimiter, options.topic_prefix);
}

std::string TransactionTopic(const Options& options) {
  return Cat(options.topic_prefix, options.topic_delimiter, options.topic_transaction);
}

std::string MessageTopic(const Options& options) { return Cat(options.topic_prefix, ".message"); }

std::string AdjustSchemaName(NameAdjustment mode, std::string_view name) {
  return Adjusted(mode, name, true);
}

std::string AdjustFieldName(NameAdjustment mode, std::string_view name) {
  return Adjusted(mode, name, false);
}

}  // namespace walrelay::envelope
