// SPDX-License-Identifier: Apache-2.0
//
// The agent's tie to one hub replica: one channel, over which a stream is opened again whenever the
// last has ended.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <optional>
#include <string>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/jitter.h"
#include "base/mutex.h"
#include "fleet/beat.h"
#include "fleet/hub_stream.h"
#include "fleet/publisher.h"
#include "telemetry/counters.h"

namespace kgs::fleet {

/// Turn and Close: the publisher's thread. Others: any.
class HubLink final : public HubStream::Owner, public std::enable_shared_from_this<HubLink> {
 public:
  /// What the links of one publisher share. It outlives every stream.
  class Host {
   public:
    virtual ~Host() = default;
    /// There may be something to do in Turn.
    virtual void Wake() = 0;
    virtual void OnListPods() = 0;
    /// As many ends as starts. What ended is let go later, on a thread of the host's, and with it
    /// perhaps the link.
    virtual void OnStreamStart() = 0;
    virtual void OnStreamEnd(std::shared_ptr<HubStream> stream) = 0;
  };

  /// \p options and \p access must outlive it.
  HubLink(const std::string& address, const PublisherOptions& options, const HubAccess& access,
          const base::Clock& clock, telemetry::PublisherCounters& counters, Host& host);

  /// Connects and sends where either is due. \p report may be null. Returns when it is next due;
  /// what comes from the hub before wakes the host.
  base::SteadyTime Turn(base::SteadyTime now, const Beat::Report& report,
                        const std::shared_ptr<const Interest>& interest);
  /// Ends the stream; there will be no other.
  void Close();

  HubState State() const;
  /// What the hub wants to be told of; nothing while it is not connected. The same object while it
  /// is the same.
  std::shared_ptr<const Interest> interest() const;
  /// Which engines the hub wants asked; as interest().
  std::shared_ptr<const EngineScrapes> scrapes() const;

  void OnHubMessage(const pb::HubMessage& message) override;
  void OnWritable() override { host_.Wake(); }
  void OnEnd(const grpc::Status& status, std::shared_ptr<HubStream> self) override;

 private:
  void Connect();
  /// Makes the channel anew where there is none, or where what to trust has been renewed.
  void MakeChannel();
  /// Sends what is due on \p stream.
  base::SteadyTime Report(HubStream& stream, base::SteadyTime now, const Beat::Report& report,
                          const std::shared_ptr<const Interest>& interest);
  /// Under the lock: what a stream that ended with \p status leaves behind. True where that is
  /// news.
  bool NoteEnd(const grpc::Status& status) KGS_REQUIRES(mutex_);
  /// An end with OK is no trouble: the hub shuts down, or the token has been used up.
  void LogEnd(const std::string& problem, bool ok) const;

  const std::string address_;
  const PublisherOptions& options_;
  const HubAccess& access_;
  const base::Clock& clock_;
  telemetry::PublisherCounters& counters_;
  Host& host_;
  const pb::Hello hello_;
  // Of the publisher's thread.
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::unique_ptr<pb::Fleet::Stub> stub_;
  Beat beat_;

  mutable base::Mutex mutex_;
  base::Backoff backoff_ KGS_GUARDED_BY(mutex_);
  base::RandomFraction random_ KGS_GUARDED_BY(mutex_);
  base::SteadyTime next_connect_ KGS_GUARDED_BY(mutex_);
  /// From the start of a stream to its OnEnd.
  bool under_way_ KGS_GUARDED_BY(mutex_) = false;
  /// Of what is under way; null for the moment of its start.
  std::shared_ptr<HubStream> stream_ KGS_GUARDED_BY(mutex_);
  base::SteadyTime under_way_since_ KGS_GUARDED_BY(mutex_);
  std::optional<base::SteadyTime> connected_since_ KGS_GUARDED_BY(mutex_);
  /// What is under way was ended since the hub does not answer.
  bool gave_up_ KGS_GUARDED_BY(mutex_) = false;
  std::shared_ptr<const Interest> interest_ KGS_GUARDED_BY(mutex_);
  std::shared_ptr<const EngineScrapes> scrapes_ KGS_GUARDED_BY(mutex_);
  uint64_t list_pods_ KGS_GUARDED_BY(mutex_) = 0;
  bool closed_ KGS_GUARDED_BY(mutex_) = false;
  std::string problem_ KGS_GUARDED_BY(mutex_);
};

}  // namespace kgs::fleet
