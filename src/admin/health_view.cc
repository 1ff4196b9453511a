#include "admin/health_view.h"

#include <cstdio>
#include <ctime>

namespace walrelay::admin {
namespace {

std::optional<double> StageLag(const StageStatus& stage, const MetricsView& metrics, WallTime now) {
  if (stage.name == kCaptureStage) {
    if (metrics.capture) return LagSeconds(*metrics.capture, now);
    return std::nullopt;
  }
  const auto sink = FindSink(metrics, stage.name);
  return sink ? std::optional(LagSeconds(*sink, now)) : std::nullopt;
}

void WriteStage(JsonWriter& out, const StageStatus& stage, const MetricsView& metrics,
                WallTime now) {
  out.BeginObject();
  out.Key("name").String(stage.name);
  out.Key("state").String(ToString(stage.state));
  out.Key("detail").String(stage.detail);
  out.Key("since").String(IsoTime(stage.since));
  if (stage.next_try) out.Key("next_try").String(IsoTime(*stage.next_try));
  if (const auto lag = StageLag(stage, metrics, now)) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.3f", *lag);
    out.Key("lag_seconds").Raw(text);
  }
  out.EndObject();
}

}  // namespace

std::string IsoTime(WallTime time) {
  const int64_t millis = UnixNanos(time) / 1'000'000;
  const std::time_t seconds = millis / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char date[24];
  std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
  char text[32];
  std::snprintf(text, sizeof(text), "%s.%03dZ", date, static_cast<int>(millis % 1000));
  return text;
}

void WriteHealth(JsonWriter& out, const PipelineView& pipeline, const Health& health,
                 const std::vector<StageStatus>& stages, const MetricsView& metrics, WallTime now) {
  out.BeginObject();
  out.Key("status").String(ToString(health.verdict));
  out.Key("message").String(health.message);
  out.Key("pipeline").String(pipeline.name);
  out.Key("version").String(pipeline.version);
  if (metrics.capture) {
    if (const auto bytes = LagBytes(metrics.capture->counters)) out.Key("lag_bytes").Int(*bytes);
  }
  out.Key("stages").BeginArray();
  for (const StageStatus& stage : stages) WriteStage(out, stage, metrics, now);
  out.EndArray().EndObject();
}

}  // namespace walrelay::admin
