// SPDX-License-Identifier: Apache-2.0
#include "endpoint/named_endpoints.h"

#include <absl/status/status.h>

#include <algorithm>
#include <cstddef>

#include "base/file.h"
#include "base/pem.h"
#include "base/strings.h"

namespace kgs::endpoint {
namespace {

constexpr size_t kLargestFile = size_t{1} << 20;
constexpr size_t kLargestSecret = size_t{16} * 1024;
constexpr size_t kLargestAuthorities = size_t{1} << 20;

absl::Status Unusable(const std::string& file, const std::string& what) {
  return absl::FailedPreconditionError(file + ": " + what);
}

/// Without the blanks around it, which an editor's line end is.
absl::StatusOr<std::string> ReadSecret(const NamedEndpoint& endpoint) {
  const auto text = base::ReadFile(endpoint.secret_file, kLargestSecret);
  if (!text.ok()) return text.status();
  constexpr char kBlanks[] = " \t\r\n";
  const size_t first = text->find_first_not_of(kBlanks);
  if (first == std::string::npos) return Unusable(endpoint.secret_file, "is empty");
  std::string secret = text->substr(first, text->find_last_not_of(kBlanks) - first + 1);
  const char lowest = endpoint.is_bearer_token ? '!' : ' ';
  const bool good = std::all_of(secret.begin(), secret.end(),
                                [lowest](char c) { return c >= lowest && c < 0x7f; });
  if (!good) return Unusable(endpoint.secret_file, "holds what cannot stand in a header");
  return secret;
}

}  // namespace

absl::StatusOr<Credential> ReadCredential(const NamedEndpoint& endpoint) {
  Credential credential;
  if (!endpoint.header_name.empty()) {
    auto secret = ReadSecret(endpoint);
    if (!secret.ok()) return secret.status();
    const char* const scheme = endpoint.is_bearer_token ? "Bearer " : "";
    credential.header = FetchHeader{endpoint.header_name, scheme + *secret};
  }
  if (!endpoint.ca_file.empty()) {
    auto pem = base::ReadFile(endpoint.ca_file, kLargestAuthorities);
    if (!pem.ok()) return pem.status();
    const absl::Status usable = base::CheckCertificates(*pem, endpoint.ca_file);
    if (!usable.ok()) return absl::FailedPreconditionError(usable.message());
    credential.ca_pem = *std::move(pem);
  }
  return credential;
}

absl::StatusOr<NamedEndpoints> NamedEndpoints::Parse(const std::string& yaml,
                                                     const std::string& file) {
  auto endpoints = ParseNamedEndpoints(yaml, file);
  if (!endpoints.ok()) return endpoints.status();
  return NamedEndpoints(*std::move(endpoints));
}

absl::StatusOr<NamedEndpoints> NamedEndpoints::Load(const std::string& file) {
  const auto text = base::ReadFile(file, kLargestFile);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  return Parse(*text, file);
}

absl::Status NamedEndpoints::CheckFiles() const {
  std::string problems;
  for (const auto& [name, endpoint] : endpoints_) {
    const auto credential = ReadCredential(endpoint);
    if (credential.ok()) continue;
    if (!problems.empty()) problems += "; ";
    problems += "endpoint " + name + ": " + std::string(credential.status().message());
  }
  return problems.empty() ? absl::OkStatus() : absl::InvalidArgumentError(problems);
}

std::vector<std::string> NamedEndpoints::InTheClear() const {
  std::vector<std::string> names;
  for (const auto& [name, endpoint] : endpoints_) {
    if (!endpoint.url.https) names.push_back(name);
  }
  return names;
}

const NamedEndpoint* NamedEndpoints::Find(std::string_view name) const {
  const auto found = endpoints_.find(name);
  return found == endpoints_.end() ? nullptr : &found->second;
}

absl::StatusOr<Credential> NamedEndpoints::CredentialFor(std::string_view name, const Url& url,
                                                         std::string* for_log) const {
  if (for_log != nullptr) for_log->clear();
  const NamedEndpoint* const endpoint = Find(name);
  // Other endpoints' names are no tenant's business.
  if (endpoint == nullptr) {
    return absl::InvalidArgumentError("no endpoint is named " + base::QuoteForMessage(name) +
                                      " in the scaler's configuration");
  }
  if (url.Origin() != endpoint->url.Origin()) {
    return absl::InvalidArgumentError("the credential of endpoint " + endpoint->name + " is for " +
                                      endpoint->url.Origin() + " alone, not for " + url.Origin());
  }
  auto credential = ReadCredential(*endpoint);
  if (credential.ok()) return credential;
  if (for_log != nullptr) *for_log = std::string(credential.status().message());
  return absl::FailedPreconditionError("the credential of endpoint " + endpoint->name +
                                       " cannot be read; the scaler's log says why");
}

}  // namespace kgs::endpoint
