#include "apply/verify/comparison_form.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kX = kFormColumn;

template <size_t N>
bool IsOneOf(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}
bool IsNumber(const ComparedSide& side) {
  return IsOneOf<6>(side.type.name, {"int2", "int4", "int8", "numeric", "money", "oid"});
}
bool IsFloat(const ComparedSide& side) {
  return side.type.name == "float4" || side.type.name == "float8";
}
bool IsText(const ComparedSide& side) {
  return side.kind == 'e' || IsOneOf<4>(side.type.name, {"text", "varchar", "bpchar", "citext"});
}
bool IsJson(const ComparedSide& side) {
  return side.type.name == "json" || side.type.name == "jsonb";
}
bool IsBits(const ComparedSide& side) {
  return side.type.name == "bit" || side.type.name == "varbit";
}

std::string Text(std::string_view x) { return Cat(x, "::text"); }

// Digits without zeros at the end of a fraction. trim_scale() is not in servers before 13.
std::string Trimmed(std::string_view number) {
  return Cat("CASE WHEN ", number, "::text LIKE '%.%' THEN rtrim(rtrim(", number,
             "::text, '0'), '.') ELSE ", number, "::text END");
}

std::string Number(std::string_view x, const FormatLosses& losses) {
  const std::string number = Cat("(", x, ")::numeric");
  if (losses.decimals_are_double) {
    return Cat("CASE WHEN ", number, "::text NOT IN ('NaN', 'Infinity', '-Infinity') THEN ", number,
               "::float8::text END");
  }
  if (!losses.decimals_are_precise) return Trimmed(number);
  return Cat("CASE WHEN ", number, "::text NOT IN ('NaN', 'Infinity', '-Infinity') THEN ",
             Trimmed(number), " END");
}

// Java's calendar is another one before October 1582, and some paths lose the era.
std::string Date(std::string_view x, bool milliseconds) {
  const std::string cut =
      milliseconds ? Cat("date_trunc('milliseconds', ", x, ")") : std::string(x);
  return Cat("CASE WHEN isfinite(", x, ") AND ", x, " < '1582-11-01' THEN 'before 1582-11' ELSE ",
             Text(cut), " END");
}

std::string Time(std::string_view x, const FormatLosses& losses) {
  std::string text = losses.times_are_milliseconds
                         ? Cat("date_trunc('milliseconds', ", x, "::interval)::text")
                         : Text(x);
  return losses.times_are_iso ? Cat("replace(", text, ", '24:00:00', '00:00:00')") : text;
}

std::string Interval(std::string_view x, const FormatLosses& losses) {
  if (!losses.intervals_are_numbers) return Text(x);
  const auto part = [&](std::string_view name, std::string_view factor) {
    return Cat("extract(", name, " FROM ", x, ")::numeric * ", factor);
  };
  // Milliseconds: Java counts the microseconds in a double.
  return Cat("greatest(least(round(", part("year", "31557600000"), " + ",
             part("month", "2629800000"), " + ", part("day", "86400000"), " + ",
             part("hour", "3600000"), " + ", part("minute", "60000"), " + ", part("second", "1000"),
             "), 9223372036854775), -9223372036854775)::text");
}

std::string Scalar(std::string_view x, const ComparedSide& side, const ComparedSide& other,
                   const FormatLosses& losses) {
  const std::string_view name = side.type.name;
  if (IsFloat(side) && IsFloat(other)) {
    return name == other.type.name ? Text(x) : Cat(x, "::float4::text");
  }
  if ((IsNumber(side) || IsFloat(side)) && (IsFloat(side) || IsFloat(other))) {
    return Cat("CASE WHEN ", x, "::text NOT IN ('NaN', 'Infinity', '-Infinity') THEN ", x,
               name == "money" ? "::numeric" : "", "::float8::text END");
  }
  if (IsNumber(side)) return Number(x, losses);
  if (name == "bool") return Cat(x, "::int4::text");
  if (name == "bit" && other.type.name == "bool") return Text(x);
  if (name == "varbit" || (IsBits(side) && other.type.name == "varbit")) {
    return Cat("nullif(ltrim(", x, "::text, '0'), '')");
  }
  if (name == "date") return Date(x, false);
  if (name == "timestamp" || name == "timestamptz") {
    return Date(x, losses.times_are_milliseconds && name == "timestamp");
  }
  if (name == "time") return Time(x, losses);
  if (name == "timetz") return Cat("(", x, " AT TIME ZONE 'UTC')::time::text");
  if (name == "interval") return Interval(x, losses);
  if (IsText(side)) {
    const bool padded = name == "bpchar" || other.type.name == "bpchar";
    return padded ? Cat("rtrim(", x, "::text)") : Text(x);
  }
  if (IsJson(side)) return name == other.type.name ? Text(x) : Cat(x, "::jsonb::text");
  if (name == "hstore" && IsJson(other)) return Cat(x, "::jsonb::text");
  if (name == "vector" || name == "halfvec") return Text(x);
  if (name == "bytea") return Cat("encode(", x, ", 'hex')");
  if ((name == "inet" || name == "cidr") && IsText(other)) {
    return Cat("CASE WHEN ", x, " IS NOT NULL THEN format('%s', ", x, ") END");
  }
  return Text(x);
}

