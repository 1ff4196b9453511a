#include <algorithm>
#include <charconv>

#include "app/commands/rewind_commands.h"
#include "app/commands/sink_session.h"
#include "app/exit_code.h"
#include "app/takeover.h"
#include "apply/progress.h"
#include "apply/sink.h"
#include "apply/takeover.h"
#include "kafka/log_reader.h"
#include "kafka/topics.h"

namespace walrelay::app {
namespace {

constexpr std::string_view kEarliest = "earliest";

// A sink's own errors have another exit code.
absl::Status Usage(std::string_view message) { return ExitError(ExitCode::kUsage, message); }

struct Move {
  int64_t now = 0;
  int64_t back_to = 0;
  int64_t oldest = 0;  // What Kafka has of the partition.
  int64_t end = 0;
};
using Moves = std::map<TopicPartition, Move>;
using Progress = std::map<TopicPartition, apply::PartitionProgress>;

std::optional<int64_t> ParseOffset(const std::string& text) {
  int64_t offset = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  const bool whole = error == std::errc() && end == text.data() + text.size() && offset >= 0;
  return whole ? std::optional(offset) : std::nullopt;
}

absl::StatusOr<int64_t> ParseTime(const std::string& text, pg::Connection& connection) {
  const pg::Parameter parameters[] = {text};
  const auto millis = connection.Execute(
      "SELECT floor(extract(epoch FROM $1::timestamptz) * 1000)::int8", parameters);
  if (absl::IsInvalidArgument(millis.status())) {
    return Usage(
        Cat("--to '", text, "' must be an offset, earliest, or a time such as ",
            "2026-01-31T12:00:00Z"));
  }
  if (!millis.ok()) return millis.status();
  return millis->number<int64_t>(0, 0).value_or(0);
}

// What Kafka can give, and what is asked for.
struct Goals {
  Offsets oldest;
  Offsets ends;
  Offsets wanted;
};

absl::StatusOr<Goals> AskKafka(const Config& config, const RewindSinkArguments& arguments,
                               const std::vector<TopicPartition>& partitions,
                               pg::Connection& connection) {
  Goals goals;
  const auto offset = ParseOffset(arguments.to);
  std::optional<int64_t> time_ms;
  if (!offset && arguments.to != kEarliest) {
    ASSIGN_OR_RETURN(time_ms, ParseTime(arguments.to, connection));
  }
  ASSIGN_OR_RETURN(const auto topics, kafka::Topics::Open(config.kafka));
  ASSIGN_OR_RETURN(goals.oldest, topics->BeginOffsets(partitions));
  ASSIGN_OR_RETURN(goals.ends, topics->EndOffsets(partitions));
  if (time_ms) {
    ASSIGN_OR_RETURN(goals.wanted, topics->OffsetsAt(partitions, *time_ms));
  } else {
    goals.wanted = goals.oldest;
  }
  if (offset) {
    for (auto& [partition, wanted] : goals.wanted) wanted = *offset;
  }
  return goals;
}

absl::StatusOr<Moves> FindMoves(const Config& config, const RewindSinkArguments& arguments,
                                const Offsets& progress, pg::Connection& connection) {
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, next] : progress) {
    const bool wanted = (arguments.topic.empty() || arguments.topic == partition.topic) &&
                        arguments.partition.value_or(partition.partition) == partition.partition;
    if (wanted) partitions.push_back(partition);
  }
  if (partitions.empty()) {
    return Usage(
        Cat(arguments.sink, " has never read ",
            arguments.topic.empty() ? "anything" : Cat("that of topic ", arguments.topic),
            "; walrelay apply --dry-run shows what it has"));
  }
  if (ParseOffset(arguments.to) && partitions.size() > 1) {
    return Usage(
        Cat("an offset is of one partition: give --topic and --partition (",
            partitions.size(), " are meant)"));
  }
  auto goals = AskKafka(config, arguments, partitions, connection);
  if (absl::IsUnavailable(goals.status()))
    return WithExitCode(goals.status(), ExitCode::kKafkaUnreachable);
  if (!goals.ok()) return goals.status();
  Moves moves;
  for (const auto& [partition, wanted] : goals->wanted) {
    const int64_t now = progress.at(partition);
    if (wanted < goals->oldest.at(partition)) {
      return ExitError(ExitCode::kRecordsGone,
                       Cat("topic ", partition.topic, " partition ", partition.partition,
                           " begins at offset ", goals->oldest.at(partition), " now: ", wanted,
                           " is gone; --to earliest goes back as far as it can"));
    }
    if (ParseOffset(arguments.to) && wanted > now) {
      return Usage(
          Cat(arguments.sink, " is at offset ", now, ", and is only ever set back: records that "
              "it passed over would be missing"));
    }
    if (wanted < now) {
      moves[partition] = {.now = now,
                          .back_to = wanted,
                          .oldest = goals->oldest.at(partition),
                          .end = goals->ends.at(partition)};
    }
  }
  return moves;
}

