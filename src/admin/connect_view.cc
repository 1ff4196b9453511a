#include "admin/connect_view.h"

#include <algorithm>
#include <map>
#include <set>

#include "admin/mask.h"
#include "base/status.h"

namespace walrelay::admin {
namespace {

constexpr std::string_view kConnectorClass = "io.debezium.connector.postgresql.PostgresConnector";

// Debezium's configuration always has these two.
std::map<std::string, std::string> FullConfig(const PipelineView& pipeline) {
  std::map<std::string, std::string> config;
  for (const auto& [key, value] : pipeline.config) config[key] = MaskedValue(key, value);
  config.try_emplace("connector.class", kConnectorClass);
  config["name"] = pipeline.name;
  return config;
}

void WriteState(JsonWriter& out, const PipelineView& pipeline, const TaskState& state) {
  out.Key("state").String(state.state);
  out.Key("worker_id").String(pipeline.worker_id);
  if (!state.trace.empty()) out.Key("trace").String(state.trace);
}

// A trace is one line: stages may quote messages of servers that have more.
std::string OneLine(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

TaskState TaskStateOf(const std::vector<StageStatus>& stages) {
  const auto is = [](State state) {
    return [state](const StageStatus& stage) { return stage.state == state; };
  };
  if (const auto failed = std::ranges::find_if(stages, is(State::kFailed));
      failed != stages.end()) {
    return {.state = "FAILED", .trace = OneLine(Cat(failed->name, ": ", failed->detail))};
  }
  if (stages.empty() || std::ranges::any_of(stages, is(State::kStarting))) {
    return {.state = "UNASSIGNED", .trace = ""};
  }
  if (std::ranges::all_of(stages, is(State::kStopped))) return {.state = "STOPPED", .trace = ""};
  return {.state = "RUNNING", .trace = ""};
}

void WriteTaskStatus(JsonWriter& out, const PipelineView& pipeline, const TaskState& state) {
  out.BeginObject().Key("id").Int(0);
  WriteState(out, pipeline, state);
  out.EndObject();
}

void WriteStatus(JsonWriter& out, const PipelineView& pipeline, const TaskState& state) {
  out.BeginObject();
  out.Key("name").String(pipeline.name);
  out.Key("connector").BeginObject();
  WriteState(out, pipeline, state);
  out.EndObject();
  out.Key("tasks").BeginArray();
  WriteTaskStatus(out, pipeline, state);
  out.EndArray();
  out.Key("type").String("source");
  out.EndObject();
}

void WriteConfig(JsonWriter& out, const PipelineView& pipeline) {
  out.BeginObject();
  for (const auto& [key, value] : FullConfig(pipeline)) out.Key(key).String(value);
  out.EndObject();
}

void WriteInfo(JsonWriter& out, const PipelineView& pipeline) {
  out.BeginObject();
  out.Key("name").String(pipeline.name);
  out.Key("config");
  WriteConfig(out, pipeline);
  out.Key("tasks").BeginArray().BeginObject();
  out.Key("connector").String(pipeline.name).Key("task").Int(0);
  out.EndObject().EndArray();
  out.Key("type").String("source");
  out.EndObject();
}

void WriteTasks(JsonWriter& out, const PipelineView& pipeline) {
  out.BeginArray().BeginObject();
  out.Key("id").BeginObject();
  out.Key("connector").String(pipeline.name).Key("task").Int(0);
  out.EndObject();
  out.Key("config");
  WriteConfig(out, pipeline);
  out.EndObject().EndArray();
}

void WriteTopics(JsonWriter& out, const PipelineView& pipeline,
                 const std::vector<std::string>& active) {
  std::set<std::string_view> topics(pipeline.topics.begin(), pipeline.topics.end());
  topics.insert(active.begin(), active.end());
  out.BeginObject().Key(pipeline.name).BeginObject().Key("topics").BeginArray();
  for (const std::string_view topic : topics) out.String(topic);
  out.EndArray().EndObject().EndObject();
}

void WritePlugins(JsonWriter& out, const PipelineView& pipeline) {
  out.BeginArray().BeginObject();
  out.Key("class").String(kConnectorClass);
  out.Key("type").String("source");
  out.Key("version").String(pipeline.compat);
  out.EndObject().EndArray();
}

void WriteServer(JsonWriter& out, const PipelineView& pipeline) {
  out.BeginObject();
  out.Key("version").String(pipeline.version);
  out.Key("commit").String(pipeline.commit);
  out.Key("kafka_cluster_id").String(pipeline.kafka_cluster_id);
  out.EndObject();
}

}  // namespace walrelay::admin
