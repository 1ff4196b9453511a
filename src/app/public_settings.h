// The configuration as it may be shown: on the status pages, by `config check`, in messages.
// Secrets are "********".
#pragma once

#include <string>
#include <string_view>

#include "app/config.h"
#include "app/option_table.h"

namespace walrelay::app {

// Whether this setting's value holds something that must not be shown.
bool HoldsSecret(Section section, std::string_view key, const std::string& value);

// The [source] options as Connect's REST interface shows a connector's configuration: with `name`
// and `connector.class`.
Settings PublicConnectorConfig(const Config& config);

// Every setting that was given or is in force, as "section.key" to value.
Settings PublicSettings(const Config& config);

}  // namespace walrelay::app
