// SPDX-License-Identifier: Apache-2.0
#include "fleet/receiver.h"

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "fleet/breach_log.h"
#include "fleet/peer.h"
#include "fleet/unproved_hosts.h"

namespace kgs::fleet {
namespace {

using base::SteadyTime;

constexpr base::Duration kSweepInterval = Store::kMemory / 10;
/// An agent has one. Those that it takes nothing from end only when they are cut.
constexpr size_t kMostStreamsOfNode = 4;
constexpr int kMostStreamsOfConnection = 100;
constexpr int kShortestPingIntervalOfAgentsMs = 1000;

std::string TokenOf(const grpc::CallbackServerContext& context) {
  constexpr std::string_view kPrefix = kTokenPrefix;
  const auto found = context.client_metadata().find(kTokenHeader);
  if (found == context.client_metadata().end()) return "";
  const std::string_view value(found->second.data(), found->second.size());
  return value.starts_with(kPrefix) ? std::string(value.substr(kPrefix.size())) : "";
}

telemetry::RefusalReason ReasonOf(const absl::Status& status) {
  using telemetry::RefusalReason;
  if (absl::IsUnauthenticated(status)) return RefusalReason::kUnauthenticated;
  if (absl::IsPermissionDenied(status)) return RefusalReason::kPermissionDenied;
  return RefusalReason::kUnavailable;
}

}  // namespace

void SetUpForAgents(grpc::ServerBuilder& builder, const ReportLimits& limits) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(2 * limits.most_bytes));
  // An agent has one, and a connection of its own.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMostStreamsOfConnection);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kShortestPingIntervalOfAgentsMs);
}

class Receiver::Impl final : public AgentStream::Owner {
 public:
  Impl(ReceiverOptions options, Store& store, const base::Clock& clock,
       telemetry::ReceiverCounters& counters, telemetry::LimitCounters& limits, Events events)
      : options_(options),
        store_(store),
        clock_(clock),
        counters_(counters),
        limits_(limits),
        events_(std::move(events)) {
    auto none = std::make_shared<SharedInterest>();
    none->version = 1;
    // The lock hands all of it to gRPC's threads.
    base::MutexLock lock(mutex_);
    shared_interest_ = std::move(none);
  }

  AgentStream* Connect(const grpc::CallbackServerContext& context) {
    auto stream = AgentStream::Make(*this, clock_, context, options_.reports);
    std::optional<grpc::Status> refusal;
    UnprovedHosts::Place place;
    if (events_.authenticate != nullptr) {
      place = unproved_->Take(HostOfPeer(context.peer()), options_.most_unproved_of_peer);
    }
    {
      base::MutexLock lock(mutex_);
      refusal = Admit(stream, place);
    }
    counters_.open_streams.fetch_add(1, std::memory_order_relaxed);
    if (refusal) {
      stream->End(*refusal);
    } else if (events_.authenticate == nullptr) {
      stream->Start(std::nullopt);
    } else {
      // It may be answered after we are gone, and then finds that the stream has ended.
      events_.authenticate(TokenOf(context),
                           [stream, place](absl::StatusOr<AgentIdentity> identity) {
                             stream->Start(std::move(identity));
                           });
    }
    return stream.get();
  }

  void SetCrossings(Interest crossings) {
    News news;
    {
      base::MutexLock lock(mutex_);
      crossings.metrics = interest_.metrics;
      news = Renew(std::move(crossings));
    }
    Pass(news);
  }

  void SetMetrics(const model::MetricSet& metrics) {
    News news;
    {
      base::MutexLock lock(mutex_);
      Interest interest = interest_;
      interest.metrics = metrics;
      news = Renew(std::move(interest));
    }
    Pass(news);
  }

