#include "kafka/producer.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "kafka/queries.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;

// Reports are this rare only when nothing gets through.
constexpr std::chrono::seconds kSilence{1};

// What librdkafka writes to the event fd: eventfd takes eight bytes that are a number.
constexpr uint64_t kWake = 1;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

// librdkafka takes a null pointer for Kafka's null, whatever the size: an empty text needs an
// address.
const char* Address(std::optional<std::string_view> text) {
  if (!text) return nullptr;
  return text->data() == nullptr ? "" : text->data();
}
size_t Size(std::optional<std::string_view> text) { return text ? text->size() : 0; }

// The ticket travels as the message's opaque pointer.
static_assert(sizeof(void*) == sizeof(uint64_t));

absl::StatusOr<KafkaHeaders> ToHeaders(const std::vector<RecordHeader>& headers) {
  KafkaHeaders list(rd_kafka_headers_new(headers.size()));
  for (const RecordHeader& header : headers) {
    const auto error = rd_kafka_header_add(
        list.get(), header.name.data(), static_cast<ssize_t>(header.name.size()),
        Address(header.value), static_cast<ssize_t>(Size(header.value)));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return absl::InternalError(rd_kafka_err2str(error));
  }
  return list;
}

// Not the cause but a consequence: what had not been sent when another record failed.
bool IsConsequence(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__PURGE_QUEUE || error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
         error == RD_KAFKA_RESP_ERR__FATAL;
}

// To librdkafka 0 is the producer's clock: 1970-01-01 itself is sent as its first millisecond.
int64_t TimestampOf(const Record& record) {
  return record.timestamp_ms ? std::max<int64_t>(1, *record.timestamp_ms) : 0;
}

}  // namespace

Producer::FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<std::unique_ptr<Producer>> Producer::Open(const ClientOptions& user,
                                                         const std::string& transactional_id) {
  FileDescriptor event_fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (event_fd.get() < 0)
    return absl::UnavailableError(Cat("eventfd: ", std::string_view(std::strerror(errno))));
  ASSIGN_OR_RETURN(Client client,
                   Client::Make(RD_KAFKA_PRODUCER, ProducerOptions(user, transactional_id),
                                RD_KAFKA_EVENT_DR));
  std::unique_ptr<Producer> producer(new Producer(std::move(client), std::move(event_fd)));
  if (!transactional_id.empty())
    producer->transactions_.emplace(producer->client_, producer->event_fd_.get());
  return producer;
}

Producer::Producer(Client client, FileDescriptor event_fd)
    : client_(std::move(client)),
      event_fd_(std::move(event_fd)),
      queue_(rd_kafka_queue_get_main(client_.get())) {
  rd_kafka_queue_io_event_enable(queue_.get(), event_fd_.get(), &kWake, sizeof(kWake));
}

Producer::~Producer() {
  transactions_.reset();  // Its thread uses the client and the event fd.
  // No thread of librdkafka may write to the event fd after it is closed.
  rd_kafka_queue_io_event_enable(queue_.get(), -1, nullptr, 0);
  // Else the client waits for its queue.
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                    RD_KAFKA_PURGE_F_NON_BLOCKING);
}

absl::Status Producer::Prefetch(std::string_view topic, milliseconds limit) {
  return LookUpTopic(topic, limit).status();
}

absl::StatusOr<Producer::Topic*> Producer::FindTopic(std::string_view name) {
  if (last_topic_ != nullptr && last_topic_->name == name) return last_topic_;
  const auto found = topics_.find(name);
  if (found != topics_.end()) return last_topic_ = found->second.get();
  ASSIGN_OR_RETURN(last_topic_, LookUpTopic(name, std::chrono::seconds(10)));
  return last_topic_;
}

