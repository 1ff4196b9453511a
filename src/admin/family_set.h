// Collects samples into metric families, in the order in which the families first appear.
//
// A thin layer over prometheus-cpp's plain structs, so that the page reads as a list of names, help
// texts and values. Cannot fail. Not thread-safe.
#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "admin/counters.h"

namespace walrelay::admin {

using Label = std::pair<std::string_view, std::string_view>;
using LabelList = std::initializer_list<Label>;

class FamilySet {
 public:
  void Counter(const std::string& name, const char* help, LabelList labels, uint64_t value);
  void Counter(const std::string& name, const char* help, LabelList labels, double value);
  void Gauge(const std::string& name, const char* help, LabelList labels, double value);
  void Histogram(const std::string& name, const char* help, LabelList labels,
                 const DurationCounts& durations);

  const std::vector<prometheus::MetricFamily>& families() const { return families_; }

 private:
  prometheus::ClientMetric& Add(const std::string& name, const char* help, LabelList labels,
                                prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace walrelay::admin
