// SPDX-License-Identifier: Apache-2.0
//
// Keeps up with one list of objects: list, watch, list again when the watch is no longer good.
// As Kubernetes' own clients do: pages, bookmarks, 410 Gone, Retry-After, back-off with jitter.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/jitter.h"
#include "kube/client/transport.h"

namespace kgs::kube {

/// What a reflector tells its owner, on the loop's thread. All are set. An object is the JSON as
/// sent, except that reading leaves out metadata.managedFields and what drop_key says.
struct ReflectorEvents {
  /// An object is there, new or changed. In a watch or in a list.
  std::function<void(const nlohmann::json& object)> on_object;
  /// An object is gone.
  std::function<void(const nlohmann::json& object)> on_deleted;
  /// Begins and ends a list. What on_object did not name in between is gone. A list that breaks off
  /// is begun anew without having ended.
  std::function<void()> on_list_begin;
  std::function<void()> on_list_end;
};

struct ReflectorOptions {
  /// For logs and metrics: "pods in team-a".
  std::string name;
  /// "/api/v1/namespaces/team-a/pods".
  std::string path;
  /// More query parameters, encoded: "labelSelector=...". Usually empty.
  std::string query;
  int page_size = 500;
  base::Duration list_deadline = std::chrono::seconds(60);
  /// A watch ends at the server after about this; bookmarks come each minute.
  base::Duration watch_timeout = std::chrono::minutes(5);
  /// A watch in which nothing came for so long, bookmarks neither, is begun anew.
  base::Duration longest_silence = std::chrono::seconds(100);
  base::Duration first_backoff = std::chrono::milliseconds(200);
  base::Duration longest_backoff = std::chrono::seconds(10);
  /// Keys of an object whose values are not even kept while it is read ("containers"). Keys that
  /// users choose, as of labels, are kept whatever they are called.
  std::function<bool(std::string_view key)> drop_key;
  /// Uniform in [0, 1), for the jitter of waits; left empty, it is random.
  base::RandomFraction random;
};

/// What became of a reflector. For metrics and for telling why something is not known.
struct ReflectorState {
  std::string name;
  /// A list has come to its end at least once.
  bool synced = false;
  /// A watch is open, or the list that precedes it goes on without trouble.
  bool live = false;
  /// When the API server last sent anything that proves the copy is up to date: the end of a list,
  /// an event, a bookmark, the start of a watch.
  std::optional<base::SteadyTime> last_contact;
  /// In words that do not change from try to try; empty while live. It stays until a watch is open
  /// again.
  std::string problem;
  /// Begun.
  uint64_t lists = 0;
  uint64_t watches = 0;
  /// That came in watches, bookmarks left out.
  uint64_t events = 0;
};

/// To be used on the loop's thread only. Not to be destroyed from within its own callbacks.
class Reflector {
 public:
  /// \p on_state is called after every change of state().
  Reflector(ReflectorOptions options, Transport& transport, ReflectorEvents events,
            std::function<void()> on_state);
  ~Reflector();
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  void Start();
  /// Lists again now, whatever it is doing, unless a list has only just begun: then that one is
  /// meant. One that has come further is followed by another rather than broken off, so that lists
  /// that take long end at all. \p done is called when the list meant has ended or failed.
  void Relist(std::function<void()> done);
  const ReflectorState& state() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kgs::kube
