#include "app/java_kafka_options.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "app/option_table.h"
#include "kafka/client_options.h"

namespace walrelay::app {
namespace {

struct Renamed {
  std::string_view java;
  std::string_view librdkafka;
};

// The values are the same.
constexpr Renamed kRenamed[] = {
    {"max.request.size", "message.max.bytes"},
    {"send.buffer.bytes", "socket.send.buffer.bytes"},
    {"receive.buffer.bytes", "socket.receive.buffer.bytes"},
    {"sasl.mechanism", "sasl.mechanisms"},
    {"sasl.kerberos.service.name", "sasl.kerberos.service.name"},
    {"ssl.cipher.suites", "ssl.cipher.suites"},
};

// Under the same name in librdkafka, with the same meaning.
constexpr std::string_view kSame[] = {
    "bootstrap.servers",
    "linger.ms",
    "batch.size",
    "compression.type",
    "retries",
    "retry.backoff.ms",
    "request.timeout.ms",
    "max.in.flight.requests.per.connection",
    "client.id",
    "reconnect.backoff.ms",
    "metadata.max.age.ms",
    "security.protocol",
    "reconnect.backoff.max.ms",
    "ssl.keystore.location",
    "connections.max.idle.ms",
    "ssl.keystore.password",
    "socket.connection.setup.timeout.ms",
};

struct Unneeded {
  std::string_view name;  // Ends in '*': all that begin so.
  std::string_view why;
};

constexpr Unneeded kUnneeded[] = {
    {"key.serializer", "keys are bytes here"},
    {"value.serializer", "values are bytes here"},
    {"delivery.timeout.ms", "a record is tried until Kafka has it"},
    {"client.dns.lookup", "every address of a name is tried"},
    {"max.block.ms", "a full queue stops the reading, and waits"},
    {"retry.backoff.max.ms", "librdkafka's back-off between tries is used"},
    {"socket.connection.setup.timeout.max.ms", "librdkafka's back-off is used"},
    {"metadata.max.idle.ms", "topics in use are few and known"},
    {"metadata.recovery.strategy", "librdkafka bootstraps again by itself"},
    {"metadata.recovery.rebootstrap.trigger.ms", "librdkafka bootstraps again by itself"},
    {"auto.include.jmx.reporter", "there is no JMX; see /metrics"},
    {"metric.reporters", "a Java class; see /metrics"},
    {"metrics.*", "see /metrics"},
    {"enable.metrics.push", "see /metrics"},
    {"partitioner.adaptive.partitioning.enable", "a record's partition follows from its key"},
    {"partitioner.availability.timeout.ms", "a record's partition follows from its key"},
    {"transaction.timeout.ms", "pipeline.delivery says how records are delivered"},
    {"ssl.protocol", "OpenSSL takes the best that both sides have"},
    {"ssl.enabled.protocols", "OpenSSL takes the best that both sides have"},
    {"ssl.truststore.type", "it is read with ssl.truststore.location"},
    {"ssl.keystore.type", "librdkafka reads PKCS#12"},
};

struct Impossible {
  std::string_view name;
  std::string_view why;
};

constexpr Impossible kImpossible[] = {
    {"partitioner.class", "partitions are chosen as Java's default partitioner does; remove it"},
    {"partitioner.ignore.keys", "the records of a key must stay in one partition; remove it"},
    {"interceptor.classes", "a Java class cannot be loaded here; remove it"},
    {"transactional.id", "it is chosen by walrelay; remove it"},
    {"ssl.truststore.location",
     "a Java trust store cannot be read: export its certificates as PEM, and give that file as "
     "kafka.ssl.ca.location"},
    {"ssl.truststore.password", "goes with ssl.truststore.location; remove it"},
    {"ssl.truststore.certificates", "write it to a file, and give that as kafka.ssl.ca.location"},
    {"ssl.keystore.key", "give it as kafka.ssl.key.pem"},
    {"ssl.keystore.certificate.chain", "give it as kafka.ssl.certificate.pem"},
    {"sasl.login.callback.handler.class",
     "a Java class cannot be loaded here; librdkafka has sasl.oauthbearer.method=oidc"},
    {"sasl.client.callback.handler.class",
     "a Java class cannot be loaded here; librdkafka has sasl.oauthbearer.method=oidc"},
    {"ssl.engine.factory.class", "a Java class cannot be loaded here; remove it"},
    {"security.providers", "a Java class cannot be loaded here; remove it"},
    {"sasl.jaas.config",
     "of JAAS, only PlainLoginModule and ScramLoginModule with username and password in quotes are "
     "understood; give kafka.sasl.username and kafka.sasl.password"},
};

bool IsOneOf(std::string_view value, std::initializer_list<std::string_view> known) {
  return std::ranges::find(known, value) != known.end();
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

// The text of name="…" or name='…' in a JAAS line; a backslash takes the next character as it is.
std::optional<std::string> JaasOption(std::string_view line, std::string_view name) {
  const size_t at = line.find(Cat(" ", name, "="));
  if (at == std::string_view::npos) return std::nullopt;
  size_t i = at + name.size() + 2;
  if (i >= line.size() || (line[i] != '"' && line[i] != '\'')) return std::nullopt;
  const char quote = line[i++];
  std::string text;
  for (; i < line.size() && line[i] != quote; ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) ++i;
    text.push_back(line[i]);
  }
  if (i >= line.size()) return std::nullopt;
  return text;
}

std::optional<JavaOptionMeaning> Jaas(std::string_view value) {
  const bool known = value.find("PlainLoginModule") != std::string_view::npos ||
                     value.find("ScramLoginModule") != std::string_view::npos;
  if (!known) return std::nullopt;
  auto user = JaasOption(value, "username");
  auto password = JaasOption(value, "password");
  if (!user || !password) return std::nullopt;
  return MappedOptions{{{"sasl.username", *user}, {"sasl.password", *password}}};
}

// Options whose value decides, or is written differently.
std::optional<JavaOptionMeaning> Special(std::string_view name, std::string_view value) {
  if (name == "acks") {
    if (IsOneOf(Lower(value), {"all", "-1"})) return MappedOptions{};
    return RefusedOption{
        "what is confirmed to PostgreSQL must be on all in-sync replicas: acks=all; remove it"};
  }
  if (name == "enable.idempotence") {
    if (Lower(value) == "true") return MappedOptions{};
    return RefusedOption{"each record must be written once and in order; remove it"};
  }
  if (name == "buffer.memory") {
    int64_t bytes = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), bytes);
    if (error != std::errc() || end != value.data() + value.size() || bytes < 0) {
      return RefusedOption{"must be a number of bytes"};
    }
    const int64_t kbytes = std::max<int64_t>(1, bytes / 1024);
    return MappedOptions{{{"queue.buffering.max.kbytes", std::to_string(kbytes)}}};
  }
  if (name == "compression.type") {
    return MappedOptions{{{"compression.type", Lower(value)}}};
  }
  if (name == "ssl.endpoint.identification.algorithm") {
    return MappedOptions{{{std::string(name), value.empty() ? "none" : Lower(value)}}};
  }
  if (name == "ssl.key.password") return MappedOptions{{{std::string(name), std::string(value)}}};
  if (name == "sasl.jaas.config") return Jaas(value);
  return std::nullopt;
}

