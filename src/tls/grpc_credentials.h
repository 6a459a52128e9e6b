// SPDX-License-Identifier: Apache-2.0
//
// gRPC's credentials over certificates that are renewed. TLS 1.2 is the least, as gRPC has it.
#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "tls/certificate_files.h"

namespace kgs::tls {

/// For one listening port: each handshake takes what \p files hold by then, and connections that
/// are open go on with what they began with. Where there are authorities, the client must show a
/// certificate of theirs. \p files and what is returned must outlive the server.
std::shared_ptr<grpc::ServerCredentials> ServerCredentials(const CertificateFiles& files);

/// Of a client that accepts servers of the authorities, and shows its own certificate where there
/// is one. Never changes: what is renewed needs new ones.
std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(const Certificates& certificates);

}  // namespace kgs::tls
