// The handling modes of [source] that keep lake and target from having the source's values, to be
// said at start. What a table's records lose for other reasons is said when the table is opened
// (apply/lossy_columns.h). Pure. Source: FORMAT.md §4.
#pragma once

#include <string>
#include <vector>

#include "app/config.h"

namespace walrelay::app {

// A line each; none without a sink.
std::vector<std::string> LossyModes(const Config& config);

}  // namespace walrelay::app
