// SPDX-License-Identifier: Apache-2.0
#include "fleet/store.h"

#include <absl/container/flat_hash_map.h>

#include <utility>

namespace kgs::fleet {
namespace {

using base::SteadyTime;

/// Nodes without a stream that are remembered at once: names that a stranger makes up cost no more.
constexpr size_t kMostEnded = 20000;
/// Between two looks at every node for what to forget.
constexpr base::Duration kSweepInterval = Store::kMemory / 10;

}  // namespace

class Store::Impl {
 public:
  explicit Impl(const base::Clock& clock) : clock_(clock) {}

  uint64_t Connect(const std::string& node, const std::string& agent_version) {
    base::MutexLock lock(mutex_);
    Sweep();
    const auto [found, is_new] = nodes_.try_emplace(node);
    Entry& entry = found->second;
    if (!entry.state.connected) {
      ++connected_;
      if (!is_new) --ended_;
    }
    entry.state.connected = true;
    entry.state.agent_version = agent_version;
    entry.stream = ++last_stream_;
    return entry.stream;
  }

  bool Put(const std::string& node, uint64_t stream,
           std::shared_ptr<const model::NodeReport>& report) {
    const SteadyTime now = clock_.Now();
    base::MutexLock lock(mutex_);
    const auto found = nodes_.find(node);
    if (found == nodes_.end()) return false;
    Entry& entry = found->second;
    if (entry.stream != stream || !entry.state.connected) return false;
    // The one before is left in report: it is freed by the caller, without the lock.
    entry.state.report.swap(report);
    entry.state.received = now;
    return true;
  }

  void Disconnect(const std::string& node, uint64_t stream) {
    base::MutexLock lock(mutex_);
    const auto found = nodes_.find(node);
    if (found != nodes_.end() && found->second.stream == stream && found->second.state.connected) {
      --connected_;
      if (found->second.state.report == nullptr || ended_ >= kMostEnded) {
        nodes_.erase(found);
      } else {
        ++ended_;
        found->second.state.connected = false;
        found->second.ended = clock_.Now();
      }
    }
    Sweep();
  }

  NodeState Find(const std::string& node) const {
    base::MutexLock lock(mutex_);
    const auto found = nodes_.find(node);
    if (found == nodes_.end() || Forgotten(found->second, clock_.Now())) return {};
    return found->second.state;
  }

  std::map<std::string, NodeState> All() {
    std::map<std::string, NodeState> all;
    base::MutexLock lock(mutex_);
    Sweep();
    const SteadyTime now = clock_.Now();
    for (const auto& [node, entry] : nodes_) {
      if (!Forgotten(entry, now)) all.emplace(node, entry.state);
    }
    return all;
  }

  size_t connected() const {
    base::MutexLock lock(mutex_);
    return connected_;
  }

 private:
  struct Entry {
    NodeState state;
    /// The stream that may write.
    uint64_t stream = 0;
    /// When it ended; while not connected.
    SteadyTime ended;
  };

  static bool Forgotten(const Entry& entry, SteadyTime now) {
    return !entry.state.connected && now - entry.ended > kMemory;
  }

  void Sweep() KGS_REQUIRES(mutex_) {
    const SteadyTime now = clock_.Now();
    if (ended_ == 0 || now - swept_ < kSweepInterval) return;
    swept_ = now;
    ended_ -= absl::erase_if(nodes_, [&](const auto& node) { return Forgotten(node.second, now); });
  }

  const base::Clock& clock_;
  mutable base::Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> nodes_ KGS_GUARDED_BY(mutex_);
  uint64_t last_stream_ KGS_GUARDED_BY(mutex_) = 0;
  /// Of nodes_: with an open stream, and without.
  size_t connected_ KGS_GUARDED_BY(mutex_) = 0;
  size_t ended_ KGS_GUARDED_BY(mutex_) = 0;
  SteadyTime swept_ KGS_GUARDED_BY(mutex_);
};

Store::Store(const base::Clock& clock) : impl_(std::make_unique<Impl>(clock)) {}
Store::~Store() = default;

uint64_t Store::Connect(const std::string& node, const std::string& agent_version) {
  return impl_->Connect(node, agent_version);
}

bool Store::Put(const std::string& node, uint64_t stream,
                std::shared_ptr<const model::NodeReport> report) {
  return impl_->Put(node, stream, report);
}

void Store::Disconnect(const std::string& node, uint64_t stream) {
  impl_->Disconnect(node, stream);
}

NodeState Store::Find(const std::string& node) const { return impl_->Find(node); }

std::map<std::string, NodeState> Store::All() const { return impl_->All(); }

size_t Store::connected() const { return impl_->connected(); }

}  // namespace kgs::fleet
