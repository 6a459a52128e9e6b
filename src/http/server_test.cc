// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/socket.h"
#include "tests/support/once_within.h"

namespace kgs::http {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kLoopback[] = "127.0.0.1";

Routes TwoRoutes() {
  return {{"/healthz", [] { return Page{503, "application/json", "{\"status\":\"stuck\"}\n"}; }},
          {"/metrics", [] { return Page{200, "text/plain; version=0.0.4", "up 1\n"}; }}};
}

std::unique_ptr<Server> Start(Routes routes = TwoRoutes(), const std::string& address = kLoopback,
                              int port = 0) {
  auto server = StartServer("http", address, port, std::move(routes));
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

// A client that does only what a test says: cpp-httplib's sends whole and valid requests.
class RawClient {
 public:
  explicit RawClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    connected_ = connect(socket_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  bool connected() const { return connected_; }
  void Send(const std::string& text) const {
    send(socket_.fd(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  // Until the server closes the connection.
  std::string ReadAll() const {
    std::string all;
    std::array<char, 4096> buffer;
    while (true) {
      const ssize_t n = recv(socket_.fd(), buffer.data(), buffer.size(), 0);
      if (n <= 0) return all;
      all.append(buffer.data(), static_cast<size_t>(n));
    }
  }

 private:
  Socket socket_;
  bool connected_ = false;
};

TEST(ServerTest, AnswersItsRoutes) {
  const auto server = Start();
  ASSERT_GT(server->port(), 0);
  httplib::Client client(kLoopback, server->port());
  const auto metrics = client.Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->status, 200);
  EXPECT_EQ(metrics->body, "up 1\n");
  EXPECT_EQ(metrics->get_header_value("Content-Type"), "text/plain; version=0.0.4");
  EXPECT_EQ(metrics->get_header_value("Connection"), "close");
  const auto health = client.Get("/healthz?verbose=1");
  ASSERT_TRUE(health);
  EXPECT_EQ(health->status, 503);
  EXPECT_EQ(health->body, "{\"status\":\"stuck\"}\n");
}

TEST(ServerTest, HeadHasTheHeadersOnly) {
  const auto server = Start();
  httplib::Client client(kLoopback, server->port());
  const auto answer = client.Head("/metrics");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->get_header_value("Content-Length"), "5");
  EXPECT_EQ(answer->body, "");
}

TEST(ServerTest, OtherPathsAreToldWhatThereIs) {
  const auto server = Start();
  httplib::Client client(kLoopback, server->port());
  for (const char* path : {"/", "/metrics/", "/metricsx", "/Metrics", "/../metrics"}) {
    const auto answer = client.Get(path);
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->status, 404) << path;
    EXPECT_EQ(answer->body, "not found; served here: /healthz and /metrics\n");
  }
}

TEST(ServerTest, OnlyGetAndHead) {
  const auto server = Start();
  httplib::Client client(kLoopback, server->port());
  const auto post = client.Post("/metrics", std::string(100, 'x'), "text/plain");
  ASSERT_TRUE(post);
  EXPECT_EQ(post->status, 405);
  EXPECT_EQ(post->get_header_value("Allow"), "GET, HEAD");
  const auto put = client.Put("/metrics", "x", "text/plain");
  ASSERT_TRUE(put);
  EXPECT_EQ(put->status, 405);
  const auto deletion = client.Delete("/metrics");
  ASSERT_TRUE(deletion);
  EXPECT_EQ(deletion->status, 405);
  const auto options = client.Options("/metrics");
  ASSERT_TRUE(options);
  EXPECT_EQ(options->status, 405);
}

TEST(ServerTest, ARangeIsIgnored) {
  const auto server = Start();
  httplib::Client client(kLoopback, server->port());
  const auto answer = client.Get("/metrics", {{"Range", "bytes=0-1,0-1,0-1"}});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "up 1\n");
}

TEST(ServerTest, AThrowingRouteIsA500) {
  const auto server =
      Start({{"/throws", []() -> Page { throw std::runtime_error("secret detail"); }}});
  httplib::Client client(kLoopback, server->port());
  const auto answer = client.Get("/throws");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 500);
  EXPECT_FALSE(answer->has_header("EXCEPTION_WHAT"));
}

TEST(ServerTest, EndlessRequestsAreCut) {
  const auto server = Start();
  const RawClient client(server->port());
  client.Send("GET /metrics HTTP/1.1\r\n");
  for (int i = 0; i < 100; ++i)
    client.Send("X-" + std::to_string(i) + ": " + std::string(990, 'x') + "\r\n");
  EXPECT_THAT(client.ReadAll(), Not(HasSubstr("200 OK")));
  EXPECT_TRUE(httplib::Client(kLoopback, server->port()).Get("/metrics"));
}

TEST(ServerTest, LongRangesDoNotHurt) {
  const auto server = Start();
  std::string ranges = "Range: bytes=0-";
  while (ranges.size() < 8000) ranges += ",0-";
  const RawClient client(server->port());
  client.Send("GET /metrics HTTP/1.1\r\n" + ranges + "\r\n\r\n");
  client.ReadAll();
  EXPECT_TRUE(httplib::Client(kLoopback, server->port()).Get("/metrics"));
}

TEST(ServerTest, GarbageIsNotAnswered200) {
  const auto server = Start();
  for (const std::string& text :
       {std::string("\r\n\r\n"), std::string("GET\r\n\r\n"), std::string(10000, 'A'),
        std::string("\0\xff\x16\x03\x01", 5), std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")}) {
    const RawClient client(server->port());
    client.Send(text + "\r\n\r\n");
    EXPECT_THAT(client.ReadAll(), Not(HasSubstr("200 OK")));
  }
  EXPECT_TRUE(httplib::Client(kLoopback, server->port()).Get("/metrics"));
}

TEST(ServerTest, ManyAtOnce) {
  std::atomic<int> calls{0};
  const std::string body(200'000, 'm');
  const auto server = Start({{"/metrics", [&] {
                                ++calls;
                                return Page{200, "text/plain", body};
                              }}});
  constexpr int kClients = 16;
  constexpr int kEach = 10;
  std::atomic<int> right{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&] {
      httplib::Client client(kLoopback, server->port());
      for (int j = 0; j < kEach; ++j) {
        const auto answer = client.Get("/metrics");
        if (answer && answer->status == 200 && answer->body == body) ++right;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right, kClients * kEach);
  EXPECT_EQ(calls, kClients * kEach);
}

TEST(ServerTest, IdleConnectionsDoNotBlockProbesForLong) {
  const auto server = Start();
  const RawClient idle[] = {RawClient(server->port()), RawClient(server->port())};
  ASSERT_TRUE(idle[0].connected() && idle[1].connected());
  httplib::Client client(kLoopback, server->port());
  client.set_read_timeout(4s);
  EXPECT_TRUE(client.Get("/metrics"));
}

TEST(ServerTest, AConnectionCarriesOneRequest) {
  const auto server = Start();
  const RawClient client(server->port());
  const std::string request = "GET /metrics HTTP/1.1\r\nConnection: keep-alive\r\n\r\n";
  client.Send(request + request);
  const std::string answers = client.ReadAll();
  EXPECT_THAT(answers, StartsWith("HTTP/1.1 200 OK"));
  EXPECT_EQ(answers.find("200 OK"), answers.rfind("200 OK"));
}

TEST(ServerTest, StopsAtOnceDespiteOpenConnections) {
  const auto stop = [] {
    auto server = Start();
    const int port = server->port();
    const RawClient silent(port);
    const RawClient halfway(port);
    halfway.Send("GET /metrics HTTP/1.1\r\n");
    std::vector<std::unique_ptr<RawClient>> waiting;
    for (int i = 0; i < 10; ++i) waiting.push_back(std::make_unique<RawClient>(port));
    const base::SteadyTime before = std::chrono::steady_clock::now();
    server.reset();
    const base::Duration took = std::chrono::steady_clock::now() - before;
    EXPECT_EQ(silent.ReadAll(), "");
    EXPECT_FALSE(RawClient(port).connected());
    return took;
  };
  EXPECT_TRUE(kgs::testing::OnceWithin(900ms, stop))
      << "a client's own limits would end it after 1 s at the earliest";
}

TEST(ServerTest, StopsBeforeItBegan) {
  for (int i = 0; i < 50; ++i) Start().reset();
}

TEST(ServerTest, ARequestUnderWayIsAnsweredOnStop) {
  std::atomic<int> port{0};
  std::atomic<bool> called{false};
  auto server = Start({{"/metrics", [&] {
                          called = true;
                          // Until stopping has begun.
                          while (RawClient(port).connected()) std::this_thread::yield();
                          return Page{200, "text/plain", "last words\n"};
                        }}});
  port = server->port();
  const RawClient client(port);
  client.Send("GET /metrics HTTP/1.1\r\n\r\n");
  while (!called) std::this_thread::yield();
  server.reset();
  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("last words")));
}

TEST(ServerTest, ThePortIsFreeAgainAfterwards) {
  auto first = Start();
  const int port = first->port();
  ASSERT_TRUE(httplib::Client(kLoopback, port).Get("/metrics"));
  first.reset();
  const auto second = Start(TwoRoutes(), kLoopback, port);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->port(), port);
}

// Every pair of addresses that would answer for the same port.
class TakenPortTest : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(TakenPortTest, IsRefusedWithOneClearLine) {
  const auto& [first_address, second_address] = GetParam();
  const auto first = Start(TwoRoutes(), first_address);
  const std::string port = std::to_string(first->port());
  const auto second = StartServer("http", second_address, first->port(), TwoRoutes());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  const std::string where = second_address.empty() ? "all addresses" : "address 127.0.0.1";
  EXPECT_EQ(std::string(second.status().message()),
            "cannot listen on port " + port + " of " + where + ": Address already in use");
}

INSTANTIATE_TEST_SUITE_P(Addresses, TakenPortTest,
                         ::testing::Values(std::pair(std::string(kLoopback),
                                                     std::string(kLoopback)),
                                           std::pair(std::string(), std::string()),
                                           std::pair(std::string(), std::string(kLoopback)),
                                           std::pair(std::string(kLoopback), std::string())));

TEST(ListenTest, APortOfAnotherProgramIsRefused) {
  // As a program that would gladly share: SO_REUSEPORT is on.
  Socket other(::socket(AF_INET, SOCK_STREAM, 0));
  const int on = 1;
  setsockopt(other.fd(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(other.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(other.fd(), 1), 0);
  for (const char* ours : {kLoopback, ""}) {
    EXPECT_EQ(Listen(ours, PortOf(other)).status().code(), absl::StatusCode::kUnavailable);
  }
}

TEST(ListenTest, NeverSharesItsPort) {
  const auto socket = Listen(kLoopback, 0);
  ASSERT_TRUE(socket.ok()) << socket.status();
  int shared = -1;
  socklen_t length = sizeof(shared);
  ASSERT_EQ(getsockopt(socket->fd(), SOL_SOCKET, SO_REUSEPORT, &shared, &length), 0);
  EXPECT_EQ(shared, 0);
}

TEST(ListenTest, AllAddressesIncludeIpv4) {
  const auto server = Start(TwoRoutes(), "");
  EXPECT_TRUE(httplib::Client(kLoopback, server->port()).Get("/metrics"));
}

TEST(ListenTest, RefusesWhatIsNoAddressOrPort) {
  EXPECT_EQ(
      Listen("localhost", 0).status(),
      absl::InvalidArgumentError("address \"localhost\": accepted are IPv4 and IPv6 addresses"));
  EXPECT_EQ(Listen("", 65536).status(),
            absl::InvalidArgumentError("port 65536: accepted are 0 to 65535"));
  EXPECT_EQ(Listen("", -1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ListenTest, AnAddressOfAnotherMachineIsRefused) {
  // TEST-NET-1, which no machine has.
  const auto socket = Listen("192.0.2.1", 0);
  EXPECT_EQ(socket.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(socket.status().message()),
              StartsWith("cannot listen on port 0 of address 192.0.2.1: "));
}

}  // namespace
}  // namespace kgs::http
