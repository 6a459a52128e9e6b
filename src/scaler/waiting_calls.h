// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"

namespace kgs::scaler {

/// Calls whose trigger Kubernetes has not told us of yet: KEDA may ask a moment before our watch
/// hears of a new object. They are tried again when something has changed, and a last time before
/// their patience is over. All members: any thread.
class WaitingCalls {
 public:
  /// KEDA sets no deadline: about a second is what a handler may take.
  static constexpr base::Duration kPatience = std::chrono::milliseconds(900);
  static constexpr size_t kMostWaiting = 1024;

  /// Answers the call and returns true, or returns false where it still cannot. With \p last it
  /// must answer. Called on the thread of this, never twice at a time.
  using Attempt = std::function<bool(bool last)>;

  explicit WaitingCalls(const base::Clock& clock);
  /// No call is left waiting: see Stop.
  ~WaitingCalls();

  void Start();
  /// Has every waiting call answered; later ones are not taken.
  void Stop();

  /// False where too many wait or it has stopped; \p attempt is then not called.
  bool Add(Attempt attempt);
  /// Something has changed.
  void Retry();

  /// One round over the calls that are new, over all where something has changed; returns the wait
  /// for the next.
  base::Duration Turn();
  base::ThreadHealth Health() const;

 private:
  struct Call {
    Attempt attempt;
    base::SteadyTime deadline;
    bool tried = false;
  };

  const base::Clock& clock_;
  base::Mutex mutex_;
  std::vector<Call> calls_ KGS_GUARDED_BY(mutex_);
  /// Something has changed since the last round.
  bool retry_ KGS_GUARDED_BY(mutex_) = false;
  bool stopped_ KGS_GUARDED_BY(mutex_) = false;
  base::LoopThread thread_;
};

}  // namespace kgs::scaler
