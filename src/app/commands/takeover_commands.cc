#include "app/commands/takeover_commands.h"

#include "app/commands/sink_session.h"
#include "app/exit_code.h"
#include "app/lossy_modes.h"
#include "app/stage_options.h"
#include "app/takeover.h"
#include "apply/progress.h"
#include "apply/takeover.h"
#include "base/json.h"
#include "kafka/topics.h"

namespace walrelay::app {
namespace {

struct Beginning {
  std::string sink;
  TopicPartition partition;
  int64_t from = 0;
  int64_t records = 0;  // From there to the end; offsets, so that tombstones count.
  int64_t stored = 0;
  std::string why;
};

// What Kafka says, for all sinks.
struct KafkaFacts {
  std::vector<TopicPartition> partitions;
  Offsets oldest, ends, committed;
  std::unique_ptr<kafka::Topics> topics;
};

absl::StatusOr<KafkaFacts> AskKafka(const SinkWorkerOptions& options) {
  KafkaFacts facts;
  ASSIGN_OR_RETURN(facts.topics, kafka::Topics::Open(options.kafka));
  ASSIGN_OR_RETURN(const auto topics, facts.topics->List());
  for (const auto& [topic, partitions] : topics) {
    if (!options.is_data_topic(topic)) continue;
    for (int32_t p = 0; p < partitions; ++p) facts.partitions.push_back({topic, p});
  }
  ASSIGN_OR_RETURN(facts.oldest, facts.topics->BeginOffsets(facts.partitions));
  ASSIGN_OR_RETURN(facts.ends, facts.topics->EndOffsets(facts.partitions));
  if (!options.takeover_group.empty()) {
    ASSIGN_OR_RETURN(facts.committed,
                     ReadPredecessor(options.kafka, options.takeover_group, facts.partitions,
                                     options.is_data_topic));
  }
  return facts;
}

absl::StatusOr<std::vector<Beginning>> PlanSink(const SinkWorkerOptions& options,
                                                KafkaFacts& facts, pg::Connection& connection) {
  const apply::ProgressTable table(options.sink.pipeline, options.stage);
  Offsets progress;
  ASSIGN_OR_RETURN(const bool has_progress, table.Exists(connection));
  if (has_progress) {
    ASSIGN_OR_RETURN(const auto loaded, table.Load(connection));
    for (const auto& [partition, one] : loaded) progress[partition] = one.next_offset;
  }
  std::map<TopicPartition, apply::TakenPartition> taken;
  if (!options.takeover_group.empty()) {
    ASSIGN_OR_RETURN(const auto candidates, PartitionsToTake(*facts.topics, facts.partitions,
                                                             progress, facts.committed));
    apply::Takeover takeover(connection, options.sink.pipeline, options.sink.kind);
    ASSIGN_OR_RETURN(const auto planned, takeover.Plan(candidates));
    for (const apply::TakenPartition& one : planned) taken[one.partition] = one;
  }
  std::vector<Beginning> beginnings;
  for (const TopicPartition& partition : facts.partitions) {
    Beginning one{.sink = options.stage,
                  .partition = partition,
                  .from = facts.oldest.at(partition),
                  .why = "never read: its oldest record"};
    if (const auto found = progress.find(partition); found != progress.end()) {
      one.from = found->second;
      one.why = "our own progress";
    }
    if (const auto found = taken.find(partition); found != taken.end()) {
      one.from = found->second.from;
      one.stored = found->second.stored;
      one.why = facts.committed.contains(partition)
                    ? Cat("consumer group ", options.takeover_group)
                    : std::string("raw events that are there");
    }
    one.records = std::max<int64_t>(0, facts.ends.at(partition) - one.from);
    beginnings.push_back(std::move(one));
  }
  return beginnings;
}

void Print(const std::vector<Beginning>& beginnings, Console& console) {
  if (beginnings.empty()) {
    console.out << "there are no topics of this pipeline yet\n";
    return;
  }
  TextTable table({"SINK", "TOPIC", "PARTITION", "FROM OFFSET", "RECORDS", "RAW EVENTS THERE",
                   "BECAUSE OF"});
  for (const Beginning& one : beginnings) {
    table.Add({one.sink, one.partition.topic, std::to_string(one.partition.partition),
               std::to_string(one.from), std::to_string(one.records), std::to_string(one.stored),
               one.why});
  }
  console.out << table.ToString();
}

void PrintJson(const std::vector<Beginning>& beginnings, Console& console) {
  std::string text;
  JsonWriter json(text);
  json.BeginArray();
  for (const Beginning& one : beginnings) {
    json.BeginObject();
    json.Key("sink").String(one.sink);
    json.Key("topic").String(one.partition.topic);
    json.Key("partition").Int(one.partition.partition);
    json.Key("from").Int(one.from);
    json.Key("records").Int(one.records);
    json.Key("raw_events_there").Int(one.stored);
    json.Key("because_of").String(one.why);
    json.EndObject();
  }
  json.EndArray();
  console.out << text << '\n';
}

}  // namespace

absl::Status PlanApplyCommand(const Config& config, Console& console, bool json) {
  ASSIGN_OR_RETURN(const auto sinks, MakeSinkOptions(config, Stages::kApply));
  std::vector<Beginning> beginnings;
  if (!sinks.empty()) {
    auto facts = AskKafka(sinks.front());
    if (!facts.ok()) return KafkaError(facts.status());
    for (const SinkWorkerOptions& sink : sinks) {
      RETURN_IF_ERROR(ForEachSink(
          config, sink.stage,
          [&](const std::string&, pg::Connection& connection) -> absl::Status {
            ASSIGN_OR_RETURN(auto planned, PlanSink(sink, *facts, connection));
            beginnings.insert(beginnings.end(), planned.begin(), planned.end());
            return absl::OkStatus();
          }));
    }
  }
  // Beside the JSON, which is a list of beginnings.
  std::ostream& notes = json ? console.err : console.out;
  for (const std::string& loss : LossyModes(config)) notes << "Note: " << loss << '\n';
  if (json) {
    PrintJson(beginnings, console);
  } else {
    Print(beginnings, console);
  }
  return absl::OkStatus();
}

}  // namespace walrelay::app
