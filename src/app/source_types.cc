#include "app/source_types.h"

#include "apply/source_catalog.h"
#include "pg/connection.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 3s;
constexpr auto kPauseAfterFailure = 30s;

}  // namespace

absl::StatusOr<std::optional<apply::SourceTable>> SourceTypes::Read(const std::string& schema,
                                                                    const std::string& table) {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now < not_before_) return last_error_;
  auto connection = pg::Connection::Connect(source_, kLimit);
  if (!connection.ok()) {
    not_before_ = now + kPauseAfterFailure;
    last_error_ = connection.status();
    return last_error_;
  }
  connection->set_limit(kLimit);
  return apply::ReadSourceTable(*connection, schema, table);
}

}  // namespace walrelay::app
