// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kube/service_addresses.h"
#include "kube/watch.h"

namespace kgs::kube {

/// Keeps the addresses of the Services of all namespaces up to date, whichever namespaces have
/// objects: endpoints must not lead to those of others.
class ServiceWatch {
 public:
  /// Starts at once.
  ServiceWatch(const WatchContext& context, ServiceAddresses& addresses);
  /// Forgets them all.
  ~ServiceWatch();
  ServiceWatch(const ServiceWatch&) = delete;
  ServiceWatch& operator=(const ServiceWatch&) = delete;

  /// To be called each second or so: tells why they are not known.
  void Tick() { addresses_.SetProblem(watch_.Problem()); }
  /// As Watch::Tried.
  bool Tried() const { return watch_.Tried(); }
  const ReflectorState& state() const { return watch_.state(); }

 private:
  ReflectorEvents Events();
  void Read(const nlohmann::json& object);

  ServiceAddresses& addresses_;
  ListedNames listed_;
  Watch watch_;
};

}  // namespace kgs::kube
