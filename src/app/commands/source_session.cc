#include "app/commands/source_session.h"

#include "app/capture_options.h"
#include "app/source_errors.h"

namespace walrelay::app {
namespace {

constexpr std::chrono::seconds kConnectLimit{10};

}  // namespace

absl::StatusOr<pg::Connection> ConnectToSource(const Config& config) {
  ASSIGN_OR_RETURN(pg::ConnectionOptions options, MakeSourceConnection(config));
  options.SetDefault("application_name", "walrelay");
  auto connection = pg::Connection::Connect(options, kConnectLimit);
  if (!connection.ok()) return SourceError(connection.status(), ExitCode::kSourceRefused);
  return connection;
}

}  // namespace walrelay::app
