// SPDX-License-Identifier: Apache-2.0
//
// Pages behind a URL, from real sockets. Time passes only where a test lets it.
#include "cli/engine_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <utility>

#include "base/strings.h"
#include "cli/engine_text.h"
#include "endpoint/curl_fetcher_fixture.h"
#include "endpoint/test_gzip.h"
#include "engine/dialects.h"
#include "tests/support/test_certificates.h"

namespace kgs::cli {
namespace {

using namespace std::chrono_literals;
using endpoint::Addresses;
using endpoint::IpAddress;
using endpoint::Ok;
using ::testing::AllOf;
using testing::Connection;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using ::testing::Not;
using ::testing::StartsWith;

std::string RealPage(const std::string& name) {
  std::ifstream in(std::string(KGS_FIXTURES) + "/" + name + ".prom");
  EXPECT_TRUE(in.is_open()) << name;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Answers one request after the other with \p answers, the last for ever, and keeps what it was
/// asked.
class AnswersInTurn {
 public:
  explicit AnswersInTurn(std::vector<std::string> answers) : answers_(std::move(answers)) {}

  void operator()(Connection& connection, int /*number*/) {
    while (const auto head = connection.ReadHead()) connection.Send(Next(*head));
  }
  std::vector<std::string> heads() {
    base::MutexLock lock(mutex_);
    return heads_;
  }

 private:
  std::string Next(const std::string& head) {
    base::MutexLock lock(mutex_);
    heads_.push_back(head);
    return answers_[std::min(heads_.size(), answers_.size()) - 1];
  }

  const std::vector<std::string> answers_;
  base::Mutex mutex_;
  std::vector<std::string> heads_ KGS_GUARDED_BY(mutex_);
};

class EngineUrlTest : public endpoint::CurlFetcherFixture {
 protected:
  EngineUrlRequest To(const LoopbackServer& server, const std::string& host = "127.0.0.1") {
    return {endpoint::ParseUrl(At(server, host)).value(), nullptr, 2s, 2s};
  }
  absl::StatusOr<EngineUrlPages> Read(const EngineUrlRequest& request) {
    return ReadEngineUrl({[this](const std::string& host) {
                            EXPECT_EQ(host, "engine.test");
                            return found_;
                          },
                          *fetcher_, clock_, [] { return int64_t{0}; },
                          [this](base::Duration duration) {
                            ++waits_;
                            clock_.Advance(duration);
                          }},
                         request);
  }
  /// Of a server at 127.0.0.1 that answers so.
  AddressPage ReadOne(std::vector<std::string> answers, const char* engine = nullptr) {
    AnswersInTurn serve(std::move(answers));
    const LoopbackServer server(std::ref(serve));
    EngineUrlRequest request = To(server);
    if (engine != nullptr) request.chosen = engine::FindDialect(engine);
    return OnlyPage(Read(request), serve);
  }
  AddressPage OnlyPage(const absl::StatusOr<EngineUrlPages>& read, AnswersInTurn& serve) {
    heads_ = serve.heads();
    EXPECT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->pages.size(), 1u);
    EXPECT_TRUE(read->passed_over.empty());
    return read->pages.front();
  }
  static std::string Error(const AddressPage& one) {
    return std::string(one.page.status().message());
  }
  static std::string Answer(const std::string& status, const std::string& fields,
                            const std::string& body = "") {
    return "HTTP/1.1 " + status + "\r\n" + fields +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static Addresses Parse(const std::vector<std::string>& texts) {
    Addresses addresses;
    for (const std::string& text : texts) addresses.push_back(IpAddress::Parse(text).value());
    return addresses;
  }

  absl::StatusOr<Addresses> found_ = absl::UnavailableError("engine.test cannot be resolved");
  int waits_ = 0;
  /// Of the requests of the last ReadOne.
  std::vector<std::string> heads_;
};

/// The value of \p metric, or the reason in words.
std::string Said(const AddressPage& one, const std::string& metric) {
  if (!one.page.ok()) return std::string(one.page.status().message());
  for (const EngineMetric& row : one.page->metrics) {
    if (row.name != metric) continue;
    return row.reading.has_value() ? base::FormatNumber(row.reading.value())
                                   : std::string(model::EngineGapName(row.reading.gap()));
  }
  return "no such metric";
}

TEST_F(EngineUrlTest, ARealPageOfEachEngine) {
  const std::map<std::string, std::map<std::string, std::string>> kExpected = {
      {"vllm", {{"vllm_demand", "4"}, {"vllm_kv_cache_usage", "absent"}}},
      {"sglang", {{"sglang_demand", "2988"}, {"sglang_ttft_p95_ms", "nothing happened"}}},
      {"tgi", {{"tgi_queue_depth", "3"}, {"tgi_running", "5"}}},
      {"triton", {{"triton_pending", "0"}, {"triton_request_rate", "0"}}},
      {"trtllm", {{"trtllm_demand", "4"}, {"trtllm_kv_cache_usage", "42"}}},
      {"dynamo-frontend", {{"dynamo_demand", "0"}, {"dynamo_ttft_p95_ms", "unknown"}}},
      {"llamacpp", {{"llamacpp_demand", "0"}}},
  };
  for (const auto& [name, metrics] : kExpected) {
    const AddressPage one = ReadOne({Ok(RealPage(name))});
    ASSERT_TRUE(one.page.ok()) << name << one.page.status();
    EXPECT_THAT(name, StartsWith(one.page->dialect->name));
    EXPECT_EQ(one.page->metrics.size(), one.page->dialect->signals.size());
    for (const auto& [metric, value] : metrics) EXPECT_EQ(Said(one, metric), value) << metric;
  }
}

TEST_F(EngineUrlTest, AsksAsTheScraperDoes) {
  ReadOne({Ok(RealPage("tgi"))});
  ASSERT_EQ(heads_.size(), 1u);
  EXPECT_THAT(heads_[0],
              AllOf(StartsWith("GET /metrics HTTP/1.1\r\n"),
                    HasSubstr("Accept: text/plain;version=0.0.4;q=1,*/*;q=0.1\r\n"),
                    HasSubstr("Accept-Encoding: identity\r\n"), Not(HasSubstr("Authorization"))));
}

std::string TritonPage(int requests, int queued_us) {
  return "nv_inference_pending_request_count{model=\"a\"} 2\n"
         "nv_inference_request_success{model=\"a\"} " +
         std::to_string(requests) + "\nnv_inference_queue_duration_us{model=\"a\"} " +
         std::to_string(queued_us) + "\n";
}

TEST_F(EngineUrlTest, WhatGrowsIsComparedWithAPageOfAnIntervalBefore) {
  const AddressPage one = ReadOne({Ok(TritonPage(100, 0)), Ok(TritonPage(110, 50000))});
  EXPECT_EQ(Said(one, "triton_pending"), "2");
  EXPECT_EQ(Said(one, "triton_request_rate"), "5");
  EXPECT_EQ(Said(one, "triton_queue_wait_ms"), "5");
  EXPECT_EQ(one.page->compared_over, 2s);
  EXPECT_EQ(heads_.size(), 2u);
  EXPECT_EQ(waits_, 1);
  EXPECT_THAT(EnginePageText(*one.page),
              StartsWith("Triton (triton), 3 samples, growth over 2s\n"));
}

TEST_F(EngineUrlTest, ACounterThatBeganAgainHasNoValue) {
  const AddressPage one = ReadOne({Ok(TritonPage(100, 0)), Ok(TritonPage(5, 0))});
  EXPECT_EQ(Said(one, "triton_request_rate"), "no value yet");
}

TEST_F(EngineUrlTest, WithoutAnIntervalThereIsOnePage) {
  AnswersInTurn serve({Ok(TritonPage(100, 0))});
  const LoopbackServer server(std::ref(serve));
  EngineUrlRequest request = To(server);
  request.interval = 0s;
  const AddressPage one = OnlyPage(Read(request), serve);
  EXPECT_EQ(Said(one, "triton_request_rate"), "no value yet");
  EXPECT_FALSE(one.page->compared_over.has_value());
  EXPECT_EQ(heads_.size(), 1u);
}

TEST_F(EngineUrlTest, AnEngineOfWhichNothingGrowsIsAskedOnce) {
  for (const char* name : {"llamacpp", "tgi"}) {
    EXPECT_TRUE(ReadOne({Ok(RealPage(name))}).page.ok());
    EXPECT_EQ(heads_.size(), 1u);
  }
  EXPECT_EQ(waits_, 0);
}

TEST_F(EngineUrlTest, TheSecondPageMustBeThereToo) {
  const AddressPage one = ReadOne({Ok(TritonPage(100, 0)), Answer("500 Oh", "")});
  EXPECT_THAT(Error(one), HasSubstr("answered HTTP 500"));
}

TEST_F(EngineUrlTest, EveryAddressIsShownOnItsOwnAndOneThatRefusesIsNamed) {
  AnswersInTurn serve({Ok(TritonPage(100, 0)), Ok(TritonPage(104, 0))});
  const LoopbackServer server(std::ref(serve));
  AnswersInTurn serve_other({Ok(RealPage("sglang"))});
  const LoopbackServer other(std::ref(serve_other), "127.0.0.2", server.port());
  found_ = Parse({"127.0.0.3", "127.0.0.2", "127.0.0.1", "127.0.0.2"});
  const EngineUrlRequest request = To(server, "engine.test");
  const auto read = Read(request);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->pages.size(), 3u);
  EXPECT_EQ(Said(read->pages[0], "triton_request_rate"), "2");
  EXPECT_EQ(Said(read->pages[1], "sglang_running"), "162");
  EXPECT_EQ(Error(read->pages[2]), request.url.Shown() + " at 127.0.0.3: Connection refused");
  EXPECT_FALSE(read->pages[2].IsOtherPage());
  EXPECT_EQ(serve.heads().size(), 2u);
  EXPECT_EQ(waits_, 1);

  EXPECT_THAT(AddressPagesText(request.url, read->pages),
              AllOf(StartsWith(request.url.Shown() + " at 127.0.0.1\nTriton"),
                    HasSubstr("\n\n" + request.url.Shown() + " at 127.0.0.2\nSGLang"),
                    Not(HasSubstr("127.0.0.3"))));
  EXPECT_THAT(AddressPagesJson(request.url, read->pages),
              AllOf(HasSubstr("\"address\": \"127.0.0.3\",\n      \"error\": \"http://engine.test"),
                    HasSubstr("\"engine\": \"sglang\"")));
}

TEST_F(EngineUrlTest, WhereNobodyAnswersAtOneFamilyTheOtherIsAsked) {
  AnswersInTurn serve({Ok(RealPage("tgi"))});
  const LoopbackServer server(std::ref(serve));
  found_ = Parse({"::1", "127.0.0.1"});
  const auto read = Read(To(server, "engine.test"));
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->pages.size(), 1u);
  EXPECT_EQ(Said(read->pages[0], "tgi_demand"), "8");
  ASSERT_EQ(read->passed_over.size(), 1u);
  EXPECT_THAT(Error(read->passed_over[0]), HasSubstr(" at ::1: "));
}

TEST_F(EngineUrlTest, AnAddressThatAnswersWithAnErrorIsNotPassedOver) {
  AnswersInTurn serve({Answer("404 Not Found", "")});
  const LoopbackServer server(std::ref(serve));
  found_ = Parse({"127.0.0.1", "::1"});
  const auto read = Read(To(server, "engine.test"));
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->pages.size(), 1u);
  EXPECT_THAT(Error(read->pages[0]), HasSubstr(" at 127.0.0.1: answered HTTP 404"));
}

