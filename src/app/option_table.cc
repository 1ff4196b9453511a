#include "app/option_table.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "app/option_lists.h"
#include "base/check.h"

namespace walrelay::app {
namespace {

constexpr std::array kSections = {Section::kPipeline, Section::kSource, Section::kKafka,
                                  Section::kLake,     Section::kTarget, Section::kAdmin,
                                  Section::kLog};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::vector<std::string_view> SplitBar(std::string_view values) {
  std::vector<std::string_view> parts;
  while (!values.empty()) {
    const size_t bar = values.find('|');
    parts.push_back(values.substr(0, bar));
    values.remove_prefix(bar == std::string_view::npos ? values.size() : bar + 1);
  }
  return parts;
}

bool OneOf(std::string_view value, std::string_view values) {
  const std::string lower = Lower(value);
  return std::ranges::any_of(SplitBar(values),
                             [&](std::string_view known) { return Lower(known) == lower; });
}

std::string Listed(std::string_view values) {
  std::string text;
  for (const std::string_view value : SplitBar(values))
    text += Cat(text.empty() ? "" : ", ", value);
  return text;
}

std::optional<int64_t> ParseNumber(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<bool> ParseBool(std::string_view text) {
  const std::string lower = Lower(text);
  if (lower == "true") return true;
  if (lower == "false") return false;
  return std::nullopt;
}

// "1..65535" as its two ends.
std::pair<int64_t, int64_t> Range(std::string_view values) {
  std::pair<int64_t, int64_t> range = {std::numeric_limits<int64_t>::min(),
                                       std::numeric_limits<int64_t>::max()};
  const size_t dots = values.find("..");
  if (dots == std::string_view::npos) return range;
  if (const auto least = ParseNumber(values.substr(0, dots))) range.first = *least;
  if (const auto most = ParseNumber(values.substr(dots + 2))) range.second = *most;
  return range;
}

std::string RangeText(std::string_view values) {
  const auto [least, most] = Range(values);
  std::string text = "a whole number";
  if (least != std::numeric_limits<int64_t>::min()) text += Cat(" from ", least);
  if (most != std::numeric_limits<int64_t>::max()) text += Cat(" to ", most);
  return text;
}

absl::Status WrongValue(const Option& option, std::string_view name, std::string_view value,
                        std::string_view expected) {
  if (option.kind == ValueKind::kSecret)
    return absl::InvalidArgumentError(Cat(name, " must be ", expected));
  return absl::InvalidArgumentError(Cat(name, " = '", value, "' must be ", expected));
}

absl::Status CheckKind(const Option& option, std::string_view name, std::string_view value) {
  switch (option.kind) {
    case ValueKind::kText:
    case ValueKind::kSecret:
    case ValueKind::kRegexList:
      return absl::OkStatus();
    case ValueKind::kBool:
      if (ParseBool(value)) return absl::OkStatus();
      return WrongValue(option, name, value, "true or false");
    case ValueKind::kNumber:
    case ValueKind::kMillis: {
      const auto number = ParseNumber(value);
      const auto [least, most] = Range(option.values);
      if (number && *number >= least && *number <= most) return absl::OkStatus();
      const std::string_view unit = option.kind == ValueKind::kMillis ? " (milliseconds)" : "";
      return WrongValue(option, name, value, Cat(RangeText(option.values), unit));
    }
    case ValueKind::kEnum:
      if (OneOf(value, option.values)) return absl::OkStatus();
      if (OneOf(value, option.not_built)) {
        return absl::InvalidArgumentError(Cat(name, " = '", value, "' cannot be honoured (",
                                              option.note,
                                              "); choose one of: ", Listed(option.values)));
      }
      return WrongValue(option, name, value, Cat("one of: ", Listed(option.values)));
  }
  return absl::OkStatus();
}

// Insertions, deletions, replacements and swaps of neighbours that lead from one name to the other.
size_t EditDistance(std::string_view left, std::string_view right) {
  std::vector<size_t> before_last(right.size() + 1);
  std::vector<size_t> last(right.size() + 1);
  std::vector<size_t> row(right.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= left.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= right.size(); ++j) {
      const size_t replace = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      const bool swapped =
          i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[right.size()];
}

}  // namespace

std::string_view SectionName(Section section) {
  switch (section) {
    case Section::kPipeline:
      return "pipeline";
    case Section::kSource:
      return "source";
    case Section::kKafka:
      return "kafka";
    case Section::kLake:
      return "lake";
    case Section::kTarget:
      return "target";
    case Section::kAdmin:
      return "admin";
    case Section::kLog:
      return "log";
  }
  return "";
}

std::span<const Section> AllSections() { return kSections; }

std::optional<Section> ParseSection(std::string_view name) {
  for (const Section section : kSections) {
    if (SectionName(section) == name) return section;
  }
  return std::nullopt;
}

std::span<const Option> AllOptions() {
  static const std::vector<Option> all = [] {
    std::vector<Option> made;
    for (const auto& lists : {SourceOptions(), ConnectOptions(), OwnOptions()}) {
      for (const auto& list : lists) made.insert(made.end(), list.begin(), list.end());
    }
    return made;
  }();
  return all;
}

std::optional<std::vector<std::string>> MatchPattern(std::string_view pattern,
                                                     std::string_view name) {
  std::vector<std::string> parts;
  while (true) {
    const size_t open = pattern.find('<');
    if (open == std::string_view::npos) {
      return name == pattern ? std::optional(std::move(parts)) : std::nullopt;
    }
    if (!name.starts_with(pattern.substr(0, open))) return std::nullopt;
    name.remove_prefix(open);
    const size_t close = pattern.find('>', open);
    CHECK(close != std::string_view::npos);
    pattern.remove_prefix(close + 1);
    const size_t next = pattern.find('<');
    const std::string_view literal = pattern.substr(0, next);
    // The last wildcard reaches to where the rest is the end of the name, an inner one to the next
    // literal.
    size_t end = std::string_view::npos;
    if (next != std::string_view::npos) {
      end = name.find(literal, 1);
    } else if (name.size() > literal.size() && name.ends_with(literal)) {
      end = name.size() - literal.size();
    }
    if (end == std::string_view::npos || end == 0) return std::nullopt;
    parts.emplace_back(name.substr(0, end));
    name.remove_prefix(end);
  }
}

const Option* FindOption(Section section, std::string_view name) {
  const auto options = AllOptions();
  const auto exact = std::ranges::find_if(options, [&](const Option& option) {
    return option.section == section && option.name == name;
  });
  if (exact != options.end()) return &*exact;
  for (const Option& option : options) {
    if (option.section != section || option.name.find('<') == std::string_view::npos) continue;
    if (MatchPattern(option.name, name)) return &option;
  }
  return nullptr;
}

std::string NearestName(std::string_view name, std::span<const std::string_view> known) {
  const std::string lower = Lower(name);
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    const size_t distance = EditDistance(lower, Lower(candidate));
    if (distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return std::string(best);
}

std::string NearestOption(Section section, std::string_view name) {
  std::vector<std::string_view> known;
  for (const Option& option : AllOptions()) {
    if (option.section == section) known.push_back(option.name);
  }
  return NearestName(name, known);
}

absl::Status CheckValue(const Option& option, std::string_view name, std::string_view value) {
  if (option.treatment == Treatment::kRefused) {
    return absl::InvalidArgumentError(Cat(name, " cannot be honoured: ", option.note));
  }
  RETURN_IF_ERROR(CheckKind(option, name, value));
  if (option.treatment == Treatment::kDefaultOnly &&
      CanonicalValue(option, value) != CanonicalValue(option, option.default_value)) {
    return absl::InvalidArgumentError(Cat(name, " = '", value, "' cannot be honoured (only '",
                                          option.default_value, "'): ", option.note));
  }
  return absl::OkStatus();
}

std::string CanonicalValue(const Option& option, std::string_view value) {
  const bool ignores_case = option.kind == ValueKind::kBool || option.kind == ValueKind::kEnum;
  return ignores_case ? Lower(value) : std::string(value);
}

std::string PublicOptionName(Section section, std::string_view name) {
  constexpr std::string_view kSalt = ".with.salt.";
  const Option* option = FindOption(section, name);
  if (option == nullptr || !option->name.ends_with("<salt>")) return std::string(name);
  return Cat(name.substr(0, name.find(kSalt)), kSalt, "********");
}

std::optional<std::string> OptionReader::Given(std::string_view name) const {
  const auto found = settings_.find(std::string(name));
  if (found == settings_.end()) return std::nullopt;
  return found->second;
}

std::string OptionReader::Text(std::string_view name) const {
  const Option* option = FindOption(section_, name);
  CHECK(option != nullptr && option->treatment == Treatment::kHonoured);
  return Given(name).value_or(std::string(option->default_value));
}

std::string OptionReader::Enum(std::string_view name) const { return Lower(Text(name)); }

bool OptionReader::Bool(std::string_view name) const {
  const auto value = ParseBool(Text(name));
  CHECK(value.has_value());
  return *value;
}

int64_t OptionReader::Number(std::string_view name) const {
  const auto value = ParseNumber(Text(name));
  CHECK(value.has_value());
  return *value;
}

std::chrono::milliseconds OptionReader::Millis(std::string_view name) const {
  return std::chrono::milliseconds(Number(name));
}

}  // namespace walrelay::app
