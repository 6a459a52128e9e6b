// SPDX-License-Identifier: Apache-2.0
#include "fleet/hub_link.h"

#include <absl/status/status.h>
#include <grpcpp/create_channel.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace kgs::fleet {
namespace {

using base::SteadyTime;

/// A stream that lived so long was none that a hub turned away.
constexpr base::Duration kGoodLife = std::chrono::seconds(10);
/// A hub that is there answers the Hello within it.
constexpr base::Duration kLongestGreeting = std::chrono::seconds(10);
constexpr int kLongestAttemptMs = 5000;
constexpr int kPingIntervalMs = 10000;
constexpr int kPingTimeoutMs = 5000;
/// Enough for the largest interest.
constexpr int kLongestHubMessageBytes = 1 << 20;
constexpr size_t kLongestProblem = 256;

int Milliseconds(base::Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

pb::Hello HelloOf(const PublisherOptions& options) {
  pb::Hello hello;
  hello.set_node(options.node);
  hello.set_boot_id(options.boot_id);
  hello.set_version(options.version);
  return hello;
}

std::shared_ptr<grpc::Channel> ChannelTo(
    const std::string& address, const PublisherOptions& options, const std::string& server_name,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A hub that stands still (SIGSTOP, a cut link) is noticed by its silence.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingIntervalMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A connection of its own: channels of equal settings would share one, and its back-off.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, Milliseconds(options.first_backoff));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, Milliseconds(options.longest_backoff));
  // Which is how long one attempt may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kLongestAttemptMs);
  arguments.SetMaxReceiveMessageSize(kLongestHubMessageBytes);
  // An address is connected to, and the name stands in the certificate.
  if (!server_name.empty()) arguments.SetSslTargetNameOverride(server_name);
  const std::string scheme = address.front() == '[' ? "ipv6:" : "ipv4:";
  return grpc::CreateCustomChannel(scheme + address, credentials, arguments);
}

std::string ProblemOf(const grpc::Status& status) {
  if (status.ok()) return "the hub ended the stream";
  const std::string code =
      absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code()));
  return base::Truncate(base::OneLine(code + ": " + status.error_message()), kLongestProblem);
}

}  // namespace

HubLink::HubLink(const std::string& address, const PublisherOptions& options,
                 const HubAccess& access, const base::Clock& clock,
                 telemetry::PublisherCounters& counters, Host& host)
    : address_(address),
      options_(options),
      access_(access),
      clock_(clock),
      counters_(counters),
      host_(host),
      hello_(HelloOf(options)),
      beat_(options.interval, options.least_interval),
      backoff_(options.first_backoff, options.longest_backoff),
      random_(base::NewRandomFraction()),
      next_connect_(SteadyTime::min()),
      problem_("not connected yet") {}

SteadyTime HubLink::Turn(SteadyTime now, const Beat::Report& report,
                         const std::shared_ptr<const Interest>& interest) {
  std::shared_ptr<HubStream> stream;
  bool connected = false;
  SteadyTime give_up;
  {
    base::MutexLock lock(mutex_);
    if (closed_) return SteadyTime::max();
    if (!under_way_ && now < next_connect_) return next_connect_;
    stream = stream_;
    connected = connected_since_.has_value();
    if (!under_way_) under_way_since_ = now;
    under_way_ = true;
    give_up = under_way_since_ + kLongestGreeting;
    gave_up_ = stream != nullptr && !connected && now >= give_up;
  }
  if (stream == nullptr) {
    Connect();
    return give_up;
  }
  if (connected) return Report(*stream, now, report, interest);
  if (now < give_up) return give_up;
  stream->Cancel();
  return SteadyTime::max();
}

SteadyTime HubLink::Report(HubStream& stream, SteadyTime now, const Beat::Report& report,
                           const std::shared_ptr<const Interest>& interest) {
  if (report == nullptr) return SteadyTime::max();
  const SteadyTime due = beat_.Due(report, interest);
  if (now < due) return due;
  // Where a write is under way, its end wakes the host.
  if (!stream.Send(*report, clock_)) return SteadyTime::max();
  counters_.reports.Add();
  if (beat_.BeforeItsTime(report, now)) counters_.crossings.Add();
  beat_.Sent(report, now);
  return beat_.Due(report, interest);
}

