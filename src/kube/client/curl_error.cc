// SPDX-License-Identifier: Apache-2.0
#include "kube/client/curl_error.h"

#include <curl/curl.h>

#include <system_error>

#include "base/strings.h"

namespace kgs::kube {
namespace {

std::string Told(const std::string& detail, const std::string& general) {
  return detail.empty() ? general : base::Truncate(base::OneLine(detail), 300);
}

// Of a signature that does not fit the authority of that name OpenSSL tells the arithmetic only;
// and the authorities of many clusters are called "kubernetes".
std::string AuthorityHint(const std::string& detail) {
  const bool of_signature = detail.find("asn1 encoding routines") != std::string::npos ||
                            detail.find("rsa routines") != std::string::npos;
  return of_signature ? " (is the certificate authority that of this server?)" : "";
}

}  // namespace

std::string CurlCause(int code, const std::string& detail, int os_error) {
  const std::string general = curl_easy_strerror(static_cast<CURLcode>(code));
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      return os_error != 0 ? std::generic_category().message(os_error) : general;
    case CURLE_OPERATION_TIMEDOUT:
      return "no connection in time";
    // Of these, what curl writes names a host, a certificate or a rule, and nothing that varies.
    case CURLE_SSL_CONNECT_ERROR:
      return "TLS handshake failed: " + Told(detail, general) + AuthorityHint(detail);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return Told(detail, general);
    default:
      return general;
  }
}

}  // namespace kgs::kube
