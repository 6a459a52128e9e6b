// SPDX-License-Identifier: Apache-2.0
#include "endpoint/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace kgs::endpoint {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string TextOf(std::string_view text) {
  const auto url = ParseUrl(text);
  return url.ok() ? url->Text() : std::string(url.status().message());
}

std::string Error(std::string_view text) {
  const auto url = ParseUrl(text);
  EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(url.status().message());
}

TEST(UrlTest, IsReadIntoItsParts) {
  const auto url = ParseUrl("https://Gateway.LLM.svc:9090/stats/prometheus?usedonly&filter=a|b");
  EXPECT_FALSE(url.ok()) << "a bar must be escaped";
  const auto good = ParseUrl("https://Gateway.LLM.svc:9090/stats/Prometheus?usedonly&filter=A%7cb");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_TRUE(good->https);
  EXPECT_EQ(good->host, "gateway.llm.svc");
  EXPECT_EQ(good->address, std::nullopt);
  EXPECT_EQ(good->port, 9090);
  EXPECT_EQ(good->path_and_query, "/stats/Prometheus?usedonly&filter=A%7cb");
  EXPECT_EQ(good->Origin(), "https://gateway.llm.svc:9090");
  EXPECT_EQ(good->Shown(), "https://gateway.llm.svc:9090/stats/Prometheus");
}

TEST(UrlTest, HasDefaults) {
  EXPECT_EQ(TextOf("http://vllm"), "http://vllm:80/");
  EXPECT_EQ(TextOf("HTTPS://vllm/"), "https://vllm:443/");
  EXPECT_EQ(TextOf("http://vllm?a=b"), "http://vllm:80/?a=b");
  EXPECT_EQ(TextOf("http://vllm.llm.svc.cluster.local./metrics"),
            "http://vllm.llm.svc.cluster.local.:80/metrics");
  EXPECT_EQ(TextOf("http://my_host-1:8000/m"), "http://my_host-1:8000/m");
  EXPECT_EQ(TextOf("http://0.pod-1x/"), "http://0.pod-1x:80/");
}

TEST(UrlTest, KnowsAddresses) {
  const auto v4 = ParseUrl("http://10.0.0.1:8000/metrics");
  ASSERT_TRUE(v4.ok());
  EXPECT_EQ(v4->address, IpAddress::Parse("10.0.0.1"));
  EXPECT_EQ(v4->host, "10.0.0.1");
  const auto v6 = ParseUrl("http://[FD00:0::1]:8000/metrics");
  ASSERT_TRUE(v6.ok());
  EXPECT_EQ(v6->address, IpAddress::Parse("fd00::1"));
  EXPECT_EQ(v6->host, "fd00::1");
  EXPECT_EQ(v6->Text(), "http://[fd00::1]:8000/metrics");
  EXPECT_EQ(TextOf("http://[::ffff:127.0.0.1]/"), "http://[::ffff:127.0.0.1]:80/");
}

TEST(UrlTest, RefusesOddSpellingsOfAddresses) {
  for (const char* host :
       {"0x7f.1", "0x7f000001", "0x7F.0.0.1", "127.1", "127.0.1", "2130706433", "0", "017700000001",
        "0177.0.0.1", "127.0.0.01", "127.0.0.1.", "127.0.0.0x1", "127.0.0.256", "1.2.3.4.5",
        "metrics.1", "metrics.0x", "a.0xdeadbeef."}) {
    EXPECT_THAT(Error("http://" + std::string(host) + ":8000/"), HasSubstr("odd spelling")) << host;
  }
}

TEST(UrlTest, RefusesHostsThatAreNone) {
  for (const char* host :
       {"", "a..b", ".a", "a b", "-a", "a-", "a.-b", "%31%32%37.0.0.1", "a%00b", "t\xc3\xa9l",
        "\xef\xbc\x91\xef\xbc\x92", "a\\b", "a,b", "*.a", "::1", "a;b", "a\tb", "a\nb"}) {
    const std::string url = "http://" + std::string(host) + "/";
    EXPECT_FALSE(ParseUrl(url).ok()) << url;
  }
  EXPECT_FALSE(ParseUrl("http://" + std::string(64, 'a') + "/").ok());
  EXPECT_TRUE(ParseUrl("http://" + std::string(63, 'a') + "/").ok());
  std::string long_name = "a";
  while (long_name.size() < 253) long_name += ".a";
  EXPECT_TRUE(ParseUrl("http://" + long_name).ok());
  EXPECT_FALSE(ParseUrl("http://" + long_name + "a").ok());
  for (const char* host : {"[", "[]", "[::1", "[10.0.0.1]", "[::1%25lo]", "[::1%lo]", "[vllm]"}) {
    EXPECT_THAT(Error("http://" + std::string(host) + "/"), HasSubstr("in its brackets")) << host;
  }
}

