// A librdkafka client of any kind: made from options, logging through ours, watching its
// connections.
//
// librdkafka connects, reconnects and keeps one connection by itself; Client only knows since when
// there is none. Construction connects to nothing. Watching is thread-safe, since librdkafka
// reports from its own threads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "kafka/client_options.h"
#include "kafka/handles.h"

namespace walrelay::kafka {

class Connections;  // Which brokers are connected; see client.cc.

class Client {
 public:
  // From complete options (ProducerOptions() and its like). `events` are RD_KAFKA_EVENT_* that go
  // to the queues instead of callbacks. InvalidArgument for options that librdkafka refuses.
  static absl::StatusOr<Client> Make(rd_kafka_type_t type, const ClientOptions& complete,
                                     int events = 0);

  Client(Client&&) noexcept;
  Client& operator=(Client&&) = delete;
  ~Client();

  rd_kafka_t* get() const { return client_.get(); }
  // Since when no broker is connected; nullopt while one is.
  std::optional<SteadyTime> disconnected_since() const;
  // The last error of a broker or connection; empty when there was none since a connection was
  // made.
  std::string last_error() const;
  // What a queue that its owner polls itself has reported.
  void NoteError(rd_kafka_resp_err_t error, std::string_view reason);
  // Takes the errors that wait in the main queue into last_error(). Not for producers: it would
  // lose their reports.
  void ServeErrors();
  // Of a consumer that is a member of a group: partitions come or go (`error` says which), inside
  // of a poll. The handler ends with rd_kafka_assign(). Without one nothing is taken.
  using RebalanceHandler =
      std::function<void(rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* partitions)>;
  void OnRebalance(RebalanceHandler handler);

  // A status for a call that failed: what was tried, why, and the last connection error where that
  // explains it.
  absl::Status Failed(std::string_view what, rd_kafka_resp_err_t error) const;

 private:
  Client(std::unique_ptr<Connections> connections, KafkaClient client);
  void Destroy();

  std::unique_ptr<Connections>
      connections_;  // Outlives the client: its threads report here until they end.
  KafkaClient client_;
};

// Makes a client and drops it: InvalidArgument when librdkafka refuses the options together.
absl::Status CheckClient(rd_kafka_type_t type, const ClientOptions& complete);

// The code that an error of librdkafka or a broker maps to (base/status.h says what each means).
absl::StatusCode CodeOf(rd_kafka_resp_err_t error);

}  // namespace walrelay::kafka