std::string Nearest(std::string_view name) {
  std::vector<std::string_view> known(std::begin(kSame), std::end(kSame));
  for (const Renamed& each : kRenamed) known.push_back(each.java);
  for (const Unneeded& each : kUnneeded) known.push_back(each.name);
  for (const Impossible& each : kImpossible) known.push_back(each.name);
  known.insert(known.end(), {"acks", "enable.idempotence", "buffer.memory"});
  return NearestName(name, known);
}

}  // namespace

JavaOptionMeaning MeaningOfJavaOption(std::string_view name, std::string_view value) {
  if (const auto special = Special(name, value)) return *special;
  for (const Renamed& each : kRenamed) {
    if (each.java != name) continue;
    return MappedOptions{{{std::string(each.librdkafka), std::string(value)}}};
  }
  if (std::ranges::find(kSame, name) != std::end(kSame)) {
    return MappedOptions{{{std::string(name), std::string(value)}}};
  }
  for (const Unneeded& each : kUnneeded) {
    const bool all = each.name.ends_with('*');
    const bool fits =
        all ? name.starts_with(each.name.substr(0, each.name.size() - 1)) : name == each.name;
    if (fits) return MeansNothing{std::string(each.why)};
  }
  for (const Impossible& each : kImpossible) {
    if (each.name == name) return RefusedOption{std::string(each.why)};
  }
  const auto known = kafka::KnownProperties();
  if (std::ranges::find(known, name) != known.end()) {
    return RefusedOption{
        Cat("Java's clients have no such option, librdkafka has: give it as kafka.", name)};
  }
  const std::string nearest = Nearest(name);
  return RefusedOption{
      nearest.empty() ? std::string("has no counterpart in librdkafka that is known; remove it")
                      : Cat("is not known; did you mean ", nearest, "?")};
}

}  // namespace walrelay::app
