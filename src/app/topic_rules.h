// topic.creation.*: how a topic that we create is made, by its name.
//
// The first group of topic.creation.groups whose include list matches the name and whose exclude
// list does not, else the default group. Expressions are Java's, match the whole name, and heed
// case. A group without partitions or replication factor has the default group's; other options are
// its own. Pure. Source: KIP-158; Kafka Connect's TopicCreationGroup.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/filters.h"
#include "base/status.h"
#include "kafka/topics.h"

namespace walrelay::app {

class TopicRules {
 public:
  // Everything by the broker's defaults.
  TopicRules() = default;
  // InvalidArgument for a group without include list, and for options of a group that is not named.
  static absl::StatusOr<TopicRules> Make(const Config& config, SharedFilterHealth health);

  const kafka::TopicSpec& Of(const std::string& topic) const;
  const kafka::TopicSpec& by_default() const { return default_; }

 private:
  struct Group {
    RegexList include;
    RegexList exclude;
    kafka::TopicSpec spec;
  };
  kafka::TopicSpec default_;
  std::vector<Group> groups_;
};

}  // namespace walrelay::app
