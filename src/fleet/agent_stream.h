// SPDX-License-Identifier: Apache-2.0
//
// The hub's end of one stream from an agent.
#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "fleet.pb.h"
#include "fleet/agent_identity.h"
#include "fleet/clock_offset.h"
#include "fleet/rate_limit.h"
#include "fleet/wire.h"
#include "model/node_report.h"
#include "telemetry/counters.h"

namespace kgs::fleet {

/// What agents are told, made once: all of them, or that of one node.
struct SharedInterest {
  /// Rises with each change.
  uint64_t version = 0;
  pb::Interest message;
};

/// The clock of one agent process, over all its streams.
class AgentClock {
 public:
  /// With the message that was sent at \p sent_ns in it.
  ClockOffset Add(int64_t sent_ns, base::SteadyTime received) {
    base::MutexLock lock(mutex_);
    offset_.Add(sent_ns, received);
    return offset_;
  }

 private:
  base::Mutex mutex_;
  ClockOffset offset_ KGS_GUARDED_BY(mutex_);
};

inline constexpr char kTakenOver[] = "a newer stream of this node has taken over";

/// What one agent may send.
struct ReportLimits {
  size_t most_bytes = size_t{4} << 20;
  /// Reports a second, over ten seconds.
  double most_rate = 20;
};

/// Kept alive by its own pointer until gRPC is done with it. gRPC is never called with a lock held.
class AgentStream final : public grpc::ServerBidiReactor<pb::AgentMessage, pb::HubMessage> {
 public:
  /// What a stream gets once its agent has said who it is.
  struct Session {
    /// The Store's, for its reports.
    uint64_t number = 0;
    std::shared_ptr<AgentClock> clock;
    std::shared_ptr<const SharedInterest> interest;
    /// What only this node is asked for; may be null.
    std::shared_ptr<const SharedInterest> own_interest;
  };

  /// All of it is called on gRPC's threads, without a lock.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The agent's first message. An error ends the stream.
    virtual absl::StatusOr<Session> OnHello(AgentStream* stream, const pb::Hello& hello) = 0;
    /// False: the stream is no longer wanted.
    virtual bool OnReport(uint64_t number, std::shared_ptr<const model::NodeReport> report,
                          size_t bytes) = 0;
    /// The agent broke the protocol; \p node is empty before a good Hello.
    virtual void OnBreach(const std::string& node, const std::string& peer,
                          const absl::Status& why) = 0;
    /// The agent is not let in, or sends more than it may (RESOURCE_EXHAUSTED, \p limit).
    virtual void OnRefusal(const std::string& peer, const absl::Status& why,
                           std::optional<telemetry::Limit> limit) = 0;
    /// Once; nothing comes after it.
    virtual void OnEnd(AgentStream* stream) = 0;
  };

  /// \p context is the stream's own.
  static std::shared_ptr<AgentStream> Make(Owner& owner, const base::Clock& clock,
                                           const grpc::CallbackServerContext& context,
                                           const ReportLimits& limits);

  /// Begins to read what an agent sends that is \p identity; nothing: any. An error ends the
  /// stream. Where it has ended before, nothing happens. Once, any thread.
  void Start(absl::StatusOr<std::optional<AgentIdentity>> identity);
  /// Ends it where its agent's proof is none any more: true. Any thread.
  bool EndIfExpired();
  /// Cuts it where it should have ended a while ago, and the agent takes in nothing. Any thread.
  void CutIfStuck(base::SteadyTime now);
  /// Tells the agent; while a write is under way only the latest waits. Nothing before its Hello.
  void SetInterest(std::shared_ptr<const SharedInterest> interest);
  void SetOwnInterest(std::shared_ptr<const SharedInterest> interest);
  void ListPods();
  /// Ends the stream with \p status after the write under way.
  void End(const grpc::Status& status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  AgentStream(Owner& owner, const base::Clock& clock, const grpc::CallbackServerContext& context,
              const ReportLimits& limits)
      : owner_(owner),
        clock_(clock),
        context_(context),
        peer_(context.peer()),
        limits_(limits),
        rate_(limits.most_rate) {}

  /// What has been read; an error ends the stream.
  absl::Status TakeMessage();
  /// Whether the agent may send so much.
  absl::Status CheckReport(std::optional<telemetry::Limit>& limit) KGS_REQUIRES(read_mutex_);
  absl::Status TakeHello(const pb::Hello& hello);
  absl::StatusOr<std::shared_ptr<const model::NodeReport>> ReadReport() KGS_REQUIRES(read_mutex_);
  /// Keeps the newest.
  void Keep(std::shared_ptr<const SharedInterest> interest,
            std::shared_ptr<const SharedInterest>& kept) KGS_REQUIRES(mutex_);
  void TellAgent();
  /// Ends holds_ of ours.
  void LetGo();
  /// Tells gRPC of the end, where there is one and nothing is under way. Once.
  void FinishIfDue();
  /// Makes sending_ of what the agent has not been told. False where there is nothing.
  bool Compose() KGS_REQUIRES(mutex_);

  Owner& owner_;
  const base::Clock& clock_;
  /// There until OnDone.
  const grpc::CallbackServerContext& context_;
  const std::string peer_;
  const ReportLimits limits_;

  /// gRPC orders the reads; the lock shows that order to ThreadSanitizer.
  base::Mutex read_mutex_;
  /// Set by the Hello.
  std::optional<ReportReader> reader_ KGS_GUARDED_BY(read_mutex_);
  std::string node_ KGS_GUARDED_BY(read_mutex_);
  uint64_t number_ KGS_GUARDED_BY(read_mutex_) = 0;
  std::shared_ptr<AgentClock> agent_clock_ KGS_GUARDED_BY(read_mutex_);
  /// Nothing where agents need no proof.
  std::optional<AgentIdentity> identity_ KGS_GUARDED_BY(read_mutex_);
  RateLimit rate_ KGS_GUARDED_BY(read_mutex_);
  /// Owned by gRPC while a read is under way, by OnReadDone otherwise.
  pb::AgentMessage read_;

  base::Mutex mutex_;
  /// Set before gRPC knows the stream, cleared by OnDone.
  std::shared_ptr<AgentStream> self_ KGS_GUARDED_BY(mutex_);
  /// Calls of ours to gRPC from outside of its own: it must not hear of the end before them.
  int holds_ KGS_GUARDED_BY(mutex_) = 0;
  bool begun_ KGS_GUARDED_BY(mutex_) = false;
  bool writing_ KGS_GUARDED_BY(mutex_) = false;
  /// The status to end with once nothing is under way.
  std::optional<grpc::Status> ending_ KGS_GUARDED_BY(mutex_);
  base::SteadyTime ending_since_ KGS_GUARDED_BY(mutex_);
  bool finished_ KGS_GUARDED_BY(mutex_) = false;
  std::shared_ptr<const SharedInterest> interest_ KGS_GUARDED_BY(mutex_);
  std::shared_ptr<const SharedInterest> own_interest_ KGS_GUARDED_BY(mutex_);
  /// The versions that were sent.
  uint64_t interest_sent_ KGS_GUARDED_BY(mutex_) = 0;
  uint64_t own_interest_sent_ KGS_GUARDED_BY(mutex_) = 0;
  uint64_t list_pods_ KGS_GUARDED_BY(mutex_) = 0;
  uint64_t list_pods_sent_ KGS_GUARDED_BY(mutex_) = 0;
  /// Owned by gRPC while writing_.
  pb::HubMessage sending_;
};

}  // namespace kgs::fleet
