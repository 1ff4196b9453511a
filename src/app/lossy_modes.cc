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
  if (options->time == envelope::TimeMode::kNanoseconds) {
    lines.emplace_back(
        "source.time.precision.mode = nanoseconds: timestamps before 1677-09-22 and after "
        "2262-04-11 arrive in lake and target as NULL; microseconds keeps them");
  }
  if (options->time == envelope::TimeMode::kIsoString) {
    lines.emplace_back(
        "source.time.precision.mode = isostring: times of 24:00:00 arrive in lake and target as "
        "00:00:00; microseconds keeps them");
  }
  if (options->interval == envelope::IntervalMode::kNumeric) {
    lines.emplace_back(
        "source.interval.handling.mode = numeric (Debezium's default): interval columns arrive in "
        "lake and target as a length, in which a month has 30.4375 days; string keeps months, days "
        "and hours apart");
  }
  if (options->include_unknown && options->binary != envelope::BinaryMode::kBytes) {
    lines.emplace_back(
        "source.include.unknown.datatypes with a binary.handling.mode other than bytes: columns of "
        "types that Debezium does not know are text that nothing tells from other text; lake and "
        "target refuse their rows, or hold that text. bytes keeps them");
  }
  if (options->unavailable_placeholder != envelope::Options().unavailable_placeholder) {
    lines.emplace_back(
        "source.unavailable.value.placeholder is not Debezium's default: records that were written "
        "with another one show it in lake and target as a value where a TOAST value was not sent");
  }
  if (options->money_fraction_digits < 2 && options->decimal != envelope::DecimalMode::kString) {
    lines.push_back(Cat("source.money.fraction.digits = ", options->money_fraction_digits,
                        ": money columns arrive in lake and target rounded to as many digits"));
  }
  return lines;
}

}  // namespace walrelay::app
