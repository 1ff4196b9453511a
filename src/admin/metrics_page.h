// The page of /metrics: every number of the stages in Prometheus' text format, with help and type.
//
// All names begin with walrelay_, but for the process' own (process_…), which dashboards know, and
// Debezium's (debezium_metrics_…), as the usual JMX exporter rules name them, so that existing
// dashboards keep working. Units are bytes and seconds. Counters of a sink are summed over its
// workers. README.md lists the names: change both. MetricsPage is pure. Cannot fail. Source:
// Prometheus, "Metric and label naming", "Exposition formats" 0.0.4; OPTIONS.md §4.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/metrics.h"
#include "admin/process_stats.h"
#include "admin/status_board.h"
#include "base/clock.h"

namespace walrelay::admin {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

struct PageLabels {
  std::string_view pipeline;      // The connector's name.
  std::string_view version;       // Ours.
  std::string_view topic_prefix;  // What Debezium's metrics are named by.
};

std::string MetricsPage(const MetricsView& view, const std::vector<StageStatus>& stages,
                        const PageLabels& labels, const ProcessStats& process, WallTime now);

}  // namespace walrelay::admin
