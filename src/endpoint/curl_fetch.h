// SPDX-License-Identifier: Apache-2.0
//
// One fetch on its way through libcurl. On the loop's thread only. (A curl handle is a void* here,
// so that curl's headers stay out of ours.)
#pragma once

#include <absl/status/status.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "endpoint/fetcher.h"
#include "endpoint/gzip_reader.h"

namespace kgs::endpoint {

class CurlFetch {
 public:
  CurlFetch(FetchRequest request, FetchHandlers handlers, const base::Clock& clock);
  ~CurlFetch();
  CurlFetch(const CurlFetch&) = delete;
  CurlFetch& operator=(const CurlFetch&) = delete;

  base::SteadyTime deadline() const { return deadline_; }
  /// Makes the curl handle ready to be added to a multi handle; once. False where it cannot be:
  /// Finish tells why.
  bool Prepare();
  void* easy() const { return easy_; }

  /// Each is the end where none was before; Finish calls on_done with it.
  void Fail(FetchFailure failure, absl::StatusCode code, const std::string& what);
  void EndByTimeout();
  /// \p code is a CURLcode.
  void EndByCurl(int code);
  void Finish();

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static size_t OnBody(char* data, size_t size, size_t count, void* self);

  bool CheckRequest();
  void SetTarget();
  void SetTls();
  void SetHeaders();
  template <typename Option, typename Value>
  void Set(Option option, Value value);
  void AddTo(void** list, const std::string& line);

  void ReadHeaderLine(std::string_view line);
  void ReadField(std::string_view name, std::string_view value);
  void EndHead();
  void TakeBody(std::string_view data);
  absl::Status TakePage(std::string_view data);
  void FailByConsumer(const absl::Status& status);
  bool failed() const { return result_.failure != FetchFailure::kNone; }

  const FetchRequest request_;
  const FetchHandlers handlers_;
  const base::Clock& clock_;
  const base::SteadyTime deadline_;
  void* easy_ = nullptr;
  void* headers_ = nullptr;
  void* connect_to_ = nullptr;
  /// The first CURLcode but OK of the settings.
  int set_error_ = 0;
  /// As long as CURL_ERROR_SIZE.
  std::array<char, 256> error_text_{};

  size_t head_bytes_ = 0;
  bool head_over_ = false;
  std::optional<long long> content_length_;
  bool chunked_ = false;
  /// Where the body is packed.
  std::optional<GzipReader> gzip_;
  FetchResult result_;
};

}  // namespace kgs::endpoint
