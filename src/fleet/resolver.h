// SPDX-License-Identifier: Apache-2.0
//
// Asks for the addresses of the hubs again and again, on a lane of its own, since a resolver may
// hang.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/lane.h"
#include "base/mutex.h"
#include "fleet/publisher.h"

namespace kgs::fleet {

/// Used by one thread, unless a member says otherwise.
class Resolver {
 public:
  using Addresses = absl::StatusOr<std::vector<std::string>>;

  /// \p on_answer is called on the lane's thread, under a lock, when there is something to Take.
  Resolver(ResolveHub resolve, std::string host_port, base::Duration interval,
           std::function<void()> on_answer);
  ~Resolver() { Stop(); }

  /// Asks where it is due. Returns when it is next.
  base::SteadyTime Turn(base::SteadyTime now);
  /// The answer, once.
  std::optional<Addresses> Take();
  /// Whether an answer is overdue.
  bool Hangs(base::SteadyTime now) const;
  /// No on_answer afterwards. A question that hangs is left behind.
  void Stop();

 private:
  /// Outlives us where a question hangs.
  struct Shared {
    base::Mutex mutex;
    std::optional<Addresses> answer KGS_GUARDED_BY(mutex);
    std::function<void()> on_answer KGS_GUARDED_BY(mutex);
  };

  const ResolveHub resolve_;
  const std::string host_port_;
  const base::Duration interval_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  base::Lane lane_{"resolver"};
  std::optional<base::SteadyTime> asked_;
};

}  // namespace kgs::fleet