  void SetScrapes(std::map<std::string, EngineScrapes> scrapes) {
    std::vector<std::pair<std::shared_ptr<AgentStream>, std::shared_ptr<const SharedInterest>>>
        told;
    std::vector<std::pair<std::string, size_t>> left_out;
    {
      base::MutexLock lock(mutex_);
      if (scrapes == scrapes_) return;
      for (const auto& [node, before] : scrapes_) {
        if (scrapes.count(node) == 0) Tell(node, {}, told);
      }
      for (const auto& [node, wanted] : scrapes) {
        const auto before = scrapes_.find(node);
        if (before != scrapes_.end() && before->second == wanted) continue;
        const size_t beyond = Tell(node, wanted, told);
        if (beyond > 0) left_out.emplace_back(node, beyond);
      }
      scrapes_ = std::move(scrapes);
    }
    for (const auto& [node, queries] : left_out) {
      base::LogWarn("an agent cannot be told of all engines it should ask",
                    {{"node", node}, {"queries_left_out", std::to_string(queries)}});
    }
    for (const auto& [stream, interest] : told) stream->SetOwnInterest(interest);
  }

  bool ListPods(const std::string& node) {
    std::shared_ptr<AgentStream> stream;
    {
      base::MutexLock lock(mutex_);
      const auto found = nodes_.find(node);
      if (found == nodes_.end() || found->second.stream == nullptr) return false;
      const SteadyTime now = clock_.Now();
      std::optional<SteadyTime>& asked = found->second.asked_to_list;
      if (asked && now - *asked < options_.least_list_interval) return false;
      asked = now;
      stream = found->second.stream;
    }
    counters_.list_requests.Add();
    stream->ListPods();
    return true;
  }

  void EndExpired() {
    std::vector<std::shared_ptr<AgentStream>> streams;
    {
      base::MutexLock lock(mutex_);
      streams = AllStreams();
    }
    const SteadyTime now = clock_.Now();
    for (const auto& stream : streams) {
      stream->EndIfExpired();
      stream->CutIfStuck(now);
    }
  }

  void EndAll() {
    std::vector<std::shared_ptr<AgentStream>> streams;
    {
      base::MutexLock lock(mutex_);
      ending_ = true;
      streams = AllStreams();
    }
    for (const auto& stream : streams) stream->End(grpc::Status::OK);
  }

  absl::StatusOr<AgentStream::Session> OnHello(AgentStream* stream,
                                               const pb::Hello& hello) override {
    std::shared_ptr<AgentStream> older;
    AgentStream::Session session;
    {
      base::MutexLock lock(mutex_);
      const auto found = streams_.find(stream);
      if (found == streams_.end()) return absl::CancelledError("the stream has ended");
      const SteadyTime now = clock_.Now();
      Sweep(now);
      Node& node = nodes_[hello.node()];
      if (node.open >= kMostStreamsOfNode) {
        return absl::ResourceExhaustedError("older streams of this node have yet to end");
      }
      ++node.open;
      if (node.clock == nullptr || node.boot_id != hello.boot_id()) {
        node.boot_id = hello.boot_id();
        node.clock = std::make_shared<AgentClock>();
      }
      older = std::exchange(node.stream, found->second.stream);
      found->second.unproved.reset();
      found->second.node = hello.node();
      found->second.number = store_.Connect(hello.node(), hello.version());
      const auto own = own_interests_.find(hello.node());
      session = {found->second.number, node.clock, shared_interest_,
                 own == own_interests_.end() ? nullptr : own->second};
    }
    if (older != nullptr) older->End(grpc::Status(grpc::StatusCode::ABORTED, kTakenOver));
    return session;
  }

  bool OnReport(uint64_t number, std::shared_ptr<const model::NodeReport> report,
                size_t bytes) override {
    if (!store_.Put(report->node, number, report)) return false;
    counters_.reports.Add();
    counters_.report_bytes.Add(bytes);
    events_.on_report(report->node);
    return true;
  }

