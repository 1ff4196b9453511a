// Waits until a sink has applied all that the source had committed before a position.
//
// The slot is confirmed only up to what Kafka has acknowledged (Debezium's too), and the sink's
// progress says how far it has read. So: the slot passes the position; then Kafka's ends are read;
// then the progress passes those. Topics that are parked never do and are left out.
// DeadlineExceeded: not within the limit; what it waited for. FailedPrecondition: there is no such
// slot. Other errors as the connections'. One thread. Source: DESIGN.md §2.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "change/lsn.h"
#include "change/record.h"
#include "kafka/client_options.h"
#include "kafka/log_reader.h"
#include "kafka/topics.h"
#include "pg/connection.h"

namespace walrelay::app {

class AppliedWait {
 public:
  struct Options {
    std::string slot;
    std::string pipeline;
    std::string sink;  // "lake", "target"
    std::function<bool(const std::string& topic)> is_data_topic;
    std::chrono::milliseconds limit{60'000};
  };

  // The connections outlive it.
  AppliedWait(pg::Connection& source, pg::Connection& sink, kafka::ClientOptions kafka,
              Options options)
      : source_(source), sink_(sink), kafka_(std::move(kafka)), options_(std::move(options)) {}

  absl::Status Until(Lsn lsn);

 private:
  using Offsets = std::map<TopicPartition, int64_t>;

  absl::Status AwaitSlot(Lsn lsn, SteadyTime begun);
  absl::StatusOr<Offsets> Ends();
  absl::Status AwaitProgress(Offsets ends, SteadyTime begun);
  absl::Status DropReached(Offsets& ends);
  absl::StatusOr<bool> HasRecords(const TopicPartition& partition, int64_t from, int64_t end);
  bool IsOver(SteadyTime begun) const;

  pg::Connection& source_;
  pg::Connection& sink_;
  kafka::ClientOptions kafka_;
  Options options_;
  std::unique_ptr<kafka::Topics> topics_;
  std::unique_ptr<kafka::LogReader> reader_;
};

}  // namespace walrelay::app
