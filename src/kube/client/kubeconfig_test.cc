// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "kube/client/credentials.h"
#include "tests/support/temp_folder.h"

namespace kgs::kube {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kCluster[] = "    server: https://10.0.0.1:6443\n";

class KubeconfigTest : public ::testing::Test {
 protected:
  // Written as the value of their keys: each line is indented by four.
  static std::string Config(const std::string& cluster, const std::string& user) {
    return "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
           "contexts:\n- name: elsewhere\n  context: {cluster: x, user: y}\n"
           "- name: here\n  context: {cluster: lab, user: admin, namespace: keda}\n"
           "clusters:\n- name: other\n  cluster: {server: 'https://other'}\n"
           "- name: lab\n  cluster:\n" +
           cluster + "users:\n- name: admin\n  user:\n" + (user.empty() ? "    {}\n" : user);
  }
  void Write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name) << content;
  }
  absl::StatusOr<Credentials> Load(const std::string& text) const {
    Write("config", text);
    return LoadKubeconfig(file_);
  }
  // Without "kubeconfig FILE: ".
  std::string Error(const std::string& text) const {
    const absl::Status status = Load(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << text;
    const std::string message(status.message());
    const std::string beginning = "kubeconfig " + file_ + ": ";
    EXPECT_THAT(message, AllOf(StartsWith(beginning), Not(HasSubstr("secret"))));
    return message.substr(std::min(beginning.size(), message.size()));
  }
  std::string UserError(const std::string& user) const { return Error(Config(kCluster, user)); }
  std::string ClusterError(const std::string& cluster) const { return Error(Config(cluster, "")); }

  const testing::TempFolder folder_;
  const std::string file_ = (folder_.path() / "config").string();
};

TEST_F(KubeconfigTest, DataInTheFile) {
  const auto credentials =
      Load(Config("    server: https://10.0.0.1:6443/\n"
                  "    certificate-authority-data: YXV0aG9yaXR5\n"
                  "    tls-server-name: kube.test\n",
                  "    client-certificate-data: Y2VydGlmaWNhdGU=\n"
                  "    client-key-data: a2V5\n"
                  "    client-key: not-looked-at\n"));
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(credentials->server, "https://10.0.0.1:6443");
  EXPECT_EQ(credentials->certificate_authority, "authority");
  EXPECT_EQ(credentials->tls_server_name, "kube.test");
  EXPECT_EQ(credentials->client_certificate, "certificate");
  EXPECT_EQ(credentials->client_key, "key");
  EXPECT_EQ(credentials->token, "");
  EXPECT_EQ(credentials->token_file, "");
  EXPECT_FALSE(credentials->insecure_skip_tls_verify);
}

TEST_F(KubeconfigTest, FilesAreRelativeToTheKubeconfig) {
  Write("pki/ca.crt", "authority");
  Write("pki/hub.crt", "certificate");
  Write("hub.key", "key");
  const auto credentials =
      Load(Config(std::string(kCluster) + "    certificate-authority: pki/ca.crt\n",
                  "    client-certificate: ./pki/hub.crt\n    client-key: " +
                      (folder_.path() / "hub.key").string() + "\n    tokenFile: run/token\n" +
                      "    token: shadowed\n"));
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(credentials->certificate_authority, "authority");
  EXPECT_EQ(credentials->client_certificate, "certificate");
  EXPECT_EQ(credentials->client_key, "key");
  EXPECT_EQ(credentials->token_file, (folder_.path() / "run/token").string());
  EXPECT_EQ(credentials->token, "");
}

TEST_F(KubeconfigTest, TokenPlainServerAndNoVerification) {
  const auto credentials =
      Load(Config("    server: http://localhost:8001\n"
                  "    insecure-skip-tls-verify: true\n",
                  "    token: abc\n"));
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(credentials->server, "http://localhost:8001");
  EXPECT_TRUE(credentials->insecure_skip_tls_verify);
  EXPECT_EQ(credentials->token, "abc");
}

