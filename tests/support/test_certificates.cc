// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>

namespace kgs::testing {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

constexpr long kDaySeconds = 86'400;

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s failed\n", what);
  ERR_print_errors_fp(stderr);
  std::abort();
}

Bio Reader(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
}
Certificate ReadCertificate(const std::string& pem) {
  return Certificate(PEM_read_bio_X509(Reader(pem).get(), nullptr, nullptr, nullptr), &X509_free);
}
Key ReadKey(const std::string& pem) {
  return Key(PEM_read_bio_PrivateKey(Reader(pem).get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
}

template <typename Write>
std::string Pem(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  Require(write(bio.get()) == 1, "PEM_write");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

void AddExtension(X509* certificate, int id, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
  Require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, value.c_str());
  X509_EXTENSION_free(extension);
}

// Of \p issuer and its key, or of itself where that is null.
PemPair Make(const std::string& name, const std::string& alternative_names, X509* issuer,
             EVP_PKEY* issuer_key, const char* curve) {
  static long serial = 0;
  const Key key(EVP_EC_gen(curve), &EVP_PKEY_free);
  const Certificate certificate(X509_new(), &X509_free);
  X509* x509 = certificate.get();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x509), -kDaySeconds);
  X509_gmtime_adj(X509_getm_notAfter(x509), kDaySeconds);
  X509_set_pubkey(x509, key.get());
  X509_NAME* subject = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x509, issuer != nullptr ? X509_get_subject_name(issuer) : subject);
  AddExtension(x509, NID_basic_constraints, issuer != nullptr ? "CA:FALSE" : "critical,CA:TRUE");
  if (!alternative_names.empty()) AddExtension(x509, NID_subject_alt_name, alternative_names);
  Require(X509_sign(x509, issuer_key != nullptr ? issuer_key : key.get(), EVP_sha256()) > 0,
          "X509_sign");
  return {Pem([&](BIO* to) { return PEM_write_bio_X509(to, x509); }), Pem([&](BIO* to) {
            return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

// \p wanted points to what ALPN sends of the one protocol that the server speaks.
int SelectProtocol(SSL* /*unused*/, const unsigned char** chosen, unsigned char* length,
                   const unsigned char* offered, unsigned offered_length, void* wanted) {
  const auto* protocol = static_cast<const std::string*>(wanted);
  const auto* bytes = reinterpret_cast<const unsigned char*>(protocol->data());
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, length, bytes, static_cast<unsigned>(protocol->size()), offered,
                            offered_length) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

const std::string& AlpnList(const std::string& protocol) {
  static const std::string kHttp2 = "\x02h2";
  static const std::string kHttp11 = "\x08http/1.1";
  return protocol == "h2" ? kHttp2 : kHttp11;
}

}  // namespace

TestAuthority::TestAuthority(const std::string& name)
    : self_(Make(name, "", nullptr, nullptr, "P-256")) {}

PemPair TestAuthority::Issue(const std::string& common_name, const std::string& names,
                             const char* curve) const {
  const Certificate issuer = ReadCertificate(self_.certificate);
  const Key key = ReadKey(self_.key);
  return Make(common_name, names, issuer.get(), key.get(), curve);
}

SslContext ServerContext(const PemPair& own, const std::string& protocol,
                         const std::string& clients) {
  SslContext context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  const Certificate certificate = ReadCertificate(own.certificate);
  const Key key = ReadKey(own.key);
  Require(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1, "certificate");
  Require(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1, "key");
  SSL_CTX_set_alpn_select_cb(context.get(), &SelectProtocol,
                             const_cast<std::string*>(&AlpnList(protocol)));
  if (!clients.empty()) {
    const Certificate authority = ReadCertificate(clients);
    Require(X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.get()) == 1,
            "authority");
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

}  // namespace kgs::testing
