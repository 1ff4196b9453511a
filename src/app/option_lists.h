// The entries of the option table, one function a file; option_table.h is what everybody else
// includes.
#pragma once

#include <span>
#include <vector>

#include "app/option_table.h"

namespace walrelay::app {

std::vector<std::span<const Option>> SourceOptions();  // Debezium's own.
std::vector<std::span<const Option>>
ConnectOptions();  // Kafka Connect's and Debezium Server's, of [source] too.
std::vector<std::span<const Option>> OwnOptions();  // Our other sections.

}  // namespace walrelay::app
