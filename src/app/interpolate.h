// Replaces ${file:path:key}, ${env:VAR} and ${directory:dir:file} in option values, as Kafka
// Connect's providers do.
//
// What a reference stands for is not looked at again. `$${` is a literal `${`. Text in braces
// without a provider
// (${table}) stays. An unknown provider, a missing file, key or variable is InvalidArgument;
// messages name the reference, never the value. Reads files and the given environment only. Source:
// OPTIONS.md §1.10; Kafka Connect's FileConfigProvider, EnvVarConfigProvider,
// DirectoryConfigProvider.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace walrelay::app {

absl::StatusOr<std::string> Interpolate(std::string_view value,
                                        std::span<const std::string> environment);

// A Java .properties file: last value wins.
std::map<std::string, std::string> ParseProperties(std::string_view text);

// The whole content of a regular file of at most 16 MiB.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

}  // namespace walrelay::app
