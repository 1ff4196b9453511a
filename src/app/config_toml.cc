// TOML into a layer: nested tables back to dotted names.

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <charconv>

#include "app/config_layers.h"

namespace walrelay::app {
namespace {

class Flattener {
 public:
  Flattener(std::string_view file_name, Layer& layer) : file_name_(file_name), layer_(layer) {}

  absl::Status Add(Section section, const std::string& name, const toml::node& node) {
    if (const toml::table* table = node.as_table()) {
      for (const auto& [key, child] : *table) {
        const std::string dotted =
            name.empty() ? std::string(key.str()) : Cat(name, ".", key.str());
        RETURN_IF_ERROR(Add(section, dotted, child));
      }
      return absl::OkStatus();
    }
    const std::string where = Where(node);
    RETURN_IF_ERROR(CheckName(section, name, where));
    auto value = Text(node);
    if (!value.ok()) {
      return absl::InvalidArgumentError(
          Cat(where, ": ", SectionName(section), ".", name, " ", Message(value.status())));
    }
    for (const Given& given : layer_.given) {
      if (given.section == section && given.key == name) {
        return absl::InvalidArgumentError(Cat(where, ": ", SectionName(section), ".", name,
                                              " is also given at ", given.where, "; keep one"));
      }
    }
    layer_.given.push_back({section, name, *std::move(value), where});
    return absl::OkStatus();
  }

  std::string Where(const toml::node& node) const {
    return Cat(file_name_, ":", node.source().begin.line);
  }

 private:
  static absl::StatusOr<std::string> Text(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* flag = node.as_boolean()) return std::string(flag->get() ? "true" : "false");
    if (const auto* real = node.as_floating_point()) return Cat(real->get());
    const toml::array* list = node.as_array();
    if (list == nullptr)
      return absl::InvalidArgumentError("must be text, a number, true, false or a list of texts");
    std::string joined;
    for (const toml::node& item : *list) {
      const auto* text = item.as_string();
      if (text == nullptr) return absl::InvalidArgumentError("must be a list of texts");
      if (!joined.empty()) joined.push_back(',');
      for (const char c : text->get()) joined += c == ',' ? std::string("\\,") : std::string(1, c);
    }
    return joined;
  }

  std::string_view file_name_;
  Layer& layer_;
};

absl::Status ParseFailure(const toml::parse_error& error, std::string_view file_name) {
  const std::string_view text = error.description();
  const bool clash = text.find("redefine") != std::string_view::npos ||
                     text.find("existing") != std::string_view::npos;
  // TOML's own rule: a bare dotted key makes tables, and a table cannot also be a text.
  const std::string_view hint =
      clash ? "; TOML takes a bare dotted key for nested tables: where one name goes on where "
              "another ends, quote both, "
              "as in \"value.converter\" = … and \"value.converter.schemas.enable\" = …"
            : "";
  return absl::InvalidArgumentError(
      Cat(file_name, ":", error.source().begin.line, ": ", text, hint));
}

}  // namespace

absl::StatusOr<Layer> TomlLayer(std::string_view text, std::string_view file_name) {
  const toml::parse_result parsed = toml::parse(text, file_name);
  if (parsed.failed()) return ParseFailure(parsed.error(), file_name);

  Layer layer;
  Flattener flattener(file_name, layer);
  for (const auto& [name, node] : parsed.table()) {
    const auto section = ParseSection(name.str());
    if (!section) {
      std::vector<std::string_view> known;
      for (const Section each : AllSections()) known.push_back(SectionName(each));
      const std::string nearest = NearestName(name.str(), known);
      return absl::InvalidArgumentError(
          Cat(flattener.Where(node), ": unknown section [", name.str(), "]",
              nearest.empty()
                  ? std::string("; known are pipeline, source, kafka, lake, target, admin, log")
                  : Cat("; did you mean [", nearest, "]?")));
    }
    if (!node.is_table()) {
      return absl::InvalidArgumentError(
          Cat(flattener.Where(node), ": ", name.str(), " must be a table: [", name.str(), "]"));
    }
    layer.sections.push_back(*section);
    RETURN_IF_ERROR(flattener.Add(*section, "", node));
  }
  return layer;
}

}  // namespace walrelay::app
