// What shapes the bytes of an envelope: Debezium's options, as values.
//
// Regular expressions stay with the configuration: filters and column mappers arrive as functions,
// asked once per relation version and column, never per event. An Options does not change once an
// Encoder has it. Source: FORMAT.md; OPTIONS.md §1.4–1.6.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "envelope/name_adjustment.h"
#include "envelope/transforms/options.h"

namespace walrelay::envelope {

// Which Debezium release is reproduced.
enum class Compat { k2_5_0, k3_6_1 };

// "2.5.0.Final", "3.6.1.Final".
std::string_view VersionText(Compat compat);
std::optional<Compat> ParseCompat(std::string_view text);

enum class DecimalMode { kPrecise, kDouble, kString };
enum class TimeMode {
  kAdaptive,
  kAdaptiveTimeMicroseconds,
  kConnect,
  kMicroseconds,  // From here on: 3.1 and later only.
  kNanoseconds,
  kIsoString,
};
enum class BinaryMode { kBytes, kBase64, kBase64UrlSafe, kHex };
enum class IntervalMode { kNumeric, kString };
enum class HstoreMode { kJson, kMap };
// event.converting.failure.handling.mode: what happens to a value that cannot be converted.
enum class ConversionFailure { kWarn, kFail, kSkip };

// The values of the options as Debezium spells them, without regard to case; nullopt for anything
// else.
std::optional<DecimalMode> ParseDecimalMode(std::string_view text);
std::optional<TimeMode> ParseTimeMode(std::string_view text);
std::optional<BinaryMode> ParseBinaryMode(std::string_view text);
std::optional<IntervalMode> ParseIntervalMode(std::string_view text);
std::optional<HstoreMode> ParseHstoreMode(std::string_view text);
std::optional<NameAdjustment> ParseNameAdjustment(std::string_view text);
std::optional<ConversionFailure> ParseConversionFailure(std::string_view text);

// unavailable.value.placeholder: the text, or the bytes of "hex:…". nullopt when the hex digits are
// not.
std::optional<std::string> ParsePlaceholder(std::string_view text);

// Column mappers. Only the first that matches a column applies, in the order: truncate, mask,
// column.propagate, datatype.propagate, hash, hash.v2 (FORMAT.md §9).
struct TruncateColumn {
  size_t chars = 0;  // column.truncate.to.N.chars
};
struct MaskColumn {
  size_t chars = 0;  // column.mask.with.N.chars
};
struct PropagateSourceType {};  // column.propagate.source.type, datatype.propagate.source.type
struct HashColumn {             // column.mask.hash[.v2].ALGORITHM.with.salt.SALT
  std::string algorithm;        // As Java names it: "SHA-256", "MD5".
  std::string salt;
  bool v2 = false;
};
using ColumnMapper = std::variant<TruncateColumn, MaskColumn, PropagateSourceType, HashColumn>;

struct SkippedOperations {
  bool create = false;
  bool update = false;
  bool remove = false;
  bool truncate = true;
};

struct Options {
  Compat compat = Compat::k2_5_0;
  std::string topic_prefix;
  std::string database;  // database.dbname
  std::string topic_delimiter = ".";

  DecimalMode decimal = DecimalMode::kPrecise;
  TimeMode time = TimeMode::kAdaptive;
  BinaryMode binary = BinaryMode::kBytes;
  IntervalMode interval = IntervalMode::kNumeric;
  HstoreMode hstore = HstoreMode::kJson;
  int money_fraction_digits = 2;
  std::string unavailable_placeholder = "__debezium_unavailable_value";  // After ParsePlaceholder.
  bool include_unknown = false;  // include.unknown.datatypes
  ConversionFailure conversion_failure = ConversionFailure::kWarn;
  NameAdjustment schema_name_adjustment = NameAdjustment::kNone;
  NameAdjustment field_name_adjustment = NameAdjustment::kNone;

  // Converters.
  bool key_schemas = true;     // key.converter.schemas.enable
  bool value_schemas = true;   // value.converter.schemas.enable
  bool string_keys = false;    // key.converter is StringConverter
  bool json_headers = false;   // header.converter is JsonConverter instead of SimpleHeaderConverter
  bool header_schemas = true;  // header.converter.schemas.enable
  bool key_null_as_default = true;     // key.converter.replace.null.with.default
  bool value_null_as_default = true;   // value.converter.replace.null.with.default
  bool key_decimal_numeric = false;    // key.converter.decimal.format=NUMERIC
  bool value_decimal_numeric = false;  // value.converter.decimal.format=NUMERIC

  // What is sent.
  bool tombstones_on_delete = true;
  SkippedOperations skipped;
  bool skip_unchanged = false;  // skip.messages.without.change

  bool transaction_metadata = false;  // provide.transaction.metadata
  std::string topic_transaction = "transaction";
  std::string topic_heartbeat_prefix = "__debezium-heartbeat";
  std::optional<std::string> topic_heartbeat_name;  // 3.6: the whole name

  bool extended_headers = true;  // extended.headers.enabled; without effect in 2.5
  std::string task_id = "0";
  std::string run_id;  // A version-7 UUID per start, for the runId header

  // Single message transforms, in their order.
  std::vector<TransformStep> transforms;

  // Filters. Empty functions: everything, none.
  std::function<bool(const std::string& schema, const std::string& table,
                     const std::string& column)>
      column_included;
  // message.key.columns: for a table that matches, the names in the option's order.
  std::function<std::optional<std::vector<std::string>>(const std::string& schema,
                                                        const std::string& table)>
      message_key_columns;
  // The first mapper that matches; `type_name` is pgjdbc's name ("int4", "serial", "_text").
  std::function<std::optional<ColumnMapper>(const std::string& schema, const std::string& table,
                                            const std::string& column,
                                            const std::string& type_name)>
      column_mapper;
};

}  // namespace walrelay::envelope
