// Writes records, in order and once per partition, and reports what is durable.
//
// One idempotent librdkafka producer. Produce() copies the record and returns at once; reports wait
// until Serve(), which the loop calls when event_fd() is readable. The first failed record fails
// the producer for good: nothing queued behind it is sent any more, so that no partition gets a
// gap; the owner makes a new one and streams again from the position. Nothing here waits except
// Prefetch(), Serve() with a timeout, Flush() and Abort(). With a transactional.id records belong to
// Kafka transactions (transactions.h). Errors: Unavailable (broker, transport, a fatal
// error of this instance: make a new one), OutOfRange (record above a size limit),
// FailedPrecondition (topic gone, not authorised: an operator acts), ResourceExhausted (queue full:
// serve, then repeat). Thread: the capture loop's only. The destructor drops what is still queued.
// Source: DESIGN.md §2 link A, §4; PROTOCOL.md §3.1–3.5, §3.8.
#pragma once

#include <absl/functional/function_ref.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "change/record.h"
#include "kafka/client.h"
#include "kafka/client_options.h"
#include "kafka/handles.h"
#include "kafka/transactions.h"

namespace walrelay::kafka {

// A record that is durable.
struct Delivery {
  uint64_t ticket = 0;  // As given to Produce().
  int32_t partition = 0;
  int64_t offset =
      -1;  // -1: the report has none (a repeated request whose first attempt had arrived).
  int64_t timestamp_ms = 0;  // As written.
};

class Producer {
 public:
  using OnDelivery = absl::FunctionRef<void(const Delivery&)>;

  // Does not wait for a broker. An empty transactional_id: without transactions.
  static absl::StatusOr<std::unique_ptr<Producer>> Open(const ClientOptions& user,
                                                        const std::string& transactional_id = "");
  ~Producer();

  // Learns leaders and partition count of a topic, so that the first record to it is not held up by
  // a look-up (up to a second). The topic must exist.
  absl::Status Prefetch(std::string_view topic,
                        std::chrono::milliseconds limit = std::chrono::seconds(10));

  // Queues a record for a partition of a topic; looks the topic up first if it was not prefetched.
  absl::Status Produce(const Record& record, int32_t partition, uint64_t ticket);

  // Readable (poll it, do not read it) when Serve() has something to do. Owned by the producer.
  int event_fd() const { return event_fd_.get(); }

  // Calls on_delivery for every report that waits, after waiting up to `timeout` for the first one.
  absl::Status Serve(OnDelivery on_delivery, std::chrono::milliseconds timeout = {});
  // Serves until nothing is in flight. Unavailable when records are left at the deadline.
  absl::Status Flush(SteadyTime deadline, OnDelivery on_delivery);

  // Null without a transactional.id.
  Transactions* transactions() { return transactions_ ? &*transactions_ : nullptr; }
  // Drops what is queued, waits for what is in flight, and aborts the Kafka transaction at hand.
  absl::Status Abort(std::chrono::milliseconds limit);

  // What has been produced and not been reported: records, and bytes of keys and values.
  size_t queued_messages() const { return queued_messages_; }
  size_t queued_bytes() const { return queued_bytes_; }

  // Since when the cluster gives no sign of life: no broker connected, or records in flight and not
  // one report for a second or more; a commit that takes as long. Clears when a broker is back.
  // Before the first connection: since Open(). librdkafka reconnects by itself in any case.
  std::optional<SteadyTime> unreachable_since() const;
  // The last connection or broker error, for the message; empty when there was none.
  std::string last_error() const { return client_.last_error(); }
  // The topic of the record that failed; empty when none did.
  const std::string& failed_topic() const { return failed_topic_; }

 private:
  struct Topic {
    std::string name;
    KafkaTopic handle;
    int32_t partitions;
  };
  class FileDescriptor {
   public:
    explicit FileDescriptor(int fd) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&&) = delete;
    ~FileDescriptor();
    int get() const { return fd_; }

   private:
    int fd_;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  Producer(Client client, FileDescriptor event_fd);
  absl::StatusOr<Topic*> FindTopic(std::string_view name);
  absl::StatusOr<Topic*> LookUpTopic(std::string_view name, std::chrono::milliseconds limit);
  rd_kafka_resp_err_t Enqueue(const Record& record, const Topic& topic, int32_t partition,
                              uint64_t ticket);
  rd_kafka_resp_err_t EnqueueWithExtras(const Record& record, const Topic& topic, int32_t partition,
                                        uint64_t ticket);
  void TakeEvent(rd_kafka_event_t* event, OnDelivery on_delivery);
  void TakeFailure(const rd_kafka_message_t& message);
  void TakeFatal(OnDelivery on_delivery);
  bool IsFatal() const;
  void Fail(absl::Status status);

  Client client_;
  FileDescriptor event_fd_;
  KafkaQueue queue_;  // Released before the client that it belongs to.
  std::optional<Transactions> transactions_;
  std::unordered_map<std::string, std::unique_ptr<Topic>, Hash, std::equal_to<>> topics_;
  Topic* last_topic_ = nullptr;  // Bulk loads write to one topic for long.
  absl::Status failure_;         // Not OK: the producer has failed for good.
  size_t failed_size_ = 0;       // Of the record that failure_ names.
  std::string failed_topic_;     // Its topic.
  size_t queued_messages_ = 0;
  size_t queued_bytes_ = 0;
  SteadyTime last_sign_{};  // The last report, or when the queue stopped being empty.
};

}  // namespace walrelay::kafka