  void OnBreach(const std::string& node, const std::string& peer,
                const absl::Status& why) override {
    counters_.refused_reports.Add();
    breaches_.Warn("an agent's stream broke the protocol", node, peer, why, clock_.Now());
  }

  void OnRefusal(const std::string& peer, const absl::Status& why,
                 std::optional<telemetry::Limit> limit) override {
    if (limit) {
      limits_.Add(*limit);
    } else {
      counters_.refusals[static_cast<size_t>(ReasonOf(why))].Add();
    }
    breaches_.Warn("an agent was refused", "", peer, why, clock_.Now());
  }

  void OnEnd(AgentStream* stream) override {
    Forget(stream);
    counters_.open_streams.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  struct Open {
    std::shared_ptr<AgentStream> stream;
    /// Empty before its Hello.
    std::string node;
    /// The Store's; 0 before its Hello.
    uint64_t number = 0;
    /// Where agents must prove who they are: until its Hello.
    UnprovedHosts::Place unproved;
  };

  /// What outlives a stream.
  struct Node {
    std::string boot_id;
    std::shared_ptr<AgentClock> clock;
    std::optional<SteadyTime> asked_to_list;
    /// The latest; null when it has ended.
    std::shared_ptr<AgentStream> stream;
    /// That one, and older ones that have yet to end.
    size_t open = 0;
    SteadyTime ended;
  };

  /// Takes in a stream, or says what it ends with. \p place: where agents must prove who they are,
  /// null where their host has none left.
  std::optional<grpc::Status> Admit(const std::shared_ptr<AgentStream>& stream,
                                    const UnprovedHosts::Place& place) KGS_REQUIRES(mutex_) {
    if (ending_) return grpc::Status::OK;
    if (streams_.size() >= options_.most_streams) {
      limits_.Add(telemetry::Limit::kAgents);
      return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                          "more agents than --max-agents have a stream open");
    }
    if (events_.authenticate != nullptr && place == nullptr) {
      limits_.Add(telemetry::Limit::kStreamsPerPeer);
      return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                          "too many streams of this address have yet to prove who they are");
    }
    Open& open = streams_[stream.get()];
    open.stream = stream;
    open.unproved = place;
    return std::nullopt;
  }

  /// Keeps what the agent of \p node is to be told, and adds to \p told its stream where it has
  /// one. Returns how many queries it cannot be told of.
  size_t Tell(
      const std::string& node, const EngineScrapes& scrapes,
      std::vector<std::pair<std::shared_ptr<AgentStream>, std::shared_ptr<const SharedInterest>>>&
          told) KGS_REQUIRES(mutex_) {
    size_t left_out = 0;
    auto interest = std::make_shared<SharedInterest>();
    interest->version = ++own_version_;
    interest->message = ToWire(scrapes, &left_out);
    if (scrapes.empty()) {
      own_interests_.erase(node);
    } else {
      own_interests_[node] = interest;
    }
    const auto found = nodes_.find(node);
    if (found != nodes_.end() && found->second.stream != nullptr) {
      told.emplace_back(found->second.stream, std::move(interest));
    }
    return left_out;
  }

  void Forget(AgentStream* stream) {
    // Freed after the lock is let go.
    std::shared_ptr<AgentStream> of_stream;
    std::shared_ptr<AgentStream> of_node;
    base::MutexLock lock(mutex_);
    const auto found = streams_.find(stream);
    if (found == streams_.end()) return;
    of_stream = std::move(found->second.stream);
    const auto node = nodes_.find(found->second.node);
    if (node != nodes_.end()) --node->second.open;
    if (node != nodes_.end() && node->second.stream == of_stream) {
      of_node = std::move(node->second.stream);
      node->second.ended = clock_.Now();
    }
    if (found->second.number != 0) store_.Disconnect(found->second.node, found->second.number);
    streams_.erase(found);
  }

  /// A new interest, and who is to be told of it.
  struct News {
    std::shared_ptr<const SharedInterest> interest;
    std::vector<std::shared_ptr<AgentStream>> streams;
  };

  /// Nobody is to be told where nothing has changed.
  News Renew(Interest interest) KGS_REQUIRES(mutex_) {
    if (interest == interest_) return {};
    auto next = std::make_shared<SharedInterest>();
    next->version = shared_interest_->version + 1;
    next->message = ToWire(interest);
    interest_ = std::move(interest);
    shared_interest_ = next;
    return {shared_interest_, AllStreams()};
  }

  /// Not under the lock. A stream passes over what is older than what it has.
  static void Pass(const News& news) {
    for (const auto& stream : news.streams) stream->SetInterest(news.interest);
  }

  std::vector<std::shared_ptr<AgentStream>> AllStreams() const KGS_REQUIRES(mutex_) {
    std::vector<std::shared_ptr<AgentStream>> streams;
    streams.reserve(streams_.size());
    for (const auto& [key, open] : streams_) streams.push_back(open.stream);
    return streams;
  }

  /// Forgets nodes as the Store does; at once when strangers have made up too many names.
  void Sweep(SteadyTime now) KGS_REQUIRES(mutex_) {
    const bool full = nodes_.size() >= 2 * options_.most_streams;
    if (!full && now - swept_ < kSweepInterval) return;
    swept_ = now;
    absl::erase_if(nodes_, [&](const auto& named) {
      const Node& node = named.second;
      return node.open == 0 && (full || now - node.ended > Store::kMemory);
    });
  }

  const ReceiverOptions options_;
  Store& store_;
  const base::Clock& clock_;
  telemetry::ReceiverCounters& counters_;
  telemetry::LimitCounters& limits_;
  const Events events_;
  BreachLog breaches_;
  const std::shared_ptr<UnprovedHosts> unproved_ = std::make_shared<UnprovedHosts>();
  base::Mutex mutex_;
  absl::flat_hash_map<const AgentStream*, Open> streams_ KGS_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Node> nodes_ KGS_GUARDED_BY(mutex_);
  Interest interest_ KGS_GUARDED_BY(mutex_);
  /// Never null: an agent is told even that nothing is of interest.
  std::shared_ptr<const SharedInterest> shared_interest_ KGS_GUARDED_BY(mutex_);
  std::map<std::string, EngineScrapes> scrapes_ KGS_GUARDED_BY(mutex_);
  /// By node, of those of scrapes_.
  absl::flat_hash_map<std::string, std::shared_ptr<const SharedInterest>> own_interests_
      KGS_GUARDED_BY(mutex_);
  uint64_t own_version_ KGS_GUARDED_BY(mutex_) = 0;
  SteadyTime swept_ KGS_GUARDED_BY(mutex_);
  bool ending_ KGS_GUARDED_BY(mutex_) = false;
};

Receiver::Receiver(ReceiverOptions options, Store& store, const base::Clock& clock,
                   telemetry::ReceiverCounters& counters, telemetry::LimitCounters& limits,
                   Events events)
    : impl_(std::make_unique<Impl>(options, store, clock, counters, limits, std::move(events))) {}

Receiver::~Receiver() = default;

grpc::ServerBidiReactor<pb::AgentMessage, pb::HubMessage>* Receiver::Connect(
    grpc::CallbackServerContext* context) {
  return impl_->Connect(*context);
}

void Receiver::SetCrossings(Interest crossings) { impl_->SetCrossings(std::move(crossings)); }

void Receiver::SetMetrics(const model::MetricSet& metrics) { impl_->SetMetrics(metrics); }

void Receiver::SetScrapes(std::map<std::string, EngineScrapes> scrapes) {
  impl_->SetScrapes(std::move(scrapes));
}

bool Receiver::ListPods(const std::string& node) { return impl_->ListPods(node); }

void Receiver::EndExpired() { impl_->EndExpired(); }

void Receiver::EndAll() { impl_->EndAll(); }

}  // namespace kgs::fleet
