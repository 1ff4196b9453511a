// The user's Kafka options, under librdkafka's names, and what we make of them for each kind of
// client.
//
// Three layers: fixed ones that our guarantees rest on (a different value from the user is an error
// that says so), the user's, and ours for what the user left open. Checking connects to nothing.
// Messages name options, never the value of a secret. Pure functions; any thread. Source:
// librdkafka 2.0.2, CONFIGURATION.md; DESIGN.md §2, §5; PROTOCOL.md §3.1, §3.9.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace walrelay::kafka {

// As the user gave them: bootstrap.servers, security.*, linger.ms, …
using ClientOptions = std::map<std::string, std::string>;

// Every property that a user may set, aliases included, in alphabetical order.
std::vector<std::string> KnownProperties();

// InvalidArgument for the first option that librdkafka does not know (with the nearest name it
// does), whose value it refuses, or that contradicts a fixed one. What `config check` calls.
absl::Status ValidateOptions(const ClientOptions& user);

// The complete options of each kind of client: fixed, user's, ours. The user's must be valid.
// With a transactional_id the producer writes in Kafka transactions.
ClientOptions ProducerOptions(const ClientOptions& user, const std::string& transactional_id = "");
ClientOptions ConsumerOptions(const ClientOptions& user);
// For reading a topic once, from an offset to its end: shortest waits.
ClientOptions ReaderOptions(const ClientOptions& user);
// For metadata, topic creation and offsets.
ClientOptions AdminOptions(const ClientOptions& user);

// True for options whose value must not be shown (passwords, keys, tokens).
bool IsSecretOption(std::string_view name);

}  // namespace walrelay::kafka
