#include "kafka/client_options.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>

#include "kafka/client.h"
#include "kafka/handles.h"

namespace walrelay::kafka {
namespace {

// The properties of this librdkafka: names, and for an alias the name that it stands for.
using Properties = std::map<std::string, std::string, std::less<>>;

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// librdkafka's own table, as it prints it. conf_dump has no aliases and nothing that is unset.
std::string PropertyTable() {
  char* text = nullptr;
  size_t size = 0;
  FILE* file = open_memstream(&text, &size);
  if (file == nullptr) return {};
  rd_kafka_conf_properties_show(file);
  std::fclose(file);
  const std::unique_ptr<char, Releaser<std::free>> owner(text);
  return {text, size};
}

// Callbacks and C pointers are in the table but cannot be given as text.
bool IsSettable(std::string_view name) {
  constexpr std::string_view kPointers[] = {"opaque", "default_topic_conf", "msg_order_cmp",
                                            "ssl_engine_callback_data"};
  return !name.ends_with("_cb") && std::ranges::find(kPointers, name) == std::end(kPointers);
}

Properties ParsePropertyTable(std::string_view table) {
  constexpr std::string_view kAlias = "Alias for `";
  Properties properties;
  while (!table.empty()) {
    const std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(table.size(), line.size() + 1));
    const size_t bar = line.find(" | ");
    if (bar == std::string_view::npos) continue;
    const std::string_view name = Trim(line.substr(0, bar));
    if (name == "Property" || !IsSettable(name)) continue;

    std::string canonical(name);
    if (const size_t alias = line.find(kAlias); alias != std::string_view::npos) {
      const std::string_view rest = line.substr(alias + kAlias.size());
      canonical = rest.substr(0, rest.find('`'));
    }
    properties.emplace(name, std::move(canonical));
  }
  return properties;
}

// A constant of the library that is linked.
const Properties& AllProperties() {
  static const Properties properties = ParsePropertyTable(PropertyTable());
  return properties;
}

std::string_view Canonical(std::string_view name) {
  const auto found = AllProperties().find(name);
  return found == AllProperties().end() ? name : std::string_view(found->second);
}

ClientOptions WithCanonicalNames(const ClientOptions& options) {
  ClientOptions canonical;
  for (const auto& [name, value] : options) canonical[std::string(Canonical(name))] = value;
  return canonical;
}

struct FixedOption {
  std::string_view name;   // Canonical.
  std::string_view value;  // Empty: never set.
  std::string_view same;   // Another spelling of the value.
  std::string_view why;
};

// What "once and in order" rests on.
constexpr FixedOption kProducerFixed[] = {
    {"enable.idempotence", "true", "1", "each record must be written once and in order"},
    {"request.required.acks", "-1", "all",
     "what is confirmed to PostgreSQL must be on all in-sync replicas"},
    {"enable.gapless.guarantee", "true", "1", "no record may follow one that failed"},
    {"partitioner", "", "", "partitions are chosen as Java's clients do"},
    {"transactional.id", "", "", "it is chosen by walrelay"},
};
constexpr FixedOption kConsumerFixed[] = {
    {"enable.auto.commit", "false", "0", "offsets live in the sink's database"},
    {"enable.auto.offset.store", "false", "0", "offsets live in the sink's database"},
    {"auto.offset.reset", "error", "error", "unread records that are gone must stop the program"},
    {"isolation.level", "read_committed", "read_committed",
     "records of aborted transactions are not part of the stream"},
    {"allow.auto.create.topics", "false", "0", "topics are created explicitly"},
    {"enable.partition.eof", "", "", "it is set by walrelay where it is needed"},
    // Not cooperative: librdkafka before 2.6.1 loops, and resumes from old positions (PROTOCOL.md
    // §3.8). Not range: it gives the first member every topic of one partition.
    {"partition.assignment.strategy", "roundrobin", "roundrobin",
     "partitions are spread evenly over all members"},
};

// The second layer below the user's. PROTOCOL.md §3.1 and §3.9 have the measurements.
const ClientOptions& CommonDefaults() {
  static const ClientOptions options = {
      {"client.id", "walrelay"},
      {"socket.nagle.disable", "true"},
      {"socket.keepalive.enable", "true"},
      // A broker that is back is found within a second; librdkafka's default is ten.
      {"reconnect.backoff.max.ms", "1000"},
  };
  return options;
}
const ClientOptions& ProducerDefaults() {
  static const ClientOptions options = {
      {"linger.ms", "1"},
      {"compression.type", "lz4"},
      {"queue.buffering.max.kbytes", "65536"},
      {"queue.buffering.max.messages", "200000"},
      // Never: a record that times out would leave a gap. Until Kafka is back the queue is full and
      // nothing is read.
      {"message.timeout.ms", "0"},
      // What Java's producer takes (max.request.size), and a broker by default with the batch's own
      // bytes.
      {"message.max.bytes", "1048500"},
  };
  return options;
}
const ClientOptions& ConsumerDefaults() {
  static const ClientOptions options = {
      {"check.crcs", "true"},
      // Memory: what is queued, and one response, which is compressed and becomes some ten times
      // larger.
      {"queued.max.messages.kbytes", "16384"},
      {"fetch.message.max.bytes", "524288"},
      {"fetch.max.bytes", "2097152"},
  };
  return options;
}
const ClientOptions& ReaderDefaults() {
  static const ClientOptions options = {
      {"check.crcs", "true"},
      {"queued.max.messages.kbytes", "32768"},
  };
  return options;
}

template <size_t kSize>
ClientOptions Merge(const ClientOptions& user, const ClientOptions& defaults,
                    const FixedOption (&fixed)[kSize]) {
  ClientOptions complete = WithCanonicalNames(CommonDefaults());
  for (const auto& [name, value] : WithCanonicalNames(defaults)) complete[name] = value;
  for (const auto& [name, value] : WithCanonicalNames(user)) complete[name] = value;
  for (const FixedOption& option : fixed) {
    if (option.value.empty()) {
      complete.erase(std::string(option.name));
    } else {
      complete[std::string(option.name)] = option.value;
    }
  }
  return complete;
}

// Without what makes a client a member of a group.
ClientOptions WithoutGroup(ClientOptions options) {
  options.erase("group.id");
  options.erase("group.instance.id");
  return options;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

std::string NearestProperty(std::string_view name) {
  const auto nearest = std::ranges::min_element(AllProperties(), {}, [&](const auto& property) {
    return EditDistance(name, property.first);
  });
  return nearest->first;
}

absl::Status ValidateOne(const std::string& name, const std::string& value) {
  if (!AllProperties().contains(name)) {
    return absl::InvalidArgumentError(Cat("unknown Kafka option ", name,
                                          "; the nearest that librdkafka knows is ",
                                          NearestProperty(name)));
  }
  const auto contradicts = [&](const FixedOption& option) {
    return Canonical(name) == option.name && value != option.value && value != option.same;
  };
  for (const auto& fixed : {std::span<const FixedOption>(kProducerFixed),
                            std::span<const FixedOption>(kConsumerFixed)}) {
    if (const auto found = std::ranges::find_if(fixed, contradicts); found != fixed.end()) {
      return absl::InvalidArgumentError(
          Cat("Kafka option ", name, " cannot be set here: ", found->why));
    }
  }

  const KafkaConf conf(rd_kafka_conf_new());
  char reason[512];
  if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), reason, sizeof(reason)) ==
      RD_KAFKA_CONF_OK) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      Cat("Kafka option ", name, ": ",
          IsSecretOption(name) ? std::string_view("librdkafka refuses the value") : reason));
}

}  // namespace

