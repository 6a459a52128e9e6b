// SPDX-License-Identifier: Apache-2.0
//
// Endpoints that the operator names, with the credentials that the hub sends to each. A tenant
// chooses one by its name, and gets nothing sent anywhere else: the URL must have its scheme, host
// and port. The file holds no secret, only the paths of files that do:
//
//   endpoints:
//     - name: gateway
//       url: https://epp.llm.svc:9090
//       tokenFile: /etc/kgs/gateway/token     # sent as "Authorization: Bearer ..."
//       caFile: /etc/kgs/gateway/ca.crt       # instead of the system's authorities
//     - name: vendor
//       url: https://metrics.example.com
//       header: {name: X-API-Key, valueFile: /etc/kgs/vendor/key}
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "endpoint/fetcher.h"
#include "endpoint/url.h"

namespace kgs::endpoint {

struct NamedEndpoint {
  std::string name;
  /// Of scheme, host and port alone.
  Url url;
  /// Empty: no header is sent.
  std::string header_name;
  /// Of a bearer token, or of the header's whole value.
  std::string secret_file;
  bool is_bearer_token = false;
  /// Empty: the system's authorities.
  std::string ca_file;
};

/// What a fetch takes with it. Secret.
struct Credential {
  std::optional<FetchHeader> header;
  std::string ca_pem;
};

/// What the files of \p endpoint hold now. FAILED_PRECONDITION names the file that cannot be used
/// and shows nothing of it.
absl::StatusOr<Credential> ReadCredential(const NamedEndpoint& endpoint);

/// Immutable; any thread.
class NamedEndpoints {
 public:
  /// None.
  NamedEndpoints() = default;
  /// INVALID_ARGUMENT with everything that is wrong, each with its line, key and what is accepted;
  /// no value that might be a secret in the wrong place is shown. \p file is named in errors.
  static absl::StatusOr<NamedEndpoints> Parse(const std::string& yaml, const std::string& file);
  /// Of a file of at most 1 MiB.
  static absl::StatusOr<NamedEndpoints> Load(const std::string& file);

  /// INVALID_ARGUMENT with all that would be wrong with the files of secrets and authorities now.
  absl::Status CheckFiles() const;

  /// Names of those whose secret anybody between can read, since their URL has http.
  std::vector<std::string> InTheClear() const;

  /// Null where there is none.
  const NamedEndpoint* Find(std::string_view name) const;

  /// What is to be sent to \p url by the endpoint \p name. INVALID_ARGUMENT where there is none of
  /// that name or the URL is not its own; FAILED_PRECONDITION where its files cannot be used. The
  /// files are read each time, since secrets are renewed. Errors are for tenants, whom the
  /// operator's files are no business of: \p for_log, where it is given, becomes what is the
  /// matter with the files, with their paths and nothing of what is in them; else empty.
  absl::StatusOr<Credential> CredentialFor(std::string_view name, const Url& url,
                                           std::string* for_log = nullptr) const;

 private:
  using ByName = std::map<std::string, NamedEndpoint, std::less<>>;
  explicit NamedEndpoints(ByName endpoints) : endpoints_(std::move(endpoints)) {}

  ByName endpoints_;
};

/// What NamedEndpoints::Parse reads, by name.
absl::StatusOr<std::map<std::string, NamedEndpoint, std::less<>>> ParseNamedEndpoints(
    const std::string& yaml, const std::string& file);

}  // namespace kgs::endpoint
