#include "app/lossy_modes.h"

#include "app/envelope_options.h"
#include "app/filters.h"

namespace walrelay::app {

std::vector<std::string> LossyModes(const Config& config) {
  std::vector<std::string> lines;
  if (!config.lake && !config.target) return lines;
  const auto options = MakeEnvelopeOptions(config, std::make_shared<FilterHealth>());
  if (!options.ok()) return lines;  // Whoever runs the pipeline says why.
  if (options->decimal == envelope::DecimalMode::kDouble) {
    lines.emplace_back(
        "source.decimal.handling.mode = double: numeric and money columns arrive in lake and "
        "target with the 15 to 17 digits of a double; precise and string keep them all");
  }
  if (options->time == envelope::TimeMode::kConnect) {
    lines.emplace_back(
        "source.time.precision.mode = connect: time and timestamp columns arrive in lake and "
        "target without their microseconds; adaptive keeps them");
  }
  if (options->money_fraction_digits < 2 && options->decimal != envelope::DecimalMode::kString) {
    lines.push_back(Cat("source.money.fraction.digits = ", options->money_fraction_digits,
                        ": money columns arrive in lake and target rounded to as many digits"));
  }
  return lines;
}

}  // namespace walrelay::app