// Whether another record stands where the sink has applied its last one: the topic was made anew.
// One that is gone tells nothing.
absl::StatusOr<bool> IsAnotherRecord(kafka::LogReader& reader, const TopicPartition& partition,
                                     const apply::PartitionProgress& progress) {
  bool is_another = false;
  const int64_t last = progress.next_offset - 1;
  const absl::Status read = reader.Read(
      {{partition, {.first = last, .end = last + 1}}}, [&](const ConsumedRecord& record) {
        is_another = !progress.fingerprint.empty() &&
                     apply::RecordFingerprint(record) != progress.fingerprint;
        return absl::OkStatus();
      });
  if (absl::IsUnavailable(read)) return WithExitCode(read, ExitCode::kKafkaUnreachable);
  RETURN_IF_ERROR(read);
  return is_another;
}

// Raw events of records that Kafka does not have any more would be taken for those that come at
// their offsets, which would then be left out.
absl::Status CheckStored(const Config& config, const Progress& progress, const Moves& moves,
                         apply::Takeover& takeover) {
  ASSIGN_OR_RETURN(const auto reader, kafka::LogReader::Open(config.kafka));
  Offsets foreign;
  for (const auto& [partition, move] : moves) {
    if (move.now > move.end) {
      foreign[partition] = move.end;
    } else if (move.now > move.oldest) {
      ASSIGN_OR_RETURN(const bool made_anew,
                       IsAnotherRecord(*reader, partition, progress.at(partition)));
      if (made_anew) foreign[partition] = move.back_to;
    }
  }
  ASSIGN_OR_RETURN(const auto stored, takeover.CountStored(foreign));
  for (const apply::TakenPartition& one : stored) {
    if (one.stored == 0) continue;
    return ExitError(
        ExitCode::kRecordsGone,
        Cat("cdc_raw.cdc_events has events of ", one.stored, " records of topic ",
            one.partition.topic, " partition ", one.partition.partition, " from offset ", one.from,
            " on that Kafka has lost, or that were in a topic before this one was made anew: they "
            "would stand for others at these offsets; move those rows elsewhere, or delete them, "
            "first"));
  }
  return absl::OkStatus();
}

// Says what it means, and asks.
absl::StatusOr<bool> MayMove(const RewindSinkArguments& arguments, const Moves& moves,
                             const std::vector<apply::TakenPartition>& plan, Console& console) {
  const bool is_lake = arguments.sink == "lake";
  TextTable table({"TOPIC", "PARTITION", "NOW AT", "BACK TO", "RECORDS", "RAW EVENTS THERE"});
  int64_t records = 0;
  int64_t stored = 0;
  for (const apply::TakenPartition& one : plan) {
    const Move& move = moves.at(one.partition);
    records += move.now - move.back_to;
    stored += one.stored;
    table.Add({one.partition.topic, std::to_string(one.partition.partition),
               std::to_string(move.now), std::to_string(move.back_to),
               std::to_string(move.now - move.back_to),
               is_lake ? std::to_string(one.stored) : std::string("-")});
  }
  console.out << table.ToString();
  return MayProceed(
      console, arguments.consent,
      Cat("Sets the progress of the ", arguments.sink, " back: ", records,
          " records are applied to its mirrors again, which show older states until that is done",
          is_lake ? Cat("; the raw events of ", stored,
                        " of them are there, stay, and are not written again")
                  : std::string(),
          ". Dead letters of these records are deleted, since they come again."));
}

absl::Status Rewind(const Config& config, Console& console, const RewindSinkArguments& arguments,
                    pg::Connection& connection) {
  const apply::ProgressTable table(config.pipeline.name, arguments.sink);
  ASSIGN_OR_RETURN(const bool has_run, table.Exists(connection));
  if (!has_run) {
    return Usage(Cat(arguments.sink, " has never been written by walrelay"));
  }
  if (const absl::Status locked = table.Lock(connection); !locked.ok()) {
    return ExitError(ExitCode::kSinkInUse, Cat(Message(locked), "; stop it first"));
  }
  RETURN_IF_ERROR(connection.Query("BEGIN").status());
  ASSIGN_OR_RETURN(const auto loaded, table.Load(connection));
  Offsets progress;
  for (const auto& [partition, one] : loaded) progress[partition] = one.next_offset;
  ASSIGN_OR_RETURN(const Moves moves, FindMoves(config, arguments, progress, connection));
  if (moves.empty()) {
    console.out << Cat("The ", arguments.sink, " has not come further than that\n");
    return absl::OkStatus();
  }
  Offsets starts;
  for (const auto& [partition, move] : moves) starts[partition] = move.back_to;
  apply::Takeover takeover(connection, config.pipeline.name,
                           arguments.sink == "lake" ? apply::SinkKind::kLake
                                                    : apply::SinkKind::kTarget);
  if (arguments.sink == "lake") RETURN_IF_ERROR(CheckStored(config, loaded, moves, takeover));
  ASSIGN_OR_RETURN(const auto plan, takeover.CountStored(starts));
  ASSIGN_OR_RETURN(const bool proceed, MayMove(arguments, moves, plan, console));
  if (!proceed) return absl::OkStatus();
  RETURN_IF_ERROR(takeover.MoveTo(plan, /*back=*/true));
  RETURN_IF_ERROR(connection.Commit());
  console.out << Cat("The next start of the ", arguments.sink, " goes on from there\n");
  return absl::OkStatus();
}

}  // namespace

absl::Status RewindSinkCommand(const Config& config, Console& console,
                               const RewindSinkArguments& arguments) {
  return ForEachSink(config, arguments.sink, [&](const std::string&, pg::Connection& connection) {
    return Rewind(config, console, arguments, connection);
  });
}

}  // namespace walrelay::app
