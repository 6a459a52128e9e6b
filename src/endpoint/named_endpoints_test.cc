// SPDX-License-Identifier: Apache-2.0
#include "endpoint/named_endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace kgs::endpoint {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Error(const std::string& yaml) {
  const auto parsed = NamedEndpoints::Parse(yaml, "endpoints.yaml");
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << yaml;
  return std::string(parsed.status().message());
}

/// One endpoint with these lines; what is not given is good.
std::string One(const std::string& lines, const std::string& name = "name: gateway",
                const std::string& url = "url: https://gateway.llm:9090") {
  std::string yaml = "endpoints:\n  -\n";
  for (const std::string& line : {name, url, lines}) {
    if (!line.empty()) yaml += "    " + line + "\n";
  }
  return yaml;
}

Url UrlOf(const std::string& text) { return ParseUrl(text).value(); }

class NamedEndpointsTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string Write(const std::string& name, const std::string& content) const {
    std::ofstream(Path(name), std::ios::binary) << content;
    return Path(name);
  }
  NamedEndpoints Endpoints() const {
    return NamedEndpoints::Parse(
               "endpoints:\n"
               "- name: gateway\n"
               "  url: HTTPS://Gateway.llm/\n"
               "  tokenFile: " +
                   Path("token") +
                   "\n"
                   "  caFile: " +
                   Path("ca.crt") +
                   "\n"
                   "- {name: vendor, url: 'http://10.0.0.1:8000', "
                   "header: {name: X-API-Key, valueFile: " +
                   Path("key") + "}}\n",
               "endpoints.yaml")
        .value();
  }
  /// What the log is to say; what a tenant sees is the same whatever that is.
  std::string Failure(const NamedEndpoints& endpoints, const std::string& name) const {
    std::string for_log;
    const auto credential = endpoints.CredentialFor(name, endpoints.Find(name)->url, &for_log);
    EXPECT_EQ(credential.status(),
              absl::FailedPreconditionError("the credential of endpoint " + name +
                                            " cannot be read; the scaler's log says why"));
    EXPECT_THAT(for_log, Not(HasSubstr("secret")));
    return for_log;
  }

  const testing::TempFolder folder_;
};

TEST_F(NamedEndpointsTest, AreFoundByName) {
  const NamedEndpoints endpoints = Endpoints();
  const NamedEndpoint* gateway = endpoints.Find("gateway");
  ASSERT_NE(gateway, nullptr);
  EXPECT_EQ(gateway->url.Origin(), "https://gateway.llm:443");
  ASSERT_NE(endpoints.Find("vendor"), nullptr);
  EXPECT_EQ(endpoints.Find("vendor")->header_name, "X-API-Key");
  EXPECT_EQ(endpoints.Find("Gateway"), nullptr);
  EXPECT_EQ(endpoints.Find(""), nullptr);
  EXPECT_EQ(NamedEndpoints().Find("gateway"), nullptr);
  EXPECT_TRUE(NamedEndpoints::Parse("endpoints: []", "f").ok());
}

TEST_F(NamedEndpointsTest, TellWhichSecretsAreSentInTheClear) {
  EXPECT_THAT(Endpoints().InTheClear(), ElementsAre("vendor"));
}

TEST_F(NamedEndpointsTest, GiveTheCredentialToTheirOwnOrigin) {
  const testing::TestAuthority authority;
  Write("token", "secret-token\n");
  Write("ca.crt", authority.pem());
  Write("key", " secret key \r\n");
  const NamedEndpoints endpoints = Endpoints();
  EXPECT_EQ(endpoints.CheckFiles(), absl::OkStatus());
  const auto gateway =
      endpoints.CredentialFor("gateway", UrlOf("https://GATEWAY.llm:443/metrics?a=b"));
  ASSERT_TRUE(gateway.ok()) << gateway.status();
  EXPECT_EQ(gateway->header->name, "Authorization");
  EXPECT_EQ(gateway->header->value, "Bearer secret-token");
  EXPECT_EQ(gateway->ca_pem, authority.pem());
  std::string for_log = "what was before";
  const auto vendor =
      endpoints.CredentialFor("vendor", UrlOf("http://10.0.0.1:8000/metrics"), &for_log);
  ASSERT_TRUE(vendor.ok()) << vendor.status();
  EXPECT_EQ(for_log, "");
  EXPECT_EQ(vendor->header->name, "X-API-Key");
  EXPECT_EQ(vendor->header->value, "secret key");
  EXPECT_EQ(vendor->ca_pem, "");
}

