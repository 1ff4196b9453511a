#include "app/interpolate.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

namespace walrelay::app {
namespace {

constexpr std::string_view kKnownProviders =
    "only the providers file, env and directory are built (write $${ for a literal ${)";
constexpr size_t kMaxFileBytes = 16 * 1024 * 1024;

template <auto Function>
struct Releaser {
  template <class T>
  void operator()(T* handle) const {
    Function(handle);
  }
};
using File = std::unique_ptr<FILE, Releaser<std::fclose>>;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

void AppendUtf8(std::string& out, uint32_t unit) {
  if (unit < 0x80) {
    out.push_back(static_cast<char>(unit));
  } else if (unit < 0x800) {
    out.push_back(static_cast<char>(0xC0 | unit >> 6));
    out.push_back(static_cast<char>(0x80 | (unit & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xE0 | unit >> 12));
    out.push_back(static_cast<char>(0x80 | (unit >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (unit & 0x3F)));
  }
}

// One character of a properties file after its backslash, at `i`.
void AppendEscaped(std::string& out, std::string_view line, size_t& i) {
  const char c = line[i];
  uint32_t unit = 0;
  if (c == 'u' && i + 4 < line.size() &&
      std::from_chars(line.data() + i + 1, line.data() + i + 5, unit, 16).ptr ==
          line.data() + i + 5) {
    i += 4;
    AppendUtf8(out, unit);
    return;
  }
  out.push_back(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'f' ? '\f' : c);
}

// A line with its continuation lines: one that ends in an odd number of backslashes goes on. `i`
// moves past it.
std::string LogicalLine(std::string_view text, size_t& i) {
  std::string joined;
  while (i < text.size()) {
    const size_t end = std::min(text.find('\n', i), text.size());
    std::string_view line = text.substr(i, end - i);
    i = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (!line.empty() && IsBlank(line.front())) line.remove_prefix(1);
    const bool comment =
        joined.empty() && !line.empty() && (line.front() == '#' || line.front() == '!');
    if (comment) return {};
    size_t slashes = 0;
    while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
    if (slashes % 2 == 0) return joined.append(line);
    joined.append(line.substr(0, line.size() - 1));
  }
  return joined;
}

absl::Status BadReference(std::string_view reference, std::string_view why) {
  return absl::InvalidArgumentError(Cat(reference, ": ", why));
}

absl::StatusOr<std::string> FromFile(std::string_view reference, std::string_view rest) {
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return BadReference(reference, "must be ${file:path:key}");
  auto text = ReadTextFile(std::string(rest.substr(0, colon)));
  if (!text.ok()) return BadReference(reference, Message(text.status()));
  const auto properties = ParseProperties(*text);
  const auto found = properties.find(std::string(rest.substr(colon + 1)));
  if (found == properties.end()) return BadReference(reference, "the file has no such key");
  return found->second;
}

absl::StatusOr<std::string> FromDirectory(std::string_view reference, std::string_view rest) {
  const size_t colon = rest.rfind(':');
  const std::string_view name = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
  if (name.empty() || name.find('/') != std::string_view::npos) {
    return BadReference(reference, "must be ${directory:dir:file}");
  }
  auto text = ReadTextFile(Cat(rest.substr(0, colon), "/", name));
  if (!text.ok()) return BadReference(reference, Message(text.status()));
  // Editors end a file with a line feed; no secret does.
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  return text;
}

absl::StatusOr<std::string> FromEnvironment(std::string_view reference, std::string_view name,
                                            std::span<const std::string> environment) {
  for (const std::string& entry : environment) {
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name)) {
      return entry.substr(name.size() + 1);
    }
  }
  return BadReference(reference, "the environment has no such variable");
}

bool IsProviderName(std::string_view name) {
  return !name.empty() && name.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                              std::string_view::npos;
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error) return absl::InvalidArgumentError(Cat("cannot read ", path, ": ", error.message()));
  if (std::filesystem::is_directory(status))
    return absl::InvalidArgumentError(Cat(path, " is a directory"));
  const File file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) {
    return absl::InvalidArgumentError(
        Cat("cannot read ", path, ": ", std::generic_category().message(errno)));
  }
  std::string text;
  char buffer[8192];
  while (const size_t got = std::fread(buffer, 1, sizeof(buffer), file.get())) {
    text.append(buffer, got);
    if (text.size() > kMaxFileBytes)
      return absl::InvalidArgumentError(Cat(path, " is larger than 16 MiB"));
  }
  if (std::ferror(file.get()) != 0) return absl::InvalidArgumentError(Cat("cannot read ", path));
  return text;
}

