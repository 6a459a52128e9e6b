// SPDX-License-Identifier: Apache-2.0
//
// The scraper with its own thread and a real fetcher, over real pages from real servers on
// loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <thread>

#include "endpoint/curl_fetcher.h"
#include "scraping/scraper.h"
#include "scraping/test_scrapes.h"
#include "tests/support/loopback_server.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using kgs::testing::Connection;
using kgs::testing::LoopbackServer;
using model::EngineGap;
using model::EngineReading;
using model::PodEngineReading;
using testing::Guard;
using ::testing::HasSubstr;
using testing::Query;
using testing::Scrape;

std::string RealPage(const std::string& file) {
  std::ifstream stream(std::string(KGS_FIXTURES) + "/" + file);
  EXPECT_TRUE(stream.is_open()) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string Answer(const std::string& page, const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: " +
         std::to_string(page.size()) + "\r\n\r\n" + page;
}

/// Answers every request with \p answer.
LoopbackServer::Serve Always(std::string answer) {
  return [answer = std::move(answer)](Connection& connection, int) {
    while (connection.ReadHead()) connection.Send(answer);
  };
}

void Hang(Connection& connection, int) {
  if (connection.ReadHead()) connection.AwaitClosed();
}

class ScraperPagesTest : public ::testing::Test {
 protected:
  ScraperPagesTest() {
    fetcher_->Start();
    scraper_.Start();
  }
  ~ScraperPagesTest() override {
    scraper_.Stop();
    fetcher_->Stop();
  }

  /// A pod at that server.
  static model::EngineScrape Pod(const std::string& uid, const std::string& signal, int port) {
    model::EngineQuery query = Query(signal, 100ms);
    query.port = port;
    return Scrape(uid, {query}, "127.0.0.1");
  }
  std::map<std::string, EngineReading> ByPod() {
    std::map<std::string, EngineReading> readings;
    for (const PodEngineReading& one : scraper_.Latest()) readings[one.pod_uid] = one.reading;
    return readings;
  }
  /// The pod's reading, once it has been asked.
  EngineReading Await(const std::string& uid) {
    for (;;) {
      const EngineReading reading = ByPod()[uid];
      if (reading.has_value() || reading.gap() != EngineGap::kNoValueYet) return reading;
      std::this_thread::yield();
    }
  }

  base::SteadyClock clock_;
  telemetry::ScrapeCounters counters_;
  std::unique_ptr<endpoint::CurlFetcher> fetcher_ =
      endpoint::CurlFetcher::Make("engine-pages", clock_).value();
  Scraper scraper_{*fetcher_, Guard({"127.0.0.0/8"}), clock_,
                   [] { return int64_t{1'790'000'000'000}; }, counters_};
};

TEST_F(ScraperPagesTest, EveryPresetReadsItsRealPage) {
  struct Case {
    const char* signal;
    const char* page;
    double value;
  };
  const std::vector<Case> cases = {{"vllm_demand", "vllm.prom", 4},
                                   {"vllm_queue_depth", "vllm.prom", 1},
                                   {"vllm_demand", "vllm-v0.prom", 0},
                                   {"sglang_demand", "sglang.prom", 2988},
                                   {"sglang_kv_cache_usage", "sglang.prom", 28},
                                   {"tgi_demand", "tgi.prom", 8},
                                   {"triton_pending", "triton.prom", 0},
                                   {"trtllm_demand", "trtllm.prom", 4},
                                   {"trtllm_kv_cache_usage", "trtllm.prom", 42},
                                   {"dynamo_demand", "dynamo-frontend.prom", 0},
                                   {"llamacpp_demand", "llamacpp.prom", 0}};
  std::vector<std::unique_ptr<LoopbackServer>> servers;
  std::vector<model::EngineScrape> pods;
  for (const Case& tried : cases) {
    servers.push_back(std::make_unique<LoopbackServer>(Always(Answer(RealPage(tried.page)))));
    pods.push_back(Pod(std::to_string(pods.size()), tried.signal, servers.back()->port()));
  }
  scraper_.SetTargets(pods);
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(std::string(cases[i].signal) + " of " + cases[i].page);
    const EngineReading reading = Await(std::to_string(i));
    ASSERT_TRUE(reading.has_value()) << reading.detail();
    EXPECT_DOUBLE_EQ(reading.value(), cases[i].value);
  }
}

