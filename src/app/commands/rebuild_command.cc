#include "app/commands/rebuild_command.h"

#include <algorithm>
#include <chrono>

#include "app/exit_code.h"
#include "app/stage_options.h"
#include "apply/rebuild/rebuild.h"
#include "base/clock.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kLineEvery = 2s;
constexpr std::string_view kLake = "lake";

absl::Status RebuildError(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return WithExitCode(status, ExitCode::kSinkUnreachable);
    case absl::StatusCode::kDataLoss:
      return WithExitCode(status, ExitCode::kDataLoss);
    case absl::StatusCode::kInvalidArgument:
      return status;
    default:
      return WithExitCode(status, ExitCode::kSinkRefused);
  }
}

absl::StatusOr<apply::SourceTableName> ParseTable(const std::string& text) {
  const size_t dot = text.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == text.size()) {
    return absl::InvalidArgumentError(
        Cat("'", text, "' must be a table of the source, as in public.orders"));
  }
  return apply::SourceTableName{text.substr(0, dot), text.substr(dot + 1)};
}

std::string Consequence(const apply::RebuildPlan& plan) {
  if (!plan.replaces) return Cat(plan.live, " is made from them");
  return Cat(plan.live, " with its ", plan.live_rows, " rows is replaced",
             plan.kept.empty() ? "" : Cat(", and kept as ", plan.kept),
             "; a pipeline that runs waits for the last events of it, then connects anew");
}

void Describe(Console& console, const apply::RebuildPlan& plan, const std::string& table) {
  const apply::HistorySummary& history = plan.history;
  console.out << Cat(history.events, " raw events of ", table, " in ", history.partitions,
                     history.partitions == 1 ? " partition" : " partitions", "\n");
  if (history.without_schema != 0) {
    console.out << Cat(history.without_schema,
                       " of them have no schema block: their values are read by the types of the "
                       "table's columns\n");
  }
  if (history.of_others != 0) {
    console.out << Cat(history.of_others,
                       " more are of topics that this pipeline has not applied, and left out\n");
  }
  for (const std::string& hole : history.holes) console.out << Cat("missing: ", hole, "\n");
}

}  // namespace

absl::Status RebuildCommand(const Config& config, Console& console, const RebuildRequest& request) {
  if (!request.sink.empty() && request.sink != kLake) {
    return absl::InvalidArgumentError(
        Cat("the ", request.sink, " keeps no raw events: only the lake can be rebuilt"));
  }
  ASSIGN_OR_RETURN(const std::vector<SinkWorkerOptions> sinks,
                   MakeSinkOptions(config, Stages::kApply));
  apply::RebuildOptions options;
  const SinkWorkerOptions* lake = nullptr;
  for (const SinkWorkerOptions& sink : sinks) {
    if (sink.stage == kLake) lake = &sink;
  }
  if (lake == nullptr) return absl::InvalidArgumentError("[lake] is not configured");
  options.sink = lake->sink;
  ASSIGN_OR_RETURN(options.table, ParseTable(request.table));
  options.has_markers = config.pipeline.delivery == Delivery::kTransactional;
  options.partial = request.partial;
  options.keep_old = request.keep_old;

  SteadyTime next_line = std::chrono::steady_clock::now() + kLineEvery;
  int64_t expected = 0;
  options.progress = [&](int64_t events) {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now < next_line) return;
    next_line = now + kLineEvery;
    console.err << Cat(request.table, ": ", events, " of ", std::max(events, expected),
                       " events applied\n");
  };
  auto rebuild = apply::Rebuild::Open(std::move(options));
  if (!rebuild.ok()) return RebuildError(rebuild.status());
  const auto plan = (*rebuild)->Plan();
  if (!plan.ok()) return RebuildError(plan.status());
  expected = plan->history.events;
  Describe(console, *plan, request.table);
  if (expected == 0) {
    return ExitError(ExitCode::kUsage, Cat("there are no raw events of ", request.table));
  }
  if (!plan->history.holes.empty() && !request.partial) {
    return ExitError(ExitCode::kDataLoss,
                     "raw events are missing, and with them rows or changes: nothing was done. "
                     "--partial makes the mirror from what is there");
  }
  ASSIGN_OR_RETURN(const bool proceed, MayProceed(console, request.consent, Consequence(*plan)));
  if (!proceed) return absl::OkStatus();
  if (const absl::Status locked = (*rebuild)->Lock(); !locked.ok())
    return WithExitCode(locked, ExitCode::kSinkInUse);
  const auto result = (*rebuild)->Run();
  if (!result.ok()) return RebuildError(result.status());
  console.out << Cat(plan->live, ": ", result->rows, " rows from ", result->events, " events\n");
  if (result->dead_letters != 0) {
    console.out << Cat(result->dead_letters,
                       " events could not be applied: walrelay dlq list shows them\n");
  }
  if (result->lost_rows != 0)
    console.out << Cat(result->lost_rows, " rows of the old table are gone\n");
  return absl::OkStatus();
}

}  // namespace walrelay::app
