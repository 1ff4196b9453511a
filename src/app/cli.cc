#include "app/cli.h"

#include <CLI/CLI.hpp>

#include "app/commands/config_commands.h"
#include "app/commands/config_report_commands.h"
#include "app/commands/dlq_commands.h"
#include "app/commands/parked_commands.h"
#include "app/commands/position_commands.h"
#include "app/commands/position_transfer.h"
#include "app/commands/publication_commands.h"
#include "app/commands/rebuild_command.h"
#include "app/commands/rewind_commands.h"
#include "app/commands/slot_commands.h"
#include "app/commands/takeover_commands.h"
#include "app/commands/verify_command.h"
#include "app/exit_code.h"
#include "app/option_table.h"
#include "app/version.h"
#include "base/json.h"
#include "base/log.h"

namespace walrelay::app {
namespace {

using Action = std::function<absl::Status(const Config&)>;

constexpr char kExamples[] = R"(Examples:
  walrelay run                                   the pipeline on this machine, without a file
  walrelay produce --config walrelay.toml        PostgreSQL to Kafka only
  walrelay produce --connector connector.json --set kafka.bootstrap.servers=broker:9092
  walrelay apply --config walrelay.toml --set kafka.group.id=appliers
  walrelay config explain connector.json         what becomes of each of its keys
  walrelay config check --config walrelay.toml   what is in force, and from where
  walrelay slot show; walrelay position show     where the pipeline is
  walrelay slot drop old_slot --dry-run          what would be lost
  walrelay verify                                are lake and target equal to the source?

Every option can also be given as WALRELAY_<SECTION>_<OPTION>, as in
WALRELAY_SOURCE_DATABASE_HOSTNAME; walrelay config check --list-options lists them.
)";

constexpr char kSeeExitCodes[] = "Exit codes: walrelay --help";

std::string ExitCodeHelp() {
  TextTable table({"Exit code", ""});
  for (const ExitCodeText& row : ExitCodeTable()) {
    table.Add({Cat("  ", static_cast<int>(row.code)), std::string(row.meaning)});
  }
  return table.ToString();
}

absl::Status ShowVersion(Console& console, bool json) {
  if (!json) {
    console.out << Cat("walrelay ", kVersion, "\n");
    return absl::OkStatus();
  }
  std::string text;
  JsonWriter(text).BeginObject().Key("version").String(kVersion).EndObject();
  console.out << text << '\n';
  return absl::OkStatus();
}

// The commands and what each parsed option is stored in. One object parses once.
class CommandLine {
 public:
  CommandLine(Console& console, const PipelineRunner& run_pipeline,
              const std::vector<std::string>& environment)
      : console_(console), run_(run_pipeline) {
    inputs_.environment = environment;
    app_.require_subcommand(1);
    app_.get_formatter()->column_width(36);
    AddPipelineCommands();
    AddSlotCommands();
    AddPublicationCommands();
    AddDlqCommands();
    AddVerifyCommand();
    AddRebuildCommand();
    AddOtherCommands();
    app_.footer(
        Cat(kExamples, "\n", ExitCodeHelp()));  // Last: commands made after it would inherit it.
  }

  CLI::App& app() { return app_; }
  const Action& action() const { return action_; }
  const ConfigInputs& inputs() const { return inputs_; }
  // The list of options and the version can be asked for whatever the configuration looks like.
  bool needs_config() const { return needs_config_ && !list_options_; }

