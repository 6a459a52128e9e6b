// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/backoff.h"
#include "kube/api_call.h"
#include "kube/store.h"
#include "kube/watch.h"

namespace kgs::kube {

/// Keeps the ResourceSlices in the store, in whichever version the API server serves them. Where it
/// serves none, or that may not be read, devices go by their names: no reason not to answer.
class SliceWatch {
 public:
  static constexpr base::Duration kLookAgain = std::chrono::minutes(10);

  /// Starts at once.
  SliceWatch(const WatchContext& context, Store& store);

  /// Whether they are listed, or known not to be had.
  bool Tried() const { return looked_ && (watch_ == nullptr || watch_->Tried()); }
  /// Null while there is none.
  const Watch* watch() const { return watch_.get(); }
  /// Removes from the store what this put there.
  void Drop();

 private:
  void Look();
  void OnGroup(const ApiAnswer& answer);
  void Use(const std::string& version);
  ReflectorEvents Events();
  void Read(const nlohmann::json& object);
  void Remove(const std::string& name);

  const WatchContext& context_;
  Store& store_;
  bool looked_ = false;
  /// Empty while not served.
  std::string version_;
  ListedNames listed_;
  std::set<std::string> slices_;
  base::Backoff backoff_{std::chrono::seconds(1), std::chrono::minutes(1)};
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Request> request_;
  std::unique_ptr<Request> timer_;
};

}  // namespace kgs::kube