// Asks the cluster, also for a topic that is known: its partition count may have grown.
absl::StatusOr<Producer::Topic*> Producer::LookUpTopic(std::string_view name, milliseconds limit) {
  auto found = topics_.find(name);
  if (found == topics_.end()) {
    ASSIGN_OR_RETURN(KafkaTopic handle, NewTopicHandle(client_, name));
    auto topic = std::make_unique<Topic>(
        Topic{.name = std::string(name), .handle = std::move(handle), .partitions = 0});
    found = topics_.emplace(name, std::move(topic)).first;
  }
  Topic& topic = *found->second;
  ASSIGN_OR_RETURN(const std::optional<int32_t> count,
                   FetchPartitionCount(client_, topic.handle.get(), limit));
  if (!count) return absl::FailedPreconditionError(Cat("topic ", name, " does not exist"));
  topic.partitions = *count;
  return &topic;
}

absl::Status Producer::Produce(const Record& record, int32_t partition, uint64_t ticket) {
  if (!failure_.ok()) return failure_;
  ASSIGN_OR_RETURN(Topic * topic, FindTopic(record.topic));
  if (partition >= topic->partitions) {
    // Never to librdkafka: 2.0.2 frees the headers twice (PROTOCOL.md §3.8).
    ASSIGN_OR_RETURN(topic, LookUpTopic(record.topic, std::chrono::seconds(10)));
  }
  if (partition < 0 || partition >= topic->partitions) {
    return absl::FailedPreconditionError(Cat("topic ", record.topic, " has ", topic->partitions,
                                             " partitions, none with number ", partition));
  }

  const size_t size = Size(record.key) + Size(record.value);
  const rd_kafka_resp_err_t error = Enqueue(record, *topic, partition, ticket);
  if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
    return absl::OutOfRangeError(
        Cat("record of ", size, " bytes for topic ", record.topic,
            " is larger than message.max.bytes; raise it, and ",
            "max.message.bytes of the topic or message.max.bytes of the brokers"));
  }
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return client_.Failed(Cat("writing to topic ", record.topic), error);

  if (queued_messages_ == 0) last_sign_ = Now();
  ++queued_messages_;
  queued_bytes_ += size;
  return absl::OkStatus();
}

rd_kafka_resp_err_t Producer::Enqueue(const Record& record, const Topic& topic, int32_t partition,
                                      uint64_t ticket) {
  const bool has_headers = record.headers != nullptr && !record.headers->empty();
  if (has_headers || record.timestamp_ms)
    return EnqueueWithExtras(record, topic, partition, ticket);
  const int refused = rd_kafka_produce(
      topic.handle.get(), partition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(Address(record.value)),
      Size(record.value), Address(record.key), Size(record.key), std::bit_cast<void*>(ticket));
  return refused == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error();
}

// The slow way, which alone takes headers and a timestamp (three headers cost more than the record,
// PROTOCOL.md §2.3).
rd_kafka_resp_err_t Producer::EnqueueWithExtras(const Record& record, const Topic& topic,
                                                int32_t partition, uint64_t ticket) {
  KafkaHeaders headers;
  if (record.headers != nullptr && !record.headers->empty()) {
    auto list = ToHeaders(*record.headers);
    if (!list.ok()) return RD_KAFKA_RESP_ERR__INVALID_ARG;
    headers = *std::move(list);
  }
  const auto error = rd_kafka_producev(
      client_.get(), RD_KAFKA_V_RKT(topic.handle.get()), RD_KAFKA_V_PARTITION(partition),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_VALUE(const_cast<char*>(Address(record.value)), Size(record.value)),
      RD_KAFKA_V_KEY(Address(record.key), Size(record.key)), RD_KAFKA_V_HEADERS(headers.get()),
      RD_KAFKA_V_TIMESTAMP(TimestampOf(record)), RD_KAFKA_V_OPAQUE(std::bit_cast<void*>(ticket)),
      RD_KAFKA_V_END);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
    (void)headers.release();  // The message took them; on failure still ours.
  return error;
}

absl::Status Producer::Serve(OnDelivery on_delivery, milliseconds timeout) {
  uint64_t wakes;
  (void)!read(event_fd_.get(), &wakes,
              sizeof(wakes));  // Before polling: what comes later must wake us again.
  for (milliseconds wait = timeout;; wait = milliseconds(0)) {
    const KafkaEvent event(rd_kafka_queue_poll(queue_.get(), static_cast<int>(wait.count())));
    if (event == nullptr) break;
    TakeEvent(event.get(), on_delivery);
  }
  if (failure_.ok() && IsFatal()) TakeFatal(on_delivery);
  return failure_;
}

