// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"

namespace kgs::kube {

/// Values by a key, each until its time. Past \p most of them the one that would end first goes.
/// Not thread-safe.
template <typename Value>
class ExpiringMap {
 public:
  explicit ExpiringMap(size_t most) : most_(most) {}

  /// Null where there is none that is good at \p now. Good until the next Put.
  const Value* Find(const std::string& key, base::SteadyTime now) const {
    const auto found = entries_.find(key);
    return found == entries_.end() || found->second.until <= now ? nullptr : &found->second.value;
  }

  /// In place of what the key had. What has ended by \p now is let go of.
  void Put(const std::string& key, Value value, base::SteadyTime until, base::SteadyTime now) {
    Erase(key);
    while (!ends_.empty() && ends_.begin()->first <= now) Erase(ends_.begin()->second);
    if (until <= now || most_ == 0) return;
    while (entries_.size() >= most_) Erase(ends_.begin()->second);
    entries_.emplace(key, Entry{std::move(value), until});
    ends_.emplace(until, key);
  }

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Value value;
    base::SteadyTime until;
  };

  void Erase(const std::string& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    // The last use of the key, which may be the one that goes here.
    ends_.erase({found->second.until, key});
    entries_.erase(found);
  }

  const size_t most_;
  std::map<std::string, Entry> entries_;
  std::set<std::pair<base::SteadyTime, std::string>> ends_;
};

}  // namespace kgs::kube
