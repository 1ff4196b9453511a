#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace walrelay::log {
namespace {

spdlog::level::level_enum SpdlogLevel(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

constexpr std::string_view kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %v";

spdlog::logger& Logger() {
  // Owned by the process: the one place where threads meet to write.
  static spdlog::logger logger = [] {
    spdlog::logger made("walrelay", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made.set_pattern(std::string(kTextPattern), spdlog::pattern_time_type::utc);
    return made;
  }();
  return logger;
}

std::string JsonEscaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
  }
  return out;
}

bool json_form = false;  // Set once by Configure(), before any thread starts.

}  // namespace

absl::Status Configure(std::string_view level, std::string_view format) {
  if (level == "debug") {
    Logger().set_level(spdlog::level::debug);
  } else if (level == "info") {
    Logger().set_level(spdlog::level::info);
  } else if (level == "warn") {
    Logger().set_level(spdlog::level::warn);
  } else if (level == "error") {
    Logger().set_level(spdlog::level::err);
  } else if (level == "off") {  // For simulations, not for users.
    Logger().set_level(spdlog::level::off);
  } else {
    return absl::InvalidArgumentError(Cat("log level '", level, "' is not one of debug, info, warn, error"));
  }
  if (format == "json") {
    Logger().set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%v"})",
                         spdlog::pattern_time_type::utc);
    json_form = true;
  } else if (format != "text") {
    return absl::InvalidArgumentError(Cat("log format '", format, "' is not one of text, json"));
  }
  return absl::OkStatus();
}

void Write(Level level, std::string_view message) {
  spdlog::logger& logger = Logger();
  if (!logger.should_log(SpdlogLevel(level))) return;
  if (json_form) {
    logger.log(SpdlogLevel(level), spdlog::string_view_t(JsonEscaped(message)));
  } else {
    logger.log(SpdlogLevel(level), spdlog::string_view_t(message.data(), message.size()));
  }
}

}  // namespace walrelay::log
