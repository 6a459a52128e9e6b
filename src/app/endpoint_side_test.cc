// SPDX-License-Identifier: Apache-2.0
//
// The whole of what asks endpoints, over a real server.
#include "app/endpoint_side.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/loopback_server.h"
#include "tests/support/temp_folder.h"

namespace kgs::app {
namespace {

using namespace std::chrono_literals;
using endpoint::Addresses;
using endpoint::IpAddress;
using kgs::testing::Connection;
using kgs::testing::LoopbackServer;
using model::EngineReading;
using scraping::EndpointTarget;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A page for whoever has the token.
void Serve(Connection& connection, int) {
  const std::string page = "queue_depth 7\n";
  while (const auto head = connection.ReadHead()) {
    const bool known = head->find("Authorization: Bearer token\r\n") != std::string::npos;
    connection.Send("HTTP/1.1 " + std::string(known ? "200 OK" : "403 Forbidden") +
                    "\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: " +
                    std::to_string(page.size()) + "\r\n\r\n" + page);
  }
}

model::EngineQuery Query() {
  model::EngineQuery query;
  query.signal = "prometheus";
  query.interval = 50ms;
  query.series_name = "queue_depth";
  return query;
}

EndpointTarget Target(const std::string& url, const std::string& credential = "") {
  return {endpoint::ParseUrl(url).value(), "team", credential, {Query()}};
}

class EndpointSideTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) const {
    const std::string path = (folder_.path() / name).string();
    std::ofstream(path) << content;
    return path;
  }
  EndpointSide::Surroundings Surroundings() const {
    return {"https://10.9.0.1:6443",
            [](const IpAddress& address) -> std::optional<std::string> {
              if (address == IpAddress::Parse("10.1.0.2")) return "other";
              return std::nullopt;
            },
            [](const std::string&) -> absl::StatusOr<Addresses> {
              return Addresses{IpAddress::Parse("127.0.0.1").value()};
            }};
  }
  void Make() {
    auto side = EndpointSide::Make(options_, clock_, Surroundings());
    ASSERT_TRUE(side.ok()) << side.status();
    side_ = *std::move(side);
  }
  /// What is said of the target once that \p fits. A test that never hears it hangs, and is ended.
  template <typename Fits>
  EngineReading Await(const EndpointTarget& target, Fits fits) {
    for (;;) {
      side_->SetTargets({target});
      const auto latest = side_->Latest(scraping::KeyOf(target), Query().Key());
      if (latest && fits(latest->reading)) return latest->reading;
      std::this_thread::yield();
    }
  }
  /// Once it is known whose addresses are whose.
  std::string AwaitRefusal(const std::string& url) {
    return Await(Target(url),
                 [](const EngineReading& reading) {
                   return !reading.has_value() && reading.gap() == model::EngineGap::kFault &&
                          reading.detail().find("not known yet") == std::string::npos;
                 })
        .detail();
  }

  const base::SteadyClock clock_;
  const kgs::testing::TempFolder folder_;
  LoopbackServer server_{&Serve};
  Options options_;
  std::unique_ptr<EndpointSide> side_;
};

TEST_F(EndpointSideTest, AsksANamedEndpointWithItsCredential) {
  const std::string url = "http://engines.test:" + std::to_string(server_.port());
  options_.named_endpoints =
      Write("named.yaml", "endpoints:\n- {name: epp, url: '" + url +
                              "', tokenFile: " + Write("token", "token\n") + "}\n");
  options_.engine_endpoint_allow = endpoint::ParseAllowed({"127.0.0.0/8"}).value();
  ::testing::internal::CaptureStderr();
  Make();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("is sent in the clear"), HasSubstr("\"endpoint\":\"epp\"")));
  side_->Start({});
  const EngineReading reading =
      Await(Target(url + "/metrics", "epp"),
            [](const EngineReading& latest) { return latest.has_value(); });
  EXPECT_EQ(reading.value(), 7);
  const http::EndpointMetrics metrics = side_->Metrics();
  EXPECT_EQ(metrics.targets, 1u);
  EXPECT_GE(metrics.counters->pages.scrapes.value(), 1u);
  EXPECT_GE(metrics.counters->lookups.value(), 1u);
  EXPECT_EQ(metrics.counters->pages.failures.value(), 0u);
  side_->Stop();
  side_->Stop();
}

TEST_F(EndpointSideTest, ShowsItsThreads) {
  Make();
  std::vector<std::string> names;
  for (const base::ThreadHealth& health : side_->Health()) names.push_back(health.name);
  EXPECT_THAT(names, ElementsAre("endpoints", "endpoint-names", "endpoint-pages"));
}

TEST_F(EndpointSideTest, KeepsEndpointsFromWhatIsNoTenants) {
  Make();
  side_->Start({6000});
  EXPECT_THAT(AwaitRefusal("http://10.9.0.1:8080/"), HasSubstr("is the API server"));
  EXPECT_THAT(AwaitRefusal("http://10.1.0.2:8080/"), HasSubstr("belongs to another namespace"));
  EXPECT_THAT(AwaitRefusal("http://engines.test:8080/"), HasSubstr("is a loopback address"));
  const Addresses own = InterfaceAddresses().value();
  const auto outer = std::find_if(own.begin(), own.end(), [](const IpAddress& address) {
    return address.is_v4() && address.Text().rfind("127.", 0) != 0;
  });
  if (outer == own.end()) GTEST_SKIP() << "this machine has no address but loopback";
  EXPECT_THAT(AwaitRefusal("http://" + outer->Text() + ":6000/"),
              HasSubstr("is a port of this scaler's own"));
  EXPECT_EQ(server_.connections(), 0);
}

TEST_F(EndpointSideTest, DoesNotStartWithNamedEndpointsThatCannotBeUsed) {
  const auto error = [this] {
    const auto side = EndpointSide::Make(options_, clock_, Surroundings());
    EXPECT_EQ(side.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(side.status().message());
  };
  options_.named_endpoints = (folder_.path() / "none").string();
  EXPECT_THAT(error(), HasSubstr("--named-endpoints: cannot read " + options_.named_endpoints));
  options_.named_endpoints = Write("wrong.yaml", "endpoints:\n- {name: a}\n- {url: ftp://b}\n");
  EXPECT_THAT(error(), AllOf(HasSubstr(":2: endpoints[0]"), HasSubstr(":3: endpoints[1]")));
  options_.named_endpoints = Write("files.yaml",
                                   "endpoints:\n"
                                   "- {name: a, url: https://a.test, tokenFile: /none/a}\n"
                                   "- {name: b, url: https://b.test, tokenFile: /none/b}\n");
  EXPECT_THAT(error(), AllOf(HasSubstr("endpoint a: cannot read /none/a"),
                             HasSubstr("endpoint b: cannot read /none/b")));
}

}  // namespace
}  // namespace kgs::app
