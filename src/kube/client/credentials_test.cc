// SPDX-License-Identifier: Apache-2.0
#include "kube/client/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "tests/support/temp_folder.h"

namespace kgs::kube {
namespace {

using ::testing::HasSubstr;

class InClusterTest : public ::testing::Test {
 protected:
  InClusterTest() {
    Write("ca.crt", "authority");
    Write("token", "secret");
  }
  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_.path() / name) << content;
  }
  Environment FakeEnvironment() const {
    return [this](const char* name) -> const char* {
      const auto found = variables_.find(name);
      return found == variables_.end() ? nullptr : found->second.c_str();
    };
  }
  absl::StatusOr<Credentials> Load() const {
    return InClusterCredentials(FakeEnvironment(), folder_.path().string());
  }
  bool InPod() const { return InCluster(FakeEnvironment(), folder_.path().string()); }
  std::string Error() const { return std::string(Load().status().message()); }

  const testing::TempFolder folder_;
  std::map<std::string, std::string> variables_ = {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"},
                                                   {"KUBERNETES_SERVICE_PORT", "443"}};
};

TEST_F(InClusterTest, ServerAuthorityAndTokenFile) {
  EXPECT_TRUE(InPod());
  const auto credentials = Load();
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(credentials->server, "https://10.0.0.1:443");
  EXPECT_EQ(credentials->certificate_authority, "authority");
  EXPECT_EQ(credentials->token_file, (folder_.path() / "token").string());
  EXPECT_EQ(credentials->token, "");
  EXPECT_FALSE(credentials->insecure_skip_tls_verify);
}

TEST_F(InClusterTest, AnIpv6AddressIsPutInBrackets) {
  variables_["KUBERNETES_SERVICE_HOST"] = "fd00::1";
  EXPECT_EQ(Load()->server, "https://[fd00::1]:443");
  variables_["KUBERNETES_SERVICE_HOST"] = "[fd00::1]";
  EXPECT_EQ(Load()->server, "https://[fd00::1]:443");
}

TEST_F(InClusterTest, NamesWhatIsMissing) {
  std::filesystem::remove(folder_.path() / "ca.crt");
  EXPECT_EQ(Error(),
            "cannot read " + (folder_.path() / "ca.crt").string() + ": No such file or directory");
  Write("ca.crt", "authority");
  std::filesystem::remove(folder_.path() / "token");
  EXPECT_FALSE(InPod());
  EXPECT_THAT(Error(), HasSubstr("there is no " + (folder_.path() / "token").string()));
  Write("token", "secret");
  variables_["KUBERNETES_SERVICE_PORT"] = "https";
  EXPECT_EQ(Error(), "KUBERNETES_SERVICE_PORT is \"https\", accepted: 1 to 65535");
  variables_.erase("KUBERNETES_SERVICE_PORT");
  EXPECT_THAT(Error(), HasSubstr("KUBERNETES_SERVICE_PORT is not set"));
  variables_["KUBERNETES_SERVICE_HOST"] = "";
  EXPECT_FALSE(InPod());
  EXPECT_THAT(Error(), HasSubstr("KUBERNETES_SERVICE_HOST is not set"));
  EXPECT_EQ(Load().status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace kgs::kube
