// Kafka Connect's JSON for one connector: what its REST clients (Terraform, Strimzi, kcctl,
// watchdogs with jq) read.
//
// A pipeline is one connector with one task, 0, and both have the state of the worst stage:
//   failed → FAILED with a one-line trace; starting → UNASSIGNED; all stopped → STOPPED; else →
//   RUNNING
// Waiting is RUNNING, as in Connect, where retries are not seen; /health tells them apart. Each
// function appends one JSON value. Pure. Cannot fail. Source: OPTIONS.md §6.1; Kafka Connect, "REST
// API"; ConnectorStateInfo and ConnectorInfo of its runtime.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/router.h"
#include "admin/status_board.h"
#include "base/json.h"

namespace walrelay::admin {

struct TaskState {
  std::string_view state;  // "RUNNING"
  std::string trace;       // With FAILED only: one line.
};
TaskState TaskStateOf(const std::vector<StageStatus>& stages);

void WriteStatus(JsonWriter& out, const PipelineView& pipeline, const TaskState& state);
void WriteTaskStatus(JsonWriter& out, const PipelineView& pipeline, const TaskState& state);
void WriteInfo(JsonWriter& out, const PipelineView& pipeline);
void WriteConfig(JsonWriter& out, const PipelineView& pipeline);
void WriteTasks(JsonWriter& out, const PipelineView& pipeline);
void WriteTopics(JsonWriter& out, const PipelineView& pipeline,
                 const std::vector<std::string>& active);
void WritePlugins(JsonWriter& out, const PipelineView& pipeline);
void WriteServer(JsonWriter& out, const PipelineView& pipeline);

}  // namespace walrelay::admin
