// SPDX-License-Identifier: Apache-2.0
//
// A closed loop of GetMetrics calls, as KEDA sends them: one HTTP/2 connection, so many calls under
// way at a time, each followed at once by the next.
#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <string>

#include "base/clock.h"

namespace kgs::bench {

struct LoadResult {
  size_t calls = 0;
  double calls_per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  /// Of this process, in percent of one core: at 100 the one thread that makes the calls is what
  /// limits them.
  double client_cpu_percent = 0;
};

/// One connection to a server. Used by one thread.
class LoadGenerator {
 public:
  explicit LoadGenerator(int port);

  /// Keeps \p concurrent_calls under way for \p duration. Requests are the same bytes each time,
  /// serialized once: what KEDA sends for a trigger with profile vllm-inference over all GPUs. An
  /// error where any call fails or is answered by anything but one metric value.
  absl::StatusOr<LoadResult> Run(int concurrent_calls, base::Duration duration);

  /// Calls one at a time until one succeeds, for \p patience at the longest.
  absl::Status WaitUntilAnswering(base::Duration patience);

 private:
  grpc::GenericStub stub_;
  const grpc::ByteBuffer request_;
};

}  // namespace kgs::bench