TEST_F(KubeconfigTest, JsonIsYamlToo) {
  const auto credentials =
      Load(R"({"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k"}}],)"
           R"("clusters":[{"name":"k","cluster":{"server":"https://h"}}],"users":null})");
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(credentials->server, "https://h");
}

TEST_F(KubeconfigTest, WaysThatAreNotGoneAreRefusedWithAnother) {
  constexpr char kInstead[] =
      "; use client-certificate-data with client-key-data, token or tokenFile instead, such as the "
      "token of a ServiceAccount";
  EXPECT_EQ(UserError("    exec: {command: secret-tool}\n"),
            std::string("users[admin].user.exec: a program that makes credentials is not run") +
                kInstead);
  EXPECT_EQ(UserError("    auth-provider: {name: secret}\n"),
            std::string("users[admin].user.auth-provider: providers of credentials were removed "
                        "from Kubernetes") +
                kInstead);
  for (const std::string key : {"username", "password"}) {
    EXPECT_EQ(UserError("    " + key + ": secret\n"),
              "users[admin].user." + key + ": the API server accepts no passwords" + kInstead);
  }
  EXPECT_EQ(UserError("    token: secret\n    as: secret\n"),
            "users[admin].user.as: impersonation is not done; use credentials of that user");
  EXPECT_EQ(ClusterError(std::string(kCluster) + "    proxy-url: http://secret@proxy\n"),
            "clusters[lab].cluster.proxy-url: is not used; set HTTPS_PROXY in the environment "
            "instead");
}

TEST_F(KubeconfigTest, WhatIsMissingIsNamed) {
  EXPECT_EQ(Error("kind: Config\n"), "current-context: is missing");
  EXPECT_EQ(Error("current-context: ''\n"), "current-context: is empty");
  EXPECT_EQ(Error("current-context: {}\n"), "current-context: is no text");
  EXPECT_EQ(Error("current-context: c\n"), "contexts: has no \"c\", which current-context names");
  EXPECT_EQ(Error("current-context: c\ncontexts:\n- name: a\n- {}\n- name: b\n"),
            "contexts: has no \"c\", which current-context names (there are: \"a\" and \"b\")");
  EXPECT_EQ(Error("current-context: c\ncontexts: {c: {}}\n"), "contexts: is no list");
  EXPECT_EQ(Error("current-context: c\ncontexts: [name, {name: c}]\n"),
            "contexts[c].context: is no map");
  const std::string context = "current-context: c\ncontexts:\n- name: c\n  context: ";
  EXPECT_EQ(Error(context + "{user: u}\n"), "contexts[c].context.cluster: is missing");
  EXPECT_EQ(Error(context + "{cluster: k}\n"),
            "clusters: has no \"k\", which contexts[c].context.cluster names");
  EXPECT_EQ(Error(context + "{cluster: k, user: u}\nclusters:\n- name: k\n" +
                  "  cluster: {server: 'https://h'}\n"),
            "users: has no \"u\", which contexts[c].context.user names");
  EXPECT_EQ(ClusterError("    {}\n"), "clusters[lab].cluster.server: is missing");
}

TEST_F(KubeconfigTest, WhatIsWrongIsNamed) {
  const std::string accepted =
      "clusters[lab].cluster.server: accepted is https://HOST:PORT (or http://), without user, "
      "query or fragment";
  for (const char* server : {"10.0.0.1:6443", "ftp://h", "https://secret:secret@h", "https://h?q",
                             "'https://h\"'", "'https://h h'"}) {
    EXPECT_EQ(ClusterError("    server: " + std::string(server) + "\n"), accepted) << server;
  }
  const std::string cluster = kCluster;
  EXPECT_EQ(ClusterError(cluster + "    certificate-authority-data: '*secret*'\n"),
            "clusters[lab].cluster.certificate-authority-data: is not base64");
  EXPECT_EQ(ClusterError(cluster + "    certificate-authority: none.crt\n"),
            "clusters[lab].cluster.certificate-authority: cannot read " +
                (folder_.path() / "none.crt").string() + ": No such file or directory");
  EXPECT_EQ(ClusterError(cluster + "    insecure-skip-tls-verify: maybe\n"),
            "clusters[lab].cluster.insecure-skip-tls-verify: is neither true nor false");
  EXPECT_EQ(ClusterError(cluster + "    insecure-skip-tls-verify: true\n" +
                         "    certificate-authority-data: YQ==\n"),
            "clusters[lab].cluster.insecure-skip-tls-verify: contradicts certificate-authority; "
            "remove one of them");
  EXPECT_EQ(UserError("    client-certificate-data: YQ==\n"),
            "users[admin].user.client-key: is missing, though its counterpart is there");
  EXPECT_EQ(UserError("    client-key-data: YQ==\n"),
            "users[admin].user.client-certificate: is missing, though its counterpart is there");
  EXPECT_EQ(UserError("    token: [secret]\n"), "users[admin].user.token: is no text");
  EXPECT_EQ(Error("[]\n"), "is no map");
  EXPECT_EQ(Error(""), "is no map");
}

TEST_F(KubeconfigTest, BrokenYamlIsToldWithItsLine) {
  const absl::Status status = Load("kind: Config\nusers:\n- {token: secret]\n").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(StartsWith("kubeconfig " + file_ + ":3: is no valid YAML: "),
                    Not(HasSubstr("secret"))));
}

TEST_F(KubeconfigTest, AFileThatCannotBeReadIsNamed) {
  EXPECT_EQ(LoadKubeconfig(file_).status(),
            absl::FailedPreconditionError("kubeconfig: cannot read " + file_ +
                                          ": No such file or directory"));
  EXPECT_EQ(LoadKubeconfig(folder_.path().string()).status(),
            absl::FailedPreconditionError("kubeconfig: cannot read " + folder_.path().string() +
                                          ": Is a directory"));
  EXPECT_EQ(LoadKubeconfig("/dev/zero").status(),
            absl::FailedPreconditionError("kubeconfig: cannot read /dev/zero: not a regular file"));
  EXPECT_EQ(Load(std::string(5 * 1024 * 1024, ' ')).status(),
            absl::FailedPreconditionError("kubeconfig: cannot read " + file_ +
                                          ": larger than 4194304 bytes"));
}

}  // namespace
}  // namespace kgs::kube
