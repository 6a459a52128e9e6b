// SPDX-License-Identifier: Apache-2.0
//
// Requests to the API server and timers, all on one thread: the Kubernetes side of a hub is a
// single event loop, so nothing in it needs a lock.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace kgs::kube {

/// The head of an answer.
struct ResponseHead {
  int status = 0;
  /// Header Retry-After in seconds, where it is given so.
  std::optional<base::Duration> retry_after;
};

/// A request under way; destroying it cancels it, after which no handler is called. May be
/// destroyed from within its own handlers.
class Request {
 public:
  virtual ~Request() = default;
};

/// Called on the loop's thread, never from within Get or Create.
struct RequestHandlers {
  /// Before the first data of every answer, whatever its status.
  std::function<void(const ResponseHead&)> on_head;
  /// The body as it comes in, in pieces of any size.
  std::function<void(std::string_view)> on_data;
  /// Once, last: OK where the answer came in whole, whatever its status; else why not
  /// (UNAVAILABLE, DEADLINE_EXCEEDED, or what it was refused for), naming server and cause.
  std::function<void(const absl::Status&)> on_done;
};

struct RequestOptions {
  /// Until the whole answer is there; nothing for a watch.
  std::optional<base::Duration> deadline;
  /// Without any byte for so long it fails.
  base::Duration longest_silence = std::chrono::seconds(30);
};

/// The event loop and its HTTP client. Except for Post, to be used on the loop's thread only.
class Transport {
 public:
  virtual ~Transport() = default;

  /// \p path is absolute, with its query: "/api/v1/pods?limit=500". Requests share connections
  /// (HTTP/2 where the server speaks it).
  virtual std::unique_ptr<Request> Get(const std::string& path, const RequestOptions& options,
                                       RequestHandlers handlers) = 0;

  /// POST of one JSON text, which Kubernetes calls create. As Get. A connection that breaks may
  /// have it sent twice.
  virtual std::unique_ptr<Request> Create(const std::string& path, std::string body,
                                          const RequestOptions& options,
                                          RequestHandlers handlers) = 0;

  /// A timer; destroying it cancels it. \p due is called once, after \p wait.
  virtual std::unique_ptr<Request> After(base::Duration wait, std::function<void()> due) = 0;

  /// Calls \p function on the loop's thread soon. Any thread. Dropped when the loop has stopped.
  virtual void Post(std::function<void()> function) = 0;

  /// The loop's own now.
  virtual base::SteadyTime Now() const = 0;
};

}  // namespace kgs::kube
