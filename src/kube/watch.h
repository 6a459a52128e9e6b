// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "kube/client/reflector.h"
#include "kube/server_contact.h"

namespace kgs::kube {

/// What all watches of a cluster need. All outlive them.
struct WatchContext {
  Transport& transport;
  ServerContact& contact;
  /// See ClusterOptions.
  base::Duration longest_silence;
  /// Something happened that Problem() or state() may tell of, other than counts and times.
  std::function<void()> on_change;
};

/// The names that a list has brought so far. What comes in a watch does not count.
class ListedNames {
 public:
  void Begin() {
    names_.clear();
    listing_ = true;
  }
  void See(const std::string& name) {
    if (listing_) names_.insert(name);
  }
  std::unordered_set<std::string> End() {
    listing_ = false;
    return std::exchange(names_, {});
  }

 private:
  bool listing_ = false;
  std::unordered_set<std::string> names_;
};

/// A reflector that knows since when it is out of touch, and logs when that changes. Not to be
/// destroyed from within its own events.
class Watch {
 public:
  /// \p name and \p path as in ReflectorOptions. Starts at once.
  Watch(const WatchContext& context, std::string name, std::string path, ReflectorEvents events);

  void Relist(std::function<void()> done) { reflector_.Relist(std::move(done)); }
  const ReflectorState& state() const { return reflector_.state(); }
  /// Whether its first list has ended or cannot be had.
  bool Tried() const { return state().synced || !state().problem.empty(); }
  /// Why what it brought cannot be relied on: it is not listed yet, or has been out of touch for
  /// too long. Else empty.
  std::string Problem() const;

 private:
  void OnState();

  const WatchContext& context_;
  bool synced_ = false;
  std::string problem_;
  std::optional<base::SteadyTime> down_since_;
  Reflector reflector_;
};

}  // namespace kgs::kube