TEST_F(EngineUrlTest, WhereNobodyAnswersAtAllEveryAddressIsNamed) {
  std::optional<LoopbackServer> server(std::in_place, [](Connection&, int) {});
  const EngineUrlRequest request = To(*server, "engine.test");
  server.reset();
  found_ = Parse({"127.0.0.1", "::1"});
  const auto read = Read(request);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->pages.size(), 2u);
  EXPECT_THAT(Error(read->pages[0]), HasSubstr(" at 127.0.0.1: Connection refused"));
  EXPECT_THAT(Error(read->pages[1]), HasSubstr(" at ::1: "));
}

TEST_F(EngineUrlTest, ANameWithoutAddressesIsAnError) {
  const LoopbackServer server([](Connection&, int) {});
  EXPECT_EQ(Read(To(server, "engine.test")).status().message(), "engine.test cannot be resolved");
  found_ = Addresses{};
  EXPECT_EQ(Read(To(server, "engine.test")).status().message(), "engine.test has no address");
}

TEST_F(EngineUrlTest, APackedPageIsRead) {
  const std::string head = "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n";
  const AddressPage one = ReadOne({Answer("200 OK", head, endpoint::Gzip(RealPage("tgi")))});
  EXPECT_EQ(Said(one, "tgi_demand"), "8");
}

