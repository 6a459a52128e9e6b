// SPDX-License-Identifier: Apache-2.0
//
// Where the RPCs get their answers: from the GPUs of a node, or from a workload on all its nodes.
#pragma once

#include <absl/status/statusor.h>

#include <vector>

#include "externalscaler.pb.h"
#include "trigger/trigger.h"

namespace kgs::scaler {

/// The numbers of one trigger; never none.
using Specs = std::vector<trigger::TriggerSpec>;

/// One number of one trigger of one object, as an RPC names it.
struct Question {
  const externalscaler::ScaledObjectRef& object;
  /// What its metadata means.
  const trigger::TriggerSpec& spec;
  /// Which of the trigger's numbers that is.
  size_t place = 0;
};

/// Any thread. None may block.
class Answers {
 public:
  virtual ~Answers() = default;

  /// OK where the trigger may be answered. NOT_FOUND where Kubernetes, as far as this process has
  /// heard, knows no such object or no such trigger of it; it may hear of it any moment.
  virtual absl::Status Check(const Question& question) const = 0;
  /// The number for KEDA, at least 0 and finite; fails as Check does, and with UNAVAILABLE rather
  /// than with a guess.
  virtual absl::StatusOr<double> Value(const Question& question) const = 0;
  virtual absl::StatusOr<bool> Active(const Question& question) const = 0;
  /// The same for a stream, which looks many times a second and tells of changes alone.
  virtual absl::StatusOr<bool> ActiveForStream(const Question& question) const {
    return Active(question);
  }
  /// After a NOT_FOUND: makes sure that nothing was missed. Returns at once.
  virtual void Refresh() = 0;
};

/// Whether the trigger is active that has these numbers: it is while one of them is. Where none is
/// and one cannot be told it fails as that does.
absl::StatusOr<bool> AnyActive(const Answers& answers,
                               const externalscaler::ScaledObjectRef& object, const Specs& specs);
absl::StatusOr<bool> AnyActiveForStream(const Answers& answers,
                                        const externalscaler::ScaledObjectRef& object,
                                        const Specs& specs);

}  // namespace kgs::scaler
