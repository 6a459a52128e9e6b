// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace kgs::gpu {

/// Which session with the driver a device belongs to. Copies share the count of sessions.
class SessionTicket {
 public:
  using Counter = std::atomic<uint64_t>;

  /// A ticket of the session that is open now.
  explicit SessionTicket(std::shared_ptr<const Counter> sessions)
      : sessions_(std::move(sessions)), mine_(sessions_->load()) {}

  /// That session has been closed: what it handed out means nothing any more.
  bool expired() const { return sessions_->load() != mine_; }

 private:
  std::shared_ptr<const Counter> sessions_;
  uint64_t mine_;
};

}  // namespace kgs::gpu
