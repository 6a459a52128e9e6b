// SPDX-License-Identifier: Apache-2.0
#include "kube/client/curl_exchange.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/build_info.h"
#include "base/strings.h"
#include "kube/client/curl_error.h"

namespace kgs::kube {
namespace {

constexpr char kHttps[] = "https://";
constexpr long kConnectTimeoutMs = 10'000;
constexpr long kBufferBytes = 64L * 1024;
// An idle connection that died without a word is found after about a minute.
constexpr long kKeepAliveIdleSeconds = 30;
constexpr long kKeepAliveIntervalSeconds = 10;
// One on which sent bytes are not acknowledged is given up after this.
constexpr unsigned kUnacknowledgedMs = 30'000;
constexpr long long kLongestRetryAfterSeconds = 86'400;

int OnSocket(void* /*unused*/, curl_socket_t socket, curlsocktype /*unused*/) {
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof(kUnacknowledgedMs));
  return CURL_SOCKOPT_OK;
}

std::string Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

bool IsHeader(std::string_view line, std::string_view name) {
  return line.size() > name.size() && line[name.size()] == ':' &&
         std::equal(name.begin(), name.end(), line.begin(), [](unsigned char a, unsigned char b) {
           return std::tolower(a) == std::tolower(b);
         });
}

}  // namespace

CurlTarget::CurlTarget(Credentials to)
    : credentials(std::move(to)),
      tls(credentials.server.rfind(kHttps, 0) == 0),
      url(credentials.server) {
  if (!tls || credentials.tls_server_name.empty()) return;
  const size_t host_begin = sizeof(kHttps) - 1;
  const size_t host_end = std::min(url.find('/', host_begin), url.size());
  host = url.substr(host_begin, host_end - host_begin);
  const size_t colon = host.rfind(':');
  // Not one of those within an IPv6 address.
  const bool has_port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
  const std::string port = has_port ? host.substr(colon) : "";
  connect_to = "::" + host + (has_port ? "" : ":443");
  url = kHttps + credentials.tls_server_name + port + url.substr(host_end);
}

CurlExchange::CurlExchange(CurlQuestion question, const RequestOptions& options,
                           RequestHandlers handlers, const CurlTarget& target,
                           const base::Clock& clock)
    : question_(std::move(question)),
      options_(options),
      handlers_(std::move(handlers)),
      target_(target),
      clock_(clock),
      started_(clock.Now()),
      last_byte_(started_) {
  static_assert(sizeof(error_text_) >= CURL_ERROR_SIZE);
}

