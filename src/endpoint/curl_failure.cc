// SPDX-License-Identifier: Apache-2.0
#include "endpoint/curl_failure.h"

#include <curl/curl.h>

#include <cerrno>
#include <system_error>

#include "base/strings.h"

namespace kgs::endpoint {
namespace {

using absl::StatusCode;

bool BeginsWith(const std::string& text, const char* beginning) {
  return text.rfind(beginning, 0) == 0;
}

// Of what curl writes, only that which has no name out of the server's certificate.
std::string TlsCause(int curl_code, const std::string& detail) {
  const bool ours = curl_code == CURLE_SSL_CONNECT_ERROR ||
                    BeginsWith(detail, "SSL certificate problem: ") ||
                    BeginsWith(detail, "SSL: no alternative certificate subject name");
  if (ours && !detail.empty()) return base::Truncate(base::OneLine(detail), 300);
  return curl_easy_strerror(static_cast<CURLcode>(curl_code));
}

CurlFailure ConnectFailure(int os_error) {
  const std::string cause = os_error != 0 ? std::generic_category().message(os_error)
                                          : curl_easy_strerror(CURLE_COULDNT_CONNECT);
  const auto kind = os_error == ECONNREFUSED ? FetchFailure::kRefused : FetchFailure::kUnreachable;
  return {kind, StatusCode::kUnavailable, cause};
}

}  // namespace

CurlFailure WhatCurlSays(int curl_code, const std::string& detail, int os_error, bool answered) {
  switch (curl_code) {
    case CURLE_COULDNT_CONNECT:
      return ConnectFailure(os_error);
    case CURLE_OPERATION_TIMEDOUT:
      return {FetchFailure::kTimeout, StatusCode::kDeadlineExceeded, "no connection in time"};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return {FetchFailure::kTls, StatusCode::kUnavailable, "TLS: " + TlsCause(curl_code, detail)};
    case CURLE_RECV_ERROR:
      if (detail.find("chunked-encoding") != std::string::npos) {
        return {FetchFailure::kBadAnswer, StatusCode::kDataLoss, "the answer's chunks are damaged"};
      }
      [[fallthrough]];
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
      return {FetchFailure::kTruncated, StatusCode::kDataLoss,
              answered ? "the connection ended before the page did"
                       : "the connection ended before the answer"};
    case CURLE_OUT_OF_MEMORY:
      return {FetchFailure::kBusy, StatusCode::kResourceExhausted, "no memory for the answer"};
    default:
      return {FetchFailure::kBadAnswer, StatusCode::kDataLoss, "the answer is not good HTTP/1"};
  }
}

std::string_view FetchFailureName(FetchFailure failure) {
  switch (failure) {
    case FetchFailure::kNone:
      return "none";
    case FetchFailure::kBadRequest:
      return "bad-request";
    case FetchFailure::kBusy:
      return "busy";
    case FetchFailure::kRefused:
      return "refused";
    case FetchFailure::kUnreachable:
      return "unreachable";
    case FetchFailure::kTimeout:
      return "timeout";
    case FetchFailure::kTls:
      return "tls";
    case FetchFailure::kHttpStatus:
      return "http-status";
    case FetchFailure::kTooLarge:
      return "too-large";
    case FetchFailure::kTruncated:
      return "truncated";
    case FetchFailure::kBadAnswer:
      return "bad-answer";
    case FetchFailure::kConsumer:
      return "consumer";
  }
  return "unknown";
}

}  // namespace kgs::endpoint
