#include "pg/connection_options.h"

#include <algorithm>

#include "base/status.h"
#include "pg/handles.h"

namespace walrelay::pg {
namespace {

auto Find(auto& keywords, std::string_view keyword) {
  return std::find_if(keywords.begin(), keywords.end(),
                      [&](const auto& entry) { return entry.first == keyword; });
}

// libpq's message quotes pieces of the text; only the name of an unknown keyword is safe to repeat.
absl::Status NotAConnectionString(std::string_view message) {
  constexpr std::string_view kUnknown = "invalid connection option \"";
  std::string text = "not a libpq connection string (keyword=value ... or postgresql:// URI)";
  if (message.starts_with(kUnknown)) {
    const std::string_view rest = message.substr(kUnknown.size());
    text = Cat("libpq has no connection keyword \"", rest.substr(0, rest.find('"')), '"');
  }
  return absl::InvalidArgumentError(text);
}

}  // namespace

absl::StatusOr<ConnectionOptions> ConnectionOptions::Parse(const std::string& conninfo) {
  char* raw_message = nullptr;
  const ConninfoHandle parsed(PQconninfoParse(conninfo.c_str(), &raw_message));
  const MemoryHandle message(raw_message);
  if (parsed == nullptr) {
    return NotAConnectionString(message == nullptr ? std::string_view() : message.get());
  }

  ConnectionOptions options;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) options.keywords.emplace_back(option->keyword, option->val);
  }
  return options;
}

void ConnectionOptions::Set(std::string_view keyword, std::string_view value) {
  if (const auto entry = Find(keywords, keyword); entry != keywords.end()) {
    entry->second = value;
  } else {
    keywords.emplace_back(keyword, value);
  }
}

void ConnectionOptions::SetDefault(std::string_view keyword, std::string_view value) {
  if (Find(keywords, keyword) == keywords.end()) Set(keyword, value);
}

std::string_view ConnectionOptions::Get(std::string_view keyword) const {
  const auto entry = Find(keywords, keyword);
  return entry == keywords.end() ? std::string_view() : entry->second;
}

void ConnectionOptions::AddSetting(std::string_view name, std::string_view value) {
  std::string options(Get("options"));
  if (!options.empty()) options.push_back(' ');
  options += Cat("-c ", name, '=');
  for (const char c : value) {
    if (c == ' ' || c == '\\') options.push_back('\\');  // The server splits at spaces.
    options.push_back(c);
  }
  Set("options", options);
}

std::string ConnectionOptions::Describe() const {
  const auto or_default = [&](std::string_view keyword, std::string_view otherwise) {
    const std::string_view value = Get(keyword);
    return value.empty() ? otherwise : value;
  };
  return Cat(or_default("user", "(default user)"), '@', or_default("host", "(default host)"), ':',
             or_default("port", "5432"), '/', or_default("dbname", "(default database)"));
}

}  // namespace walrelay::pg
