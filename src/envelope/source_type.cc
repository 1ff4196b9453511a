#include "envelope/source_type.h"

#include <limits>
#include <string_view>

namespace walrelay::envelope {
namespace {

constexpr uint32_t kFirstUserOid = 16384;
constexpr int32_t kUnlimited = std::numeric_limits<int32_t>::max();
constexpr int32_t kVarHeader = 4;

const CatalogType* Find(const CatalogTypes& types, Oid oid) {
  const auto found = types.find(oid);
  return found == types.end() ? nullptr : &found->second;
}

// TypeInfoCache.getDisplaySize of times: "00:00:00", the fraction, a date of 13, a zone of 6.
int32_t TimeLength(std::string_view name, int32_t typmod) {
  int32_t fraction = typmod + 1;
  if (typmod == -1) fraction = 7;
  if (typmod == 0) fraction = 0;
  if (typmod == 1) fraction = 3;
  if (name == "time") return 8 + fraction;
  if (name == "timetz") return 8 + fraction + 6;
  if (name == "timestamp") return 13 + 1 + 8 + fraction;
  return 13 + 1 + 8 + fraction + 6;
}

bool IsTime(std::string_view name) {
  return name == "time" || name == "timetz" || name == "timestamp" || name == "timestamptz";
}

int32_t Length(std::string_view name, int32_t typmod, bool snapshot) {
  if (name == "bool" || name == "char") return 1;
  if (name == "int2") return 5;
  if (name == "int4" || name == "oid") return 10;
  if (name == "int8") return 19;
  if (name == "float4") return 8;
  if (name == "float8") return 17;
  if (name == "numeric") return typmod == -1 ? (snapshot ? 0 : 131089) : NumericPrecision(typmod);
  if (name == "bpchar" || name == "varchar") return typmod == -1 ? kUnlimited : typmod - kVarHeader;
  if (name == "bit") return typmod;
  if (name == "varbit") return typmod == -1 ? kUnlimited : typmod;
  if (name == "date") return 13;
  if (name == "interval") return 49;
  if (IsTime(name)) return TimeLength(name, typmod);
  return kUnlimited;
}

std::optional<int32_t> Scale(std::string_view name, int32_t typmod, bool snapshot) {
  if (name == "float4") return 8;
  if (name == "float8") return 17;
  if (name == "numeric") {
    if (typmod == -1 && snapshot) return std::nullopt;
    return NumericScale(typmod);
  }
  if (IsTime(name)) return TimeScale(typmod);
  if (name == "interval") return typmod == -1 ? 6 : typmod & 0xFFFF;
  return 0;
}

}  // namespace

SourceType ResolveType(const CatalogTypes& types, Oid type, int32_t typmod) {
  SourceType result;
  result.declared = Find(types, type);
  result.root = result.declared;
  result.typmod = typmod;
  // A chain of domains is finite in a catalog; the bound guards against one that is not.
  for (int depth = 0; depth < 64 && result.root != nullptr && result.root->kind == 'd'; ++depth) {
    if (result.typmod == -1) result.typmod = result.root->base_typmod;
    result.root = Find(types, result.root->base);
  }
  return result;
}

bool IsBuiltin(const CatalogType& type) { return Number(type.oid) < kFirstUserOid; }

const CatalogType* ElementType(const CatalogTypes& types, const CatalogType& type) {
  if (type.category != 'A' || type.element == Oid{0} || type.name == "int2vector" ||
      type.name == "oidvector")
    return nullptr;
  return Find(types, type.element);
}

int32_t NumericPrecision(int32_t typmod) {
  return typmod == -1 ? 0 : (typmod - kVarHeader) >> 16 & 0xFFFF;
}
int32_t NumericScale(int32_t typmod) { return typmod == -1 ? 0 : (typmod - kVarHeader) & 0xFFFF; }
int32_t TimeScale(int32_t typmod) { return typmod == -1 ? 6 : typmod; }

JdbcType DescribeType(const SourceType& type, const CatalogTypes& types, bool snapshot,
                      const std::optional<std::string>& default_expression) {
  JdbcType result;
  if (type.declared == nullptr || type.root == nullptr)
    return {.name = "unknown", .length = kUnlimited, .scale = 0};
  result.name = type.declared->name;
  const CatalogType* const element = ElementType(types, *type.root);
  const CatalogType& described = element != nullptr ? *element : *type.root;
  const std::string_view name =
      IsBuiltin(described) ? std::string_view(described.name) : std::string_view();
  result.length = Length(name, type.typmod, snapshot);
  result.scale = Scale(name, type.typmod, snapshot);
  if (snapshot && default_expression && default_expression->find("nextval(") != std::string::npos) {
    if (result.name == "int4") result.name = "serial";
    if (result.name == "int8") result.name = "bigserial";
    if (result.name == "int2") result.name = "smallserial";
  }
  return result;
}

}  // namespace walrelay::envelope