bool Producer::IsFatal() const {
  char reason[1];
  return rd_kafka_fatal_error(client_.get(), reason, sizeof(reason)) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

void Producer::TakeEvent(rd_kafka_event_t* event, OnDelivery on_delivery) {
  if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) {
    client_.NoteError(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
    return;
  }
  last_sign_ = Now();
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    --queued_messages_;
    queued_bytes_ -= message->key_len + message->len;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      TakeFailure(*message);
      continue;
    }
    on_delivery({
        .ticket = std::bit_cast<uint64_t>(message->_private),
        .partition = message->partition,
        .offset = std::max(message->offset, int64_t{-1}),  // RD_KAFKA_OFFSET_INVALID is below.
        .timestamp_ms = rd_kafka_message_timestamp(message, nullptr),
    });
  }
}

void Producer::TakeFailure(const rd_kafka_message_t& message) {
  if (IsConsequence(message.err)) return;
  const size_t size = message.key_len + message.len;
  // A batch that is too large fails as a whole: its largest record is the one to name.
  const bool names_better =
      message.err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && size > failed_size_;
  if (!failure_.ok() && !names_better) return;
  failed_size_ = size;
  failed_topic_ = rd_kafka_topic_name(message.rkt);
  Fail(client_.Failed(
      Cat("writing a record of ", size, " bytes to topic ",
          failed_topic_, " partition ", message.partition),
      message.err));
}

// A fatal error of the instance comes beside the record that failed, which says the cause better
// and comes at once.
void Producer::TakeFatal(OnDelivery on_delivery) {
  const Deadline deadline(kSilence);
  while (failure_.ok() && queued_messages_ > 0 && !deadline.passed()) {
    const KafkaEvent event(rd_kafka_queue_poll(queue_.get(), deadline.left_ms()));
    if (event != nullptr) TakeEvent(event.get(), on_delivery);
  }
  if (!failure_.ok()) return;
  char reason[512];
  rd_kafka_fatal_error(client_.get(), reason, sizeof(reason));
  Fail(absl::UnavailableError(Cat("the Kafka producer cannot go on: ", std::string_view(reason))));
}

void Producer::Fail(absl::Status status) {
  failure_ = std::move(status);
  // Nothing may be written behind the gap.
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

absl::Status Producer::Flush(SteadyTime deadline, OnDelivery on_delivery) {
  const Deadline end(deadline);
  while (queued_messages_ > 0 && !end.passed()) RETURN_IF_ERROR(Serve(on_delivery, end.left()));
  RETURN_IF_ERROR(Serve(on_delivery));
  if (queued_messages_ == 0) return absl::OkStatus();
  const std::string connection = last_error();
  return absl::UnavailableError(Cat("Kafka has not acknowledged ", queued_messages_,
                                    " records in time", connection.empty() ? "" : ": ",
                                    connection));
}

absl::Status Producer::Abort(milliseconds limit) {
  const Deadline deadline(limit);
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
  while (queued_messages_ > 0 && !deadline.passed()) {
    const KafkaEvent event(rd_kafka_queue_poll(queue_.get(), deadline.left_ms()));
    if (event != nullptr) TakeEvent(event.get(), [](const Delivery&) {});
  }
  return transactions_->Abort(std::max(deadline.left(), milliseconds(1)));
}

std::optional<SteadyTime> Producer::unreachable_since() const {
  if (const auto disconnected = client_.disconnected_since()) return disconnected;
  if (transactions_) {
    const auto committing = transactions_->committing_since();
    if (committing && Now() - *committing >= kSilence) return committing;
  }
  // A broker that hangs keeps its connection.
  if (queued_messages_ > 0 && Now() - last_sign_ >= kSilence) return last_sign_;
  return std::nullopt;
}

}  // namespace walrelay::kafka
