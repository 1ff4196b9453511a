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

// How a found value is written at its place: `before` is the text of the setting up to there.
using ReferenceWriter = std::string (*)(std::string_view before, std::string_view found);

// As it is.
std::string WritePlain(std::string_view before, std::string_view found);
// So that it stays one value inside a libpq connection string (or URI), whatever characters a
// password has. As it is when the setting begins with the reference: then it may be a whole
// connection string.
std::string WriteInConnection(std::string_view before, std::string_view found);

absl::StatusOr<std::string> Interpolate(std::string_view value,
                                        std::span<const std::string> environment,
                                        ReferenceWriter write = WritePlain);

// Whether every reference names a provider that is built, without resolving any. InvalidArgument
// names the first that does not.
absl::Status CheckReferences(std::string_view value);

// A Java .properties file: last value wins.
std::map<std::string, std::string> ParseProperties(std::string_view text);

// The whole content of a regular file of at most 16 MiB.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

}  // namespace walrelay::app
