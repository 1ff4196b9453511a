#include "admin/mask.h"

#include <algorithm>
#include <array>

namespace walrelay::admin {
namespace {

// Parts of option names whose values are secrets: Debezium's, librdkafka's and libpq's.
constexpr std::array<std::string_view, 9> kSecretNames = {
    "password", "passwd", "secret", "token", "credential", "jaas", "key.pem", "apikey", "api.key"};

// Words in values that are followed by one, after an equals sign.
constexpr std::array<std::string_view, 3> kSecretWords = {"password", "passwd", "secret"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

// A whole value that only says where the secret lies.
bool IsReference(std::string_view value) {
  return value.starts_with("${") && value.find('}') == value.size() - 1;
}

// scheme://user:password@host
bool HasUserInfo(std::string_view value) {
  const size_t scheme = value.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view rest = value.substr(scheme + 3);
  return rest.find(':') < rest.rfind('@') && rest.find('@') != std::string_view::npos;
}

// "password = …": a column list that only contains the word is no secret.
bool Assigns(std::string_view value, std::string_view word) {
  for (size_t at = value.find(word); at != std::string_view::npos; at = value.find(word, at + 1)) {
    const size_t next = value.find_first_not_of(" \t", at + word.size());
    if (next != std::string_view::npos && value[next] == '=') return true;
  }
  return false;
}

}  // namespace

std::string MaskedValue(std::string_view key, std::string_view value) {
  if (value.empty() || IsReference(value)) return std::string(value);
  const std::string name = Lower(key);
  const std::string text = Lower(value);
  const bool secret =
      std::ranges::any_of(kSecretNames, [&](auto part) { return name.find(part) != name.npos; }) ||
      std::ranges::any_of(kSecretWords, [&](auto word) { return Assigns(text, word); }) ||
      HasUserInfo(value);
  return std::string(secret ? kMask : value);
}

}  // namespace walrelay::admin