std::map<std::string, std::string> ParseProperties(std::string_view text) {
  std::map<std::string, std::string> properties;
  for (size_t at = 0; at < text.size();) {
    const std::string line = LogicalLine(text, at);
    if (line.empty()) continue;
    std::string key;
    size_t i = 0;
    for (; i < line.size() && line[i] != '=' && line[i] != ':' && !IsBlank(line[i]); ++i) {
      if (line[i] == '\\' && i + 1 < line.size()) {
        AppendEscaped(key, line, ++i);
      } else {
        key.push_back(line[i]);
      }
    }
    while (i < line.size() && IsBlank(line[i])) ++i;
    if (i < line.size() && (line[i] == '=' || line[i] == ':')) ++i;
    while (i < line.size() && IsBlank(line[i])) ++i;
    std::string value;
    for (; i < line.size(); ++i) {
      if (line[i] == '\\' && i + 1 < line.size()) {
        AppendEscaped(value, line, ++i);
      } else {
        value.push_back(line[i]);
      }
    }
    properties[key] = value;
  }
  return properties;
}

std::string WritePlain(std::string_view, std::string_view found) { return std::string(found); }

std::string WriteInConnection(std::string_view before, std::string_view found) {
  if (before.empty()) return std::string(found);
  std::string written;
  if (before.starts_with("postgresql://") || before.starts_with("postgres://")) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (const char c : found) {
      const auto byte = static_cast<unsigned char>(c);
      const bool plain = IsProviderName(std::string_view(&c, 1)) || c == '.' || c == '~';
      written += plain ? std::string(1, c) : std::string{'%', kHex[byte >> 4], kHex[byte & 15]};
    }
    return written;
  }
  // libpq takes a backslash before any character, in quotes and outside of them. Nothing at all
  // would swallow what follows.
  if (found.empty() && !before.ends_with('\'')) return "''";
  for (const char c : found) {
    if (c == '\'' || c == '\\' || IsBlank(c) || c == '\n' || c == '\r' || c == '\v')
      written.push_back('\\');
    written.push_back(c);
  }
  return written;
}

absl::Status CheckReferences(std::string_view value) {
  for (size_t open = value.find("${"); open != std::string_view::npos;
       open = value.find("${", open + 2)) {
    if (open > 0 && value[open - 1] == '$') continue;
    const size_t close = value.find('}', open);
    if (close == std::string_view::npos) break;
    const std::string_view inside = value.substr(open + 2, close - open - 2);
    const size_t colon = inside.find(':');
    const std::string_view provider = inside.substr(0, colon);
    if (colon == std::string_view::npos || !IsProviderName(provider)) continue;
    if (provider == "file" || provider == "env" || provider == "directory") continue;
    return BadReference(value.substr(open, close - open + 1), kKnownProviders);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Interpolate(std::string_view value,
                                        std::span<const std::string> environment,
                                        ReferenceWriter write) {
  std::string out;
  while (true) {
    const size_t open = value.find("${");
    if (open == std::string_view::npos) break;
    if (open > 0 && value[open - 1] == '$') {  // $${ is an escape.
      out.append(value.substr(0, open - 1)).append("${");
      value.remove_prefix(open + 2);
      continue;
    }
    const size_t close = value.find('}', open);
    const std::string_view inside =
        close == std::string_view::npos ? "" : value.substr(open + 2, close - open - 2);
    const size_t colon = inside.find(':');
    const std::string_view provider = inside.substr(0, colon);
    if (colon == std::string_view::npos || !IsProviderName(provider)) {
      out.append(value.substr(0, open + 2));
      value.remove_prefix(open + 2);
      continue;
    }
    const std::string_view reference = value.substr(open, close - open + 1);
    const std::string_view rest = inside.substr(colon + 1);
    absl::StatusOr<std::string> found = provider == "file"        ? FromFile(reference, rest)
                                        : provider == "directory" ? FromDirectory(reference, rest)
                                        : provider == "env"
                                            ? FromEnvironment(reference, rest, environment)
                                            : BadReference(reference, kKnownProviders);
    if (!found.ok()) return found;
    out.append(value.substr(0, open));
    out.append(write(out, *found));
    value.remove_prefix(close + 1);
  }
  return out.append(value);
}

}  // namespace walrelay::app