TEST_F(ScraperPagesTest, ACounterBecomesARate) {
  std::atomic<int> requests{0};
  LoopbackServer server([&](Connection& connection, int) {
    while (connection.ReadHead()) {
      const int count = 1000 * ++requests;
      connection.Send(Answer("nv_inference_request_success{model=\"m\",version=\"1\"} " +
                             std::to_string(count) + "\n"));
    }
  });
  model::EngineQuery query = Query("triton_request_rate", 100ms);
  query.port = server.port();
  scraper_.SetTargets({Scrape("a", {query}, "127.0.0.1")});
  const EngineReading rate = Await("a");
  ASSERT_TRUE(rate.has_value()) << rate.detail();
  EXPECT_GE(requests, 2) << "one page has no rate";
  // A thousand a second at the preset's shortest interval, less where the machine is slow.
  EXPECT_GT(rate.value(), 0);
  EXPECT_LE(rate.value(), 1100);
}

TEST_F(ScraperPagesTest, OneOfFiftyThatHangsDelaysNone) {
  LoopbackServer hung(&Hang);
  LoopbackServer good(Always(Answer(RealPage("vllm.prom"))));
  std::vector<model::EngineScrape> pods = {Pod("hung", "vllm_demand", hung.port())};
  for (int i = 1; i < 50; ++i) {
    pods.push_back(Pod(std::to_string(i), "vllm_demand", good.port()));
    pods.back().queries[0].path = "/pod/" + std::to_string(i);
  }
  scraper_.SetTargets(pods);
  for (int i = 1; i < 50; ++i) {
    const EngineReading reading = Await(std::to_string(i));
    ASSERT_TRUE(reading.has_value()) << reading.detail();
    EXPECT_EQ(reading.value(), 4);
  }
  // All others have been asked; its own time is 2 s from when it was.
  const EngineReading reading = Await("hung");
  EXPECT_EQ(reading.gap(), EngineGap::kFault);
  EXPECT_LT(clock_.Now() - reading.taken(), 10s);
}

TEST_F(ScraperPagesTest, SaysWhyThereIsNoPage) {
  int nobody = 0;
  {
    nobody = LoopbackServer(&Hang).port();
  }
  LoopbackServer loading(Always(Answer("Loading model", "503 Service Unavailable")));
  LoopbackServer elsewhere(Always(
      "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"));
  LoopbackServer cut([](Connection& connection, int) {
    if (connection.ReadHead()) {
      connection.Send(
          "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nvllm:num_requests_running 1\n");
    }
  });
  LoopbackServer other(Always(Answer(RealPage("envoy.prom"))));
  scraper_.SetTargets(
      {Pod("nobody", "vllm_running", nobody), Pod("loading", "vllm_running", loading.port()),
       Pod("elsewhere", "vllm_running", elsewhere.port()), Pod("cut", "vllm_running", cut.port()),
       Pod("other", "vllm_running", other.port())});
  const std::map<std::string, std::string> why = {{"nobody", "refused"},
                                                  {"loading", "503"},
                                                  {"elsewhere", "302"},
                                                  {"cut", "ended before the page did"},
                                                  {"other", "nothing on the page is of vLLM"}};
  for (const auto& [uid, text] : why) {
    const EngineReading reading = Await(uid);
    EXPECT_EQ(reading.gap(), EngineGap::kFault) << uid;
    EXPECT_THAT(reading.detail(), HasSubstr(text));
    EXPECT_THAT(reading.detail(), ::testing::Not(HasSubstr("Loading model")));
  }
}

}  // namespace
}  // namespace kgs::scraping