 private:
  // A command that takes a configuration.
  CLI::App* Add(CLI::App& parent, const std::string& name, const std::string& what, Action action) {
    CLI::App* command = parent.add_subcommand(name, what);
    command
        ->add_option("-c,--config", file_,
                     "TOML file; without it, the built-in pipeline of this machine")
        ->type_name("FILE");
    command
        ->add_option("--connector", connector_,
                     "a Debezium connector's configuration as it is: JSON, Strimzi YAML or "
                     ".properties; over --config")
        ->type_name("FILE");
    command->add_option("--set", inputs_.sets, "an option over file and environment; repeatable")
        ->type_name("SECTION.KEY=VALUE")
        ->allow_extra_args(false);
    command->footer(kSeeExitCodes);
    command->callback([this, command, action = std::move(action)] {
      if (!command->get_subcommands().empty()) return;  // It is theirs.
      action_ = action;
      if (!file_.empty()) inputs_.file = file_;
      if (!connector_.empty()) inputs_.connector = connector_;
    });
    return command;
  }
  static void AddExample(CLI::App* command, const std::string& example) {
    command->footer(Cat(example, "\n\n", kSeeExitCodes));
  }
  void AddJson(CLI::App* command) { command->add_flag("--json", json_, "JSON instead of text"); }
  void AddDryRun(CLI::App* command) {
    command->add_flag("--dry-run", consent_.dry_run, "only say what would be done");
  }
  void AddConsent(CLI::App* command) {
    AddDryRun(command);
    command->add_flag("-y,--yes", consent_.yes, "do not ask");
  }
  void AddSlotName(CLI::App* command) {
    command->add_option("slot", name_, "name of the slot; else source.slot.name");
  }
  CLI::App* AddGroup(const std::string& name, const std::string& what) {
    CLI::App* group = app_.add_subcommand(name, what);
    group->require_subcommand(1);
    return group;
  }

  void AddPipelineCommands() {
    const auto add = [this](const std::string& name, const std::string& what, Stages stages) {
      return Add(app_, name, what, [this, stages](const Config& config) {
        if (auto status = CheckComplete(config, stages); !status.ok()) return status;
        if (consent_.dry_run) return PlanApplyCommand(config, console_, json_);
        return run_(config, stages);
      });
    };
    AddExample(add("run", "capture from PostgreSQL and apply to lake and target, in one process",
                   Stages::kAll),
               "Examples: walrelay run --config walrelay.toml\n"
               "          walrelay run --connector connector.json --set "
               "kafka.bootstrap.servers=broker:9092\n\n"
               "It runs until SIGTERM or SIGINT, then ends with 0; the next start goes on where it "
               "was, whatever ended\nit. Before the first one: walrelay config check.");
    AddExample(add("produce", "capture only: PostgreSQL to Kafka", Stages::kCapture),
               "Example: walrelay produce --config walrelay.toml\n\n"
               "In the place of Debezium: see position import and slot copy. It runs as run does.");
    CLI::App* apply = add("apply", "apply only: Kafka to lake and target", Stages::kApply);
    apply->add_flag("--dry-run", consent_.dry_run,
                    "only say where it would begin in each partition, and why");
    AddJson(apply);
    AddExample(apply,
               "Examples: walrelay apply --config walrelay.toml --dry-run\n"
               "          walrelay apply --config walrelay.toml --set kafka.group.id=appliers\n"
               "          walrelay apply parked\n\n"
               "Several of one group share the partitions. It runs as run does.");
    const auto add_sink = [this](CLI::App* command) {
      command->add_option("--sink", name_, "lake or target; else both")->type_name("SINK");
    };
    add_sink(
        Add(*apply, "parked", "tables that wait because they no longer fit their copies",
            [this](const Config& config) { return ListParkedCommand(config, console_, name_); }));
    CLI::App* resume = Add(
        *apply, "resume", "go on with a parked table",
        [this](const Config& config) { return ResumeTableCommand(config, console_, name_, to_); });
    resume->add_option("table", to_, "schema.table of the source")->required();
    add_sink(resume);
    AddExample(resume, "Example: walrelay apply resume public.orders");
  }

