#include "app/commands/source_session.h"

#include "app/capture_options.h"
#include "pg/error.h"

namespace walrelay::app {
namespace {

constexpr std::chrono::seconds kConnectLimit{10};

}  // namespace

absl::Status SourceError(absl::Status status, ExitCode otherwise) {
  const std::string sqlstate = pg::SqlStateOf(status);
  const bool refused = sqlstate.starts_with("28") || sqlstate == "3D000" || sqlstate == "42501";
  if (refused) return WithExitCode(std::move(status), ExitCode::kSourceRefused);
  if (sqlstate == "42710")
    return WithExitCode(std::move(status), ExitCode::kSlotUnsuitable);  // duplicate_object
  if (sqlstate == "55000")
    return WithExitCode(std::move(status), ExitCode::kSourceUnsuitable);  // wal_level
  if (sqlstate == "55006") return WithExitCode(std::move(status), ExitCode::kSlotInUse);
  const bool unreachable = absl::IsUnavailable(status) || absl::IsUnknown(status);
  return WithExitCode(std::move(status), unreachable ? ExitCode::kSourceUnreachable : otherwise);
}

absl::StatusOr<pg::Connection> ConnectToSource(const Config& config) {
  ASSIGN_OR_RETURN(pg::ConnectionOptions options, MakeSourceConnection(config));
  options.SetDefault("application_name", "walrelay");
  auto connection = pg::Connection::Connect(options, kConnectLimit);
  if (!connection.ok()) return SourceError(connection.status(), ExitCode::kSourceRefused);
  return connection;
}

}  // namespace walrelay::app