TEST(UrlTest, RefusesPortsThatAreNone) {
  for (const char* port : {":", ":0", ":65536", ":-1", ":+80", ":080", ":http", ":80 ", ":80:80"}) {
    EXPECT_THAT(Error("http://vllm" + std::string(port) + "/"),
                HasSubstr("no port from 1 to 65535"))
        << port;
  }
  EXPECT_THAT(Error("http://[::1]80/"), HasSubstr("no port from 1 to 65535"));
  EXPECT_EQ(TextOf("http://vllm:65535"), "http://vllm:65535/");
}

TEST(UrlTest, RefusesOtherSchemes) {
  for (const char* url : {"", "vllm:8000", "vllm", "/metrics", "//vllm/", "ftp://vllm/",
                          "file:///etc/passwd", "gopher://vllm", "http:/vllm", "http:vllm",
                          " http://vllm", "httpx://vllm", "javascript:1"}) {
    EXPECT_THAT(Error(url), HasSubstr("begins with http:// or https://")) << url;
  }
}

TEST(UrlTest, RefusesFragmentsAndWhatMustBeEscaped) {
  EXPECT_THAT(Error("http://vllm/metrics#top"), HasSubstr("has a fragment"));
  EXPECT_THAT(Error("http://vllm#top"), HasSubstr("has a fragment"));
  for (const char* path : {"/a b", "/a\r\nHost: b", "/a\"", "/a<", "/a\\b", "/\xc3\xa9", "/{a}",
                           "/?a=[b]", "/a\x7f"}) {
    EXPECT_THAT(Error("http://vllm" + std::string(path)), HasSubstr("must be written as %XX"))
        << path;
  }
  for (const char* path : {"/%", "/%4", "/%4g", "/%%41"}) {
    EXPECT_THAT(Error("http://vllm" + std::string(path)), HasSubstr("two hexadecimal digits"))
        << path;
  }
  EXPECT_THAT(Error("http://vllm/" + std::string(2048, 'a')), HasSubstr("longer than 2048"));
  // With the port that is not written.
  const std::string longest(2048 - std::string("http://vllm:80/").size(), 'a');
  EXPECT_EQ(TextOf("http://vllm/" + longest), "http://vllm:80/" + longest);
  EXPECT_THAT(Error("http://vllm/a" + longest), HasSubstr("longer than 2048"));
}

TEST(UrlTest, ShowsLongUrlsCutButKnowsThemWhole) {
  const std::string path = "/" + std::string(79, 'p');
  EXPECT_EQ(ParseUrl("http://vllm" + path)->Shown(), "http://vllm:80" + path);
  const auto url = ParseUrl("http://vllm" + path + "p?query").value();
  EXPECT_EQ(url.Shown(), "http://vllm:80/" + std::string(76, 'p') + "...");
  EXPECT_EQ(url.ShownAt(*IpAddress::Parse("10.0.0.7")), url.Shown() + " at 10.0.0.7");
  EXPECT_EQ(url.Text(), "http://vllm:80" + path + "p?query");

  const std::string host = std::string(60, 'a') + "." + std::string(39, 'b');
  EXPECT_EQ(ParseUrl("http://" + host)->Shown(), "http://" + host + ":80/");
  const auto far = ParseUrl("http://" + host + "b").value();
  EXPECT_EQ(far.Shown(), "http://" + host.substr(0, 97) + "...:80/");
  EXPECT_EQ(far.Origin(), "http://" + host + "b:80");
  EXPECT_EQ(ShownHost(host + "b"), host.substr(0, 97) + "...");
}

TEST(UrlTest, ShowsNeitherQueryNorUserInformation) {
  EXPECT_EQ(Error("http://vllm:0/metrics?token=secret"),
            "\"http://vllm:0/metrics\" has no port from 1 to 65535 after its host");
  EXPECT_THAT(Error("http://vllm/metrics?token=secret#secret"), Not(HasSubstr("secret")));
  EXPECT_THAT(Error("http://vllm/metrics#secret"), Not(HasSubstr("secret")));
  for (const char* url :
       {"http://user:secret@vllm/", "http://secret@vllm/", "http://user:sec/ret@vllm/",
        "http://user:sec?ret@vllm/", "http://user:sec#ret@vllm/", "http://@vllm/", "secret@vllm",
        "user:secret@vllm", "http://us er:secret@vllm", "http://127.0.0.1@secret/"}) {
    const std::string error = Error(url);
    EXPECT_THAT(error, Not(HasSubstr("sec"))) << url;
    EXPECT_THAT(error, Not(HasSubstr("user:"))) << url;
  }
  EXPECT_THAT(Error("http://user:secret@vllm/"), HasSubstr("holds user information"));
}

}  // namespace
}  // namespace kgs::endpoint
