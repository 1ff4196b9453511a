#include "app/commands/verify_command.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <variant>

#include "app/applied_wait.h"
#include "app/capture_options.h"
#include "app/commands/verify_report.h"
#include "app/envelope_options.h"
#include "app/exit_code.h"
#include "app/option_table.h"
#include "app/source_errors.h"
#include "app/stage_options.h"
#include "apply/incomplete_rows.h"
#include "apply/table_name.h"
#include "apply/verify/row_repair.h"
#include "apply/verify/verifier.h"
#include "pg/catalog.h"
#include "pg/quoting.h"
#include "wal/publication.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kConnectLimit = 10s;
constexpr auto kStatementLimit = 30min;  // A table without a key is one checksum.
constexpr int64_t kMostIncomplete = 10'000;

absl::Status SinkError(const absl::Status& status) {
  return WithExitCode(
      status, absl::IsUnavailable(status) ? ExitCode::kSinkUnreachable : ExitCode::kSinkRefused);
}

absl::StatusOr<pg::Connection> Connect(pg::ConnectionOptions options, const std::string& pipeline) {
  options.SetDefault("application_name", Cat("walrelay verify ", pipeline));
  apply::ComparedSession(options);
  auto connection = pg::Connection::Connect(options, kConnectLimit);
  if (connection.ok()) connection->set_limit(kStatementLimit);
  return connection;
}

apply::FormatLosses LossesOf(const envelope::Options& options) {
  apply::FormatLosses losses;
  losses.decimals_are_precise = options.decimal == envelope::DecimalMode::kPrecise;
  losses.decimals_are_double = options.decimal == envelope::DecimalMode::kDouble;
  losses.intervals_are_numbers = options.interval == envelope::IntervalMode::kNumeric;
  losses.times_are_milliseconds = options.time == envelope::TimeMode::kConnect;
  losses.times_are_iso = options.time == envelope::TimeMode::kIsoString;
  losses.null_is_default = options.value_null_as_default;
  losses.time_arrays_are_null = options.compat == envelope::Compat::k2_5_0;
  switch (options.binary) {
    case envelope::BinaryMode::kBytes:
      break;
    case envelope::BinaryMode::kBase64:
      losses.binary = apply::FormatLosses::Binary::kBase64;
      break;
    case envelope::BinaryMode::kBase64UrlSafe:
      losses.binary = apply::FormatLosses::Binary::kBase64UrlSafe;
      break;
    case envelope::BinaryMode::kHex:
      losses.binary = apply::FormatLosses::Binary::kHex;
      break;
  }
  return losses;
}

// The tables that are captured and published, or those of them that were asked for.
absl::StatusOr<std::vector<pg::TableName>> TablesToCompare(const CaptureOptions& capture,
                                                           pg::Connection& source,
                                                           const std::vector<std::string>& wanted) {
  ASSIGN_OR_RETURN(const auto all, pg::ListTables(source));
  ASSIGN_OR_RETURN(std::vector<pg::TableName> tables, CapturedTables(capture, all));
  ASSIGN_OR_RETURN(const auto publication, wal::ReadPublication(source, capture.publication));
  if (publication) {
    std::erase_if(tables, [&](const pg::TableName& table) {
      return std::find(publication->effective_tables.begin(), publication->effective_tables.end(),
                       table) == publication->effective_tables.end();
    });
  }
  if (wanted.empty()) return tables;
  std::vector<pg::TableName> chosen;
  for (const std::string& name : wanted) {
    const auto found = std::find_if(tables.begin(), tables.end(), [&](const pg::TableName& table) {
      return ToString(table) == name;
    });
    if (found == tables.end()) {
      return absl::InvalidArgumentError(Cat("no table ", name, " is captured and published"));
    }
    chosen.push_back(*found);
  }
  return chosen;
}

// What all tables of one sink share.
class SinkComparison {
 public:
  SinkComparison(const CaptureOptions& capture, envelope::Options envelope,
                 const SinkWorkerOptions& options, const VerifyRequest& request,
                 pg::Connection& source, pg::Connection sink, VerifyReport& report)
      : capture_(capture),
        envelope_(std::move(envelope)),
        options_(options),
        request_(request),
        source_(source),
        sink_(std::move(sink)),
        report_(report),
        wait_(source_, sink_, options.kafka,
              {.slot = capture.slot,
               .pipeline = options.sink.pipeline,
               .sink = options.stage,
               .is_data_topic = options.is_data_topic,
               .limit = std::chrono::seconds(request.wait_s)}) {}

