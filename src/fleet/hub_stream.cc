// SPDX-License-Identifier: Apache-2.0
#include "fleet/hub_stream.h"

#include <utility>

#include "fleet/agent_identity.h"

namespace kgs::fleet {

std::shared_ptr<HubStream> HubStream::Start(pb::Fleet::Stub& stub, const pb::Hello& hello,
                                            const std::string& token,
                                            std::shared_ptr<Owner> owner) {
  auto stream = std::shared_ptr<HubStream>(new HubStream(std::move(owner)));
  if (!token.empty()) stream->context_.AddMetadata(kTokenHeader, kTokenPrefix + token);
  *stream->sending_.mutable_hello() = hello;
  {
    base::MutexLock lock(stream->mutex_);
    stream->self_ = stream;
    stream->writing_ = true;
  }
  stub.async()->Connect(&stream->context_, stream.get());
  // Send writes from outside of gRPC's calls to us: without a hold the stream could be gone by
  // then.
  stream->AddHold();
  stream->StartRead(&stream->read_);
  stream->StartWrite(&stream->sending_);
  stream->StartCall();
  return stream;
}

bool HubStream::Send(const model::NodeReport& report, const base::Clock& clock) {
  {
    base::MutexLock lock(mutex_);
    if (!connected_ || writing_ || ended_) return false;
    writing_ = true;
  }
  writer_.Write(report, clock.Now(), sending_.mutable_report());
  StartWrite(&sending_);
  return true;
}

bool HubStream::MayLetGo() {
  if (!ended_ || writing_ || let_go_) return false;
  let_go_ = true;
  return true;
}

void HubStream::OnReadDone(bool ok) {
  bool let_go = false;
  {
    base::MutexLock lock(mutex_);
    connected_ |= ok;
    ended_ |= !ok;
    let_go = MayLetGo();
  }
  if (let_go) RemoveHold();
  if (!ok) return;
  pb::HubMessage message;
  {
    base::MutexLock lock(read_mutex_);
    message.Swap(&read_);
  }
  owner_->OnHubMessage(message);
  StartRead(&read_);
}

void HubStream::OnWriteDone(bool ok) {
  bool let_go = false;
  bool writable = false;
  {
    base::MutexLock lock(mutex_);
    writing_ = false;
    ended_ |= !ok;
    let_go = MayLetGo();
    writable = connected_ && !ended_;
  }
  if (let_go) RemoveHold();
  if (writable) owner_->OnWritable();
}

void HubStream::OnDone(const grpc::Status& status) {
  std::shared_ptr<HubStream> self;
  {
    base::MutexLock lock(mutex_);
    self = std::move(self_);
  }
  Owner& owner = *owner_;
  owner.OnEnd(status, std::move(self));
}

}  // namespace kgs::fleet
