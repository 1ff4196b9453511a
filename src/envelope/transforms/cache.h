// The results of what is asked once a name, and a cache that forgets as Debezium's does.
#pragma once

#include <absl/status/statusor.h>

#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/status.h"
#include "envelope/transforms/flight.h"
#include "envelope/transforms/options.h"

namespace walrelay::envelope {

// A NameRewrite with the answers that it has given. Names are interned.
class CachedRewrite {
 public:
  explicit CachedRewrite(NameRewrite rewrite) : rewrite_(std::move(rewrite)) {}

  // Null: the name does not match.
  absl::StatusOr<const std::string*> Of(const std::string* name, TopicNames& names) {
    if (const auto known = known_.find(name); known != known_.end()) return known->second;
    ASSIGN_OR_RETURN(const std::optional<std::string> made, rewrite_(*name));
    return known_.emplace(name, made ? names.Intern(*made) : nullptr).first->second;
  }

 private:
  NameRewrite rewrite_;
  std::unordered_map<const std::string*, const std::string*> known_;
};

// Keeps the entries used last. Whether an entry is still there reaches the bytes: a schema that is
// made again has the name of the record it is made for (FORMAT.md §12.2, §12.3).
template <class Key, class Value>
class LruCache {
 public:
  explicit LruCache(size_t size) : size_(size) {}

  const Value* Find(const Key& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }
  const Value& Put(const Key& key, Value value) {
    entries_.emplace_front(key, std::move(value));
    places_[key] = entries_.begin();
    if (entries_.size() > size_) {
      places_.erase(entries_.back().first);
      entries_.pop_back();
    }
    return entries_.front().second;
  }

 private:
  size_t size_;
  std::list<std::pair<Key, Value>> entries_;  // The one used last first.
  std::unordered_map<Key, typename std::list<std::pair<Key, Value>>::iterator> places_;
};

}  // namespace walrelay::envelope
