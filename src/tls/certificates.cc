// SPDX-License-Identifier: Apache-2.0
#include "tls/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

#include "base/file.h"
#include "base/pem.h"

namespace kgs::tls {
namespace {

constexpr size_t kLargestFile = size_t{1} << 20;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio Reader(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free};
}

/// Else OpenSSL would ask on the terminal.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

absl::Status Broken(const std::string& path, const std::string& what) {
  // What OpenSSL has queued would be taken for the reason of a later failure.
  ERR_clear_error();
  return absl::InvalidArgumentError(path + ": " + what);
}

absl::StatusOr<int64_t> ExpiryOf(X509* certificate, const std::string& path) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) {
    return Broken(path, "its certificate does not say when it ends");
  }
  return static_cast<int64_t>(timegm(&time));
}

/// Whether TLS will show it. gRPC would keep the one from before without a word.
bool IsStrongEnough(X509* certificate) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_method()),
                                                                  &SSL_CTX_free);
  return context != nullptr && SSL_CTX_use_certificate(context.get(), certificate) == 1;
}

/// Checks that certificate and key go together; returns when the certificate ends.
absl::StatusOr<int64_t> CheckPair(const CertificatePaths& paths, const Certificates& read) {
  if (absl::Status status = base::CheckCertificates(read.certificate, paths.certificate);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = base::CheckPrivateKey(read.key, paths.key); !status.ok()) return status;
  const X509Ptr certificate(
      PEM_read_bio_X509(Reader(read.certificate).get(), nullptr, &NoPassword, nullptr), &X509_free);
  if (certificate == nullptr) return Broken(paths.certificate, "its first certificate is broken");
  const KeyPtr key(PEM_read_bio_PrivateKey(Reader(read.key).get(), nullptr, &NoPassword, nullptr),
                   &EVP_PKEY_free);
  if (key == nullptr) return Broken(paths.key, "holds a private key that is broken");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Broken(paths.key, "is not the key of the certificate in " + paths.certificate);
  }
  if (!IsStrongEnough(certificate.get())) {
    return Broken(paths.certificate,
                  "its first certificate is refused by OpenSSL: its key or its "
                  "signature is too weak");
  }
  return ExpiryOf(certificate.get(), paths.certificate);
}

absl::Status CheckAuthorities(const std::string& pem, const std::string& path) {
  if (absl::Status status = base::CheckCertificates(pem, path); !status.ok()) return status;
  const X509Ptr first(PEM_read_bio_X509(Reader(pem).get(), nullptr, &NoPassword, nullptr),
                      &X509_free);
  return first != nullptr ? absl::OkStatus() : Broken(path, "its first certificate is broken");
}

absl::Status ReadInto(const std::string& path, std::string& pem) {
  if (path.empty()) return absl::OkStatus();
  auto read = base::ReadFile(path, kLargestFile);
  if (read.ok()) pem = *std::move(read);
  return read.status();
}

}  // namespace

absl::StatusOr<Certificates> ReadCertificates(const CertificatePaths& paths) {
  Certificates read;
  for (const auto& [path, pem] :
       {std::pair(&paths.certificate, &read.certificate), std::pair(&paths.key, &read.key),
        std::pair(&paths.authorities, &read.authorities)}) {
    if (absl::Status status = ReadInto(*path, *pem); !status.ok()) return status;
  }
  if (!paths.certificate.empty()) {
    const auto expires = CheckPair(paths, read);
    if (!expires.ok()) return expires.status();
    read.expires = *expires;
  }
  if (!paths.authorities.empty()) {
    absl::Status status = CheckAuthorities(read.authorities, paths.authorities);
    if (!status.ok()) return status;
  }
  return read;
}

}  // namespace kgs::tls