  void AddSlotCommands() {
    CLI::App* slot = AddGroup("slot", "replication slots of the source");
    AddExample(slot,
               "Examples: walrelay slot list\n"
               "          walrelay slot show                     what it holds back, and who uses it\n"
               "          walrelay slot copy shadow --dry-run    to run beside whoever reads it\n"
               "          walrelay slot drop old_slot --dry-run  what would be lost\n\n"
               "drop and advance lose changes: they say which and ask, unless --yes; --dry-run only "
               "says it.");
    AddJson(Add(*slot, "list", "all logical slots of the server", [this](const Config& config) {
      return ListSlotsCommand(config, console_, json_);
    }));

    CLI::App* show = Add(
        *slot, "show", "one slot: position, what it holds back, who uses it",
        [this](const Config& config) { return ShowSlotCommand(config, console_, name_, json_); });
    AddSlotName(show);
    AddJson(show);

    CLI::App* create =
        Add(*slot, "create", "create a slot (the pipeline does so itself when it needs one)",
            [this](const Config& config) {
              return CreateSlotCommand(config, console_,
                                       {.name = name_, .failover = failover_, .consent = consent_});
            });
    AddSlotName(create);
    create->add_flag("--failover", failover_, "synchronise it to standbys (PostgreSQL 17)");
    AddDryRun(create);
    AddExample(create, "Example: walrelay slot create --config walrelay.toml --dry-run");

    CLI::App* drop = Add(*slot, "drop", "drop a slot; says first what would be lost",
                         [this](const Config& config) {
                           return DropSlotCommand(config, console_, name_, consent_);
                         });
    AddSlotName(drop);
    AddConsent(drop);
    AddExample(drop, "Example: walrelay slot drop old_slot --dry-run, then --yes");

    CLI::App* advance =
        Add(*slot, "advance", "skip changes: move a slot forward; says first what would be lost",
            [this](const Config& config) {
              return AdvanceSlotCommand(config, console_,
                                        {.name = name_, .to = to_, .consent = consent_});
            });
    AddSlotName(advance);
    advance->add_option("--to", to_, "where to")->type_name("LSN|current")->required();
    AddConsent(advance);
    AddExample(advance, "Example: walrelay slot advance debezium_slot --to 16/B3748 --dry-run");

    CLI::App* copy = Add(*slot, "copy", "copy a slot, to read the same changes a second time",
                         [this](const Config& config) {
                           return CopySlotCommand(config, console_,
                                                  {.from = name_, .to = to_, .consent = consent_});
                         });
    copy->add_option("to", to_, "name of the new slot")->required();
    copy->add_option("--from", name_, "slot to copy; else source.slot.name")->type_name("SLOT");
    AddDryRun(copy);
    AddExample(copy, "Example: walrelay slot copy shadow_slot --from debezium_slot");
  }

  void AddPublicationCommands() {
    CLI::App* publication = AddGroup("publication", "the publication that the slot reads");
    const auto add_name = [this](CLI::App* command) {
      command->add_option("--publication", name_, "its name; else source.publication.name")
          ->type_name("NAME");
    };
    CLI::App* show =
        Add(*publication, "show", "tables, operations, and dangers of replica identities",
            [this](const Config& config) {
              return ShowPublicationCommand(config, console_, name_, json_);
            });
    add_name(show);
    AddJson(show);

    CLI::App* create =
        Add(*publication, "create", "create it, or bring it into line with the filters",
            [this](const Config& config) {
              return CreatePublicationCommand(config, console_,
                                              {.name = name_, .mode = mode_, .consent = consent_});
            });
    add_name(create);
    create->add_option("--mode", mode_,
                       "all_tables, filtered, no_tables; else publication.autocreate.mode");
    AddConsent(create);
    AddExample(create, "Example: walrelay publication create --mode filtered --dry-run");

    CLI::App* add = Add(*publication, "add", "add tables", [this](const Config& config) {
      return AddTablesCommand(config, console_,
                              {.name = name_, .tables = tables_, .consent = consent_});
    });
    add_name(add);
    add->add_option("tables", tables_, "schema.table …")->required();
    AddDryRun(add);
    AddExample(add, "Example: walrelay publication add public.orders sales.invoices");

    CLI::App* drop =
        Add(*publication, "drop", "take tables out; without tables, drop the publication",
            [this](const Config& config) {
              return DropPublicationCommand(
                  config, console_, {.name = name_, .tables = tables_, .consent = consent_});
            });
    add_name(drop);
    drop->add_option("tables", tables_, "schema.table …");
    AddConsent(drop);
    AddExample(drop, "Example: walrelay publication drop public.audit --dry-run");
  }

