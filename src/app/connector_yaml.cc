// The YAML forms of a connector's configuration. yaml-cpp lives here and nowhere else, and so do
// its exceptions.

#include <yaml-cpp/yaml.h>

#include <map>

#include "app/connector_file.h"

namespace walrelay::app {
namespace {

// yaml-cpp makes tree of an alias at each use: a few lines of aliases to aliases are billions of
// nodes.
constexpr size_t kMaxKeys = 10'000;
constexpr int kMaxDepth = 64;

std::string Where(const YAML::Node& node, const std::string& file_name) {
  return Cat(file_name, ":", node.Mark().line + 1);
}

class Flattener {
 public:
  explicit Flattener(const std::string& file_name) : file_name_(file_name) {}

  absl::Status Add(const std::string& prefix, const YAML::Node& map, int depth = 0) {
    for (const auto& member : map) {
      const std::string name = prefix + member.first.Scalar();
      const YAML::Node& value = member.second;
      if (value.IsNull()) continue;
      if (value.IsMap()) {
        if (depth >= kMaxDepth) return TooMuch();
        RETURN_IF_ERROR(Add(name + ".", value, depth + 1));
        continue;
      }
      ASSIGN_OR_RETURN(std::string text, Text(name, value));
      keys_[name] = {.name = name, .value = std::move(text), .where = Where(value, file_name_)};
      if (keys_.size() > kMaxKeys) return TooMuch();
    }
    return absl::OkStatus();
  }

  std::vector<ConnectorKey> Take() {
    std::vector<ConnectorKey> sorted;
    for (auto& [name, key] : keys_) sorted.push_back(std::move(key));
    return sorted;
  }

 private:
  absl::Status TooMuch() const {
    return absl::InvalidArgumentError(Cat(file_name_, ": too many keys, or nested too deeply"));
  }

  absl::StatusOr<std::string> Text(const std::string& name, const YAML::Node& value) const {
    if (value.IsScalar()) return value.Scalar();
    std::string joined;
    for (const YAML::Node& item : value) {
      if (!item.IsScalar()) {
        return absl::InvalidArgumentError(
            Cat(Where(item, file_name_), ": ", name, " must be text or a list of texts"));
      }
      joined += Cat(joined.empty() ? "" : ",", item.Scalar());
    }
    return joined;
  }

  const std::string& file_name_;
  std::map<std::string, ConnectorKey> keys_;
};

// metadata.name, spec.class, spec.tasksMax and spec.config of a KafkaConnector.
absl::StatusOr<ConnectorFile> ReadStrimzi(const YAML::Node& resource,
                                          const std::string& file_name) {
  ConnectorFile file;
  Flattener keys(file_name);
  const YAML::Node& spec = resource["spec"];
  if (!spec.IsMap() || !spec["config"].IsMap()) {
    return absl::InvalidArgumentError(Cat(Where(resource, file_name), ": has no spec.config"));
  }
  YAML::Node beside;
  if (spec["class"]) beside["connector.class"] = spec["class"];
  if (spec["tasksMax"]) beside["tasks.max"] = spec["tasksMax"];
  if (beside.IsMap()) RETURN_IF_ERROR(keys.Add("", beside));
  RETURN_IF_ERROR(keys.Add("", spec["config"]));
  if (resource["metadata"].IsMap() && resource["metadata"]["name"].IsScalar()) {
    file.name = resource["metadata"]["name"].Scalar();
  }
  file.keys = keys.Take();
  return file;
}

absl::StatusOr<ConnectorFile> ReadDocuments(std::string_view text, const std::string& file_name) {
  std::vector<YAML::Node> connectors;
  std::vector<YAML::Node> others;
  for (const YAML::Node& document : YAML::LoadAll(std::string(text))) {
    if (!document.IsMap()) continue;
    const bool resource = document["kind"] && document["spec"];
    if (resource && document["kind"].Scalar() == "KafkaConnector") {
      connectors.push_back(document);
    } else if (!resource) {
      others.push_back(document);
    }
  }
  if (connectors.size() > 1) {
    return absl::InvalidArgumentError(
        Cat(file_name, " holds ", connectors.size(),
            " KafkaConnector resources; give one a file, and each its own walrelay"));
  }
  if (connectors.size() == 1) return ReadStrimzi(connectors.front(), file_name);
  if (others.size() != 1) {
    return absl::InvalidArgumentError(
        Cat(file_name, " holds neither a KafkaConnector nor one map of options"));
  }
  ConnectorFile file;
  Flattener keys(file_name);
  RETURN_IF_ERROR(keys.Add("", others.front()));
  file.keys = keys.Take();
  return file;
}

}  // namespace

absl::StatusOr<ConnectorFile> ReadYamlConnector(std::string_view text,
                                                const std::string& file_name) {
  try {
    return ReadDocuments(text, file_name);
  } catch (const YAML::Exception& error) {
    // Its text may hold what stood there, but for the place.
    return absl::InvalidArgumentError(
        Cat(file_name, ":", error.mark.line + 1, ": is not valid YAML"));
  }
}

}  // namespace walrelay::app
