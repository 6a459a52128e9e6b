// SPDX-License-Identifier: Apache-2.0
#include "endpoint/curl_fetch.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/build_info.h"
#include "base/strings.h"
#include "endpoint/curl_failure.h"

namespace kgs::endpoint {
namespace {

constexpr size_t kLargestHead = size_t{64} * 1024;
constexpr long kBufferBytes = 64L * 1024;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool IsFieldName(std::string_view name) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || kOthers.find(static_cast<char>(c)) != kOthers.npos);
  });
}

bool IsFieldValue(std::string_view value) {
  return !Trim(value).empty() && std::all_of(value.begin(), value.end(),
                                             [](unsigned char c) { return c >= ' ' && c < 0x7f; });
}

}  // namespace

CurlFetch::CurlFetch(FetchRequest request, FetchHandlers handlers, const base::Clock& clock)
    : request_(std::move(request)),
      handlers_(std::move(handlers)),
      clock_(clock),
      deadline_(clock.Now() + request_.timeout) {
  static_assert(sizeof(error_text_) >= CURL_ERROR_SIZE);
}

CurlFetch::~CurlFetch() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(static_cast<curl_slist*>(headers_));
  curl_slist_free_all(static_cast<curl_slist*>(connect_to_));
}

template <typename Option, typename Value>
void CurlFetch::Set(Option option, Value value) {
  const CURLcode code = curl_easy_setopt(easy_, option, value);
  if (set_error_ == CURLE_OK) set_error_ = code;
}

void CurlFetch::AddTo(void** list, const std::string& line) {
  curl_slist* longer = curl_slist_append(static_cast<curl_slist*>(*list), line.c_str());
  if (longer == nullptr) {
    set_error_ = CURLE_OUT_OF_MEMORY;
  } else {
    *list = longer;
  }
}

bool CurlFetch::CheckRequest() {
  // That of a request which was given none; the system would connect it to itself.
  if (request_.address == IpAddress()) {
    Fail(FetchFailure::kBadRequest, absl::StatusCode::kInvalidArgument, "has no address");
    return false;
  }
  for (const FetchHeader& header : request_.headers) {
    if (IsFieldName(header.name) && IsFieldValue(header.value)) continue;
    Fail(FetchFailure::kBadRequest, absl::StatusCode::kInvalidArgument,
         "the header " + base::QuoteForMessage(header.name) + " cannot be sent");
    return false;
  }
  return true;
}

bool CurlFetch::Prepare() {
  if (failed() || !CheckRequest()) return false;
  easy_ = curl_easy_init();
  if (easy_ == nullptr) {
    Fail(FetchFailure::kBusy, absl::StatusCode::kResourceExhausted, "no memory for a request");
    return false;
  }
  Set(CURLOPT_ERRORBUFFER, error_text_.data());
  Set(CURLOPT_HEADERFUNCTION, &CurlFetch::OnHeader);
  Set(CURLOPT_HEADERDATA, this);
  Set(CURLOPT_WRITEFUNCTION, &CurlFetch::OnBody);
  Set(CURLOPT_WRITEDATA, this);
  Set(CURLOPT_BUFFERSIZE, kBufferBytes);
  Set(CURLOPT_NOSIGNAL, 1L);
  SetTarget();
  if (request_.url.https) SetTls();
  SetHeaders();
  if (set_error_ == CURLE_OK) return true;
  Fail(FetchFailure::kBadRequest, absl::StatusCode::kInternal,
       curl_easy_strerror(static_cast<CURLcode>(set_error_)));
  return false;
}

void CurlFetch::SetTarget() {
  const Url& url = request_.url;
  Set(CURLOPT_URL, url.Text().c_str());
  // A path is sent as it is.
  Set(CURLOPT_PATH_AS_IS, 1L);
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(CURLOPT_FOLLOWLOCATION, 0L);
  // Whatever the environment and the user's files say.
  Set(CURLOPT_PROXY, "");
  Set(CURLOPT_NOPROXY, "*");
  Set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  // Connections are told apart by this too, other than by a fixed answer for a name
  // (CURLOPT_RESOLVE): one to another address of the same name is not used.
  AddTo(&connect_to_, "::" + request_.address.UrlText() + ":" + std::to_string(url.port));
  Set(CURLOPT_CONNECT_TO, static_cast<curl_slist*>(connect_to_));
  // The loop keeps the time. Not 0, which is curl's own limit.
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(request_.timeout);
  Set(CURLOPT_CONNECTTIMEOUT_MS, std::max(1L, static_cast<long>(milliseconds.count())));
}

void CurlFetch::SetTls() {
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  Set(CURLOPT_SSL_VERIFYPEER, 1L);
  Set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (request_.ca_pem.empty()) return;
  curl_blob blob{const_cast<char*>(request_.ca_pem.data()), request_.ca_pem.size(),
                 CURL_BLOB_NOCOPY};
  Set(CURLOPT_CAINFO_BLOB, &blob);
  // Else the authorities of the system would count as well.
  Set(CURLOPT_CAPATH, nullptr);
}

void CurlFetch::SetHeaders() {
  static const std::string kUserAgent = "keda-gpu-scaler/" + std::string(base::Version());
  Set(CURLOPT_USERAGENT, kUserAgent.c_str());
  bool encoding = false;
  for (const FetchHeader& header : request_.headers) {
    encoding = encoding || base::LowerCase(header.name) == "accept-encoding";
    AddTo(&headers_, header.name + ": " + header.value);
  }
  if (!encoding) AddTo(&headers_, "Accept-Encoding: identity");
  Set(CURLOPT_HTTPHEADER, static_cast<curl_slist*>(headers_));
}

