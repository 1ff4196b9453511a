// Requests to answers, without sockets: Kafka Connect's REST shapes for one pipeline, /health and
// /metrics.
//
// Read-only: GET and HEAD; everything else is 405. Errors are Connect's
// `{"error_code":404,"message":"…"}`. A pipeline is one connector with one task, whose state is
// that of its worst stage. Values of secrets are masked here, whoever filled the view. Pure but for
// /metrics, which reads /proc/self. Cannot fail: an error is a response. Source: OPTIONS.md §6.1;
// Kafka Connect, "REST API".
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "admin/metrics.h"
#include "admin/status_board.h"
#include "base/clock.h"

namespace walrelay::admin {

// What does not change while the process runs. Owned by app; outlives the server.
struct PipelineView {
  std::string name;                    // pipeline.name: the connector's name.
  std::string version;                 // Ours: "0.1.0".
  std::string commit;                  // Of our source; may be empty.
  std::string kafka_cluster_id;        // May be empty.
  std::string compat = "2.5.0.Final";  // The connector version that /connector-plugins shows.
  std::string worker_id;               // "127.0.0.1:8083".
  std::map<std::string, std::string> config;  // The connector's options, secrets masked or not.
  std::vector<std::string> topics;  // Known from the start; StatusBoard::AddTopic() adds to them.
};

struct Request {
  std::string_view method;  // "GET"
  std::string_view target;  // "/connectors?expand=status", still percent-encoded.
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

struct AdminSources {
  const PipelineView& pipeline;
  const StatusBoard& board;
  const Metrics& metrics;
};

Response Respond(const Request& request, const AdminSources& sources, WallTime now);

// Connect's error body.
Response ErrorResponse(int status, std::string_view message);

}  // namespace walrelay::admin
