#include "envelope/options.h"

#include <algorithm>
#include <array>
#include <utility>

namespace walrelay::envelope {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

template <class Value, size_t kSize>
std::optional<Value> Find(const std::array<std::pair<std::string_view, Value>, kSize>& values,
                          std::string_view text) {
  for (const auto& [name, value] : values) {
    if (EqualsIgnoringCase(name, text)) return value;
  }
  return std::nullopt;
}

template <class Value>
using Named = std::pair<std::string_view, Value>;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (Lower(c) >= 'a' && Lower(c) <= 'f') return Lower(c) - 'a' + 10;
  return -1;
}

}  // namespace

std::string_view VersionText(Compat compat) {
  switch (compat) {
    case Compat::k2_5_0:
      return "2.5.0.Final";
    case Compat::k3_6_1:
      return "3.6.1.Final";
  }
  return {};
}

std::optional<Compat> ParseCompat(std::string_view text) {
  for (const Compat compat : {Compat::k2_5_0, Compat::k3_6_1}) {
    if (text == VersionText(compat)) return compat;
  }
  return std::nullopt;
}

std::optional<DecimalMode> ParseDecimalMode(std::string_view text) {
  return Find(std::array{Named<DecimalMode>{"precise", DecimalMode::kPrecise},
                         Named<DecimalMode>{"double", DecimalMode::kDouble},
                         Named<DecimalMode>{"string", DecimalMode::kString}},
              text);
}

std::optional<TimeMode> ParseTimeMode(std::string_view text) {
  return Find(
      std::array{Named<TimeMode>{"adaptive", TimeMode::kAdaptive},
                 Named<TimeMode>{"adaptive_time_microseconds", TimeMode::kAdaptiveTimeMicroseconds},
                 Named<TimeMode>{"connect", TimeMode::kConnect},
                 Named<TimeMode>{"microseconds", TimeMode::kMicroseconds},
                 Named<TimeMode>{"nanoseconds", TimeMode::kNanoseconds},
                 Named<TimeMode>{"isostring", TimeMode::kIsoString}},
      text);
}

std::optional<BinaryMode> ParseBinaryMode(std::string_view text) {
  return Find(std::array{Named<BinaryMode>{"bytes", BinaryMode::kBytes},
                         Named<BinaryMode>{"base64", BinaryMode::kBase64},
                         Named<BinaryMode>{"base64-url-safe", BinaryMode::kBase64UrlSafe},
                         Named<BinaryMode>{"hex", BinaryMode::kHex}},
              text);
}

std::optional<IntervalMode> ParseIntervalMode(std::string_view text) {
  return Find(std::array{Named<IntervalMode>{"numeric", IntervalMode::kNumeric},
                         Named<IntervalMode>{"string", IntervalMode::kString}},
              text);
}

std::optional<HstoreMode> ParseHstoreMode(std::string_view text) {
  return Find(std::array{Named<HstoreMode>{"json", HstoreMode::kJson},
                         Named<HstoreMode>{"map", HstoreMode::kMap}},
              text);
}

std::optional<NameAdjustment> ParseNameAdjustment(std::string_view text) {
  return Find(std::array{Named<NameAdjustment>{"none", NameAdjustment::kNone},
                         Named<NameAdjustment>{"avro", NameAdjustment::kAvro},
                         Named<NameAdjustment>{"avro_unicode", NameAdjustment::kAvroUnicode}},
              text);
}

std::optional<ConversionFailure> ParseConversionFailure(std::string_view text) {
  return Find(std::array{Named<ConversionFailure>{"warn", ConversionFailure::kWarn},
                         Named<ConversionFailure>{"fail", ConversionFailure::kFail},
                         Named<ConversionFailure>{"skip", ConversionFailure::kSkip}},
              text);
}

std::optional<std::string> ParsePlaceholder(std::string_view text) {
  constexpr std::string_view kHex = "hex:";
  if (text.substr(0, kHex.size()) != kHex) return std::string(text);
  text.remove_prefix(kHex.size());
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

}  // namespace walrelay::envelope