  void AddDlqCommands() {
    CLI::App* dlq = AddGroup("dlq", "dead letters: records that lake or target could not take");
    const auto request = [this] {
      return DlqRequest{.sink = name_, .id = all_ ? std::nullopt : id_, .consent = consent_};
    };
    const auto add_sink = [this](CLI::App* command) {
      command->add_option("--sink", name_, "lake or target; else both")->type_name("SINK");
    };
    // One letter, or all of them: never all by a slip.
    const auto add_choice = [this](CLI::App* command) {
      CLI::Option* id = command->add_option("id", id_, "number of the letter, as list shows it");
      CLI::Option* all = command->add_flag("--all", all_, "all letters");
      id->excludes(all);
    };
    CLI::App* list = Add(*dlq, "list", "what could not be applied, and why",
                         [this, request](const Config& config) {
                           return ListLettersCommand(config, console_, request(), json_);
                         });
    add_sink(list);
    AddJson(list);

    CLI::App* show = Add(*dlq, "show", "one letter with its record: shows the row's values",
                         [this, request](const Config& config) {
                           return ShowLetterCommand(config, console_, request(), json_);
                         });
    show->add_option("id", id_, "number of the letter, as list shows it")->required();
    add_sink(show);
    AddJson(show);

    CLI::App* retry = Add(*dlq, "retry", "have letters applied again, each with those of its row",
                          [this, request](const Config& config) -> absl::Status {
                            RETURN_IF_ERROR(CheckChoice());
                            return RetryLettersCommand(config, console_, request());
                          });
    add_choice(retry);
    add_sink(retry);
    AddDryRun(retry);
    AddExample(retry, "Example: walrelay dlq retry --all");

    CLI::App* drop = Add(*dlq, "drop", "give letters up, each with those of its row",
                         [this, request](const Config& config) -> absl::Status {
                           RETURN_IF_ERROR(CheckChoice());
                           return DropLettersCommand(config, console_, request());
                         });
    add_choice(drop);
    add_sink(drop);
    AddConsent(drop);
    AddExample(drop, "Example: walrelay dlq drop 17 --sink target --dry-run");
  }
  absl::Status CheckChoice() const {
    if (id_ || all_) return absl::OkStatus();
    return absl::InvalidArgumentError("say which letter is meant: its number, or --all");
  }

