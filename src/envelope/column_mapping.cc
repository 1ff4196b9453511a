#include "envelope/column_mapping.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/json.h"
#include "base/json_escape.h"
#include "envelope/binary_text.h"
#include "envelope/java_text.h"

namespace walrelay::envelope {
namespace {

std::string UpperCase(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

// Java's modified UTF-8: U+0000 as two bytes, surrogates one by one.
std::string ModifiedUtf8(std::string_view utf8) {
  std::string out;
  const auto unit = [&](uint32_t code) {
    if (code != 0 && code < 0x80) {
      out.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      out.push_back(static_cast<char>(0xC0 | code >> 6));
      out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else {
      out.push_back(static_cast<char>(0xE0 | code >> 12));
      out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
  };
  while (!utf8.empty()) {
    const size_t size = std::max<size_t>(Utf8SequenceSize(utf8), 1);
    const uint32_t code = Utf8CodePoint(utf8, size);
    if (code < 0x10000) {
      unit(code);
    } else {
      unit(0xD800 + ((code - 0x10000) >> 10));
      unit(0xDC00 + ((code - 0x10000) & 0x3FF));
    }
    utf8.remove_prefix(size);
  }
  return out;
}

// ObjectOutputStream.writeObject of a String: magic, version, TC_STRING or TC_LONGSTRING, length,
// modified UTF-8.
std::string JavaSerialized(std::string_view text) {
  const std::string body = ModifiedUtf8(text);
  std::string out("\xAC\xED\x00\x05", 4);
  const bool is_long = body.size() > 0xFFFF;
  out.push_back(is_long ? '\x7C' : '\x74');
  for (int shift = is_long ? 56 : 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<uint64_t>(body.size()) >> shift & 0xFF));
  }
  return out + body;
}

// The name without its dash is OpenSSL's for all that Java knows but these.
const EVP_MD* FindDigest(const std::string& java_name) {
  if (const EVP_MD* digest = EVP_get_digestbyname(java_name.c_str())) return digest;
  std::string name = java_name;
  if (UpperCase(name).rfind("SHA-", 0) == 0) name.erase(3, 1);
  return EVP_get_digestbyname(name.c_str());
}

std::string HashHex(const HashColumn& hash, std::string_view text) {
  const EVP_MD* const algorithm = FindDigest(hash.algorithm);
  if (algorithm == nullptr) return {};
  const std::string input = hash.salt + (hash.v2 ? std::string(text) : JavaSerialized(text));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_Digest(input.data(), input.size(), digest.data(), &size, algorithm, nullptr);
  Buffer hex;
  AppendHex(hex, {reinterpret_cast<const char*>(digest.data()), size});
  return std::string(hex.view());
}

}  // namespace

void AddMapperParameters(ConnectSchema& schema, const ColumnMapper& mapper, const JdbcType& type,
                         std::string_view column) {
  if (const auto* truncate = std::get_if<TruncateColumn>(&mapper)) {
    if (type.length < 0 || static_cast<size_t>(type.length) > truncate->chars) {
      schema.parameters.emplace_back("truncateLength", std::to_string(truncate->chars));
    }
  } else if (std::holds_alternative<PropagateSourceType>(mapper)) {
    schema.parameters.emplace_back("__debezium.source.column.type", UpperCase(type.name));
    schema.parameters.emplace_back("__debezium.source.column.length", std::to_string(type.length));
    if (type.scale)
      schema.parameters.emplace_back("__debezium.source.column.scale", std::to_string(*type.scale));
    schema.parameters.emplace_back("__debezium.source.column.name", column);
  } else {
    schema.parameters.emplace_back("masked", "true");
  }
}

std::optional<ValueMapping> ValueMapping::Make(const ColumnMapper& mapper, const JdbcType& type,
                                               const Codec& codec) {
  if (std::holds_alternative<PropagateSourceType>(mapper)) return std::nullopt;
  if (const auto* truncate = std::get_if<TruncateColumn>(&mapper)) {
    if (type.length >= 0 && static_cast<size_t>(type.length) <= truncate->chars)
      return std::nullopt;
    if (codec.schema.type != "string" && !codec.byte_buffer) return std::nullopt;
  } else if (!codec.hashable) {
    return std::nullopt;
  }
  return ValueMapping(mapper, type.length, codec.byte_buffer);
}

std::string ValueMapping::Mapped(std::string_view text) const {
  if (const auto* truncate = std::get_if<TruncateColumn>(&mapper_)) {
    return std::string(bytes_ ? text.substr(0, truncate->chars)
                              : Utf16Prefix(text, truncate->chars));
  }
  if (const auto* mask = std::get_if<MaskColumn>(&mapper_)) return std::string(mask->chars, '*');
  std::string hash = HashHex(std::get<HashColumn>(mapper_), text);
  if (length_ > 0 && hash.size() > static_cast<size_t>(length_))
    hash.resize(static_cast<size_t>(length_));
  return hash;
}

std::string ValueMapping::Applied(std::string_view json) const {
  JsonReader reader;
  const auto value = reader.Parse(json);
  if (!value.ok() || !value->is_string()) return std::string(json);
  if (!bytes_) {
    std::string out;
    AppendJsonString(out, Mapped(value->text()));
    return out;
  }
  Buffer out;
  out.push_back('"');
  AppendBase64(out, Mapped(DecodeBase64(value->text())));
  out.push_back('"');
  return std::string(out.view());
}

void ValueMapping::Apply(Buffer& out, size_t from) const {
  const std::string mapped = Applied(out.view(from));
  out.Truncate(from);
  out.append(mapped);
}

std::optional<std::string> ValueMapping::OfNull() const {
  if (!std::holds_alternative<MaskColumn>(mapper_)) return std::nullopt;
  std::string out;
  AppendJsonString(out, Mapped({}));
  return out;
}

}  // namespace walrelay::envelope
