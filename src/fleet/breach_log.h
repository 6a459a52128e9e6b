// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "fleet/peer.h"

namespace kgs::fleet {

/// Says of each node, or of each address where the node is not known, no more than once a minute
/// what is wrong with it. Any thread.
class BreachLog {
 public:
  void Warn(const char* what, const std::string& node, const std::string& peer,
            const absl::Status& why, base::SteadyTime now) {
    if (!IsNews(node.empty() ? HostOfPeer(peer) : node, now)) return;
    base::LogWarn(what, {{"node", node}, {"peer", peer}, {"error", std::string(why.message())}});
  }

 private:
  static constexpr base::Duration kInterval = std::chrono::minutes(1);
  static constexpr size_t kMostRemembered = 1024;

  bool IsNews(const std::string& who, base::SteadyTime now) {
    base::MutexLock lock(mutex_);
    const auto found = logged_.find(who);
    if (found != logged_.end() && now - found->second < kInterval) return false;
    if (logged_.size() >= kMostRemembered) logged_.clear();
    logged_[who] = now;
    return true;
  }

  base::Mutex mutex_;
  absl::flat_hash_map<std::string, base::SteadyTime> logged_ KGS_GUARDED_BY(mutex_);
};

}  // namespace kgs::fleet
