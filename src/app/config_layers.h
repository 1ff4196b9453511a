// The layers that a configuration is put together from, each as a list of what it gives.
//
// Pure: text in, settings out. Names are checked here (a layer knows the place of a mistake),
// values later. Source: DESIGN.md §7; TOML 1.0; OPTIONS.md §1.10 (environment names as Debezium
// Server's).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/option_table.h"
#include "base/status.h"

namespace walrelay::app {

// One value that a layer gives.
struct Given {
  Section section = Section::kSource;
  std::string key;
  std::string value;
  std::string where;  // For messages: "walrelay.toml:12".
};

struct Layer {
  std::vector<Section> sections;  // That the layer names, even where it gives nothing in them.
  std::vector<Given> given;
};

// The pipeline of the document that walrelay comes with: servers on this machine, ports 5433, 5434,
// 5435, 9092, 8083.
Layer BuiltInLayer();

// A TOML file. Bare dotted keys, quoted keys and tables mean the same; an array is a list separated
// by commas.
absl::StatusOr<Layer> TomlLayer(std::string_view text, std::string_view file_name);

// WALRELAY_<SECTION>_<KEY>: upper case, everything but letters and digits as '_'. Other variables
// are left alone. A name that fits several options of one section means the one that `below` gives,
// else it is an error.
absl::StatusOr<Layer> EnvironmentLayer(std::span<const std::string> environment,
                                       const Layer& below);

// "section.key=value" of --set.
absl::StatusOr<Layer> SetLayer(std::span<const std::string> sets);

// OK when the section has such a key; else InvalidArgument with place and nearest name.
absl::Status CheckName(Section section, std::string_view key, std::string_view where);

}  // namespace walrelay::app