  absl::Status Compare(const pg::TableName& name);

 private:
  apply::CompareRequest RequestOf(const pg::TableName& name, std::string copy_table) const;
  absl::StatusOr<std::optional<Lsn>> WithoutCopy(CopyResult& result, const pg::TableName& name);
  absl::StatusOr<std::vector<std::string>> IncompleteRows(const std::string& copy_table);
  absl::StatusOr<apply::ComparedTable> ReadTable(CopyResult& result, const pg::TableName& name,
                                                 const apply::CompareRequest& request);

  const CaptureOptions& capture_;
  const envelope::Options envelope_;
  const SinkWorkerOptions& options_;
  const VerifyRequest& request_;
  pg::Connection& source_;
  pg::Connection sink_;
  VerifyReport& report_;
  AppliedWait wait_;
};

apply::CompareRequest SinkComparison::RequestOf(const pg::TableName& name,
                                                std::string copy_table) const {
  apply::CompareRequest request{.kind = options_.sink.kind,
                                .copy_table = std::move(copy_table),
                                .publication = capture_.publication,
                                .losses = LossesOf(envelope_),
                                .is_masked = {}};
  if (envelope_.column_mapper) {
    request.is_masked = [this, name](const std::string& column, const std::string& type) {
      const auto mapper = envelope_.column_mapper(name.schema, name.table, column, type);
      return mapper && !std::holds_alternative<envelope::PropagateSourceType>(*mapper);
    };
  }
  return request;
}

// No row has come yet, or the copy was dropped. With the position of the rows that it should have,
// where there are some.
absl::StatusOr<std::optional<Lsn>> SinkComparison::WithoutCopy(CopyResult& result,
                                                               const pg::TableName& name) {
  ASSIGN_OR_RETURN(const std::string quoted, pg::QuoteQualified(name.schema, name.table));
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      source_.Query(Cat("SELECT count(*), pg_current_wal_insert_lsn() FROM ", quoted)));
  result.comparison.source_rows = rows.number<int64_t>(0, 0).value_or(0);
  return result.comparison.source_rows == 0 ? std::nullopt : ParseLsn(rows.text(0, 1));
}

// Once more when all has come that the source has, where there is no copy yet.
absl::StatusOr<apply::ComparedTable> SinkComparison::ReadTable(
    CopyResult& result, const pg::TableName& name, const apply::CompareRequest& request) {
  const apply::SourceTableName source{name.schema, name.table};
  auto table = apply::ReadComparedTable(source_, sink_, source, request);
  if (!absl::IsNotFound(table.status())) return table;
  ASSIGN_OR_RETURN(const std::optional<Lsn> position, WithoutCopy(result, name));
  if (!position) {
    result.remark = "no rows, and no copy yet";
    return table;
  }
  RETURN_IF_ERROR(wait_.Until(*position));
  table = apply::ReadComparedTable(source_, sink_, source, request);
  if (!absl::IsNotFound(table.status())) return table;
  ASSIGN_OR_RETURN(const std::optional<Lsn> again, WithoutCopy(result, name));
  result.comparison.keyless_differs = again.has_value();
  result.remark = Message(table.status());
  return table;
}

// By the sink's own account: a line a row. What a key change is still to bring is no fault yet.
absl::StatusOr<std::vector<std::string>> SinkComparison::IncompleteRows(
    const std::string& copy_table) {
  apply::IncompleteRows store(sink_, options_.sink.pipeline, options_.stage);
  std::vector<std::string> rows;
  ASSIGN_OR_RETURN(const bool exists, store.Exists());
  if (!exists) return rows;
  ASSIGN_OR_RETURN(const auto columns, store.List(copy_table, kMostIncomplete));
  std::string last_key;
  for (const apply::IncompleteColumn& column : columns) {
    if (!column.awaits_lsn.empty()) continue;
    if (rows.empty() || column.row_key != last_key) {
      rows.push_back(Cat(column.row_key, ": incomplete, never sent: ", column.column));
    } else {
      rows.back() += Cat(", ", column.column);
    }
    last_key = column.row_key;
  }
  return rows;
}

