// SPDX-License-Identifier: Apache-2.0
//
// The agent's end of one stream to a hub.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "fleet.grpc.pb.h"
#include "fleet/wire.h"
#include "model/node_report.h"

namespace kgs::fleet {

/// Kept alive by its own pointer until OnEnd hands that out. gRPC is never called with a lock held.
class HubStream final : public grpc::ClientBidiReactor<pb::AgentMessage, pb::HubMessage> {
 public:
  /// All of it is called on gRPC's threads, without a lock.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The first one says that the hub is there.
    virtual void OnHubMessage(const pb::HubMessage& message) = 0;
    /// The next report may be sent.
    virtual void OnWritable() = 0;
    /// Once; nothing comes after it. \p self is to be let go on a thread that is not gRPC's: with
    /// it may go the last channel, which waits for gRPC's threads to end.
    virtual void OnEnd(const grpc::Status& status, std::shared_ptr<HubStream> self) = 0;
  };

  /// Begins a stream with \p hello, and with \p token where that is not empty.
  static std::shared_ptr<HubStream> Start(pb::Fleet::Stub& stub, const pb::Hello& hello,
                                          const std::string& token, std::shared_ptr<Owner> owner);

  /// False, and nothing sent, before the hub's first message, while a write is under way, and at
  /// the end. One thread.
  bool Send(const model::NodeReport& report, const base::Clock& clock);
  /// Ends the stream; OnEnd follows.
  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  explicit HubStream(std::shared_ptr<Owner> owner) : owner_(std::move(owner)) {}

  /// Lets gRPC end the stream, once no write of ours can come any more.
  bool MayLetGo() KGS_REQUIRES(mutex_);

  const std::shared_ptr<Owner> owner_;
  grpc::ClientContext context_;
  /// Of the thread that sends.
  ReportWriter writer_;
  /// Owned by gRPC while writing_.
  pb::AgentMessage sending_;
  /// gRPC orders the reads; the lock shows that order to ThreadSanitizer.
  base::Mutex read_mutex_;
  /// Owned by gRPC while a read is under way, by OnReadDone otherwise.
  pb::HubMessage read_;

  base::Mutex mutex_;
  /// Set before gRPC knows the stream, cleared by OnDone.
  std::shared_ptr<HubStream> self_ KGS_GUARDED_BY(mutex_);
  bool connected_ KGS_GUARDED_BY(mutex_) = false;
  bool writing_ KGS_GUARDED_BY(mutex_) = false;
  /// Nothing more can be read or written.
  bool ended_ KGS_GUARDED_BY(mutex_) = false;
  bool let_go_ KGS_GUARDED_BY(mutex_) = false;
};

}  // namespace kgs::fleet
