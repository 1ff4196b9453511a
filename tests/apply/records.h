// Records for tests: from the lines of a recorded golden, or made by hand.
#pragma once

#include <deque>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/json.h"
#include "change/record.h"

namespace walrelay::apply::testing {

// Owns the bytes that ConsumedRecord only views.
class Records {
 public:
  ConsumedRecord& Add(std::string_view topic, int32_t partition, int64_t offset,
                      std::optional<std::string_view> key, std::optional<std::string_view> value) {
    ConsumedRecord record;
    record.topic = Keep(topic);
    record.partition = partition;
    record.offset = offset;
    if (key) record.key = Keep(*key);
    if (value) record.value = Keep(*value);
    all.push_back(std::move(record));
    return all.back();
  }

  void AddHeader(ConsumedRecord& record, std::string_view name, std::string_view value) {
    record.headers.push_back({.name = Keep(name), .value = Keep(value)});
  }

  // One JSON object a line: topic, partition, offset, key, value, headers.
  void Load(const std::string& path) {
    std::ifstream in(path);
    CHECK(in.good());
    JsonReader reader;
    for (std::string line; std::getline(in, line);) {
      const auto parsed = reader.Parse(line);
      CHECK(parsed.ok());
      const JsonValue object = *parsed;
      if (object["topic"].is_missing()) continue;
      ConsumedRecord& record =
          Add(object["topic"].text(), *object["partition"].Int<int32_t>(), *object["offset"].Int(),
              object["key"].String(), object["value"].String());
      for (auto it = object["headers"].begin(); it != object["headers"].end(); ++it) {
        auto part = (*it).begin();
        const std::string_view name = (*part).text();
        ++part;
        AddHeader(record, name, (*part).text());
      }
    }
  }

  std::vector<ConsumedRecord> all;

 private:
  std::string_view Keep(std::string_view text) { return kept_.emplace_back(text); }
  std::deque<std::string> kept_;
};

}  // namespace walrelay::apply::testing