absl::Status SinkComparison::Compare(const pg::TableName& name) {
  CopyResult result{.sink = options_.stage,
                    .table = ToString(name),
                    .comparison = {},
                    .left_out = {},
                    .lossy_columns = {},
                    .remark = {},
                    .incomplete = {}};
  const apply::SourceTableName source{name.schema, name.table};
  ASSIGN_OR_RETURN(std::string copy_table,
                   apply::MirrorTableName(options_.sink.target_table_format, source));
  const auto table = ReadTable(result, name, RequestOf(name, copy_table));
  const absl::Status& read = table.status();
  if (absl::IsFailedPrecondition(read) || absl::IsDeadlineExceeded(read)) {
    result.comparison.not_compared = Message(read);
  } else if (!read.ok() && !absl::IsNotFound(read)) {
    return read;
  }
  if (!read.ok()) {
    report_.Add(std::move(result));
    return absl::OkStatus();
  }
  apply::VerifyOptions options{.chunk_rows = request_.chunk_rows,
                               .await_applied = [this](Lsn lsn) { return wait_.Until(lsn); },
                               .progress =
                                   [&](const apply::TableComparison& so_far) {
                                     report_.Progress(result.sink, result.table, so_far);
                                   },
                               .repair = {}};
  std::optional<apply::RowRepair> repair;
  if (request_.repair && !request_.consent.dry_run && !table->key.empty()) {
    ASSIGN_OR_RETURN(repair, apply::RowRepair::Open(source_, sink_, *table, options_.sink));
    options.repair = [&](const auto& rows) { return repair->Write(rows); };
  }
  ASSIGN_OR_RETURN(result.comparison, apply::CompareTable(source_, sink_, *table, options));
  ASSIGN_OR_RETURN(result.incomplete, IncompleteRows(copy_table));
  result.left_out = table->left_out;
  for (const auto& column : table->columns) {
    if (column.form.is_lossy) result.lossy_columns.push_back(column.name);
  }
  if (table->key.empty()) result.remark = "no key: number of rows and checksum";
  report_.Add(std::move(result));
  return absl::OkStatus();
}

}  // namespace

absl::Status VerifyCommand(const Config& config, Console& console, const VerifyRequest& request) {
  ASSIGN_OR_RETURN(const std::vector<SinkWorkerOptions> sinks,
                   MakeSinkOptions(config, Stages::kApply));
  ASSIGN_OR_RETURN(const CaptureOptions capture, MakeCaptureOptions(config));
  ASSIGN_OR_RETURN(pg::ConnectionOptions source_options, MakeSourceConnection(config));
  auto source = Connect(std::move(source_options), config.pipeline.name);
  if (!source.ok()) return SourceError(source.status(), ExitCode::kSourceRefused);
  const auto tables = TablesToCompare(capture, *source, request.tables);
  if (absl::IsInvalidArgument(tables.status())) return tables.status();
  if (!tables.ok()) return SourceError(tables.status(), ExitCode::kSourceRefused);

  const bool asks = request.repair && !request.consent.dry_run;
  if (asks) {
    ASSIGN_OR_RETURN(const bool go_on,
                     MayProceed(console, request.consent,
                                Cat("rows of ", tables->size(),
                                    " tables that differ are written anew from the source; their "
                                    "values in lake and target are lost")));
    if (!go_on) return absl::OkStatus();
  }
  VerifyReport report(console, request.json);
  bool any = false;
  for (const SinkWorkerOptions& options : sinks) {
    if (!request.sink.empty() && request.sink != options.stage) continue;
    any = true;
    auto sink = Connect(options.sink.connection, config.pipeline.name);
    if (!sink.ok()) return SinkError(Annotate(sink.status(), options.stage));
    ASSIGN_OR_RETURN(envelope::Options envelope,
                     MakeEnvelopeOptions(config, capture.filter_health));
    SinkComparison comparison(capture, std::move(envelope), options, request, *source,
                              *std::move(sink), report);
    for (const pg::TableName& table : *tables) {
      const absl::Status compared = comparison.Compare(table);
      if (!compared.ok()) {
        return WithExitCode(Annotate(compared, Cat(options.stage, " ", ToString(table))),
                            ExitCode::kNotCompared);
      }
    }
  }
  if (!any) {
    return absl::InvalidArgumentError(
        request.sink.empty() ? std::string("neither [lake] nor [target] is configured")
                             : Cat("there is no sink [", request.sink, "] in the configuration"));
  }
  return report.Finish();
}

}  // namespace walrelay::app
