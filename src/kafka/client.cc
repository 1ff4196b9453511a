#include "kafka/client.h"

#include <syslog.h>

#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"

namespace walrelay::kafka {

// Which brokers are connected, by librdkafka's reports from its threads.
class Connections {
 public:
  Client::RebalanceHandler rebalance;  // Of the polling thread, unlike the rest.

  void NoteState(std::string broker, bool up) {
    const std::lock_guard lock(mutex_);
    const bool connected = up_count_ > 0;
    bool& was_up = up_[std::move(broker)];
    if (was_up != up) up_count_ += up ? 1 : -1;
    was_up = up;
    if (connected && up_count_ == 0) down_since_ = std::chrono::steady_clock::now();
    if (up_count_ > 0) last_error_.clear();
  }
  void NoteError(int error, std::string_view reason) {
    // Follows from the others, and says less.
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;
    const std::lock_guard lock(mutex_);
    last_error_ = reason;
  }
  std::optional<SteadyTime> disconnected_since() const {
    const std::lock_guard lock(mutex_);
    if (up_count_ > 0) return std::nullopt;
    return down_since_;
  }
  std::string last_error() const {
    const std::lock_guard lock(mutex_);
    return last_error_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, bool> up_;
  int up_count_ = 0;
  SteadyTime down_since_ = std::chrono::steady_clock::now();
  std::string last_error_;
};

namespace {

// All kinds of clients are made from one set of options, so what is for another kind is no mistake;
// the one experimental option is our choice; and a fatal error is in the status that the owner
// gets.
bool IsNoise(std::string_view facility, std::string_view line) {
  if (facility == "FATAL") return true;
  return facility == "CONFWARN" &&
         (line.find(" property and will be ignored by this ") != line.npos ||
          line.find("enable.gapless.guarantee is experimental") != line.npos);
}

void OnLog(const rd_kafka_t*, int level, const char* facility, const char* text) {
  const std::string_view line(text);
  if (IsNoise(facility, line)) return;
  if (level <= LOG_WARNING) {
    log::Warn("kafka: ", line);
  } else {
    log::Debug("kafka: ", line);
  }
}

void OnError(rd_kafka_t*, int error, const char* reason, void* connections) {
  static_cast<Connections*>(connections)->NoteError(error, reason);
}

rd_kafka_resp_err_t OnBrokerState(rd_kafka_t*, int32_t, const char*, const char* name, int port,
                                  const char* state, void* connections) {
  // UPDATE is a moment of an open connection.
  const std::string_view now(state);
  static_cast<Connections*>(connections)
      ->NoteState(Cat(std::string_view(name), ':', port), now == "UP" || now == "UPDATE");
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void OnRebalanceCallback(rd_kafka_t* client, rd_kafka_resp_err_t error,
                         rd_kafka_topic_partition_list_t* partitions, void* connections) {
  const auto& handler = static_cast<Connections*>(connections)->rebalance;
  if (handler) {
    handler(error, partitions);
  } else {
    rd_kafka_assign(client, nullptr);  // It is being closed.
  }
}

rd_kafka_resp_err_t OnNew(rd_kafka_t* client, const rd_kafka_conf_t*, void* connections, char*,
                          size_t) {
  return rd_kafka_interceptor_add_on_broker_state_change(client, "walrelay", OnBrokerState,
                                                         connections);
}

absl::StatusOr<KafkaConf> NewConf(const ClientOptions& complete) {
  KafkaConf conf(rd_kafka_conf_new());
  char reason[512];
  for (const auto& [name, value] : complete) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), reason, sizeof(reason)) !=
        RD_KAFKA_CONF_OK) {
      return absl::InvalidArgumentError(
          Cat("Kafka option ", name, ": ",
              IsSecretOption(name) ? "librdkafka refuses the value" : reason));
    }
  }
  rd_kafka_conf_set_log_cb(conf.get(), OnLog);
  return conf;
}

absl::Status Refused(std::string_view reason) {
  return absl::InvalidArgumentError(Cat("Kafka options: ", reason));
}

}  // namespace

