#include "kafka/transactions.h"

#include <unistd.h>

#include <cstdint>
#include <utility>

#include "kafka/handles.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;

// How often a commit that takes long looks whether it is given up.
constexpr milliseconds kSlice{500};

absl::Status Failed(std::string_view what, const rd_kafka_error_t& error) {
  return absl::Status(CodeOf(rd_kafka_error_code(&error)),
                      Cat(what, ": ", rd_kafka_error_string(&error)));
}

int Milliseconds(milliseconds limit) { return static_cast<int>(limit.count()); }

}  // namespace

Transactions::~Transactions() { give_up_ = true; }

absl::Status Transactions::Init(milliseconds limit) {
  const KafkaError error(rd_kafka_init_transactions(client_.get(), Milliseconds(limit)));
  if (error == nullptr) return absl::OkStatus();
  const std::string connection = client_.last_error();
  return Annotate(Failed("taking over the transactional.id", *error),
                  connection.empty() ? "Kafka" : connection);
}

absl::Status Transactions::Begin() {
  const KafkaError error(rd_kafka_begin_transaction(client_.get()));
  return error == nullptr ? absl::OkStatus() : Failed("beginning a Kafka transaction", *error);
}

void Transactions::StartCommit() {
  committing_since_ = std::chrono::steady_clock::now();
  std::promise<absl::Status> outcome;
  outcome_ = outcome.get_future();
  thread_ = std::jthread([this, outcome = std::move(outcome)]() mutable {
    outcome.set_value(Commit());
    // Only now: who is woken looks for the outcome.
    const uint64_t wake = 1;
    (void)!write(event_fd_, &wake, sizeof(wake));
  });
}

// A call that has timed out goes on behind it, and is resumed by the next one.
absl::Status Transactions::Commit() {
  while (!give_up_) {
    const KafkaError error(rd_kafka_commit_transaction(client_.get(), Milliseconds(kSlice)));
    if (error == nullptr) return absl::OkStatus();
    if (!rd_kafka_error_is_retriable(error.get()))
      return Failed("committing a Kafka transaction", *error);
  }
  return absl::UnavailableError("the commit of a Kafka transaction was given up");
}

std::optional<absl::Status> Transactions::TakeOutcome() {
  if (!outcome_.valid() || outcome_.wait_for(milliseconds(0)) != std::future_status::ready)
    return std::nullopt;
  committing_since_.reset();
  return outcome_.get();
}

absl::Status Transactions::Abort(milliseconds limit) {
  const KafkaError error(rd_kafka_abort_transaction(client_.get(), Milliseconds(limit)));
  return error == nullptr ? absl::OkStatus() : Failed("aborting a Kafka transaction", *error);
}

}  // namespace walrelay::kafka
