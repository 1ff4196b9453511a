#include "app/commands/dlq_commands.h"

#include <functional>

#include "app/commands/sink_session.h"
#include "apply/letter_store.h"
#include "base/json.h"

namespace walrelay::app {
namespace {

constexpr int64_t kMostListed = 1000;
using Visit = std::function<absl::Status(const std::string& sink, apply::LetterStore& store)>;

// Sinks that have never run hold nothing.
absl::Status ForEachStore(const Config& config, const std::string& sink, const Visit& visit) {
  return ForEachSink(config, sink, [&](const std::string& name, pg::Connection& connection) {
    apply::LetterStore store(connection, config.pipeline.name, name);
    const absl::StatusOr<bool> exists = store.Exists();
    if (!exists.ok()) return exists.status();
    return *exists ? visit(name, store) : absl::OkStatus();
  });
}

// A letter's number is its own in each sink only.
absl::Status CheckOneSink(const Config& config, const DlqRequest& request) {
  if (!request.id || !request.sink.empty() || !config.lake || !config.target) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("say which letter is meant: --sink lake or --sink target");
}

void WriteLetter(JsonWriter& json, const std::string& sink, const apply::StoredLetter& letter) {
  json.BeginObject();
  json.Key("sink").String(sink);
  json.Key("id").Int(letter.id);
  json.Key("created_at").String(letter.created_at);
  json.Key("topic").String(letter.topic);
  json.Key("partition").Int(letter.partition);
  json.Key("offset").Int(letter.offset);
  json.Key("table").String(letter.source_table);
  json.Key("sqlstate").String(letter.sqlstate);
  json.Key("reason").String(letter.reason);
  json.Key("marked_for_retry").Bool(letter.is_marked);
  json.EndObject();
}

std::string LetterCount(int64_t count) { return Cat(count, count == 1 ? " letter" : " letters"); }

// Each sink that has some of the letters asked for, and how many they are, with those of their
// rows.
absl::Status ForEachChosen(
    const Config& config, Console& console, const DlqRequest& request,
    const std::function<absl::Status(const std::string& sink, const std::string& what,
                                     apply::LetterStore& store)>& visit) {
  RETURN_IF_ERROR(CheckOneSink(config, request));
  bool found = false;
  RETURN_IF_ERROR(ForEachStore(
      config, request.sink,
      [&](const std::string& sink, apply::LetterStore& store) -> absl::Status {
        ASSIGN_OR_RETURN(const int64_t count, store.Chosen(request.id));
        if (count == 0) return absl::OkStatus();
        found = true;
        const bool has_others = request.id && count > 1;
        return visit(sink,
                     has_others ? Cat("letter ", *request.id, " and ", count - 1, " of its row")
                                : LetterCount(count),
                     store);
      }));
  if (!found && request.id)
    return absl::InvalidArgumentError(Cat("there is no dead letter ", *request.id));
  if (!found) console.out << "no dead letters\n";
  return absl::OkStatus();
}

}  // namespace

absl::Status ListLettersCommand(const Config& config, Console& console, const DlqRequest& request,
                                bool json) {
  TextTable table({"SINK", "ID", "TABLE", "TOPIC", "PARTITION", "OFFSET", "SQLSTATE", "REASON"});
  std::string text;
  JsonWriter writer(text);
  writer.BeginArray();
  int64_t count = 0;
  RETURN_IF_ERROR(ForEachStore(
      config, request.sink,
      [&](const std::string& sink, apply::LetterStore& store) -> absl::Status {
        ASSIGN_OR_RETURN(const auto letters, store.List(kMostListed));
        for (const apply::StoredLetter& letter : letters) {
          ++count;
          WriteLetter(writer, sink, letter);
          table.Add(
              {sink, std::to_string(letter.id), letter.source_table, letter.topic,
               std::to_string(letter.partition), std::to_string(letter.offset), letter.sqlstate,
               letter.is_marked ? Cat("(to be tried again) ", letter.reason) : letter.reason});
        }
        if (letters.size() == kMostListed) {
          console.err << Cat(sink, ": the first ", kMostListed, " only\n");
        }
        return absl::OkStatus();
      }));
  writer.EndArray();
  if (json) {
    console.out << text << '\n';
  } else {
    console.out << (count == 0 ? std::string("no dead letters\n") : table.ToString());
  }
  return absl::OkStatus();
}

absl::Status ShowLetterCommand(const Config& config, Console& console, const DlqRequest& request,
                               bool json) {
  RETURN_IF_ERROR(CheckOneSink(config, request));
  bool found = false;
  RETURN_IF_ERROR(ForEachStore(
      config, request.sink,
      [&](const std::string& sink, apply::LetterStore& store) -> absl::Status {
        ASSIGN_OR_RETURN(const auto letter, store.Read(*request.id));
        if (!letter) return absl::OkStatus();
        found = true;
        if (json) {
          std::string text;
          JsonWriter writer(text);
          WriteLetter(writer, sink, *letter);
          console.out << text << '\n';
          return absl::OkStatus();
        }
        console.out << AlignedPairs({{"sink", sink},
                                     {"id", std::to_string(letter->id)},
                                     {"since", letter->created_at},
                                     {"record", Cat("topic ", letter->topic, " partition ",
                                                    letter->partition, " offset ", letter->offset)},
                                     {"table", letter->source_table},
                                     {"holds back", letter->parked_key.value_or("nothing")},
                                     {"sqlstate", letter->sqlstate},
                                     {"reason", letter->reason},
                                     {"headers", letter->headers},
                                     {"key", letter->key.value_or("none")},
                                     {"value", letter->value.value_or("none")}});
        return absl::OkStatus();
      }));
  if (found) return absl::OkStatus();
  return absl::InvalidArgumentError(Cat("there is no dead letter ", *request.id));
}

absl::Status RetryLettersCommand(const Config& config, Console& console,
                                 const DlqRequest& request) {
  return ForEachChosen(config, console, request,
                       [&](const std::string& sink, const std::string& what,
                           apply::LetterStore& store) -> absl::Status {
                         if (!MayProceedUnasked(console, request.consent,
                                                Cat(sink, ": ", what, " would be applied again"))) {
                           return absl::OkStatus();
                         }
                         ASSIGN_OR_RETURN(const int64_t marked, store.Mark(request.id));
                         console.out << Cat(
                             sink, ": ", LetterCount(marked),
                             " marked; the process that applies this pipeline tries them within "
                             "seconds, or at its next start\n");
                         return absl::OkStatus();
                       });
}

absl::Status DropLettersCommand(const Config& config, Console& console, const DlqRequest& request) {
  return ForEachChosen(
      config, console, request,
      [&](const std::string& sink, const std::string& what,
          apply::LetterStore& store) -> absl::Status {
        ASSIGN_OR_RETURN(
            const bool proceed,
            MayProceed(console, request.consent,
                       Cat("Deletes ", what, " of the ", sink,
                           "; their changes are missing in its mirrors until the rows change "
                           "again.")));
        if (!proceed) return absl::OkStatus();
        ASSIGN_OR_RETURN(const int64_t dropped, store.Drop(request.id));
        console.out << Cat(sink, ": ", LetterCount(dropped), " dropped\n");
        return absl::OkStatus();
      });
}

}  // namespace walrelay::app