bool IsSecretOption(std::string_view name) {
  constexpr std::string_view kMarks[] = {"password", "secret", ".pem", "oauthbearer.config",
                                         "token"};
  return std::ranges::any_of(
      kMarks, [&](std::string_view mark) { return name.find(mark) != std::string_view::npos; });
}

std::vector<std::string> KnownProperties() {
  std::vector<std::string> names;
  for (const auto& [name, canonical] : AllProperties()) names.push_back(name);
  return names;
}

absl::Status ValidateOptions(const ClientOptions& user) {
  for (const auto& [name, value] : user) RETURN_IF_ERROR(ValidateOne(name, value));

  // Contradictions and unreadable files show only when a client is made. Without servers it
  // connects to nothing.
  ClientOptions offline = WithCanonicalNames(user);
  offline.erase("bootstrap.servers");
  offline.erase("metadata.broker.list");
  RETURN_IF_ERROR(CheckClient(RD_KAFKA_PRODUCER, ProducerOptions(offline)));
  return CheckClient(RD_KAFKA_CONSUMER, ConsumerOptions(offline));
}

ClientOptions ProducerOptions(const ClientOptions& user, const std::string& transactional_id) {
  ClientOptions options = Merge(user, ProducerDefaults(), kProducerFixed);
  if (transactional_id.empty()) return options;
  options["transactional.id"] = transactional_id;
  // A record lives as long as its transaction: librdkafka takes transaction.timeout.ms.
  options.erase("message.timeout.ms");
  return options;
}

ClientOptions ConsumerOptions(const ClientOptions& user) {
  ClientOptions options = Merge(user, ConsumerDefaults(), kConsumerFixed);
  options["enable.partition.eof"] = "true";  // Else nobody knows that only a transaction's end is left.
  return options;
}

ClientOptions ReaderOptions(const ClientOptions& user) {
  ClientOptions options = WithoutGroup(Merge(user, ReaderDefaults(), kConsumerFixed));
  options["enable.partition.eof"] = "true";
  options.insert_or_assign(
      "fetch.wait.max.ms",
      std::string("5"));  // The end of a partition is reported after this wait at the latest.
  return options;
}

ClientOptions AdminOptions(const ClientOptions& user) {
  ClientOptions options = WithoutGroup(Merge(user, ReaderDefaults(), kConsumerFixed));
  options.insert_or_assign(
      "isolation.level", std::string("read_uncommitted"));  // Ends are where the next record goes.
  return options;
}

}  // namespace walrelay::kafka
