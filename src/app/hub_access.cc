// SPDX-License-Identifier: Apache-2.0
#include "app/hub_access.h"

#include <grpcpp/security/credentials.h>

#include <memory>
#include <utility>

#include "base/file.h"
#include "kube/client/token_source.h"
#include "tls/grpc_credentials.h"

namespace kgs::app {
namespace {

constexpr size_t kLargestToken = size_t{64} << 10;

/// Credentials that are made anew where what they trust has been renewed. One thread.
class RenewedCredentials {
 public:
  explicit RenewedCredentials(const tls::CertificateFiles& files) : files_(files) {}

  std::shared_ptr<grpc::ChannelCredentials> Get() {
    auto current = files_.Current();
    if (current != made_of_) {
      credentials_ = tls::ChannelCredentials(*current);
      made_of_ = std::move(current);
    }
    return credentials_;
  }

 private:
  const tls::CertificateFiles& files_;
  std::shared_ptr<const tls::Certificates> made_of_;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
};

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  auto token = base::ReadFile(path, kLargestToken);
  if (!token.ok()) return token.status();
  token = kube::CleanToken(*token);
  if (token.ok()) return token;
  return absl::FailedPreconditionError(path + " " + std::string(token.status().message()));
}

/// "hubs.keda.svc" of "hubs.keda.svc:6001", "::1" of "[::1]:6001".
std::string HostOf(const std::string& host_port) {
  std::string host = host_port.substr(0, host_port.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

}  // namespace

absl::StatusOr<fleet::HubAccess> MakeHubAccess(const Options& options,
                                               tls::CertificateWatch& certificates) {
  fleet::HubAccess access;
  if (options.insecure_agents) {
    access.credentials = [insecure = grpc::InsecureChannelCredentials()] { return insecure; };
    return access;
  }
  auto files = tls::CertificateFiles::Load("hubs", {"", "", options.hub_ca});
  if (!files.ok()) return files.status();
  access.credentials = [renewed = std::make_shared<RenewedCredentials>(
                            certificates.Add(*std::move(files)))] { return renewed->Get(); };
  access.server_name =
      options.hub_server_name.empty() ? HostOf(options.hub) : options.hub_server_name;
  access.token = [path = options.hub_token] { return ReadToken(path); };
  return access;
}

}  // namespace kgs::app