CurlPool NewCurlPool() {
  CURLSH* pool = curl_share_init();
  curl_share_setopt(pool, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
  return {pool, &curl_share_cleanup};
}

void CurlExchange::Close() {
  curl_easy_cleanup(std::exchange(easy_, nullptr));
  // After the handle, which refers to it.
  pool_.reset();
  curl_slist_free_all(static_cast<curl_slist*>(std::exchange(headers_, nullptr)));
  curl_slist_free_all(static_cast<curl_slist*>(std::exchange(connect_to_, nullptr)));
}

template <typename Option, typename Value>
void CurlExchange::Set(Option option, Value value) {
  const CURLcode code = curl_easy_setopt(easy_, option, value);
  if (set_error_ == CURLE_OK) set_error_ = code;
}

void CurlExchange::SetPem(int option, const std::string& pem) {
  curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
  Set(static_cast<CURLoption>(option), &blob);
}

void CurlExchange::AddTo(void** list, const std::string& line) {
  curl_slist* longer = curl_slist_append(static_cast<curl_slist*>(*list), line.c_str());
  if (longer == nullptr) {
    set_error_ = CURLE_OUT_OF_MEMORY;
  } else {
    *list = longer;
  }
}

absl::Status CurlExchange::Prepare(const std::string& token, CurlPool pool) {
  if (question_.path.empty() || question_.path.front() != '/') {
    return absl::InvalidArgumentError(Where() + ": the path is not absolute");
  }
  easy_ = curl_easy_init();
  if (easy_ == nullptr) return absl::UnavailableError(Where() + ": no memory for a request");
  pool_ = std::move(pool);
  Set(CURLOPT_SHARE, pool_.get());
  Set(CURLOPT_ERRORBUFFER, error_text_.data());
  Set(CURLOPT_HEADERFUNCTION, &CurlExchange::OnHeader);
  Set(CURLOPT_HEADERDATA, this);
  Set(CURLOPT_WRITEFUNCTION, &CurlExchange::OnBody);
  Set(CURLOPT_WRITEDATA, this);
  Set(CURLOPT_BUFFERSIZE, kBufferBytes);
  Set(CURLOPT_NOSIGNAL, 1L);
  // Else an end waits for a name server that does not answer.
  Set(CURLOPT_QUICK_EXIT, 1L);
  Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SetAddress();
  if (target_.tls) SetTls();
  if (question_.body) SetBody();
  SetHeaders(token);
  if (set_error_ == CURLE_OK) return absl::OkStatus();
  return absl::UnavailableError(Where() + ": " + CurlCause(set_error_, "", 0));
}

void CurlExchange::SetAddress() {
  Set(CURLOPT_URL, (target_.url + question_.path).c_str());
  // A path is sent as it is.
  Set(CURLOPT_PATH_AS_IS, 1L);
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  if (!target_.connect_to.empty()) {
    AddTo(&connect_to_, target_.connect_to);
    Set(CURLOPT_CONNECT_TO, static_cast<curl_slist*>(connect_to_));
  }
  if (target_.tls) {
    Set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    // Rather a stream of a connection that is being made than another connection.
    Set(CURLOPT_PIPEWAIT, 1L);
  } else {
    Set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  }
  Set(CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
  Set(CURLOPT_TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  Set(CURLOPT_TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  Set(CURLOPT_SOCKOPTFUNCTION, &OnSocket);
}

void CurlExchange::SetTls() {
  const Credentials& credentials = target_.credentials;
  Set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  if (credentials.insecure_skip_tls_verify) {
    Set(CURLOPT_SSL_VERIFYPEER, 0L);
    Set(CURLOPT_SSL_VERIFYHOST, 0L);
  } else if (!credentials.certificate_authority.empty()) {
    SetPem(CURLOPT_CAINFO_BLOB, credentials.certificate_authority);
    // Else the authorities of the system would count as well.
    Set(CURLOPT_CAPATH, nullptr);
  }
  if (!credentials.client_certificate.empty()) {
    Set(CURLOPT_SSLCERTTYPE, "PEM");
    SetPem(CURLOPT_SSLCERT_BLOB, credentials.client_certificate);
    Set(CURLOPT_SSLKEYTYPE, "PEM");
    SetPem(CURLOPT_SSLKEY_BLOB, credentials.client_key);
  }
}

void CurlExchange::SetBody() {
  Set(CURLOPT_POST, 1L);
  Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(question_.body->size()));
  Set(CURLOPT_POSTFIELDS, question_.body->data());
  AddTo(&headers_, "Content-Type: application/json");
  // Else curl waits before a large one for leave to send it.
  AddTo(&headers_, "Expect:");
}

void CurlExchange::SetHeaders(const std::string& token) {
  static const std::string kUserAgent = "keda-gpu-scaler/" + std::string(base::Version());
  Set(CURLOPT_USERAGENT, kUserAgent.c_str());
  // A compressed stream gives its events when the compressor likes.
  Set(CURLOPT_ACCEPT_ENCODING, "identity");
  AddTo(&headers_, "Accept: application/json");
  if (!target_.host.empty()) AddTo(&headers_, "Host: " + target_.host);
  if (!token.empty()) AddTo(&headers_, "Authorization: Bearer " + token);
  Set(CURLOPT_HTTPHEADER, static_cast<curl_slist*>(headers_));
}

size_t CurlExchange::OnHeader(char* data, size_t /*size*/, size_t count, void* self) {
  auto* exchange = static_cast<CurlExchange*>(self);
  if (exchange->over_) return 0;
  exchange->last_byte_ = exchange->clock_.Now();
  // What follows the body is no head.
  if (!exchange->head_given_) exchange->ReadHeader({data, count});
  return exchange->over_ ? 0 : count;
}

void CurlExchange::ReadHeader(std::string_view line) {
  if (line.rfind("HTTP/", 0) == 0) {
    head_ = {};
    return;
  }
  if (IsHeader(line, "retry-after")) {
    const auto seconds = base::ParseInteger(Trimmed(line.substr(line.find(':') + 1)));
    if (seconds && *seconds >= 0) {
      head_.retry_after = std::chrono::seconds(std::min(*seconds, kLongestRetryAfterSeconds));
    }
    return;
  }
  if (!Trimmed(line).empty()) return;
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  // After a head of 1xx comes another.
  if (status < 200) return;
  head_.status = static_cast<int>(status);
  head_given_ = true;
  handlers_.on_head(head_);
}

size_t CurlExchange::OnBody(char* data, size_t /*size*/, size_t count, void* self) {
  auto* exchange = static_cast<CurlExchange*>(self);
  if (exchange->over_) return 0;
  exchange->last_byte_ = exchange->clock_.Now();
  if (count > 0) exchange->handlers_.on_data({data, count});
  // Anything but the count ends the transfer.
  return exchange->over_ ? count + 1 : count;
}

absl::Status CurlExchange::WhatCurlSays(int code) const {
  if (code == CURLE_OK && head_given_) return absl::OkStatus();
  long os_error = 0;
  curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &os_error);
  const std::string cause = code == CURLE_OK
                                ? "an answer without a head"
                                : CurlCause(code, error_text_.data(), static_cast<int>(os_error));
  return absl::UnavailableError(Where() + ": " + cause);
}

void CurlExchange::Finish(const absl::Status& status) {
  if (std::exchange(over_, true)) return;
  handlers_.on_done(status);
}

base::SteadyTime CurlExchange::next_check() const {
  const base::SteadyTime silent = last_byte_ + options_.longest_silence;
  return options_.deadline ? std::min(silent, started_ + *options_.deadline) : silent;
}

absl::Status CurlExchange::Overdue(base::SteadyTime now) const {
  if (options_.deadline && now >= started_ + *options_.deadline) {
    return absl::DeadlineExceededError(Where() + ": no whole answer within " +
                                       base::FormatDuration(*options_.deadline));
  }
  if (now >= last_byte_ + options_.longest_silence) {
    return absl::DeadlineExceededError(Where() + ": nothing came for " +
                                       base::FormatDuration(options_.longest_silence));
  }
  return absl::OkStatus();
}

bool CurlExchange::SeemsCutOff(base::SteadyTime now) const {
  const base::Duration waited =
      std::min(options_.longest_silence, options_.deadline.value_or(options_.longest_silence));
  return now - last_byte_ >= waited / 2;
}

std::string CurlExchange::Where() const {
  // Without the query: its tokens and versions change from try to try.
  return (question_.body ? "POST " : "GET ") + target_.credentials.server +
         question_.path.substr(0, question_.path.find('?'));
}

}  // namespace kgs::kube
