#include "admin/router.h"

#include "admin/connect_view.h"
#include "admin/health_view.h"
#include "admin/metrics_page.h"
#include "admin/target.h"
#include "base/json.h"
#include "base/status.h"

namespace walrelay::admin {
namespace {

// A 200 whose body `write` appends.
template <class Write>
Response Json(Write write) {
  Response response;
  JsonWriter out(response.body);
  write(out);
  return response;
}

Response NotFound() { return ErrorResponse(404, "HTTP 404 Not Found"); }

// Either list of the names, or an object with what was asked for of each.
Response Connectors(const Target& target, const AdminSources& from) {
  const PipelineView& pipeline = from.pipeline;
  const bool status = target.Asks("expand", "status");
  const bool info = target.Asks("expand", "info");
  return Json([&](JsonWriter& out) {
    if (!status && !info) {
      out.BeginArray().String(pipeline.name).EndArray();
      return;
    }
    out.BeginObject().Key(pipeline.name).BeginObject();
    if (status) {
      out.Key("status");
      WriteStatus(out, pipeline, TaskStateOf(from.board.Read()));
    }
    if (info) {
      out.Key("info");
      WriteInfo(out, pipeline);
    }
    out.EndObject().EndObject();
  });
}

// /connectors/NAME/tasks/TASK/status
Response TaskStatus(const Target& target, const AdminSources& from) {
  const std::string& task = target.segments[3];
  if (task != "0") {
    return ErrorResponse(404, Cat("No status found for task ", from.pipeline.name, "-", task));
  }
  return Json([&](JsonWriter& out) {
    WriteTaskStatus(out, from.pipeline, TaskStateOf(from.board.Read()));
  });
}

// /connectors/NAME[/…]
Response Connector(const Target& target, const AdminSources& from) {
  const auto& path = target.segments;
  const PipelineView& pipeline = from.pipeline;
  const std::string what = path.size() > 2 ? path[2] : "";
  if (path[1] != pipeline.name) {
    return ErrorResponse(404, what == "status" ? Cat("No status found for connector ", path[1])
                                               : Cat("Connector ", path[1], " not found"));
  }
  if (path.size() == 5 && what == "tasks" && path[4] == "status") return TaskStatus(target, from);
  if (path.size() > 3) return NotFound();

  if (what.empty()) return Json([&](JsonWriter& out) { WriteInfo(out, pipeline); });
  if (what == "config") return Json([&](JsonWriter& out) { WriteConfig(out, pipeline); });
  if (what == "tasks") return Json([&](JsonWriter& out) { WriteTasks(out, pipeline); });
  if (what == "topics") {
    return Json([&](JsonWriter& out) { WriteTopics(out, pipeline, from.board.Topics()); });
  }
  if (what == "status") {
    return Json(
        [&](JsonWriter& out) { WriteStatus(out, pipeline, TaskStateOf(from.board.Read())); });
  }
  return NotFound();
}

Response HealthPage(const AdminSources& from, WallTime now) {
  const auto stages = from.board.Read();
  const MetricsView metrics = from.metrics.Read();
  const Health health = Judge(stages, metrics, now);
  Response response =
      Json([&](JsonWriter& out) { WriteHealth(out, from.pipeline, health, stages, metrics, now); });
  if (health.verdict == Verdict::kUnhealthy) response.status = 503;
  return response;
}

// /health/live: the main loop turns, since it answers. /health/ready: all stages are at work.
Response Probe(std::string_view which, const AdminSources& from) {
  if (which != "live" && which != "ready") return NotFound();
  const bool up = which == "live" || Ready(from.board.Read());
  Response response = Json([&](JsonWriter& out) {
    out.BeginObject().Key("status").String(up ? "UP" : "DOWN").EndObject();
  });
  if (!up) response.status = 503;
  return response;
}

Response Scrape(const AdminSources& from, WallTime now) {
  const auto prefix = from.pipeline.config.find("topic.prefix");
  const PageLabels labels = {
      .pipeline = from.pipeline.name,
      .version = from.pipeline.version,
      .topic_prefix = prefix == from.pipeline.config.end() ? "" : std::string_view(prefix->second)};
  return {
      .status = 200,
      .content_type = std::string(kMetricsContentType),
      .body = MetricsPage(from.metrics.Read(), from.board.Read(), labels, ReadProcessStats(), now)};
}

}  // namespace

Response ErrorResponse(int status, std::string_view message) {
  Response response = Json([&](JsonWriter& out) {
    out.BeginObject().Key("error_code").Int(status).Key("message").String(message).EndObject();
  });
  response.status = status;
  return response;
}

Response Respond(const Request& request, const AdminSources& from, WallTime now) {
  if (request.method != "GET" && request.method != "HEAD") {
    return ErrorResponse(405, "HTTP 405 Method Not Allowed");
  }
  const Target target = ParseTarget(request.target);
  const auto& path = target.segments;
  if (path.empty()) return Json([&](JsonWriter& out) { WriteServer(out, from.pipeline); });
  if (path[0] == "connectors") {
    return path.size() == 1 ? Connectors(target, from) : Connector(target, from);
  }
  if (path[0] == "health" && path.size() == 2) return Probe(path[1], from);
  if (path.size() > 1) return NotFound();

  if (path[0] == "connector-plugins") {
    return Json([&](JsonWriter& out) { WritePlugins(out, from.pipeline); });
  }
  if (path[0] == "health") return HealthPage(from, now);
  if (path[0] == "metrics") return Scrape(from, now);
  return NotFound();
}

}  // namespace walrelay::admin
