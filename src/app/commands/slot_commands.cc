#include "app/commands/slot_commands.h"

#include "app/commands/source_session.h"
#include "app/option_table.h"
#include "app/source_errors.h"
#include "base/json.h"
#include "wal/publication.h"
#include "wal/slot.h"

namespace walrelay::app {
namespace {

std::string NameOr(const std::string& name, const Config& config) {
  return name.empty() ? OptionReader(Section::kSource, config.source).Text("slot.name") : name;
}

std::string LsnText(Lsn lsn) { return lsn == kNoLsn ? std::string("-") : ToString(lsn); }

std::string StateOf(const wal::Slot& slot) {
  if (slot.is_lost()) return "lost";
  return slot.active ? Cat("active (pid ", slot.active_pid, ")") : std::string("idle");
}

void WriteJson(JsonWriter& json, const wal::Slot& slot) {
  json.BeginObject();
  json.Key("name").String(slot.name);
  json.Key("plugin").String(slot.plugin);
  json.Key("database").String(slot.database);
  json.Key("temporary").Bool(slot.temporary);
  json.Key("active").Bool(slot.active);
  json.Key("active_pid").Int(slot.active_pid);
  json.Key("restart_lsn").String(LsnText(slot.restart_lsn));
  json.Key("confirmed_flush_lsn").String(LsnText(slot.confirmed_flush));
  json.Key("wal_status").String(slot.wal_status);
  json.Key("lost").Bool(slot.is_lost());
  json.Key("invalidation_reason").String(slot.invalidation_reason);
  json.Key("retained_bytes").Int(slot.retained_bytes);
  json.Key("behind_bytes").Int(slot.behind_bytes);
  json.Key("safe_wal_size");
  if (slot.safe_wal_size) {
    json.Int(*slot.safe_wal_size);
  } else {
    json.Null();
  }
  json.Key("two_phase").Bool(slot.two_phase);
  json.Key("failover").Bool(slot.failover);
  json.Key("synced").Bool(slot.synced);
  json.Key("inactive_since").String(slot.inactive_since);
  json.EndObject();
}

absl::StatusOr<wal::Slot> Existing(pg::Connection& connection, const std::string& name) {
  auto slot = wal::ReadSlot(connection, name);
  if (!slot.ok()) return SourceError(slot.status(), ExitCode::kUnknown);
  if (!*slot) {
    return ExitError(ExitCode::kSlotMissing,
                     Cat("there is no logical slot ", name, "; see walrelay slot list"));
  }
  return **slot;
}

absl::StatusOr<wal::Slot> ExistingAndIdle(pg::Connection& connection, const std::string& name) {
  ASSIGN_OR_RETURN(wal::Slot slot, Existing(connection, name));
  if (!slot.active) return slot;
  return ExitError(ExitCode::kSlotInUse,
                   Cat("slot ", name, " is in use by backend ", slot.active_pid,
                       slot.active_client.empty() ? "" : " (", slot.active_client,
                       slot.active_client.empty() ? "" : ")", "; stop what reads it first"));
}

absl::Status CheckPublication(pg::Connection& connection, const Config& config) {
  const std::string name = OptionReader(Section::kSource, config.source).Text("publication.name");
  const auto publication = wal::ReadPublication(connection, name);
  if (!publication.ok()) return SourceError(publication.status(), ExitCode::kUnknown);
  if (*publication) return absl::OkStatus();
  return ExitError(ExitCode::kPublicationMissing,
                   Cat("there is no publication ", name,
                       ", and a slot cannot read what was written before its "
                       "publication was made; first: walrelay publication create"));
}

// The creation of a slot waits for every transaction that writes: an hour without a word, if nobody
// says so.
absl::Status WarnOfOpenTransactions(pg::Connection& connection, Console& console) {
  const auto open = wal::ListOpenTransactions(connection);
  if (!open.ok()) return SourceError(open.status(), ExitCode::kUnknown);
  for (const wal::OpenTransaction& transaction : *open) {
    console.err << Cat("Creating a slot waits for the transaction of ",
                       transaction.pid == 0
                           ? Cat("the prepared transaction '", transaction.application, "'")
                           : Cat("backend ", transaction.pid, " (", transaction.user, ", ",
                                 transaction.application, ", ", transaction.state, ")"),
                       ", open for ", transaction.age_seconds, " s\n");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ListSlotsCommand(const Config& config, Console& console, bool json) {
  ASSIGN_OR_RETURN(pg::Connection connection, ConnectToSource(config));
  const auto slots = wal::ListSlots(connection);
  if (!slots.ok()) return SourceError(slots.status(), ExitCode::kUnknown);
  if (json) {
    std::string text;
    JsonWriter writer(text);
    writer.BeginArray();
    for (const wal::Slot& slot : *slots) WriteJson(writer, slot);
    writer.EndArray();
    console.out << text << '\n';
    return absl::OkStatus();
  }
  TextTable table(
      {"SLOT", "DATABASE", "PLUGIN", "STATE", "CONFIRMED", "BEHIND", "RETAINED", "WAL"});
  for (const wal::Slot& slot : *slots) {
    table.Add({slot.name, slot.database, slot.plugin, StateOf(slot), LsnText(slot.confirmed_flush),
               wal::HumanBytes(slot.behind_bytes), wal::HumanBytes(slot.retained_bytes),
               slot.wal_status});
  }
  console.out << table.ToString();
  return absl::OkStatus();
}

absl::Status ShowSlotCommand(const Config& config, Console& console, const std::string& name,
                             bool json) {
  ASSIGN_OR_RETURN(pg::Connection connection, ConnectToSource(config));
  ASSIGN_OR_RETURN(const wal::Slot slot, Existing(connection, NameOr(name, config)));
  if (json) {
    std::string text;
    JsonWriter writer(text);
    WriteJson(writer, slot);
    console.out << text << '\n';
    return absl::OkStatus();
  }
  std::vector<std::pair<std::string, std::string>> lines = {
      {"slot", slot.name},
      {"database", slot.database},
      {"plugin", slot.plugin},
      {"state", StateOf(slot)},
      {"client", slot.active_client},
      {"restart LSN", LsnText(slot.restart_lsn)},
      {"confirmed flush LSN", LsnText(slot.confirmed_flush)},
      {"behind the server", wal::HumanBytes(slot.behind_bytes)},
      {"WAL retained", wal::HumanBytes(slot.retained_bytes)},
      {"WAL status", slot.wal_status},
      {"until it may be lost", slot.safe_wal_size
                                   ? wal::HumanBytes(*slot.safe_wal_size)
                                   : std::string("no limit (max_slot_wal_keep_size is -1)")},
      {"invalidated", slot.invalidation_reason},
      {"inactive since", slot.inactive_since},
      {"failover", slot.failover ? "yes" : "no"},
  };
  std::erase_if(lines, [](const auto& line) { return line.second.empty(); });
  console.out << AlignedPairs(lines);
  return absl::OkStatus();
}

absl::Status CreateSlotCommand(const Config& config, Console& console,
                               const CreateSlotArguments& arguments) {
  const std::string name = NameOr(arguments.name, config);
  RETURN_IF_ERROR(wal::ValidateSlotName(name));
  ASSIGN_OR_RETURN(pg::Connection connection, ConnectToSource(config));
  const auto there = wal::ReadSlot(connection, name);
  if (!there.ok()) return SourceError(there.status(), ExitCode::kUnknown);
  if (*there) {
    return ExitError(ExitCode::kSlotUnsuitable,
                     Cat("slot ", name, " exists already; see walrelay slot show ", name));
  }
  RETURN_IF_ERROR(CheckPublication(connection, config));
  const std::string plan = Cat("Creates the logical slot ", name,
                               " (pgoutput). From then on the server keeps all WAL "
                               "until it is read or the slot is dropped.");
  if (!MayProceedUnasked(console, arguments.consent, plan)) return absl::OkStatus();
  RETURN_IF_ERROR(WarnOfOpenTransactions(connection, console));
  const auto slot = wal::CreateSlot(connection, name, arguments.failover);
  if (!slot.ok()) return SourceError(slot.status(), ExitCode::kSlotUnsuitable);
  console.out << Cat("Created slot ", name, ", which begins at ", slot->confirmed_flush, "\n");
  return absl::OkStatus();
}

absl::Status DropSlotCommand(const Config& config, Console& console, const std::string& name,
                             const Consent& consent) {
  ASSIGN_OR_RETURN(pg::Connection connection, ConnectToSource(config));
  ASSIGN_OR_RETURN(const wal::Slot slot, ExistingAndIdle(connection, NameOr(name, config)));
  ASSIGN_OR_RETURN(const bool proceed, MayProceed(console, consent, wal::DescribeDrop(slot)));
  if (!proceed) return absl::OkStatus();
  if (auto status = wal::DropSlot(connection, slot.name); !status.ok()) {
    return SourceError(std::move(status), ExitCode::kSlotMissing);
  }
  console.out << Cat("Dropped slot ", slot.name, "\n");
  return absl::OkStatus();
}

absl::Status AdvanceSlotCommand(const Config& config, Console& console,
                                const AdvanceSlotArguments& arguments) {
  std::optional<Lsn> to = ParseLsn(arguments.to);
  if (!to && arguments.to != "current") {
    return absl::InvalidArgumentError(
        Cat("--to '", arguments.to, "' must be an LSN such as 16/B3748, or current"));
  }
  ASSIGN_OR_RETURN(pg::Connection connection, ConnectToSource(config));
  ASSIGN_OR_RETURN(const wal::Slot slot,
                   ExistingAndIdle(connection, NameOr(arguments.name, config)));
  if (slot.is_lost()) {
    return ExitError(ExitCode::kSlotLost,
                     Cat("slot ", slot.name, " is lost and can only be dropped"));
  }
  const auto current = wal::CurrentLsn(connection);
  if (!current.ok()) return SourceError(current.status(), ExitCode::kUnknown);
  if (!to) to = *current;
  if (*to < slot.confirmed_flush) {
    return absl::InvalidArgumentError(Cat("slot ", slot.name, " is at ", slot.confirmed_flush,
                                          " already and cannot go back to ", *to));
  }
  if (*to > *current) {
    return absl::InvalidArgumentError(Cat(*to, " is beyond the server, which is at ", *current));
  }
  ASSIGN_OR_RETURN(const bool proceed,
                   MayProceed(console, arguments.consent, wal::DescribeAdvance(slot, *to)));
  if (!proceed) return absl::OkStatus();
  const auto reached = wal::AdvanceSlot(connection, slot.name, *to);
  if (!reached.ok()) return SourceError(reached.status(), ExitCode::kSlotUnsuitable);
  console.out << Cat("Slot ", slot.name, " is now at ", *reached, "\n");
  return absl::OkStatus();
}

absl::Status CopySlotCommand(const Config& config, Console& console,
                             const CopySlotArguments& arguments) {
  RETURN_IF_ERROR(wal::ValidateSlotName(arguments.to));
  ASSIGN_OR_RETURN(pg::Connection connection, ConnectToSource(config));
  ASSIGN_OR_RETURN(const wal::Slot from, Existing(connection, NameOr(arguments.from, config)));
  const auto there = wal::ReadSlot(connection, arguments.to);
  if (!there.ok()) return SourceError(there.status(), ExitCode::kUnknown);
  if (*there)
    return ExitError(ExitCode::kSlotUnsuitable, Cat("slot ", arguments.to, " exists already"));
  const std::string plan =
      Cat("Copies slot ", from.name, " to ", arguments.to, ", which begins at ",
          from.confirmed_flush, " and keeps WAL of its own until it is read or dropped.");
  if (!MayProceedUnasked(console, arguments.consent, plan)) return absl::OkStatus();
  const auto copy = wal::CopySlot(connection, from.name, arguments.to);
  if (!copy.ok()) return SourceError(copy.status(), ExitCode::kSlotUnsuitable);
  console.out << Cat("Copied slot ", from.name, " to ", copy->name, ", which begins at ",
                     copy->confirmed_flush, "\n");
  return absl::OkStatus();
}

}  // namespace walrelay::app
