#include "pg/error.h"

#include <absl/strings/cord.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/status.h"

namespace walrelay::pg {
namespace {

constexpr char kSqlStatePayload[] = "walrelay/sqlstate";
constexpr size_t kSqlStateSize = 5;

bool IsSqlState(std::string_view text) {
  return text.size() == kSqlStateSize && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isdigit(c) || std::isupper(c);
         });
}

std::string_view FirstLine(std::string_view text) { return text.substr(0, text.find('\n')); }

std::string_view Field(const PGresult* result, int code) {
  const char* field = PQresultErrorField(result, code);
  return field == nullptr ? std::string_view() : std::string_view(field);
}

// `invalid input syntax for type integer: "abc"` without the value, which may itself hold quotes.
std::string WithoutQuoted(std::string_view message) {
  const size_t first = message.find('"');
  const size_t last = message.rfind('"');
  if (first == last) return std::string(message);
  return Cat(message.substr(0, first), "\"...\"", message.substr(last + 1));
}

absl::Status MakeError(std::string_view what, std::string_view sqlstate, std::string_view message,
                       std::string_view hint) {
  const bool quotes_value = sqlstate.starts_with("22");
  std::string text = Cat(what, ": ", quotes_value ? WithoutQuoted(message) : std::string(message));
  if (!sqlstate.empty()) text += Cat(" (SQLSTATE ", sqlstate, ")");
  if (!hint.empty() && !quotes_value) text += Cat("; hint: ", hint);
  return ErrorWithSqlState(sqlstate, text);
}

// The last "FATAL:  28P01: text" of a verbose connection error; libpq keeps no fields for it. Hosts
// that were tried before the last one have lines of their own.
struct VerboseError {
  std::string_view sqlstate;
  std::string_view message;
};
VerboseError ParseVerbose(std::string_view text) {
  VerboseError found;
  for (size_t at = text.find(":  "); at != text.npos; at = text.find(":  ", at + 1)) {
    const std::string_view rest = text.substr(at + 3);
    const std::string_view state = rest.substr(0, kSqlStateSize);
    if (!IsSqlState(state) || rest.substr(kSqlStateSize, 2) != ": ") continue;
    found = {.sqlstate = state, .message = FirstLine(rest.substr(kSqlStateSize + 2))};
  }
  return found;
}

}  // namespace

absl::StatusCode CodeOfSqlState(std::string_view sqlstate) {
  using absl::StatusCode;
  const std::string_view of_class = sqlstate.substr(0, 2);
  // cannot_connect_now and its like, resources, out of reach.
  if (of_class == "08" || of_class == "53" || of_class == "57") return StatusCode::kUnavailable;
  static constexpr std::array<std::string_view, 7> kPassing = {
      "55006",  // object_in_use: the slot is active
      "55P03",  // lock_not_available
      "25006",  // read_only_sql_transaction: a standby, until the failover is over
      "25P03",  // idle_in_transaction_session_timeout: the session is gone
      "25P04",  // transaction_timeout: likewise
      "58030",  // io_error
      "72000",  // snapshot_too_old
  };
  if (std::find(kPassing.begin(), kPassing.end(), sqlstate) != kPassing.end()) {
    return StatusCode::kUnavailable;
  }
  if (sqlstate == "40001" || sqlstate == "40P01") return StatusCode::kAborted;
  if (sqlstate == "40003") return StatusCode::kUnknown;  // statement_completion_unknown
  if (sqlstate == "XX001" || sqlstate == "XX002") return StatusCode::kDataLoss;
  if (sqlstate == "42601" || sqlstate == "42602" || sqlstate == "42622" || of_class == "22") {
    return StatusCode::kInvalidArgument;
  }
  return StatusCode::kFailedPrecondition;
}

absl::Status ResultError(const PGresult* result, std::string_view what) {
  const std::string_view sqlstate = Field(result, PG_DIAG_SQLSTATE);
  const std::string_view primary = Field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (sqlstate.empty()) {
    // Made by libpq, not by the server: the connection broke.
    return absl::UnavailableError(Cat(what, ": ", FirstLine(PQresultErrorMessage(result))));
  }
  return MakeError(what, sqlstate, primary, Field(result, PG_DIAG_MESSAGE_HINT));
}

absl::Status ConnectionError(const PGconn* connection, std::string_view what) {
  const std::string_view text = PQerrorMessage(connection);
  const VerboseError error = ParseVerbose(text);
  if (!error.sqlstate.empty()) return MakeError(what, error.sqlstate, error.message, {});
  return absl::UnavailableError(Cat(what, ": ", FirstLine(text)));
}

absl::Status ErrorWithSqlState(std::string_view sqlstate, std::string_view message) {
  if (sqlstate.empty()) {
    return absl::UnavailableError(absl::string_view(message.data(), message.size()));
  }
  absl::Status status(CodeOfSqlState(sqlstate), absl::string_view(message.data(), message.size()));
  status.SetPayload(kSqlStatePayload,
                    absl::Cord(absl::string_view(sqlstate.data(), sqlstate.size())));
  return status;
}

std::string SqlStateOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kSqlStatePayload);
  return payload ? std::string(*payload) : std::string();
}

}  // namespace walrelay::pg