// Each element by itself where a form is more than the text; else the whole, without its bounds.
std::string Array(std::string_view x, const ComparedSide& side, const ComparedSide& other,
                  FormatLosses losses) {
  const std::string_view name = side.type.name;
  std::string element;
  if (name == "numeric" || IsNumber(other) != IsNumber(side) || IsFloat(other) != IsFloat(side)) {
    element = Scalar("u", side, other, losses);
  } else if (name == "date" || name == "timestamp" || name == "timestamptz") {
    element = Date("u", losses.times_are_milliseconds && name == "timestamp");
  } else if (name == "time") {
    element = "replace(date_trunc('milliseconds', u::interval)::text, '24:00:00', '00:00:00')";
  } else if (name == "timetz") {
    element = "date_trunc('second', (u AT TIME ZONE 'UTC')::time::interval)::text";
  }
  if (element.empty()) return Cat("regexp_replace(", x, "::text, '^\\[[^=]*=', '')");
  const std::string list =
      Cat("CASE WHEN ", x, " IS NOT NULL THEN ARRAY(SELECT ", element, " FROM unnest(", x,
          ") WITH ORDINALITY AS o (u, i) ORDER BY i)::text END");
  if (name != "numeric" || !losses.decimals_are_precise) return list;
  return Cat("CASE WHEN ", x, "::text !~ 'NaN|Infinity' THEN ", list, " END");
}

bool IsLossy(const ColumnPair& pair, const FormatLosses& losses) {
  const std::string_view name = pair.source.type.name;
  if (name == "numeric" || name == "money") {
    return losses.decimals_are_precise || losses.decimals_are_double;
  }
  if (name == "time" && (losses.times_are_milliseconds || pair.source.type.is_array)) return true;
  if (name == "interval") return losses.intervals_are_numbers;
  return IsOneOf<5>(name, {"varbit", "date", "timestamp", "timestamptz", "timetz"}) ||
         (IsNumber(pair.source) && IsFloat(pair.copy));
}

std::string WhyNot(const ColumnPair& pair, const FormatLosses& losses) {
  const ComparedSide& source = pair.source;
  const ComparedSide& copy = pair.copy;
  const std::string_view name = source.type.name;
  if (name == "name" && !source.type.is_array) return "values of type name are not published";
  if (pair.is_domain && source.kind == 'e')
    return "values of a domain over an enum are not published";
  if (source.type.is_array) {
    if (source.kind == 'e')
      return "arrays of an enum are published as NULL when an element is NULL";
    if (name == "bit") return "arrays of bit are published as NULL";
    if (name == "time" && losses.time_arrays_are_null && source.type.typmod >= 0 &&
        source.type.typmod <= 3) {
      return "arrays of time are published as NULL";
    }
    if (!copy.type.is_array && !IsText(copy)) return Cat("its copy is of type ", copy.type.sql);
    return "";
  }
  if (copy.type.is_array) {
    const bool vector = (name == "vector" || name == "halfvec") && IsFloat(copy);
    return vector ? "" : Cat("its copy is of type ", copy.type.sql);
  }
  if (name == copy.type.name || IsText(copy) || (IsText(source) && copy.kind == 'e')) return "";
  const bool numbers = (IsNumber(source) || IsFloat(source)) && (IsNumber(copy) || IsFloat(copy));
  const bool bits = (IsBits(source) && IsBits(copy)) || (name == "bit" && copy.type.name == "bool");
  const bool json = (IsJson(source) || name == "hstore") && IsJson(copy);
  if (numbers || bits || json) return "";
  if (IsText(source)) return "";  // A wider idea of the same text: uuid, citext, …
  return Cat("its copy is of type ", copy.type.sql);
}

