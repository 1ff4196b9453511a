// Owners of librdkafka's handles: one line per type (STYLE.md §6).
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>

namespace walrelay::kafka {

template <auto Function>
struct Releaser {
  template <class T>
  void operator()(T* handle) const {
    Function(handle);
  }
};

using KafkaConf = std::unique_ptr<rd_kafka_conf_t, Releaser<rd_kafka_conf_destroy>>;
using KafkaTopicConf =
    std::unique_ptr<rd_kafka_topic_conf_t, Releaser<rd_kafka_topic_conf_destroy>>;
using KafkaClient = std::unique_ptr<rd_kafka_t, Releaser<rd_kafka_destroy>>;
using KafkaTopic = std::unique_ptr<rd_kafka_topic_t, Releaser<rd_kafka_topic_destroy>>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, Releaser<rd_kafka_queue_destroy>>;
using KafkaEvent = std::unique_ptr<rd_kafka_event_t, Releaser<rd_kafka_event_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, Releaser<rd_kafka_message_destroy>>;
using KafkaHeaders = std::unique_ptr<rd_kafka_headers_t, Releaser<rd_kafka_headers_destroy>>;
using KafkaError = std::unique_ptr<rd_kafka_error_t, Releaser<rd_kafka_error_destroy>>;
using KafkaMetadata =
    std::unique_ptr<const rd_kafka_metadata_t, Releaser<rd_kafka_metadata_destroy>>;
using KafkaPartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                           Releaser<rd_kafka_topic_partition_list_destroy>>;
using KafkaNewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Releaser<rd_kafka_NewTopic_destroy>>;
using KafkaAdminOptions =
    std::unique_ptr<rd_kafka_AdminOptions_t, Releaser<rd_kafka_AdminOptions_destroy>>;
using KafkaGroupList =
    std::unique_ptr<const rd_kafka_group_list, Releaser<rd_kafka_group_list_destroy>>;

}  // namespace walrelay::kafka
