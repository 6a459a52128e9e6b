// SPDX-License-Identifier: Apache-2.0
#include "fleet/agent_stream.h"

#include <absl/status/status.h>

#include <utility>

#include "fleet/hello.h"

namespace kgs::fleet {
namespace {

/// Where an agent takes in nothing it is not told how its stream ends.
constexpr base::Duration kLongestEnding = std::chrono::seconds(5);

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

}  // namespace

std::shared_ptr<AgentStream> AgentStream::Make(Owner& owner, const base::Clock& clock,
                                               const grpc::CallbackServerContext& context,
                                               const ReportLimits& limits) {
  auto stream = std::shared_ptr<AgentStream>(new AgentStream(owner, clock, context, limits));
  base::MutexLock lock(stream->mutex_);
  stream->self_ = stream;
  return stream;
}

void AgentStream::Start(absl::StatusOr<std::optional<AgentIdentity>> identity) {
  {
    base::MutexLock lock(mutex_);
    // From here on the end waits for us, so that stream and owner are there.
    if (ending_) return;
    ++holds_;
  }
  if (identity.ok()) {
    {
      // With it what has been made so far is handed to gRPC's threads.
      base::MutexLock lock(read_mutex_);
      identity_ = *std::move(identity);
    }
    StartRead(&read_);
  } else {
    owner_.OnRefusal(peer_, identity.status(), std::nullopt);
    End(ToGrpc(identity.status()));
  }
  LetGo();
}

bool AgentStream::EndIfExpired() {
  {
    base::MutexLock lock(read_mutex_);
    if (!identity_ || clock_.Now() < identity_->expires) return false;
  }
  // No failure: the agent comes back with the token that its kubelet has made of it by then.
  End(grpc::Status::OK);
  return true;
}

void AgentStream::CutIfStuck(base::SteadyTime now) {
  {
    base::MutexLock lock(mutex_);
    if (!ending_ || !writing_ || now - ending_since_ < kLongestEnding) return;
    ending_ = grpc::Status(grpc::StatusCode::CANCELLED, "the agent takes in nothing");
    ++holds_;
  }
  context_.TryCancel();
  LetGo();
}

void AgentStream::Keep(std::shared_ptr<const SharedInterest> interest,
                       std::shared_ptr<const SharedInterest>& kept) {
  if (interest != nullptr && (kept == nullptr || interest->version > kept->version)) {
    kept = std::move(interest);
  }
}

void AgentStream::SetInterest(std::shared_ptr<const SharedInterest> interest) {
  {
    base::MutexLock lock(mutex_);
    Keep(std::move(interest), interest_);
  }
  TellAgent();
}

void AgentStream::SetOwnInterest(std::shared_ptr<const SharedInterest> interest) {
  {
    base::MutexLock lock(mutex_);
    Keep(std::move(interest), own_interest_);
  }
  TellAgent();
}

void AgentStream::ListPods() {
  {
    base::MutexLock lock(mutex_);
    ++list_pods_;
  }
  TellAgent();
}

bool AgentStream::Compose() {
  if (!begun_ || ending_ || writing_) return false;
  sending_.Clear();
  const uint64_t version = interest_ == nullptr ? 0 : interest_->version;
  const uint64_t own_version = own_interest_ == nullptr ? 0 : own_interest_->version;
  const bool new_interest = version > interest_sent_ || own_version > own_interest_sent_;
  if (!new_interest && list_pods_ == list_pods_sent_) return false;
  if (new_interest) {
    // All of it: it replaces what was said before.
    if (interest_ != nullptr) *sending_.mutable_interest() = interest_->message;
    if (own_interest_ != nullptr) sending_.mutable_interest()->MergeFrom(own_interest_->message);
    interest_sent_ = version;
    own_interest_sent_ = own_version;
  }
  sending_.set_list_pods(list_pods_);
  list_pods_sent_ = list_pods_;
  writing_ = true;
  return true;
}

void AgentStream::TellAgent() {
  {
    base::MutexLock lock(mutex_);
    if (!Compose()) return;
  }
  StartWrite(&sending_);
}

void AgentStream::End(const grpc::Status& status) {
  {
    base::MutexLock lock(mutex_);
    if (!ending_) {
      ending_ = status;
      ending_since_ = clock_.Now();
    }
  }
  FinishIfDue();
}

void AgentStream::LetGo() {
  {
    base::MutexLock lock(mutex_);
    --holds_;
  }
  FinishIfDue();
}

void AgentStream::FinishIfDue() {
  std::optional<grpc::Status> status;
  {
    base::MutexLock lock(mutex_);
    if (!ending_ || finished_ || writing_ || holds_ > 0) return;
    finished_ = true;
    status = ending_;
  }
  Finish(*status);
}

absl::StatusOr<std::shared_ptr<const model::NodeReport>> AgentStream::ReadReport() {
  if (!reader_) return absl::InvalidArgumentError("a report before the Hello");
  const base::SteadyTime received = clock_.Now();
  const ClockOffset offset = agent_clock_->Add(read_.report().sent_ns(), received);
  return reader_->Read(read_.report(), offset);
}

absl::Status AgentStream::TakeHello(const pb::Hello& hello) {
  if (const absl::Status status = CheckHello(hello); !status.ok()) return status;
  {
    base::MutexLock lock(read_mutex_);
    if (identity_ && identity_->node != hello.node()) {
      return absl::PermissionDeniedError("the token is of node " + identity_->node +
                                         ", the agent says that it is on " + hello.node());
    }
  }
  absl::StatusOr<Session> session = owner_.OnHello(this, hello);
  if (!session.ok()) return session.status();
  {
    base::MutexLock lock(read_mutex_);
    node_ = hello.node();
    reader_.emplace(hello.node());
    number_ = session->number;
    agent_clock_ = std::move(session->clock);
  }
  {
    base::MutexLock lock(mutex_);
    Keep(std::move(session->interest), interest_);
    Keep(std::move(session->own_interest), own_interest_);
    begun_ = true;
  }
  TellAgent();
  return absl::OkStatus();
}

absl::Status AgentStream::CheckReport(std::optional<telemetry::Limit>& limit) {
  if (!rate_.Take(clock_.Now())) {
    limit = telemetry::Limit::kReportRate;
    return absl::ResourceExhaustedError("more reports than --max-report-rate a second");
  }
  if (read_.ByteSizeLong() > limits_.most_bytes) {
    limit = telemetry::Limit::kReportBytes;
    return absl::ResourceExhaustedError("a report of more than --max-report-bytes");
  }
  return absl::OkStatus();
}

absl::Status AgentStream::TakeMessage() {
  absl::Status status;
  std::optional<pb::Hello> hello;
  std::shared_ptr<const model::NodeReport> report;
  std::string node;
  uint64_t number = 0;
  size_t bytes = 0;
  std::optional<telemetry::Limit> limit;
  {
    base::MutexLock lock(read_mutex_);
    number = number_;
    status = CheckReport(limit);
    if (!status.ok()) {
      // Told below.
    } else if (read_.has_report()) {
      auto read = ReadReport();
      status = read.status();
      if (read.ok()) report = *std::move(read);
      bytes = read_.ByteSizeLong();
    } else if (reader_ && read_.has_hello()) {
      status = absl::InvalidArgumentError("a second Hello");
    } else if (read_.has_hello()) {
      hello = read_.hello();
    } else if (!reader_) {
      status = absl::InvalidArgumentError("the first message is no Hello");
    }
    if (!status.ok()) node = node_;
    // What the message held is not kept until the next one comes.
    read_.Clear();
  }
  if (hello) status = TakeHello(*hello);
  if (hello && absl::IsResourceExhausted(status)) limit = telemetry::Limit::kStreamsPerPeer;
  if (absl::IsInvalidArgument(status)) {
    owner_.OnBreach(node, peer_, status);
  } else if (!status.ok() && !absl::IsCancelled(status)) {
    owner_.OnRefusal(peer_, status, limit);
  }
  if (report != nullptr && !owner_.OnReport(number, std::move(report), bytes)) {
    return absl::AbortedError(kTakenOver);
  }
  return status;
}

void AgentStream::OnReadDone(bool ok) {
  if (!ok) {
    End(grpc::Status::OK);
    return;
  }
  if (EndIfExpired()) return;
  const absl::Status status = TakeMessage();
  if (status.ok()) {
    StartRead(&read_);
  } else {
    End(ToGrpc(status));
  }
}

void AgentStream::OnWriteDone(bool ok) {
  bool more = false;
  {
    base::MutexLock lock(mutex_);
    writing_ = false;
    more = ok && Compose();
  }
  if (more) {
    StartWrite(&sending_);
  } else if (ok) {
    FinishIfDue();
  } else {
    End(grpc::Status(grpc::StatusCode::CANCELLED, "the agent went away"));
  }
}

void AgentStream::OnCancel() { End(grpc::Status(grpc::StatusCode::CANCELLED, "cancelled")); }

void AgentStream::OnDone() {
  // The last reference may be this one.
  std::shared_ptr<AgentStream> self;
  {
    base::MutexLock lock(mutex_);
    self = std::move(self_);
  }
  owner_.OnEnd(this);
}

}  // namespace kgs::fleet
