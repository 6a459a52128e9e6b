// SPDX-License-Identifier: Apache-2.0
//
// Asks the node's kubelet which pod holds which device, by PodResources v1 over its unix socket,
// on a thread of its own: a kubelet that hangs holds up neither sampling nor reports.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/latest.h"
#include "base/thread.h"
#include "model/allocation.h"
#include "telemetry/counters.h"

namespace kgs::kube {

struct PodResourcesOptions {
  std::string socket = "/var/lib/kubelet/pod-resources/kubelet.sock";
  base::Duration interval = std::chrono::seconds(5);
  base::Duration deadline = std::chrono::seconds(5);
  /// Between two listings that ListSoon asked for.
  base::Duration least_interval = std::chrono::milliseconds(500);
  /// What the kubelet said is forgotten after it has not answered for so long. Long: devices stay
  /// with their pods while a kubelet is away, and no pod starts meanwhile.
  base::Duration longest_memory = std::chrono::minutes(10);
};

/// The wall clock, as time passed in: milliseconds since 1970.
using UnixMilliseconds = std::function<int64_t()>;

/// What is known of the node's pods.
struct PodResourcesState {
  /// Null until the kubelet has answered once, and again when its answer is forgotten.
  std::shared_ptr<const model::PodListing> listing;
  /// Why it cannot be asked at the moment, in stable words that name the socket; else empty.
  std::string problem;
};

class PodResources {
 public:
  /// \p on_listing is called on the thread of this after each change of Latest() and must not
  /// block.
  PodResources(PodResourcesOptions options, const base::Clock& clock, UnixMilliseconds unix_now,
               telemetry::PodResourcesCounters& counters, std::function<void()> on_listing);
  ~PodResources();

  void Start();
  /// Cancels the call under way. Returns within a second.
  void Stop();

  /// Any thread: ask again as soon as least_interval allows.
  void ListSoon();
  /// Any thread. Never null after the constructor.
  std::shared_ptr<const PodResourcesState> Latest() const;
  /// Any thread.
  base::ThreadHealth Health() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kgs::kube
