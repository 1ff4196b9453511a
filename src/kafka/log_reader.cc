#include "kafka/log_reader.h"

#include <utility>

#include "kafka/message.h"
#include "kafka/queries.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;

// Fetches partitions into one queue while it lives. The interface without a group: nothing has to
// be joined or left.
class Fetching {
 public:
  Fetching(const Client& client, FetchQueue& fetched)
      : client_(client), fetched_(fetched), queue_(rd_kafka_queue_new(client.get())) {}
  Fetching(const Fetching&) = delete;
  Fetching& operator=(const Fetching&) = delete;
  ~Fetching() {
    for (const auto& [topic, partition] : started_) rd_kafka_consume_stop(topic.get(), partition);
  }

  absl::Status Start(const TopicPartition& partition, int64_t first) {
    ASSIGN_OR_RETURN(KafkaTopic topic, NewTopicHandle(client_, partition.topic));
    if (rd_kafka_consume_start_queue(topic.get(), partition.partition, first, queue_.get()) != 0) {
      return client_.Failed(Cat("reading ", partition.topic), rd_kafka_last_error());
    }
    started_.emplace_back(std::move(topic), partition.partition);
    partitions_.emplace(partition, first);
    return absl::OkStatus();
  }
  KafkaMessage Next(milliseconds limit) {
    return fetched_.Next([this](int ms) { return rd_kafka_consume_queue(queue_.get(), ms); },
                         client_, partitions_, limit);
  }

 private:
  const Client& client_;
  FetchQueue& fetched_;
  KafkaQueue queue_;
  std::map<TopicPartition, int64_t> partitions_;  // By what was started, where.
  std::vector<std::pair<KafkaTopic, int32_t>> started_;
};

absl::Status ReadFailed(const rd_kafka_message_t& message) {
  return absl::Status(CodeOf(message.err),
                      Cat("reading ", std::string_view(rd_kafka_topic_name(message.rkt)),
                          " partition ", message.partition, " at offset ", message.offset, ": ",
                          rd_kafka_message_errstr(&message)));
}

// What has not been read to its end yet.
using Unfinished = std::map<TopicPartition, OffsetRange>;

// Handles one message: a record, an end of partition, or an error.
absl::Status Take(const rd_kafka_message_t& message, Unfinished& unfinished,
                  LogReader::OnRecord on_record) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR &&
      message.err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    RETURN_IF_ERROR(DamageOf(message));
    const absl::Status failed = ReadFailed(message);
    return failed.code() == absl::StatusCode::kUnavailable ? absl::OkStatus()
                                                           : failed;  // librdkafka repeats it.
  }
  const auto found =
      unfinished.find({.topic = rd_kafka_topic_name(message.rkt), .partition = message.partition});
  if (found == unfinished.end()) return absl::OkStatus();
  const int64_t end = found->second.end;
  // The offset of an end of partition is the next one: behind compacted records and transaction
  // markers.
  const bool is_record = message.err == RD_KAFKA_RESP_ERR_NO_ERROR;
  const int64_t next = is_record ? message.offset + 1 : message.offset;
  if (next >= end) unfinished.erase(found);
  return is_record && message.offset < end ? on_record(ViewOf(message)) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogReader>> LogReader::Open(const ClientOptions& user) {
  const ClientOptions options = ReaderOptions(user);
  ASSIGN_OR_RETURN(Client client, Client::Make(RD_KAFKA_CONSUMER, options));
  return std::unique_ptr<LogReader>(new LogReader(std::move(client), FetchQueue(options)));
}

absl::StatusOr<std::optional<std::vector<OffsetRange>>> LogReader::Ranges(std::string_view topic,
                                                                          milliseconds limit) {
  const Deadline deadline(limit);
  ASSIGN_OR_RETURN(const KafkaTopic handle, NewTopicHandle(client_, topic));
  ASSIGN_OR_RETURN(const std::optional<int32_t> count,
                   FetchPartitionCount(client_, handle.get(), limit));
  if (!count) return std::optional<std::vector<OffsetRange>>();
  ASSIGN_OR_RETURN(const auto first, FetchOffsets(client_, topic, *count, RD_KAFKA_OFFSET_BEGINNING,
                                                  deadline.left()));
  ASSIGN_OR_RETURN(const auto end,
                   FetchOffsets(client_, topic, *count, RD_KAFKA_OFFSET_END, deadline.left()));
  std::vector<OffsetRange> ranges;
  for (size_t i = 0; i < first.size(); ++i) ranges.push_back({.first = first[i], .end = end[i]});
  return std::optional(std::move(ranges));
}

absl::Status LogReader::Read(const std::map<TopicPartition, OffsetRange>& ranges,
                             OnRecord on_record, milliseconds limit) {
  const Deadline deadline(limit);
  Unfinished unfinished;
  Fetching fetching(client_, queue_);
  for (const auto& [partition, range] : ranges) {
    if (range.first >= range.end) continue;
    unfinished.emplace(partition, range);
    RETURN_IF_ERROR(fetching.Start(partition, range.first));
  }
  while (!unfinished.empty()) {
    if (const KafkaMessage message = fetching.Next(deadline.left())) {
      RETURN_IF_ERROR(Take(*message, unfinished, on_record));
    } else if (deadline.passed()) {
      client_.ServeErrors();
      return client_.Failed(Cat("reading ", unfinished.begin()->first.topic),
                            RD_KAFKA_RESP_ERR__TIMED_OUT);
    }
  }
  return absl::OkStatus();
}

}  // namespace walrelay::kafka
