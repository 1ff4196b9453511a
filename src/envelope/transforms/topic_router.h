// RegexRouter: another topic, and nothing else. Source: FORMAT.md §12.2.
#pragma once

#include "envelope/transforms/cache.h"

namespace walrelay::envelope {

class TopicRouter {
 public:
  TopicRouter(TopicRouterOptions options, TopicNames& topics)
      : topic_(std::move(options.topic)), topics_(topics) {}

  absl::StatusOr<bool> Apply(Flight& record) {
    ASSIGN_OR_RETURN(const std::string* topic, topic_.Of(record.topic, topics_));
    if (topic == nullptr) return true;
    record.topic = topic;
    record.CopyHeaders();
    return true;
  }

 private:
  CachedRewrite topic_;
  TopicNames& topics_;
};

}  // namespace walrelay::envelope