size_t CurlFetch::OnHeader(char* data, size_t /*size*/, size_t count, void* self) {
  auto* fetch = static_cast<CurlFetch*>(self);
  if (fetch->failed()) return 0;
  fetch->head_bytes_ += count;
  if (fetch->head_bytes_ > kLargestHead) {
    fetch->Fail(FetchFailure::kTooLarge, absl::StatusCode::kResourceExhausted,
                "the answer's head is larger than 64 KiB");
  } else if (!fetch->head_over_) {
    // What follows the body is no head.
    fetch->ReadHeaderLine({data, count});
  }
  return fetch->failed() ? 0 : count;
}

void CurlFetch::ReadHeaderLine(std::string_view line) {
  if (line.rfind("HTTP/", 0) == 0) {
    result_.content_type.clear();
    content_length_.reset();
    chunked_ = false;
    gzip_.reset();
    return;
  }
  const std::string_view text = Trim(line);
  if (!text.empty()) {
    const size_t colon = text.find(':');
    if (colon != text.npos) {
      ReadField(base::LowerCase(Trim(text.substr(0, colon))), Trim(text.substr(colon + 1)));
    }
    return;
  }
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  // After a head of 1xx comes another.
  if (status < 200) return;
  result_.http_status = static_cast<int>(status);
  EndHead();
}

void CurlFetch::ReadField(std::string_view name, std::string_view value) {
  std::string wrong;
  if (name == "content-type") {
    result_.content_type = value;
  } else if (name == "content-length") {
    const auto length = base::ParseInteger(value);
    if (!length || *length < 0 || content_length_.value_or(*length) != *length) {
      wrong = "the answer's Content-Length is no length";
    }
    content_length_ = length;
  } else if (name == "transfer-encoding") {
    const std::string coding = base::LowerCase(value);
    chunked_ = chunked_ || coding == "chunked";
    if (coding != "chunked" && coding != "identity") {
      wrong = "the answer has a Transfer-Encoding other than chunked";
    }
  } else if (name == "content-encoding") {
    const std::string coding = base::LowerCase(value);
    const bool is_gzip = coding == "gzip" || coding == "x-gzip";
    if ((is_gzip && gzip_) || (!is_gzip && !coding.empty() && coding != "identity")) {
      wrong = "the answer has a Content-Encoding other than gzip";
    }
    if (is_gzip && !gzip_) gzip_.emplace();
  }
  if (!wrong.empty()) Fail(FetchFailure::kBadAnswer, absl::StatusCode::kDataLoss, wrong);
}

void CurlFetch::EndHead() {
  head_over_ = true;
  result_.answered = clock_.Now();
  if (result_.http_status != 200) {
    const bool redirect = result_.http_status >= 300 && result_.http_status < 400;
    Fail(FetchFailure::kHttpStatus, absl::StatusCode::kUnavailable,
         "answered HTTP " + std::to_string(result_.http_status) +
             (redirect ? "; redirects are not followed" : ""));
    return;
  }
  result_.end_known = chunked_ || content_length_.has_value();
  if (handlers_.on_head) FailByConsumer(handlers_.on_head(result_.content_type));
}

size_t CurlFetch::OnBody(char* data, size_t /*size*/, size_t count, void* self) {
  auto* fetch = static_cast<CurlFetch*>(self);
  if (!fetch->failed()) fetch->TakeBody({data, count});
  // Anything but the count ends the transfer.
  return fetch->failed() ? count + 1 : count;
}

void CurlFetch::TakeBody(std::string_view data) {
  if (!gzip_) {
    TakePage(data).IgnoreError();
    return;
  }
  const absl::Status fed =
      gzip_->Feed(data, [this](std::string_view page) { return TakePage(page); });
  if (!fed.ok()) {
    Fail(FetchFailure::kBadAnswer, fed.code(), std::string(fed.message()));
  }
}

absl::Status CurlFetch::TakePage(std::string_view data) {
  if (data.size() > request_.longest_body - result_.bytes) {
    Fail(FetchFailure::kTooLarge, absl::StatusCode::kResourceExhausted,
         "the page is larger than " + std::to_string(request_.longest_body) + " bytes");
  } else if (!data.empty()) {
    result_.bytes += data.size();
    FailByConsumer(handlers_.on_data(data));
  }
  return result_.status;
}

void CurlFetch::FailByConsumer(const absl::Status& status) {
  if (status.ok()) return;
  Fail(FetchFailure::kConsumer, status.code(), std::string(status.message()));
}

void CurlFetch::Fail(FetchFailure failure, absl::StatusCode code, const std::string& what) {
  if (failed()) return;
  result_.failure = failure;
  result_.status = absl::Status(code, request_.url.ShownAt(request_.address) + ": " + what);
}

void CurlFetch::EndByTimeout() {
  const std::string time = base::FormatDuration(request_.timeout);
  Fail(FetchFailure::kTimeout, absl::StatusCode::kDeadlineExceeded,
       (head_over_ ? "no whole answer within " : "no answer within ") + time);
}

void CurlFetch::EndByCurl(int code) {
  if (failed()) return;
  if (code != CURLE_OK) {
    long os_error = 0;
    curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &os_error);
    const CurlFailure failure =
        WhatCurlSays(code, error_text_.data(), static_cast<int>(os_error), head_over_);
    Fail(failure.kind, failure.code, failure.what);
  } else if (!head_over_) {
    Fail(FetchFailure::kBadAnswer, absl::StatusCode::kDataLoss, "the answer has no head");
  } else if (gzip_ && !gzip_->whole()) {
    Fail(FetchFailure::kTruncated, absl::StatusCode::kDataLoss,
         "the gzip body stops before its end");
  } else if (gzip_) {
    result_.end_known = true;
  }
}

void CurlFetch::Finish() { handlers_.on_done(result_); }

}  // namespace kgs::endpoint