TEST_F(EngineUrlTest, AnswersOfOtherPagesAreTold) {
  const std::pair<const char*, const char*> kStatuses[] = {
      {"404 Not Found", "answered HTTP 404"},
      {"501 Not Implemented", "answered HTTP 501"},
      {"503 Busy", "answered HTTP 503; an engine that still loads its model may answer so"},
  };
  for (const auto& [status, error] : kStatuses) {
    const AddressPage one = ReadOne({Answer(status, "", "secret")});
    EXPECT_THAT(Error(one), AllOf(StartsWith("http://127.0.0.1:"),
                                  HasSubstr(": " + std::string(error)), Not(HasSubstr("secret"))));
    EXPECT_TRUE(one.IsOtherPage()) << status;
    EXPECT_EQ(heads_.size(), 1u);
  }
  const std::pair<std::string, const char*> kPages[] = {
      {Answer("200 OK", "Content-Type: application/json\r\n", "[]"), "application/json, not a"},
      {Answer("200 OK", "Content-Type: text/html\r\n", "<html>"), "text/html, not a metrics page"},
      {Ok("<html>secret</html>\n"), "a line of the page: no metric name"},
      {Ok("process_cpu_seconds_total 1\n"), "the page has no name of a known engine"},
      {Ok(""), "the page has no samples"},
  };
  for (const auto& [answer, error] : kPages) {
    const AddressPage one = ReadOne({answer});
    EXPECT_THAT(Error(one),
                AllOf(StartsWith("http://127.0.0.1:"), HasSubstr(error), Not(HasSubstr("secret"))));
    EXPECT_TRUE(one.IsOtherPage()) << error;
  }
}

