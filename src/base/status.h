// Status without exceptions: macros that pass errors up, and text building for their messages.
//
// All our functions that can fail return absl::Status or absl::StatusOr<T>. The code says what the caller does next:
//   Unavailable         server gone, slot busy, broker down: the supervisor reconnects with back-off
//   Aborted             serialization failure, deadlock: the transaction is repeated
//   Unknown             connection lost during COMMIT: in doubt; read the stored progress, then decide
//   DataLoss            bytes that do not parse, a gap in the stream: the process stops
//   FailedPrecondition  the environment is not as it must be: an operator acts
//   InvalidArgument     a bad option: an operator acts
//   Cancelled           shutdown was asked for: not an error to report
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/cord.h>

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <utility>

namespace walrelay {

namespace internal {
inline void AppendPiece(std::string& out, std::string_view text) { out.append(text); }
inline void AppendPiece(std::string& out, char c) { out.push_back(c); }
template <std::same_as<bool> Bool>
void AppendPiece(std::string& out, Bool value) {
  out.append(value ? "true" : "false");
}
template <class Number>
  requires((std::integral<Number> || std::floating_point<Number>) && !std::same_as<Number, bool> &&
           !std::same_as<Number, char>)
void AppendPiece(std::string& out, Number value) {
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out.append(digits, end);
}
// Types of ours (Lsn, Oid, …) print themselves through a ToString() found by argument-dependent look-up.
template <class T>
  requires requires(const T& value) { std::string_view(ToString(value)); }
void AppendPiece(std::string& out, const T& value) {
  out.append(ToString(value));
}
}  // namespace internal

// Joins text, numbers and our printable types into one string. Debian's Abseil has its own string_view, so absl::StrCat
// rejects std::string_view.
template <class... Pieces>
std::string Cat(const Pieces&... pieces) {
  std::string out;
  (internal::AppendPiece(out, pieces), ...);
  return out;
}

// The message of a status as a std::string_view.
inline std::string_view Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// The same code and payloads, with `where` and ": " put before the message.
inline absl::Status Annotate(const absl::Status& status, std::string_view where) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), Cat(where, ": ", Message(status)));
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    annotated.SetPayload(type, payload);
  });
  return annotated;
}

}  // namespace walrelay

#define WALRELAY_CONCAT_INNER(a, b) a##b
#define WALRELAY_CONCAT(a, b) WALRELAY_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expression)                               \
  do {                                                            \
    if (absl::Status status_ = (expression); !status_.ok()) {     \
      return status_;                                             \
    }                                                             \
  } while (false)

#define ASSIGN_OR_RETURN(target, expression) \
  WALRELAY_ASSIGN_OR_RETURN(WALRELAY_CONCAT(status_or_, __LINE__), target, expression)
#define WALRELAY_ASSIGN_OR_RETURN(temporary, target, expression) \
  auto temporary = (expression);                                 \
  if (!temporary.ok()) return std::move(temporary).status();     \
  target = *std::move(temporary)
