// SPDX-License-Identifier: Apache-2.0
#include "tls/grpc_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <string>
#include <utility>

namespace kgs::tls {
namespace {

/// What gRPC calls at the start and before each handshake, under a lock of the port.
class Fetcher {
 public:
  explicit Fetcher(const CertificateFiles& files) : files_(files) {}

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<Fetcher*>(self)->Next(config);
  }

 private:
  grpc_ssl_certificate_config_reload_status Next(grpc_ssl_server_certificate_config** config) {
    const std::shared_ptr<const Certificates> current = files_.Current();
    if (current == given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair{current->key.c_str(), current->certificate.c_str()};
    // gRPC insists on some authorities, also where it asks no client for a certificate: then it
    // makes no use of them.
    const std::string& authorities =
        current->authorities.empty() ? current->certificate : current->authorities;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    given_ = current;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const CertificateFiles& files_;
  std::shared_ptr<const Certificates> given_;
};

/// gRPC's C++ side has no way to the C side's callback for renewed certificates (Debian 12's gRPC,
/// 1.51; grpc/grpc_security.h, grpc_ssl_server_credentials_create_options_using_config_fetcher).
/// Its own watcher of files (FileWatcherCertificateProvider) would take a certificate and a key
/// that do not fit, and refuse every handshake from then on.
class RenewedServerCredentials final : public grpc::ServerCredentials {
 public:
  explicit RenewedServerCredentials(const CertificateFiles& files) : fetcher_(files) {
    const auto request = files.Current()->authorities.empty()
                             ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                             : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(request, &Fetcher::Fetch,
                                                                        &fetcher_));
  }
  ~RenewedServerCredentials() override { grpc_server_credentials_release(credentials_); }
  RenewedServerCredentials(const RenewedServerCredentials&) = delete;
  RenewedServerCredentials& operator=(const RenewedServerCredentials&) = delete;

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  Fetcher fetcher_;
  grpc_server_credentials* credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> ServerCredentials(const CertificateFiles& files) {
  return std::make_shared<RenewedServerCredentials>(files);
}

std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(const Certificates& certificates) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = certificates.authorities;
  options.pem_cert_chain = certificates.certificate;
  options.pem_private_key = certificates.key;
  return grpc::SslCredentials(options);
}

}  // namespace kgs::tls
