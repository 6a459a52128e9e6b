// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/backoff.h"
#include "kube/api_call.h"
#include "kube/store.h"
#include "kube/watch.h"

namespace kgs::kube {

/// Keeps one target in the store whose kind is not watched, by asking for its /scale once a second.
/// Where the object does not say the resource yet, it is looked up first. A failure that may pass
/// is bridged by what was read last, for as long as a watch may be silent.
class ScalePoll {
 public:
  static constexpr base::Duration kInterval = std::chrono::seconds(1);

  /// Starts at once.
  ScalePoll(const WatchContext& context, Store& store, std::string target_namespace,
            model::TargetRef ref);

  /// Whether any answer or failure has come.
  bool Tried() const { return tried_; }
  /// As a watch's; lists are requests, events are answers that changed something.
  const ReflectorState& state() const { return state_; }
  /// To be called each second or so: what was read last may have become too old.
  void Tick();

 private:
  void Ask();
  void AskForResource();
  void AskForScale();
  void OnResources(const ApiAnswer& answer);
  void OnScale(const ApiAnswer& answer);
  void Succeed(model::ScaleTarget target);
  /// \p lasting: that what was read last no longer holds.
  void Fail(const std::string& problem, bool lasting, std::optional<base::Duration> retry_after);
  void SetProblem(const std::string& problem);

  const WatchContext& context_;
  Store& store_;
  const std::string namespace_;
  model::TargetRef ref_;
  /// It was looked up, and may have to be again.
  bool resource_looked_up_ = false;
  bool tried_ = false;
  ReflectorState state_;
  /// As the store has it.
  std::string problem_;
  std::optional<model::ScaleTarget> last_;
  base::Backoff backoff_{kInterval, std::chrono::seconds(10)};
  std::unique_ptr<Request> request_;
  std::unique_ptr<Request> timer_;
};

}  // namespace kgs::kube