TEST_F(EngineUrlTest, OtherErrorsSayNothingOfThePath) {
  const std::pair<std::string, const char*> kCases[] = {
      {Answer("302 Found", "Location: http://127.0.0.1:1/secret\r\n"),
       "answered HTTP 302; redirects are not followed"},
      {Answer("401 Unauthorized", ""), "answered HTTP 401; --bearer-token-file FILE sends a token"},
      {Answer("403 Forbidden", ""), "answered HTTP 403; --bearer-token-file FILE sends a token"},
      {Ok(std::string(size_t{9} << 20, '\n')), "8388608 bytes"},
      {"HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text\r\nContent-Length: "
       "17\r\n\r\ntgi_queue_size 1\n",
       "# EOF"},
      {Ok(RealPage("triton") + RealPage("vllm")),
       "the page has names of several engines, vllm (vllm:...) and triton (nv_inference_ and "
       "nv_trt_llm_...): say which with --engine"},
  };
  for (const auto& [answer, error] : kCases) {
    const AddressPage one = ReadOne({answer});
    EXPECT_THAT(Error(one),
                AllOf(StartsWith("http://127.0.0.1:"), HasSubstr(error), Not(HasSubstr("secret"))));
    EXPECT_FALSE(one.IsOtherPage()) << error;
  }
}

TEST_F(EngineUrlTest, AnEngineThatIsNamedIsBelieved) {
  EXPECT_EQ(Said(ReadOne({Ok(RealPage("triton") + RealPage("vllm"))}, "vllm"), "vllm_demand"), "4");
  EXPECT_EQ(Said(ReadOne({Ok("")}, "tgi"), "tgi_demand"), "0");
  EXPECT_EQ(Said(ReadOne({Ok(RealPage("tgi"))}, "vllm"), "vllm_demand"), "fault");
}

TEST_F(EngineUrlTest, OneThatHangsIsEndedByItsTimeout) {
  const LoopbackServer server([this](Connection& connection, int /*number*/) {
    connection.ReadHead();
    Advance(2s);
    connection.AwaitClosed();
  });
  const auto read = Read(To(server));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(Error(read->pages.at(0)), HasSubstr(": no answer within 2s"));
  EXPECT_FALSE(read->pages[0].IsOtherPage());
}

TEST_F(EngineUrlTest, OverTlsWithAnAuthorityAndAToken) {
  const testing::TestAuthority authority;
  const auto context =
      testing::ServerContext(authority.Issue("engine", "DNS:engine.test"), "http/1.1");
  AnswersInTurn serve({Ok(RealPage("tgi"))});
  const LoopbackServer server(std::ref(serve), context.get());
  found_ = Parse({"127.0.0.1"});
  EngineUrlRequest request = To(server, "engine.test");
  request.url.https = true;
  EXPECT_THAT(Error(OnlyPage(Read(request), serve)), HasSubstr("TLS: "));
  request.credential = {endpoint::FetchHeader{"Authorization", "Bearer key"}, authority.pem()};
  EXPECT_EQ(Said(OnlyPage(Read(request), serve), "tgi_demand"), "8");
  ASSERT_EQ(heads_.size(), 1u);
  EXPECT_THAT(heads_[0], HasSubstr("Authorization: Bearer key\r\n"));
}

TEST_F(EngineUrlTest, ATokenThatIsRefusedIsNotAskedForAgain) {
  AnswersInTurn serve({Answer("401 Unauthorized", "")});
  const LoopbackServer server(std::ref(serve));
  EngineUrlRequest request = To(server);
  request.credential.header = endpoint::FetchHeader{"Authorization", "Bearer key"};
  const std::string error = Error(OnlyPage(Read(request), serve));
  EXPECT_THAT(error, AllOf(HasSubstr("answered HTTP 401"), Not(HasSubstr("--bearer")),
                           Not(HasSubstr("key"))));
}

}  // namespace
}  // namespace kgs::cli