TEST_F(NamedEndpointsTest, GiveItToNoOther) {
  Write("token", "secret-token\n");
  Write("ca.crt", testing::TestAuthority().pem());
  Write("key", "secret");
  const NamedEndpoints endpoints = Endpoints();
  for (const char* url :
       {"http://gateway.llm:443/", "https://gateway.llm:8443/", "http://gateway.llm/",
        "https://gateway.llm.evil.test/", "https://gateway/", "https://gateway.llm./",
        "https://evil.test/gateway.llm", "https://10.0.0.1/", "https://[fd00::1]/"}) {
    const auto credential = endpoints.CredentialFor("gateway", UrlOf(url));
    EXPECT_EQ(credential.status().code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(std::string(credential.status().message()),
                AllOf(HasSubstr("is for https://gateway.llm:443 alone, not for "),
                      Not(HasSubstr("secret"))));
  }
  const auto unknown = endpoints.CredentialFor("gatewey", UrlOf("https://gateway.llm/"));
  EXPECT_EQ(unknown.status(), absl::InvalidArgumentError("no endpoint is named \"gatewey\" in the "
                                                         "scaler's configuration"));
}

TEST_F(NamedEndpointsTest, ReadSecretsAnewAtEachUse) {
  Write("key", "first");
  const NamedEndpoints endpoints = Endpoints();
  const Url url = UrlOf("http://10.0.0.1:8000/");
  EXPECT_EQ(endpoints.CredentialFor("vendor", url)->header->value, "first");
  Write("key", "other");
  EXPECT_EQ(endpoints.CredentialFor("vendor", url)->header->value, "other");
  std::filesystem::remove(Path("key"));
  EXPECT_THAT(Failure(endpoints, "vendor"), HasSubstr("cannot read " + Path("key")));
}

TEST_F(NamedEndpointsTest, TellOfFilesThatCannotBeUsed) {
  const NamedEndpoints endpoints = Endpoints();
  EXPECT_THAT(Failure(endpoints, "gateway"), HasSubstr("cannot read " + Path("token")));
  Write("token", " \n");
  EXPECT_THAT(Failure(endpoints, "gateway"), HasSubstr(Path("token") + ": is empty"));
  for (const char* token : {"secret token", "secret\r\nX: y", "secr\xc3\xa9t", "secret\x7f"}) {
    Write("token", token);
    EXPECT_THAT(Failure(endpoints, "gateway"), HasSubstr("holds what cannot stand in a header"));
  }
  Write("token", std::string(20000, 's'));
  EXPECT_THAT(Failure(endpoints, "gateway"), HasSubstr("larger than 16384 bytes"));
  Write("token", "secret");
  EXPECT_THAT(Failure(endpoints, "gateway"), HasSubstr("cannot read " + Path("ca.crt")));
  Write("ca.crt", "secret");
  EXPECT_THAT(Failure(endpoints, "gateway"), HasSubstr(Path("ca.crt") + ": holds no PEM"));
  std::filesystem::create_directory(Path("key"));
  const absl::Status checked = endpoints.CheckFiles();
  EXPECT_EQ(checked.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(checked.message()),
              AllOf(HasSubstr("endpoint gateway: " + Path("ca.crt")),
                    HasSubstr("endpoint vendor: cannot read " + Path("key"))));
}

TEST_F(NamedEndpointsTest, AreLoadedFromAFile) {
  const std::string file = Write("endpoints.yaml", One("tokenFile: /token"));
  const auto loaded = NamedEndpoints::Load(file);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_NE(loaded->Find("gateway"), nullptr);
  EXPECT_EQ(NamedEndpoints::Load(Path("none")).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(NamedEndpoints::Load(Write("bad", "endpoints: 1")).status().message()),
              HasSubstr(Path("bad") + ":1: endpoints: is no list"));
}

TEST(ParseNamedEndpointsTest, TellsAllThatIsWrongAtOnce) {
  const std::string error = Error(
      "endpoints:\n"
      "- name: a b\n"
      "  url: ftp://x\n"
      "- url: http://x/metrics\n"
      "  tokenFile: secret\n"
      "  tokenfile: /x\n");
  EXPECT_THAT(error, AllOf(HasSubstr("endpoints.yaml:2: endpoints[0].name: is no name"),
                           HasSubstr("endpoints.yaml:3: endpoints[0].url: \"ftp://x\" is no URL"),
                           HasSubstr("endpoints.yaml:2: endpoints[0]: has none of tokenFile"),
                           HasSubstr("endpoints.yaml:4: endpoints[1]: name is missing"),
                           HasSubstr("endpoints[1].url: has a path or a query"),
                           HasSubstr("endpoints[1].tokenFile: is no absolute path"),
                           HasSubstr("unknown key \"tokenfile\", did you mean tokenFile?")));
  EXPECT_THAT(error, Not(HasSubstr("secret")));
}

TEST(ParseNamedEndpointsTest, RefusesOtherShapes) {
  EXPECT_THAT(Error(""), HasSubstr("is no map; accepted: a map of endpoints"));
  EXPECT_THAT(Error("secret"), AllOf(HasSubstr("is no map"), Not(HasSubstr("secret"))));
  EXPECT_THAT(Error("{}"), HasSubstr("endpoints is missing"));
  EXPECT_THAT(Error("endpoints:"), HasSubstr("is no list"));
  EXPECT_THAT(Error("endpoints: [secret]"),
              AllOf(HasSubstr("endpoints[0]: is no map"), Not(HasSubstr("secret"))));
  EXPECT_THAT(Error("endpoints: []\n---\nendpoints: []"), HasSubstr("2 YAML documents"));
  EXPECT_THAT(Error("endpoints: [\n  \"secret"),
              AllOf(HasSubstr(": not YAML"), Not(HasSubstr("secret"))));
  EXPECT_THAT(Error("endpoints: *secret"),
              AllOf(HasSubstr(": not YAML"), Not(HasSubstr("secret"))));
}

TEST(ParseNamedEndpointsTest, RefusesWhatAnEndpointCannotBe) {
  EXPECT_THAT(Error(One("tokenFile: /a\n    header: {name: X, valueFile: /b}")),
              HasSubstr("has tokenFile and header"));
  EXPECT_THAT(Error(One("")), HasSubstr("has none of tokenFile, header and caFile"));
  EXPECT_THAT(Error(One("caFile: /a", "name: a", "url: http://x")),
              HasSubstr("is for https alone"));
  EXPECT_THAT(Error(One("tokenFile: /a", "")), HasSubstr("name is missing"));
  EXPECT_THAT(Error(One("tokenFile: /a", "name: a", "")), HasSubstr("url is missing"));
  EXPECT_THAT(Error(One("tokenFile: /a\n    name: b")), HasSubstr("is given twice"));
  EXPECT_THAT(Error(One("tokenFile: /a") + "  - {name: gateway, url: 'http://b', tokenFile: /c}\n"),
              HasSubstr("endpoints[1].name: \"gateway\" is given twice"));
  for (const char* file : {"secret", "", "[secret]", "\"/a\\0secret\"", "\"/a\\nsecret\""}) {
    EXPECT_THAT(Error(One("tokenFile: " + std::string(file))),
                AllOf(HasSubstr("tokenFile: is no absolute path"), Not(HasSubstr("secret"))))
        << file;
  }
  EXPECT_THAT(Error(One("tokenFile: /a", "name: a", "url: https://user:secret@b")),
              AllOf(HasSubstr("user information"), Not(HasSubstr("secret"))));
}

TEST(ParseNamedEndpointsTest, RefusesHeadersThatAreNone) {
  EXPECT_THAT(Error(One("header: 'X-API-Key: secret'")),
              AllOf(HasSubstr("header: is no map"), Not(HasSubstr("secret"))));
  EXPECT_THAT(Error(One("header: {}")), AllOf(HasSubstr("header: name is missing"),
                                              HasSubstr("header: valueFile is missing")));
  EXPECT_THAT(Error(One("header: {name: X, value: secret}")),
              AllOf(HasSubstr("unknown key \"value\""), Not(HasSubstr("secret"))));
  for (const char* name : {"''", "'X: secret'", "\"X\\r\\nsecret\"", "[secret]"}) {
    EXPECT_THAT(Error(One("header: {name: " + std::string(name) + ", valueFile: /a}")),
                AllOf(HasSubstr("is no header's name"), Not(HasSubstr("secret"))));
  }
  for (const char* name :
       {"Host", "content-length", "Transfer-Encoding", "ACCEPT-ENCODING", "Connection", "Range"}) {
    EXPECT_THAT(Error(One("header: {name: " + std::string(name) + ", valueFile: /a}")),
                HasSubstr("which the scaler sets itself or never sends"));
  }
}

}  // namespace
}  // namespace kgs::endpoint
