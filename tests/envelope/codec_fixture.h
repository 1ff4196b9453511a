// The codec of a type by its name, as a column of that type alone would have it, and what it makes
// of a text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "envelope/type_table.h"
#include "tests/envelope/fixture.h"

namespace walrelay::envelope {

using Adjust = void (*)(Options&);

struct Built {
  std::string schema;
  ColumnCodec column;

  std::string Value(std::string_view text) const {
    Buffer out;
    if (column.reads_null) return "reads null";
    if (!column.codec.encode(column.codec, text, out)) return "fails";
    return std::string(out.view());
  }
};

inline std::optional<Built> Build(const std::string& type, int32_t typmod = -1,
                                  Compat compat = Compat::k2_5_0, Adjust setup = nullptr,
                                  bool snapshot = false) {
  Types types;
  Options options = TestOptions(compat);
  if (setup != nullptr) setup(options);
  const Oid oid = types.Named(type);
  const TypeContext context = {
      .options = options, .types = types.all(), .snapshot = snapshot, .decimal_numeric = false};
  auto codec = MakeCodec(ResolveType(types.all(), oid, typmod), context);
  if (!codec) return std::nullopt;
  return Built{.schema = SchemaJson(codec->codec.schema), .column = *std::move(codec)};
}

inline std::string Encoded(const std::string& type, std::string_view text, int32_t typmod = -1,
                           Compat compat = Compat::k2_5_0, Adjust setup = nullptr,
                           bool snapshot = false) {
  const auto built = Build(type, typmod, compat, setup, snapshot);
  return built ? built->Value(text) : "omitted";
}

inline std::string InSnapshot(const std::string& type, std::string_view text,
                              Compat compat = Compat::k2_5_0, Adjust setup = nullptr,
                              int32_t typmod = -1) {
  return Encoded(type, text, typmod, compat, setup, true);
}

}  // namespace walrelay::envelope
