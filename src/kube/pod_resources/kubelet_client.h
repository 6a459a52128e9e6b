// SPDX-License-Identifier: Apache-2.0
//
// One connection to a kubelet's PodResources v1.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/allocation.h"

namespace kgs::kube {

class KubeletClient {
 public:
  struct Answer {
    enum class Kind {
      kOk,
      /// Nobody there, or not yet again.
      kUnreachable,
      /// It wants to be asked less often.
      kTooOften,
      kFailed,
      kCancelled,
    };
    Kind kind = Kind::kOk;
    /// As the kubelet listed them, their times not set: kube::Merge makes a listing of it.
    std::vector<model::PodAllocation> pods;
    /// Of kUnreachable, kTooOften and kFailed: stable words that name the socket.
    std::string problem;
  };

  /// Connects when first asked.
  KubeletClient(const std::string& socket, base::Duration deadline);
  ~KubeletClient();

  /// Blocks, \p deadline at most. One call at a time.
  Answer List();
  /// After kUnreachable: until there is a connection, \p longest at most; tries about once a
  /// second. What makes a connection progresses only within a call of this or of List.
  void AwaitConnection(base::Duration longest);
  /// Any thread. The call under way, and each later one, is answered kCancelled at once.
  void Cancel();
  /// Any thread.
  bool calling() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kgs::kube
