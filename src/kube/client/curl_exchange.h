// SPDX-License-Identifier: Apache-2.0
//
// One request on its way through libcurl. On the loop's thread only. (A curl handle is a void*
// here, so that curl's headers stay out of ours.)
#pragma once

#include <absl/status/status.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "kube/client/credentials.h"
#include "kube/client/transport.h"

namespace kgs::kube {

/// What all requests to one server have in common.
struct CurlTarget {
  explicit CurlTarget(Credentials to);

  /// Its PEM texts are handed to curl without a copy.
  const Credentials credentials;
  bool tls = false;
  /// Scheme, host and port as requests have them: of the name to verify, where that is another.
  std::string url;
  /// Of the server itself, where url has another: "10.0.0.1:443", for header Host, and the same
  /// as curl wants it; else empty.
  std::string host;
  std::string connect_to;
};

/// What is asked of it.
struct CurlQuestion {
  /// Absolute, with its query.
  std::string path;
  /// JSON to POST; nothing for a GET.
  std::optional<std::string> body;
};

/// Connections that requests share (a CURLSH). It closes them when the last user is gone.
using CurlPool = std::shared_ptr<void>;
CurlPool NewCurlPool();

class CurlExchange {
 public:
  CurlExchange(CurlQuestion question, const RequestOptions& options, RequestHandlers handlers,
               const CurlTarget& target, const base::Clock& clock);
  ~CurlExchange() { Close(); }
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  /// Makes the curl handle ready to be added to a multi handle; once.
  absl::Status Prepare(const std::string& token, CurlPool pool);
  /// Null before Prepare and after Close.
  void* easy() const { return easy_; }
  const CurlPool& pool() const { return pool_; }
  /// Gives back the handle, which is in no multi handle any more.
  void Close();

  /// No handler is called from now on.
  void Cancel() { over_ = true; }
  bool over() const { return over_; }
  int http_status() const { return head_.status; }
  /// "GET https://10.0.0.1:443/api/v1/pods".
  std::string Where() const;

  /// OK, or the failure that a CURLcode means. Before Close.
  absl::Status WhatCurlSays(int code) const;
  /// Ends it, unless it is over: calls on_done.
  void Finish(const absl::Status& status);

  /// When Overdue is to be asked next.
  base::SteadyTime next_check() const;
  /// Not OK once the deadline or the longest silence is passed.
  absl::Status Overdue(base::SteadyTime now) const;
  /// Whether, of one that is overdue, the connection seems dead rather than the answer slow.
  bool SeemsCutOff(base::SteadyTime now) const;
  base::SteadyTime started() const { return started_; }
  /// Of the start, where nothing has come.
  base::SteadyTime last_byte() const { return last_byte_; }

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static size_t OnBody(char* data, size_t size, size_t count, void* self);

  void ReadHeader(std::string_view line);
  void SetAddress();
  void SetTls();
  void SetBody();
  void SetHeaders(const std::string& token);
  template <typename Option, typename Value>
  void Set(Option option, Value value);
  void SetPem(int option, const std::string& pem);
  void AddTo(void** list, const std::string& line);

  /// Its body is handed to curl without a copy.
  const CurlQuestion question_;
  const RequestOptions options_;
  const RequestHandlers handlers_;
  const CurlTarget& target_;
  const base::Clock& clock_;
  const base::SteadyTime started_;
  base::SteadyTime last_byte_;
  CurlPool pool_;
  void* easy_ = nullptr;
  void* headers_ = nullptr;
  void* connect_to_ = nullptr;
  /// The first CURLcode but OK of the settings.
  int set_error_ = 0;
  /// As long as CURL_ERROR_SIZE.
  std::array<char, 256> error_text_{};
  ResponseHead head_;
  bool head_given_ = false;
  bool over_ = false;
};

}  // namespace kgs::kube
