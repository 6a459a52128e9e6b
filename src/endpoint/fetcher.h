// SPDX-License-Identifier: Apache-2.0
//
// Gets pages from servers that are not trusted: from the address that was judged and no other,
// within a time and a size, without redirects, proxies, cookies and a user's own settings.
#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "endpoint/ip_address.h"
#include "endpoint/url.h"

namespace kgs::endpoint {

struct FetchHeader {
  std::string name;
  /// May be secret: it is in no error.
  std::string value;
};

struct FetchRequest {
  Url url;
  /// Where it connects to. The URL's host is what the server is asked for and, with https, what
  /// its certificate must name; it is not resolved.
  IpAddress address;
  std::vector<FetchHeader> headers;
  /// Authorities of https, as PEM. Empty: the system's.
  std::string ca_pem;
  /// From Fetch to the last byte.
  base::Duration timeout = std::chrono::seconds(2);
  /// Of the page, unpacked.
  size_t longest_body = size_t{8} << 20;
};

/// Kinds of failure, for counting and for deciding; the status has the words.
enum class FetchFailure {
  kNone,
  /// The request cannot be sent: it has no address, or a header with a line end.
  kBadRequest,
  /// Too many are under way.
  kBusy,
  /// The connection was refused: no process listens.
  kRefused,
  /// No connection for another reason: no route.
  kUnreachable,
  kTimeout,
  kTls,
  /// Answered, with another status than 200. Redirects are among them.
  kHttpStatus,
  kTooLarge,
  /// The connection ended before the body did.
  kTruncated,
  /// No HTTP, or an encoding that is not read.
  kBadAnswer,
  /// A handler's own.
  kConsumer,
};

/// "timeout", "http-status".
std::string_view FetchFailureName(FetchFailure failure);

struct FetchResult {
  /// Names the URL without its query, the address, and the failure; nothing of the page.
  absl::Status status;
  FetchFailure failure = FetchFailure::kNone;
  /// 0 before the head.
  int http_status = 0;
  std::string content_type;
  /// Bytes given to on_data.
  size_t bytes = 0;
  /// Whether the server said where the body ends. Else the end of the connection was the end of the
  /// body, which it may have cut.
  bool end_known = false;
  /// When the head came: the page is no older than the time from the request to this.
  std::optional<base::SteadyTime> answered;
};

/// Called on the fetcher's thread, where they must not block. What on_head and on_data return other
/// than OK ends the fetch and becomes its status.
struct FetchHandlers {
  /// The head of an answer with status 200, once. May be null.
  std::function<absl::Status(std::string_view content_type)> on_head;
  /// A piece of the page, valid during the call.
  std::function<absl::Status(std::string_view data)> on_data;
  /// Once, last.
  std::function<void(const FetchResult& result)> on_done;
};

class Fetcher {
 public:
  virtual ~Fetcher() = default;
  /// Any thread, from within handlers too. Handlers are never called from within it.
  virtual void Fetch(FetchRequest request, FetchHandlers handlers) = 0;
};

}  // namespace kgs::endpoint
