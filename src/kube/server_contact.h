// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "kube/client/transport.h"

namespace kgs::kube {

/// Notices an API server that is away: asks it for its version when nothing else has been heard of
/// it. On the loop's thread only.
class ServerContact {
 public:
  static constexpr base::Duration kProbeInterval = std::chrono::seconds(10);

  /// The silence counts from now on.
  ServerContact(Transport& transport, base::Duration longest_silence);

  void Heard(base::SteadyTime at);
  /// To be called each second or so: probes where it is due.
  void Tick();
  /// Why the server counts as out of reach; else empty.
  std::string Problem() const;

 private:
  void Probe();

  Transport& transport_;
  const base::Duration longest_silence_;
  base::SteadyTime last_heard_;
  base::SteadyTime last_probe_;
  std::string failure_;
  std::unique_ptr<Request> probe_;
};

}  // namespace kgs::kube
