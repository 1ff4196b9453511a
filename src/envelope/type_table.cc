#include "envelope/type_table.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "base/json.h"
#include "base/json_escape.h"
#include "base/status.h"
#include "envelope/binary_text.h"
#include "envelope/container_codecs.h"
#include "envelope/java_text.h"
#include "envelope/scalar_codecs.h"
#include "envelope/time_codecs.h"

namespace walrelay::envelope {
namespace {

// Whose type it is: PostgreSQL's own, or an extension's in whatever schema.
enum class Origin { kBuiltin, kExtension };

// What an array of the type has as items.
enum class ArrayRule {
  kOptional,  // Optional items.
  kRequired,  // Debezium forgot `optional`: one NULL makes the whole value fail.
  kNoNulls,   // Optional items, but its converter trips over NULL.
  kNoSchema,  // The array is left out, with include.unknown.datatypes too.
  kScalar,    // The schema is that of one element, so that no array ever fits.
};

// What stands for an array that was not sent.
enum class ArrayToast { kNone, kText, kTextFrom36, kInts, kBytes, kUuid };

struct TypeRule {
  std::string_view name;
  Origin origin;
  std::string_view schema_type;
  std::string_view schema_name;  // Version 1; empty: none.
  Encode encode;
  std::string_view fallback;  // JSON.
  // What depends on options, precision or version; null: as it stands.
  void (*customize)(Codec& codec, int32_t typmod, const TypeContext& context, bool in_array);
  DefaultRule default_rule;
  ArrayRule array;
  ArrayToast array_toast;
  bool hashable;  // A character type to JDBC.
};

std::string JsonText(std::string_view text) {
  std::string json;
  AppendJsonString(json, text);
  return json;
}

std::string Base64Json(std::string_view bytes) {
  Buffer out;
  out.push_back('"');
  AppendBase64(out, bytes);
  out.push_back('"');
  return std::string(out.view());
}

std::string Encoded(const Codec& codec, std::string_view text) {
  Buffer out;
  codec.encode(codec, text, out);
  return std::string(out.view());
}

bool Is25(const TypeContext& context) { return context.options.compat == Compat::k2_5_0; }

// ---- numbers

void Numeric(Codec& codec, int32_t typmod, const TypeContext& context, bool in_array) {
  codec.decimal_numeric = context.decimal_numeric;
  codec.scale = NumericScale(typmod);
  switch (context.options.decimal) {
    case DecimalMode::kDouble:
      codec.schema = PlainSchema("double");
      codec.encode = in_array ? EncodeFiniteDecimalDouble : EncodeDecimalDouble;
      codec.fallback = "0.0";
      return;
    case DecimalMode::kString:
      codec.schema = PlainSchema("string");
      codec.encode = in_array ? EncodeFiniteDecimalText : EncodeDecimalText;
      codec.fallback = Encoded(codec, "0");
      return;
    case DecimalMode::kPrecise:
      break;
  }
  if (typmod == -1) {
    codec.schema = NamedSchema("struct", "io.debezium.data.VariableScaleDecimal");
    codec.schema.doc = "Variable scaled decimal";
    codec.schema.fields = {{"scale", PlainSchema("int32")}, {"value", PlainSchema("bytes")}};
    codec.encode = EncodeVariableDecimal;
  } else {
    codec.schema = NamedSchema("bytes", "org.apache.kafka.connect.data.Decimal");
    codec.schema.parameters = {
        {"scale", std::to_string(codec.scale)},
        {"connect.decimal.precision", std::to_string(NumericPrecision(typmod))}};
    codec.encode = EncodeDecimal;
  }
  codec.fallback = Encoded(codec, "0");
}

void Money(Codec& codec, int32_t, const TypeContext& context, bool) {
  // JDBC reads money as a double in 2.5, and its fallback is a BigDecimal, which fits no other
  // schema than Decimal.
  const bool via_double = Is25(context) && context.snapshot;
  codec.decimal_numeric = context.decimal_numeric;
  codec.scale = context.options.money_fraction_digits;
  switch (context.options.decimal) {
    case DecimalMode::kPrecise:
      codec.schema = NamedSchema("bytes", "org.apache.kafka.connect.data.Decimal");
      codec.schema.parameters = {{"scale", std::to_string(codec.scale)}};
      codec.encode = via_double ? EncodeMoneyViaDouble : EncodeMoney;
      codec.fallback = Encoded(codec, "0");
      return;
    case DecimalMode::kDouble:
      codec.schema = PlainSchema("double");
      codec.encode = EncodeMoneyDouble;
      if (!Is25(context)) codec.fallback = "0.0";
      return;
    case DecimalMode::kString:
      codec.schema = PlainSchema("string");
      codec.encode = via_double ? EncodeMoneyTextViaDouble : EncodeMoneyText;
      if (!Is25(context)) {
        const auto digits = static_cast<size_t>(codec.scale);
        codec.fallback = digits == 0 ? "\"0\"" : "\"0." + std::string(digits, '0') + "\"";
      }
      return;
  }
}

// ---- bytes and bits

// bytea and unknown types share binary.handling.mode; the encoders differ.
struct BinaryEncoders {
  Encode base64;
  Encode url_safe;
  Encode hex;
};
constexpr BinaryEncoders kBytea = {EncodeByteaBase64, EncodeByteaUrlSafe, EncodeByteaHex};
constexpr BinaryEncoders kRaw = {EncodeRawBase64, EncodeRawUrlSafe, EncodeRawHex};
constexpr BinaryEncoders kGeometric = {EncodeGeometricBase64, EncodeGeometricUrlSafe,
                                       EncodeGeometricHex};

Codec BinaryCodec(const BinaryEncoders& encoders, const TypeContext& context) {
  Codec codec;
  const std::string& placeholder = context.options.unavailable_placeholder;
  codec.fallback = "\"\"";
  switch (context.options.binary) {
    case BinaryMode::kBytes:
      codec.schema = PlainSchema("bytes");
      codec.encode = encoders.base64;
      codec.byte_buffer = true;
      codec.toast = Base64Json(placeholder);
      break;
    case BinaryMode::kBase64:
      codec.schema = PlainSchema("string");
      codec.encode = encoders.base64;
      break;
    case BinaryMode::kBase64UrlSafe:
      codec.schema = PlainSchema("string");
      codec.encode = encoders.url_safe;
      break;
    case BinaryMode::kHex:
      codec.schema = PlainSchema("string");
      codec.encode = encoders.hex;
      if (!Is25(context)) codec.toast = JsonText(placeholder);
      break;
  }
  return codec;
}

void Bytea(Codec& codec, int32_t, const TypeContext& context, bool) {
  codec = BinaryCodec(kBytea, context);
}

void BitsOfLength(Codec& codec, int32_t length) {
  codec.schema = NamedSchema("bytes", "io.debezium.data.Bits");
  codec.schema.parameters = {{"length", std::to_string(length)}};
  codec.encode = EncodeBits;
  codec.fallback = "\"\"";
}

void Bit(Codec& codec, int32_t typmod, const TypeContext&, bool) {
  if (typmod > 1) BitsOfLength(codec, typmod);
}

void Varbit(Codec& codec, int32_t typmod, const TypeContext& context, bool) {
  if (typmod != 1)
    return BitsOfLength(codec, typmod == -1 ? std::numeric_limits<int32_t>::max() : typmod);
  // JDBC gives a PGobject, which 2.5 cannot make a boolean of.
  if (Is25(context) && context.snapshot) codec.encode = EncodeNothing;
}

// ---- text

void Hstore(Codec& codec, int32_t, const TypeContext& context, bool) {
  const std::string placeholder = JsonText(context.options.unavailable_placeholder);
  codec.toast.reset();
  if (context.options.hstore == HstoreMode::kMap) {
    codec.schema = PlainSchema("map");
    codec.schema.items = {PlainSchema("string"), PlainSchema("string").AsOptional()};
    codec.encode = EncodeHstoreMap;
    codec.fallback = "{}";
    codec.toast = Cat("{", placeholder, ":", placeholder, "}");
  } else if (!Is25(context)) {
    Buffer object;
    object.append("{");
    for (const char* mark : {":", "}"}) {
      object.push_back('"');
      AppendJsonEscaped(object, context.options.unavailable_placeholder, false);
      object.push_back('"');
      object.append(mark);
    }
    codec.toast = JsonText(object.view());
  }
}

// ---- dates and times

void Date(Codec& codec, int32_t, const TypeContext& context, bool in_array) {
  if (context.snapshot || in_array) codec.calendar = Calendar::kSqlDate;
  switch (context.options.time) {
    case TimeMode::kAdaptive:
    case TimeMode::kAdaptiveTimeMicroseconds:
    case TimeMode::kMicroseconds:
    case TimeMode::kNanoseconds:
      return;
    case TimeMode::kConnect:
      codec.schema = NamedSchema("int32", "org.apache.kafka.connect.data.Date");
      return;
    case TimeMode::kIsoString:
      codec.schema = NamedSchema("string", "io.debezium.time.IsoDate");
      codec.encode = EncodeIsoDate;
      codec.fallback = "\"1970-01-01Z\"";
      return;
  }
}

enum class TimeUnit { kMillis, kMicros, kNanos, kConnect, kIso };

TimeUnit UnitOf(TimeMode mode, int32_t scale, bool is_time) {
  switch (mode) {
    case TimeMode::kAdaptive:
      return scale <= 3 ? TimeUnit::kMillis : TimeUnit::kMicros;
    case TimeMode::kAdaptiveTimeMicroseconds:
      return scale <= 3 && !is_time ? TimeUnit::kMillis : TimeUnit::kMicros;
    case TimeMode::kConnect:
      return TimeUnit::kConnect;
    case TimeMode::kMicroseconds:
      return TimeUnit::kMicros;
    case TimeMode::kNanoseconds:
      return TimeUnit::kNanos;
    case TimeMode::kIsoString:
      return TimeUnit::kIso;
  }
  return TimeUnit::kMicros;
}

void Time(Codec& codec, int32_t typmod, const TypeContext& context, bool in_array) {
  const TimeUnit unit = UnitOf(context.options.time, TimeScale(typmod), true);
  switch (unit) {
    case TimeUnit::kMillis:
    case TimeUnit::kConnect:
      codec.schema =
          NamedSchema("int32", unit == TimeUnit::kMillis ? "io.debezium.time.Time"
                                                         : "org.apache.kafka.connect.data.Time");
      codec.encode = in_array ? EncodeArrayTimeMillis : EncodeTimeMillis;
      break;
    case TimeUnit::kMicros:
      codec.schema = NamedSchema("int64", "io.debezium.time.MicroTime");
      codec.encode = in_array ? EncodeArrayTimeMicros : EncodeTimeMicros;
      break;
    case TimeUnit::kNanos:
      codec.schema = NamedSchema("int64", "io.debezium.time.NanoTime");
      codec.encode = in_array ? EncodeArrayTimeNanos : EncodeTimeNanos;
      break;
    case TimeUnit::kIso:
      codec.schema = NamedSchema("string", "io.debezium.time.IsoTime");
      codec.encode = in_array ? EncodeArrayIsoTime : EncodeIsoTime;
      codec.fallback = "\"00:00:00Z\"";
      break;
  }
  // 2.5 says MicroTime for every time[], whatever its converter makes of the elements.
  if (in_array && Is25(context) && unit != TimeUnit::kMicros) {
    codec.schema = NamedSchema("int64", "io.debezium.time.MicroTime");
    codec.encode = EncodeNothing;
  }
}

Calendar TimestampCalendar(const TypeContext& context, bool in_array) {
  const bool sql = in_array || (context.snapshot && Is25(context));
  return sql ? Calendar::kSqlTimestamp : Calendar::kGregorian;
}

void Timestamp(Codec& codec, int32_t typmod, const TypeContext& context, bool in_array) {
  codec.calendar = TimestampCalendar(context, in_array);
  switch (UnitOf(context.options.time, TimeScale(typmod), false)) {
    case TimeUnit::kMillis:
      codec.schema = NamedSchema("int64", "io.debezium.time.Timestamp");
      codec.encode = EncodeTimestampMillis;
      return;
    case TimeUnit::kConnect:
      codec.schema = NamedSchema("int64", "org.apache.kafka.connect.data.Timestamp");
      codec.encode = EncodeTimestampMillis;
      return;
    case TimeUnit::kMicros:
      codec.schema = NamedSchema("int64", "io.debezium.time.MicroTimestamp");
      codec.encode = EncodeTimestampMicros;
      return;
    case TimeUnit::kNanos:
      codec.schema = NamedSchema("int64", "io.debezium.time.NanoTimestamp");
      codec.encode = in_array ? EncodeArrayTimestampNanos : EncodeTimestampNanos;
      codec.fallback.reset();  // Its converter passes null on, so that a required column fails.
      return;
    case TimeUnit::kIso:
      codec.schema = NamedSchema("string", "io.debezium.time.IsoTimestamp");
      codec.encode = EncodeIsoTimestamp;
      codec.fallback = "\"1970-01-01T00:00:00Z\"";
      return;
  }
}

void TimestampWithZone(Codec& codec, int32_t typmod, const TypeContext& context, bool in_array) {
  codec.scale = TimeScale(typmod);
  codec.calendar = in_array ? Calendar::kSqlDate : TimestampCalendar(context, in_array);
  if (in_array) codec.encode = EncodeArrayTimestampWithZone;
}

void TimeWithZone(Codec& codec, int32_t, const TypeContext&, bool in_array) {
  if (in_array) codec.encode = EncodeArrayTimeWithZone;
}

void Interval(Codec& codec, int32_t, const TypeContext& context, bool) {
  if (context.options.interval == IntervalMode::kNumeric) return;
  codec.schema = NamedSchema("string", "io.debezium.time.Interval");
  codec.encode = EncodeIntervalText;
  codec.fallback = "\"P0Y0M0DT0H0M0S\"";
}

// ---- geometry and vectors

void Point(Codec& codec, int32_t, const TypeContext&, bool) {
  codec.schema.doc = "Geometry (POINT)";
  codec.schema.fields = {{"x", PlainSchema("double")},
                         {"y", PlainSchema("double")},
                         {"wkb", PlainSchema("bytes").AsOptional()},
                         {"srid", PlainSchema("int32").AsOptional()}};
  codec.fallback = Encoded(codec, "(0,0)");
}

void PostGis(Codec& codec, std::string_view doc) {
  codec.schema.doc = doc;
  codec.schema.fields = {{"wkb", PlainSchema("bytes")},
                         {"srid", PlainSchema("int32").AsOptional()}};
  codec.fallback = Encoded(codec, "010700000000000000");  // GEOMETRYCOLLECTION EMPTY
}
void Geometry(Codec& codec, int32_t, const TypeContext&, bool) {
  PostGis(codec, "Geometry");
  codec.optional_always = true;  // Geography is not.
}
void Geography(Codec& codec, int32_t, const TypeContext&, bool) { PostGis(codec, "Geography"); }

void DoubleVector(Codec& codec, int32_t, const TypeContext&, bool) {
  codec.schema.items = {PlainSchema("double")};
}
void FloatVector(Codec& codec, int32_t, const TypeContext&, bool) {
  codec.schema.items = {PlainSchema("float")};
}

void SparseVector(Codec& codec, int32_t, const TypeContext&, bool) {
  ConnectSchema map = PlainSchema("map");
  map.items = {PlainSchema("int16"), PlainSchema("double")};
  codec.schema.doc = "Sparse double vector";
  codec.schema.fields = {{"dimensions", PlainSchema("int16")}, {"vector", map}};
  codec.fallback.reset();
}

// ---- the table

using enum Origin;
using D = DefaultRule;
using A = ArrayRule;
using T = ArrayToast;

constexpr std::string_view kJson = "io.debezium.data.Json";

// clang-format off
constexpr TypeRule kRules[] = {
  // name         origin      schema     logical name                      encode                  fallback  customize          default                array         array TOAST     char
  {"bool",        kBuiltin,   "boolean", "",                               EncodeBool,             "false",  nullptr,           D::kBool,              A::kOptional, T::kNone,       false},
  {"int2",        kBuiltin,   "int16",   "",                               EncodeInteger,          "0",      nullptr,           D::kInt2,              A::kOptional, T::kNone,       false},
  {"int4",        kBuiltin,   "int32",   "",                               EncodeInteger,          "0",      nullptr,           D::kInt4,              A::kOptional, T::kInts,       false},
  {"int8",        kBuiltin,   "int64",   "",                               EncodeInteger,          "0",      nullptr,           D::kInt8,              A::kOptional, T::kInts,       false},
  {"oid",         kBuiltin,   "int64",   "",                               EncodeInteger,          "0",      nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"float4",      kBuiltin,   "float",   "",                               EncodeFloat,            "0.0",    nullptr,           D::kFloat,             A::kOptional, T::kNone,       false},
  {"float8",      kBuiltin,   "double",  "",                               EncodeDouble,           "0.0",    nullptr,           D::kFloat,             A::kOptional, T::kNone,       false},
  {"numeric",     kBuiltin,   "",        "",                               nullptr,                "",       Numeric,           D::kNumeric,           A::kOptional, T::kNone,       false},
  {"money",       kBuiltin,   "",        "",                               nullptr,                "",       Money,             D::kNone,              A::kNoSchema, T::kNone,       false},
  {"text",        kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kText,              A::kOptional, T::kText,       true},
  {"varchar",     kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kText,              A::kOptional, T::kText,       true},
  {"bpchar",      kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kText,              A::kOptional, T::kTextFrom36, true},
  {"char",        kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       true},
  {"name",        kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kNoSchema, T::kNone,       true},
  {"citext",      kExtension, "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"isbn",        kExtension, "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kRequired, T::kNone,       false},
  {"ltree",       kExtension, "string",  "io.debezium.data.Ltree",         EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kNoNulls,  T::kNone,       false},
  {"hstore",      kExtension, "string",  kJson,                            EncodeHstoreJson,       "\"{}\"", Hstore,            D::kNone,              A::kOptional, T::kNone,       false},
  {"bytea",       kBuiltin,   "",        "",                               nullptr,                "",       Bytea,             D::kNone,              A::kOptional, T::kBytes,      false},
  {"bit",         kBuiltin,   "boolean", "",                               EncodeBit,              "false",  Bit,               D::kBit,               A::kScalar,   T::kNone,       false},
  {"varbit",      kBuiltin,   "boolean", "",                               EncodeBit,              "false",  Varbit,            D::kVarbit,            A::kNoSchema, T::kNone,       false},
  {"uuid",        kBuiltin,   "string",  "io.debezium.data.Uuid",          EncodeText,             "\"\"",   nullptr,           D::kUuid,              A::kOptional, T::kUuid,       false},
  {"json",        kBuiltin,   "string",  kJson,                            EncodeText,             "\"\"",   nullptr,           D::kJson,              A::kOptional, T::kText,       false},
  {"jsonb",       kBuiltin,   "string",  kJson,                            EncodeText,             "\"\"",   nullptr,           D::kJson,              A::kOptional, T::kText,       false},
  {"xml",         kBuiltin,   "string",  "io.debezium.data.Xml",           EncodeText,             "\"\"",   nullptr,           D::kText,              A::kNoSchema, T::kNone,       false},
  {"inet",        kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"cidr",        kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"macaddr",     kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"macaddr8",    kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"int4range",   kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"int8range",   kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"numrange",    kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"tsrange",     kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"tstzrange",   kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"daterange",   kBuiltin,   "string",  "",                               EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kOptional, T::kNone,       false},
  {"date",        kBuiltin,   "int32",   "io.debezium.time.Date",          EncodeDate,             "0",      Date,              D::kDate,              A::kOptional, T::kInts,       false},
  {"time",        kBuiltin,   "",        "",                               nullptr,                "0",      Time,              D::kTime,              A::kOptional, T::kNone,       false},
  {"timetz",      kBuiltin,   "string",  "io.debezium.time.ZonedTime",     EncodeTimeWithZone,     "\"00:00:00Z\"", TimeWithZone, D::kNone,            A::kOptional, T::kNone,       false},
  {"timestamp",   kBuiltin,   "",        "",                               nullptr,                "0",      Timestamp,         D::kTimestamp,         A::kOptional, T::kNone,       false},
  {"timestamptz", kBuiltin,   "string",  "io.debezium.time.ZonedTimestamp", EncodeTimestampWithZone, "\"1970-01-01T00:00:00Z\"", TimestampWithZone, D::kTimestampWithZone, A::kOptional, T::kNone, false},
  {"interval",    kBuiltin,   "int64",   "io.debezium.time.MicroDuration", EncodeIntervalMicros,   "0",      Interval,          D::kInterval,          A::kNoSchema, T::kNone,       false},
  {"point",       kBuiltin,   "struct",  "io.debezium.data.geometry.Point", EncodePoint,           "",       Point,             D::kNone,              A::kNoSchema, T::kNone,       false},
  {"geometry",    kExtension, "struct",  "io.debezium.data.geometry.Geometry", EncodeGeometry,     "",       Geometry,          D::kNone,              A::kOptional, T::kNone,       false},
  {"geography",   kExtension, "struct",  "io.debezium.data.geometry.Geography", EncodeGeometry,    "",       Geography,         D::kNone,              A::kOptional, T::kNone,       false},
};

// Known since 3.x only.
constexpr TypeRule kRulesFrom3[] = {
  {"tsvector",    kBuiltin,   "string",  "io.debezium.data.Tsvector",      EncodeText,             "\"\"",   nullptr,           D::kNone,              A::kRequired, T::kNone,       false},
  {"vector",      kExtension, "array",   "io.debezium.data.DoubleVector",  EncodeDoubleVector,     "[]",     DoubleVector,      D::kNone,              A::kRequired, T::kNone,       false},
  {"halfvec",     kExtension, "array",   "io.debezium.data.FloatVector",   EncodeFloatVector,      "[]",     FloatVector,       D::kNone,              A::kRequired, T::kNone,       false},
  {"sparsevec",   kExtension, "struct",  "io.debezium.data.SparseDoubleVector", EncodeSparseVector, "",      SparseVector,      D::kNone,              A::kRequired, T::kNone,       false},
};
// clang-format on

constexpr std::string_view kGeometricTypes[] = {"box", "circle", "line", "lseg", "path", "polygon"};

const TypeRule* FindRule(const CatalogType& type, Compat compat) {
  const auto matches = [&](const TypeRule& rule) {
    return rule.name == type.name && (rule.origin == kExtension) == !IsBuiltin(type);
  };
  if (type.kind != 'b' && type.kind != 'r') return nullptr;
  if (const auto* found = std::find_if(std::begin(kRules), std::end(kRules), matches);
      found != std::end(kRules)) {
    return found;
  }
  if (compat == Compat::k2_5_0) return nullptr;
  const auto* found = std::find_if(std::begin(kRulesFrom3), std::end(kRulesFrom3), matches);
  return found == std::end(kRulesFrom3) ? nullptr : found;
}

Codec CodecOf(const TypeRule& rule, int32_t typmod, const TypeContext& context, bool in_array) {
  Codec codec;
  codec.schema = rule.schema_name.empty() ? PlainSchema(rule.schema_type)
                                          : NamedSchema(rule.schema_type, rule.schema_name);
  codec.encode = rule.encode;
  if (!rule.fallback.empty()) codec.fallback = rule.fallback;
  codec.hashable = rule.hashable;
  if (rule.customize != nullptr) rule.customize(codec, typmod, context, in_array);
  // Debezium puts its placeholder text into whatever schema the column has: only a string takes it.
  const bool own_rule = rule.name == "bytea" || rule.name == "hstore";
  if (!own_rule && codec.schema.type == "string")
    codec.toast = JsonText(context.options.unavailable_placeholder);
  return codec;
}

ConnectSchema EnumSchema(const CatalogType& type, Compat compat) {
  const auto& labels = compat == Compat::k2_5_0 ? type.enum_labels_physical : type.enum_labels;
  std::string allowed;
  for (const std::string& label : labels) {
    if (&label != &labels.front()) allowed += ',';
    allowed += label;
  }
  ConnectSchema schema = NamedSchema("string", "io.debezium.data.Enum");
  schema.parameters = {{"allowed", allowed}};
  return schema;
}

Codec EnumCodec(const CatalogType& type, const TypeContext& context) {
  Codec codec;
  codec.schema = EnumSchema(type, context.options.compat);
  codec.encode = EncodeText;
  codec.fallback = "\"\"";
  codec.toast = JsonText(context.options.unavailable_placeholder);
  codec.hashable = true;
  return codec;
}

std::optional<std::string> ToastOfArray(ArrayToast rule, const Codec& element,
                                        const TypeContext& context) {
  const std::string& placeholder = context.options.unavailable_placeholder;
  switch (rule) {
    case ArrayToast::kNone:
      return std::nullopt;
    case ArrayToast::kTextFrom36:
      if (Is25(context)) return std::nullopt;
      [[fallthrough]];
    case ArrayToast::kText:
      return Cat("[", JsonText(placeholder), "]");
    case ArrayToast::kUuid:
      return Cat("[\"", NameUuid(placeholder), "\"]");
    case ArrayToast::kBytes:
      if (element.schema.type != "bytes") return std::nullopt;
      return Cat("[", Base64Json(placeholder), "]");
    case ArrayToast::kInts: {
      // java.lang.Integer fits neither Connect's Date nor a string.
      if (element.schema.type == "string" ||
          element.schema.name == "org.apache.kafka.connect.data.Date")
        return std::nullopt;
      std::string list = "[";
      for (const char c : placeholder) {
        if (list.size() > 1) list += ',';
        list += std::to_string(static_cast<int>(static_cast<signed char>(c)));
      }
      return list + "]";
    }
  }
  return std::nullopt;
}

Codec ArrayOf(Codec element, bool optional_items) {
  Codec codec;
  codec.schema = ArraySchema(optional_items ? element.schema.AsOptional() : element.schema);
  codec.encode = EncodeArray;
  codec.fallback = "[]";
  codec.element = std::make_shared<const Codec>(std::move(element));
  return codec;
}

// A type without a mapping: its text as bytes.
Codec UnknownCodec(const CatalogType* type, const TypeContext& context) {
  const bool geometric = type != nullptr && IsBuiltin(*type) &&
                         std::find(std::begin(kGeometricTypes), std::end(kGeometricTypes),
                                   type->name) != std::end(kGeometricTypes);
  return BinaryCodec(geometric ? kGeometric : kRaw, context);
}

std::optional<Codec> MakeArrayCodec(const CatalogType& element_type, int32_t typmod,
                                    const TypeContext& context) {
  if (element_type.kind == 'e') return ArrayOf(EnumCodec(element_type, context), false);

  const TypeRule* const rule = FindRule(element_type, context.options.compat);
  if (rule == nullptr) {
    if (!context.options.include_unknown || element_type.name == "refcursor") return std::nullopt;
    Codec element = UnknownCodec(&element_type, context);
    if (element_type.kind == 'd') element.encode = EncodeNothing;
    return ArrayOf(std::move(element), false);
  }
  if (rule->array == ArrayRule::kNoSchema) return std::nullopt;

  Codec element = CodecOf(*rule, typmod, context, true);
  if (rule->array == ArrayRule::kScalar) {
    element.encode = EncodeNothing;
    element.fallback.reset();
    element.toast.reset();
    return element;
  }
  const auto toast = ToastOfArray(rule->array_toast, element, context);
  Codec codec = ArrayOf(std::move(element), rule->array != ArrayRule::kRequired);
  if (rule->array == ArrayRule::kNoNulls) codec.encode = EncodeArrayWithoutNulls;
  codec.toast = toast;
  return codec;
}

}  // namespace

std::optional<ColumnCodec> MakeCodec(const SourceType& type, const TypeContext& context) {
  if (type.root != nullptr && type.root->kind == 'e') {
    return ColumnCodec{.codec = EnumCodec(*type.root, context),
                       .default_rule = DefaultRule::kEnum,
                       .reads_null = false};
  }
  if (type.root != nullptr) {
    if (const CatalogType* const element = ElementType(context.types, *type.root)) {
      auto codec = MakeArrayCodec(*element, type.typmod, context);
      if (!codec) return std::nullopt;
      return ColumnCodec{
          .codec = *std::move(codec), .default_rule = DefaultRule::kNone, .reads_null = false};
    }
    if (const TypeRule* const rule = FindRule(*type.root, context.options.compat)) {
      // Defaults go by the column's own type name, and a domain has another one than its root.
      const bool domain = type.declared != type.root;
      const bool unknown_to_decoder =
          rule->name == "name" && !context.snapshot && !context.options.include_unknown;
      return ColumnCodec{.codec = CodecOf(*rule, type.typmod, context, false),
                         .default_rule = domain ? DefaultRule::kNone : rule->default_rule,
                         .reads_null = unknown_to_decoder};
    }
  }
  if (!context.options.include_unknown) return std::nullopt;
  return ColumnCodec{.codec = UnknownCodec(type.root, context),
                     .default_rule = DefaultRule::kNone,
                     .reads_null = false};
}

}  // namespace walrelay::envelope
