// What the capture stage needs to know, all parts together; made by stage_options.h.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "app/capture_options.h"
#include "app/kafka_transaction.h"
#include "app/topic_rules.h"
#include "envelope/options.h"
#include "kafka/client_options.h"

namespace walrelay::app {

struct CaptureSettings {
  CaptureOptions source;  // Connection, slot, publication, snapshot, filters, heartbeat.
  std::shared_ptr<const envelope::Options> envelope;
  kafka::ClientOptions kafka;
  TopicRules topic_rules;
  std::string pipeline;      // The connector's name, for Debezium's offset record.
  std::string offset_topic;  // Connect's offsets topic.
  std::chrono::milliseconds offset_flush_interval{60'000};
  std::string options_hash;  // Of the options that shape the stream.
  bool exactly_once = true;  // pipeline.delivery; transactional is exactly once, too.
  bool transactional = false;
  TransactionLimits transaction_limits{};
  bool accept_topic_mismatch = false;
};

}  // namespace walrelay::app
