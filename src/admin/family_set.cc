#include "admin/family_set.h"

namespace walrelay::admin {

using prometheus::ClientMetric;
using prometheus::MetricType;

ClientMetric& FamilySet::Add(const std::string& name, const char* help, LabelList labels,
                             MetricType type) {
  const auto [at, is_new] = index_.try_emplace(name, families_.size());
  if (is_new) families_.push_back({.name = name, .help = help, .type = type, .metric = {}});
  ClientMetric& metric = families_[at->second].metric.emplace_back();
  for (const auto& [label, value] : labels) {
    metric.label.push_back({.name = std::string(label), .value = std::string(value)});
  }
  return metric;
}

void FamilySet::Counter(const std::string& name, const char* help, LabelList labels,
                        uint64_t value) {
  Counter(name, help, labels, static_cast<double>(value));
}

void FamilySet::Counter(const std::string& name, const char* help, LabelList labels, double value) {
  Add(name, help, labels, MetricType::Counter).counter.value = value;
}

void FamilySet::Gauge(const std::string& name, const char* help, LabelList labels, double value) {
  Add(name, help, labels, MetricType::Gauge).gauge.value = value;
}

void FamilySet::Histogram(const std::string& name, const char* help, LabelList labels,
                          const DurationCounts& durations) {
  auto& histogram = Add(name, help, labels, MetricType::Histogram).histogram;
  uint64_t cumulative = 0;
  for (size_t i = 0; i < DurationCounts::kBoundsSeconds.size(); ++i) {
    cumulative += durations.count[i];
    histogram.bucket.push_back(
        {.cumulative_count = cumulative, .upper_bound = DurationCounts::kBoundsSeconds[i]});
  }
  histogram.sample_count = cumulative + durations.count.back();
  histogram.sample_sum = durations.sum_seconds;
}

}  // namespace walrelay::admin