absl::Status CheckClient(rd_kafka_type_t type, const ClientOptions& complete) {
  ASSIGN_OR_RETURN(KafkaConf conf, NewConf(complete));
  char reason[512];
  const KafkaClient client(rd_kafka_new(type, conf.get(), reason, sizeof(reason)));
  if (client == nullptr) return Refused(reason);
  (void)conf.release();  // rd_kafka_new took it; on failure it would still be ours.
  return absl::OkStatus();
}

absl::StatusOr<Client> Client::Make(rd_kafka_type_t type, const ClientOptions& complete,
                                    int events) {
  ASSIGN_OR_RETURN(KafkaConf conf, NewConf(complete));
  auto connections = std::make_unique<Connections>();
  rd_kafka_conf_set_opaque(conf.get(), connections.get());
  rd_kafka_conf_set_error_cb(conf.get(), OnError);
  rd_kafka_conf_set_events(conf.get(), events);
  if (type == RD_KAFKA_CONSUMER) {
    rd_kafka_conf_set_rebalance_cb(conf.get(), OnRebalanceCallback);
  }
  rd_kafka_conf_interceptor_add_on_new(conf.get(), "walrelay", OnNew, connections.get());

  char reason[512];
  KafkaClient client(rd_kafka_new(type, conf.get(), reason, sizeof(reason)));
  // It took the configuration; or, when it fails with an interceptor, freed a part of it:
  // destroying it would free that twice (librdkafka 2.0.2, rd_kafka_new, fail:). What leaks is
  // small, and CheckClient() has said no before.
  (void)conf.release();
  if (client == nullptr) return Refused(reason);
  return Client(std::move(connections), std::move(client));
}

namespace {

// How long a client may take to end: a broker that hangs is waited for up to a second.
constexpr std::chrono::seconds kPatience{3};

}  // namespace

Client::Client(std::unique_ptr<Connections> connections, KafkaClient client)
    : connections_(std::move(connections)), client_(std::move(client)) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() {
  if (client_ != nullptr) Destroy();
}

// librdkafka 2.0.2 waits for ever to destroy a consumer one of whose partitions was removed from
// the cluster meanwhile (fixed in 2.6.1). Such a client is left behind with what its threads use:
// we are stopping, or the topic is gone.
void Client::Destroy() {
  std::promise<void> done;
  std::future<void> destroyed = done.get_future();
  std::thread destroyer([client = client_.release(), done = std::move(done)]() mutable {
    rd_kafka_destroy(client);
    done.set_value();
  });
  if (destroyed.wait_for(kPatience) == std::future_status::ready) {
    destroyer.join();
    return;
  }
  log::Warn("kafka: a client does not end; leaving it behind");
  destroyer.detach();
  (void)connections_.release();
}

std::optional<SteadyTime> Client::disconnected_since() const {
  return connections_->disconnected_since();
}

std::string Client::last_error() const { return connections_->last_error(); }

void Client::NoteError(rd_kafka_resp_err_t error, std::string_view reason) {
  connections_->NoteError(error, reason);
}

void Client::OnRebalance(RebalanceHandler handler) {
  connections_->rebalance = std::move(handler);
}

void Client::ServeErrors() { rd_kafka_poll(client_.get(), 0); }

absl::Status Client::Failed(std::string_view what, rd_kafka_resp_err_t error) const {
  const std::string connection = last_error();
  std::string message = Cat(what, ": ", rd_kafka_err2str(error));
  if (!connection.empty()) message += Cat(" (", connection, ")");
  return absl::Status(CodeOf(error), message);
}

absl::StatusCode CodeOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return absl::StatusCode::kOk;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return absl::StatusCode::kInvalidArgument;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return absl::StatusCode::kDataLoss;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
      return absl::StatusCode::kFailedPrecondition;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return absl::StatusCode::kOutOfRange;
    default:
      // The broker, the network, or this instance, which was fenced or whose transaction has timed
      // out: try again.
      return absl::StatusCode::kUnavailable;
  }
}

}  // namespace walrelay::kafka