  void AddVerifyCommand() {
    CLI::App* verify =
        Add(app_, "verify", "compare the source with its copies in lake and target",
            [this](const Config& config) {
              verify_.sink = name_;
              verify_.tables = tables_;
              verify_.json = json_;
              verify_.consent = consent_;
              return VerifyCommand(config, console_, verify_);
            });
    verify->add_option("--table", tables_, "schema.table of the source; repeatable; else all")
        ->type_name("TABLE")
        ->allow_extra_args(false);
    verify->add_option("--sink", name_, "lake or target; else both")->type_name("SINK");
    verify->add_option("--chunk-rows", verify_.chunk_rows, "rows of one checksum")
        ->check(CLI::Range(1, 10'000'000))
        ->capture_default_str();
    verify
        ->add_option("--wait", verify_.wait_s,
                     "seconds that a sink may take to catch up with what differs")
        ->check(CLI::Range(1, 86'400))
        ->capture_default_str();
    verify->add_flag("--repair", verify_.repair,
                     "write the rows that differ anew from the source, the sink locked out");
    AddConsent(verify);
    AddJson(verify);
    AddExample(verify, "Example: walrelay verify --table public.orders --sink target --repair");
  }

  void AddRebuildCommand() {
    CLI::App* rebuild =
        Add(app_, "rebuild", "make a mirror of the lake anew from its raw events",
            [this](const Config& config) {
              rebuild_.sink = name_;
              rebuild_.table = to_;
              rebuild_.consent = consent_;
              return RebuildCommand(config, console_, rebuild_);
            });
    rebuild->add_option("table", to_, "schema.table of the source")->required();
    rebuild->add_option("--sink", name_, "lake, which has raw events")->type_name("SINK");
    rebuild->add_flag("--partial", rebuild_.partial,
                      "although raw events are missing, or rows of the old table are not made anew");
    rebuild->add_flag("--keep-old", rebuild_.keep_old, "rename the old table instead of dropping it");
    AddConsent(rebuild);
    AddExample(rebuild, "Example: walrelay rebuild public.orders --dry-run, then --yes");
  }

  void AddOtherCommands() {
    CLI::App* position = AddGroup("position", "where the pipeline is");
    AddExample(position,
               "Examples: walrelay position show\n"
               "          walrelay position import offsets.dat --dry-run    in the place of a stopped "
               "Debezium\n"
               "          walrelay position export offsets.dat              and back: stop walrelay "
               "first\n"
               "          walrelay position rewind --to earliest --dry-run  have changes written "
               "again\n\n"
               "All but show ask before they change anything, unless --yes; --dry-run only says what "
               "would be done.");
    AddJson(Add(
        *position, "show", "position record, Debezium's offset record and the slot, side by side",
        [this](const Config& config) { return ShowPositionCommand(config, console_, json_); }));

    CLI::App* out = Add(*position, "export", "Debezium's offset, for Debezium to go on from it",
                        [this](const Config& config) {
                          return ExportPositionCommand(config, console_, name_, consent_);
                        });
    out->add_option(
        "file", name_,
        "offset file of Debezium Server to write; without it, Connect's JSON is printed");
    AddConsent(out);
    AddExample(out, "Example: walrelay position export offsets.dat, before Debezium Server starts");

    CLI::App* in = Add(*position, "import", "take over from the offset of a Debezium",
                       [this](const Config& config) {
                         return ImportPositionCommand(config, console_, name_, consent_);
                       });
    in->add_option("file", name_,
                   "offset file of Debezium Server, or the JSON of GET /connectors/NAME/offsets")
        ->required();
    AddConsent(in);
    AddExample(in, "Example: walrelay position import offsets.dat --dry-run, then --yes");

    AddRewindCommand(*position);

    CLI::App* config_group = AddGroup("config", "the configuration");
    CLI::App* check =
        Add(*config_group, "check", "read it, check every option, show what is in force",
            [this](const Config& config) {
              if (!list_options_) return CheckConfigCommand(config, console_, json_);
              ListOptions(console_);
              return absl::OkStatus();
            });
    AddJson(check);
    check->add_flag("--list-options", list_options_,
                    "every option, its default and what it does here");

    AddReportCommands(*config_group);

    CLI::App* version = app_.add_subcommand("version", "the version of this program");
    AddJson(version);
    version->footer(kSeeExitCodes);
    version->callback([this] {
      needs_config_ = false;
      action_ = [this](const Config&) { return ShowVersion(console_, json_); };
    });
  }

  void AddRewindCommand(CLI::App& position) {
    CLI::App* rewind =
        Add(position, "rewind",
            "move the capture's position, or set a sink back; says first what comes again",
            [this](const Config& config) {
              if (name_.empty()) return RewindCaptureCommand(config, console_, to_, consent_);
              return RewindSinkCommand(config, console_,
                                       {.sink = name_,
                                        .topic = topic_,
                                        .partition = partition_,
                                        .to = to_,
                                        .consent = consent_});
            });
    rewind
        ->add_option("--to", to_,
                     "where to: an LSN; of a sink an offset, or a time; earliest: as far back as "
                     "slot or topic reach")
        ->type_name("LSN|OFFSET|TIME|earliest")
        ->required();
    CLI::Option* sink =
        rewind->add_option("--sink", name_, "lake or target; else the capture")->type_name("SINK");
    rewind->add_option("--topic", topic_, "of a sink: this topic only")->needs(sink);
    rewind->add_option("--partition", partition_, "of a sink: this partition only")->needs(sink);
    AddConsent(rewind);
    AddExample(
        rewind,
        "Examples: walrelay position rewind --to earliest --dry-run\n"
        "          walrelay position rewind --sink target --topic cdc.public.orders "
        "--to 2026-01-31T12:00:00Z --yes");
  }

  // What must be said even of a configuration that cannot be used.
  void AddReportCommands(CLI::App& config_group) {
    CLI::App* explain =
        Add(config_group, "explain", "what becomes of every key: honoured, nothing, or refused",
            [this](const Config&) {
              const auto file = name_.empty() ? std::nullopt : std::optional(name_);
              return ExplainConfigCommand(inputs_, file, console_, json_);
            });
    explain->add_option("file", name_,
                        "a connector's configuration or a TOML file; else the one in force");
    AddJson(explain);
    AddExample(explain, "Example: walrelay config explain connector.json");
    CLI::App* import =
        Add(config_group, "import", "write a connector's configuration as TOML",
            [this](const Config&) { return ImportConfigCommand(inputs_, name_, console_); });
    import->add_option("file", name_, "JSON, Strimzi YAML or .properties")->required();
    AddExample(import, "Example: walrelay config import connector.json > walrelay.toml");
    for (CLI::App* command : {explain, import}) {
      command->preparse_callback([this](size_t) { needs_config_ = false; });
    }
  }

  Console& console_;
  const PipelineRunner& run_;
  CLI::App app_{"Change data capture from PostgreSQL through Kafka into lake and target databases.",
                "walrelay"};
  Action action_;
  bool needs_config_ = true;

  // What options are parsed into.
  std::string file_;
  std::string connector_;
  ConfigInputs inputs_;
  Consent consent_;
  bool json_ = false;
  bool failover_ = false;
  bool list_options_ = false;
  std::string name_;
  std::string to_;
  std::string mode_;
  std::vector<std::string> tables_;
  std::string topic_;
  std::optional<int32_t> partition_;
  std::optional<int64_t> id_;
  bool all_ = false;
  VerifyRequest verify_;
  RebuildRequest rebuild_;
};

int Fail(Console& console, const absl::Status& status) {
  std::string line(Message(status));
  std::replace(line.begin(), line.end(), '\n', ' ');
  if (!status.ok() && !absl::IsCancelled(status)) console.err << "walrelay: " << line << '\n';
  return static_cast<int>(ExitCodeOf(status));
}

// "did you mean …?" for a command that does not exist.
std::string CommandHint(CLI::App& app, const std::vector<std::string>& arguments) {
  CLI::App* at = &app;
  for (const std::string& argument : arguments) {
    std::vector<std::string> names;
    for (const CLI::App* command : at->get_subcommands({})) names.push_back(command->get_name());
    if (names.empty() || argument.starts_with("-")) return {};
    if (std::find(names.begin(), names.end(), argument) != names.end()) {
      at = at->get_subcommand(argument);
      continue;
    }
    const std::vector<std::string_view> views(names.begin(), names.end());
    const std::string nearest = NearestName(argument, views);
    return nearest.empty() ? std::string() : Cat("; did you mean ", nearest, "?");
  }
  return {};
}

}  // namespace

int RunCommandLine(const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment, Console& console,
                   const PipelineRunner& run_pipeline) {
  CommandLine line(console, run_pipeline, environment);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // As CLI11 wants it.
    line.app().parse(std::move(reversed));
  } catch (const CLI::Success& help) {
    return line.app().exit(help, console.out, console.err);
  } catch (const CLI::ParseError& error) {
    return Fail(console,
                absl::InvalidArgumentError(
                    Cat(error.what(), CommandHint(line.app(), arguments), " (walrelay --help)")));
  }

  Config config;
  if (line.needs_config()) {
    auto loaded = LoadConfig(line.inputs());
    if (!loaded.ok()) return Fail(console, loaded.status());
    config = *std::move(loaded);
    if (const auto status = log::Configure(config.log.level, config.log.format); !status.ok()) {
      return Fail(console, status);
    }
  }
  return Fail(console, line.action()(config));
}

}  // namespace walrelay::app
