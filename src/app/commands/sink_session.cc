#include "app/commands/sink_session.h"

#include "app/exit_code.h"

namespace walrelay::app {
namespace {

constexpr std::chrono::seconds kConnectLimit{10};

absl::Status SinkError(const absl::Status& status) {
  return WithExitCode(
      status, absl::IsUnavailable(status) ? ExitCode::kSinkUnreachable : ExitCode::kSinkRefused);
}

}  // namespace

absl::Status ForEachSink(const Config& config, const std::string& wanted, const VisitSink& visit) {
  bool any = false;
  for (const auto& [name, sink] : {std::pair("lake", &config.lake), {"target", &config.target}}) {
    if (!*sink || (!wanted.empty() && wanted != name)) continue;
    any = true;
    auto options = pg::ConnectionOptions::Parse((*sink)->connection);
    if (!options.ok()) {
      return absl::InvalidArgumentError(Cat(name, ".connection: ", Message(options.status())));
    }
    options->SetDefault("application_name", "walrelay");
    options->AddSetting("search_path", "pg_catalog");
    auto connection = pg::Connection::Connect(*options, kConnectLimit);
    if (!connection.ok()) return SinkError(Annotate(connection.status(), name));
    RETURN_IF_ERROR(SinkError(visit(name, *connection)));
  }
  if (any) return absl::OkStatus();
  return absl::InvalidArgumentError(
      wanted.empty() ? std::string("neither [lake] nor [target] is configured")
                     : Cat("there is no sink [", wanted, "] in the configuration"));
}

}  // namespace walrelay::app