void HubLink::MakeChannel() {
  auto credentials = access_.credentials();
  if (stub_ != nullptr && credentials == credentials_) return;
  stub_ = pb::Fleet::NewStub(ChannelTo(address_, options_, access_.server_name, credentials));
  credentials_ = std::move(credentials);
}

void HubLink::Connect() {
  absl::StatusOr<std::string> token = access_.token ? access_.token() : "";
  if (!token.ok()) {
    bool news = false;
    const std::string problem(token.status().message());
    {
      base::MutexLock lock(mutex_);
      news = NoteEnd(grpc::Status(grpc::StatusCode::UNAUTHENTICATED, problem));
    }
    if (news) LogEnd(problem, false);
    return;
  }
  MakeChannel();
  beat_.Restart();
  host_.OnStreamStart();
  const auto stream = HubStream::Start(*stub_, hello_, *token, shared_from_this());
  base::MutexLock lock(mutex_);
  // It may have ended already.
  if (under_way_) stream_ = stream;
}

void HubLink::Close() {
  std::shared_ptr<HubStream> stream;
  {
    base::MutexLock lock(mutex_);
    closed_ = true;
    stream = stream_;
  }
  if (stream != nullptr) stream->Cancel();
}

HubState HubLink::State() const {
  base::MutexLock lock(mutex_);
  return {address_, connected_since_.has_value(), problem_};
}

std::shared_ptr<const Interest> HubLink::interest() const {
  base::MutexLock lock(mutex_);
  return interest_;
}

std::shared_ptr<const EngineScrapes> HubLink::scrapes() const {
  base::MutexLock lock(mutex_);
  return scrapes_;
}

void HubLink::OnHubMessage(const pb::HubMessage& message) {
  std::shared_ptr<const Interest> interest;
  std::shared_ptr<const EngineScrapes> scrapes;
  if (message.has_interest()) {
    interest = std::make_shared<const Interest>(FromWire(message.interest()));
    scrapes = std::make_shared<const EngineScrapes>(EngineScrapesFromWire(message.interest()));
  }
  bool connected = false;
  bool list_pods = false;
  {
    base::MutexLock lock(mutex_);
    connected = !connected_since_;
    if (connected) {
      connected_since_ = clock_.Now();
      problem_.clear();
    }
    if (interest != nullptr) {
      interest_ = std::move(interest);
      scrapes_ = std::move(scrapes);
    }
    list_pods = message.list_pods() > list_pods_;
    list_pods_ = message.list_pods();
  }
  if (connected) {
    counters_.open_streams.fetch_add(1, std::memory_order_relaxed);
    base::LogInfo("connected to a hub", {{"hub", address_}});
  }
  host_.Wake();
  if (list_pods) host_.OnListPods();
}

bool HubLink::NoteEnd(const grpc::Status& status) {
  const SteadyTime now = clock_.Now();
  if (connected_since_ && now - *connected_since_ >= kGoodLife) backoff_.Reset();
  // All agents lose a hub that goes at the same moment.
  next_connect_ = now + base::Jittered(backoff_.Next(), random_());
  under_way_ = false;
  stream_ = nullptr;
  interest_ = nullptr;
  scrapes_ = nullptr;
  list_pods_ = 0;
  connected_since_.reset();
  const std::string problem = gave_up_ ? "the hub does not answer" : ProblemOf(status);
  return problem_ != std::exchange(problem_, problem);
}

void HubLink::LogEnd(const std::string& problem, bool ok) const {
  base::Log(ok ? base::LogLevel::kInfo : base::LogLevel::kWarn, "no stream to a hub",
            {{"hub", address_}, {"error", problem}});
}

void HubLink::OnEnd(const grpc::Status& status, std::shared_ptr<HubStream> self) {
  bool was_connected = false;
  bool closed = false;
  bool news = false;
  std::string problem;
  {
    base::MutexLock lock(mutex_);
    was_connected = connected_since_.has_value();
    closed = closed_;
    news = NoteEnd(status);
    problem = problem_;
  }
  if (was_connected) counters_.open_streams.fetch_sub(1, std::memory_order_relaxed);
  if (!closed) {
    if (!status.ok()) counters_.stream_failures.Add();
    if (news) LogEnd(problem, status.ok());
  }
  host_.OnStreamEnd(std::move(self));
}

}  // namespace kgs::fleet
