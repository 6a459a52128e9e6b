// SPDX-License-Identifier: Apache-2.0
//
// A real gRPC server and real clients on loopback, each client over a connection of its own.
#include "tls/grpc_credentials.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "externalscaler.grpc.pb.h"
#include "tests/support/test_certificates.h"
#include "tls/test_files.h"

namespace kgs::tls {
namespace {

using externalscaler::ExternalScaler;
using kgs::testing::PemPair;
using kgs::testing::TestAuthority;
using testing::TestFiles;

class YesScaler final : public ExternalScaler::Service {
  grpc::Status IsActive(grpc::ServerContext* /*context*/,
                        const externalscaler::ScaledObjectRef* /*request*/,
                        externalscaler::IsActiveResponse* response) override {
    response->set_result(true);
    return grpc::Status::OK;
  }
};

class Client {
 public:
  Client(int port, const Certificates& certificates) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    stub_ = ExternalScaler::NewStub(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port), ChannelCredentials(certificates), arguments));
  }
  bool Call() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    externalscaler::IsActiveResponse response;
    return stub_->IsActive(&context, {}, &response).ok() && response.result();
  }

 private:
  std::unique_ptr<ExternalScaler::Stub> stub_;
};

class GrpcCredentialsTest : public ::testing::Test {
 protected:
  void Serve(const CertificatePaths& paths) {
    files_ = *CertificateFiles::Load("keda", paths);
    credentials_ = ServerCredentials(*files_);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials_, &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    ASSERT_NE(port_, 0);
  }
  static PemPair Issue(const TestAuthority& authority) {
    return authority.Issue("scaler", "IP:127.0.0.1");
  }
  static Certificates Trusting(const TestAuthority& authority) {
    return {"", "", authority.pem(), std::nullopt};
  }
  static Certificates Showing(const PemPair& own, const TestAuthority& trusted) {
    return {own.certificate, own.key, trusted.pem(), std::nullopt};
  }

  const TestAuthority ours_{"ours"};
  const TestAuthority theirs_{"theirs"};
  TestFiles folder_{Issue(ours_)};
  YesScaler service_;
  std::unique_ptr<CertificateFiles> files_;
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(GrpcCredentialsTest, AClientVerifiesTheServer) {
  Serve(folder_.Pair());
  EXPECT_TRUE(Client(port_, Trusting(ours_)).Call());
  EXPECT_FALSE(Client(port_, Trusting(theirs_)).Call());
}

TEST_F(GrpcCredentialsTest, AServerVerifiesItsClients) {
  folder_.Write("ca.crt", theirs_.pem());
  Serve(folder_.PairAndAuthorities());
  EXPECT_TRUE(Client(port_, Showing(Issue(theirs_), ours_)).Call());
  EXPECT_FALSE(Client(port_, Showing(Issue(ours_), ours_)).Call());
  EXPECT_FALSE(Client(port_, Trusting(ours_)).Call());
}

TEST_F(GrpcCredentialsTest, NewConnectionsGetWhatIsRenewedAndOldOnesStay) {
  Serve(folder_.Pair());
  Client early(port_, Trusting(ours_));
  EXPECT_TRUE(early.Call());
  folder_.Write(Issue(theirs_));
  EXPECT_FALSE(Client(port_, Trusting(theirs_)).Call()) << "not read again yet";
  files_->Reload();
  EXPECT_TRUE(Client(port_, Trusting(theirs_)).Call());
  EXPECT_FALSE(Client(port_, Trusting(ours_)).Call());
  EXPECT_TRUE(early.Call());
}

TEST_F(GrpcCredentialsTest, TheAuthoritiesOfClientsAreRenewedToo) {
  folder_.Write("ca.crt", theirs_.pem());
  Serve(folder_.PairAndAuthorities());
  const PemPair own = Issue(ours_);
  EXPECT_FALSE(Client(port_, Showing(own, ours_)).Call());
  folder_.Write("ca.crt", theirs_.pem() + ours_.pem());
  files_->Reload();
  EXPECT_TRUE(Client(port_, Showing(own, ours_)).Call());
  EXPECT_TRUE(Client(port_, Showing(Issue(theirs_), ours_)).Call());
}

TEST_F(GrpcCredentialsTest, WhatDoesNotFitIsNotTaken) {
  Serve(folder_.Pair());
  folder_.Write("tls.key", Issue(ours_).key);
  files_->Reload();
  EXPECT_TRUE(Client(port_, Trusting(ours_)).Call());
}

}  // namespace
}  // namespace kgs::tls