// What Debezium makes of a default (FORMAT.md §5.2), as the text of a literal; nullopt: no default,
// or one that is not told from its text.
std::optional<std::string> PublishedDefault(const ColumnPair& pair) {
  const std::string& text = pair.source_default;
  const std::string_view name = pair.source.type.name;
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
  };
  size_t at = text.starts_with('(') ? 1 : 0;
  const size_t begin = at;
  while (at < text.size() && is_word(text[at])) ++at;
  std::string word = text.substr(0, at);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool is_call = at > begin && at < text.size() && text[at] == '(';
  if (is_call ||
      (at == text.size() && IsOneOf<5>(word, {"current_timestamp", "current_time", "current_date",
                                              "localtime", "localtimestamp"}))) {
    if (IsNumber(pair.source) || IsFloat(pair.source) || name == "interval") return "0";
    if (name == "bool") return "f";
    if (IsJson(pair.source)) return "{}";
    if (name == "uuid") return "00000000-0000-0000-0000-000000000000";
    if (name == "time") return "00:00:00";
    if (name == "date" || name == "timestamp" || name == "timestamptz") return "1970-01-01";
    if (IsText(pair.source)) return "";
    return std::nullopt;
  }
  if (const size_t quote = text.find('\''); quote != std::string::npos) {
    const size_t end = text.find('\'', quote + 1);
    if (quote != 0 || end == std::string::npos) return std::nullopt;
    if (end + 1 < text.size() && text[end + 1] != ':') return std::nullopt;  // 'it''s'
    return text.substr(1, end - 1);
  }
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789.-") == text.npos;
  return is_number || text == "true" || text == "false" ? std::optional(text) : std::nullopt;
}

std::string Quoted(std::string_view text) {
  std::string quoted = text.find('\\') == text.npos ? "'" : "E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted.push_back(c);
    quoted.push_back(c);
  }
  return quoted + "'";
}

}  // namespace

ComparisonForm FormOf(const ColumnPair& pair, const FormatLosses& losses) {
  ComparisonForm form;
  form.why_not = WhyNot(pair, losses);
  if (!form.why_not.empty()) return form;
  form.is_lossy = IsLossy(pair, losses);
  std::string source(kX), copy(kX);
  if (losses.null_is_default && pair.may_be_null && !pair.source_default.empty() &&
      !pair.source.type.is_array && !pair.is_domain) {
    if (const auto published = PublishedDefault(pair)) {
      source = Cat("coalesce(", kX, ", ", Quoted(*published), "::", pair.source.type.sql, ")");
      copy = Cat("coalesce(", kX, ", ", Quoted(*published), "::", pair.copy.type.sql, ")");
      form.is_lossy = true;
    }
  }
  const std::string_view name = pair.source.type.name;
  if (pair.source.type.is_array) {
    form.source =
        pair.copy.type.is_array ? Array(source, pair.source, pair.copy, losses) : Text(source);
    form.copy = pair.copy.type.is_array ? Array(copy, pair.copy, pair.source, losses) : Text(copy);
  } else if (pair.copy.type.is_array) {  // A vector.
    form.source = Cat(source, "::", pair.copy.type.sql, "::text");
    form.copy = Text(copy);
  } else if (name == "bytea" && IsText(pair.copy)) {
    const bool hex = losses.binary == FormatLosses::Binary::kHex;
    form.source = Cat("encode(", source, hex ? ", 'hex')" : ", 'base64')");
    if (!hex) form.source = Cat("replace(", form.source, ", E'\\n', '')");
    if (losses.binary == FormatLosses::Binary::kBase64UrlSafe) {
      form.source = Cat("translate(", form.source, ", '+/', '-_')");
    }
    form.copy = Text(copy);
  } else {
    form.source = Scalar(source, pair.source, pair.copy, losses);
    form.copy = Scalar(copy, pair.copy, pair.source, losses);
  }
  return form;
}

std::string FormSql(std::string_view form, std::string_view column) {
  std::string sql;
  for (size_t at = 0;;) {
    const size_t found = form.find(kFormColumn, at);
    sql.append(form.substr(at, found - at));
    if (found == std::string_view::npos) return sql;
    sql.append(column);
    at = found + kFormColumn.size();
  }
}

}  // namespace walrelay::apply
