// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <memory>
#include <string>

#include "base/mutex.h"

namespace kgs::fleet {

/// How many streams of each host have an agent that has yet to prove who it is. A place is held by
/// the stream and by the question about its token: who leaves before the answer makes no room for
/// another question. Any thread; places may outlive their owner.
class UnprovedHosts : public std::enable_shared_from_this<UnprovedHosts> {
 public:
  /// Given back by the last who holds it.
  using Place = std::shared_ptr<const void>;

  /// Null where \p host has \p most.
  Place Take(const std::string& host, size_t most) {
    {
      base::MutexLock lock(mutex_);
      size_t& places = places_[host];
      if (places >= most) return nullptr;
      ++places;
    }
    return {this, [self = shared_from_this(), host](const void*) { self->GiveBack(host); }};
  }

 private:
  void GiveBack(const std::string& host) {
    base::MutexLock lock(mutex_);
    const auto found = places_.find(host);
    if (--found->second == 0) places_.erase(found);
  }

  base::Mutex mutex_;
  absl::flat_hash_map<std::string, size_t> places_ KGS_GUARDED_BY(mutex_);
};

}  // namespace kgs::fleet
