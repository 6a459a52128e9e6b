// SPDX-License-Identifier: Apache-2.0
//
// The server side of one stream on which only the latest message matters: while a write is under
// way a newer message replaces the one that waits, so nothing queues behind a slow client.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/mutex.h"

namespace kgs::scaler {

/// Kept alive by its own pointer until gRPC is done with it, whoever else holds it. All members may
/// be called from any thread. gRPC is never called with the lock held: its calls may end in OnDone.
template <typename Message>
class PushStream final : public grpc::ServerWriteReactor<Message> {
 public:
  /// \p on_done is called once, on a gRPC thread, when nothing more can be sent. \p context is the
  /// stream's own.
  static std::shared_ptr<PushStream> Make(const grpc::CallbackServerContext& context,
                                          std::function<void(PushStream*)> on_done) {
    auto stream = std::shared_ptr<PushStream>(new PushStream(context, std::move(on_done)));
    base::MutexLock lock(stream->mutex_);
    stream->self_ = stream;
    return stream;
  }

  /// Sends \p message, or replaces the one that waits. Nothing once the stream is ending.
  void Send(Message message) {
    {
      base::MutexLock lock(mutex_);
      if (ending_) return;
      if (writing_) {
        waiting_ = std::move(message);
        return;
      }
      writing_ = true;
      sending_ = std::move(message);
    }
    this->StartWrite(&sending_);
  }

  /// Ends the stream with \p status after the write under way.
  void End(grpc::Status status) {
    {
      base::MutexLock lock(mutex_);
      if (!ending_) ending_ = std::move(status);
    }
    FinishIfDue();
  }

  /// Cuts a stream that is ending while a write is under way: a client that takes in nothing would
  /// keep it for ever.
  void CutIfStuck() {
    {
      base::MutexLock lock(mutex_);
      if (!ending_ || !writing_) return;
      // Till then it does not finish, and the context is there.
      ++holds_;
    }
    context_.TryCancel();
    {
      base::MutexLock lock(mutex_);
      --holds_;
    }
    FinishIfDue();
  }

  void OnWriteDone(bool ok) override {
    bool more = false;
    {
      base::MutexLock lock(mutex_);
      writing_ = false;
      if (!ok && !ending_) {
        ending_ = grpc::Status(grpc::StatusCode::CANCELLED, "the client went away");
      }
      more = !ending_ && waiting_.has_value();
      if (more) {
        writing_ = true;
        sending_ = std::move(*waiting_);
        waiting_.reset();
      }
    }
    if (more) {
      this->StartWrite(&sending_);
    } else {
      FinishIfDue();
    }
  }

  void OnCancel() override { End(grpc::Status(grpc::StatusCode::CANCELLED, "cancelled")); }

  void OnDone() override {
    // The last reference may be this one.
    std::shared_ptr<PushStream> self;
    {
      base::MutexLock lock(mutex_);
      self = std::move(self_);
    }
    on_done_(this);
  }

 private:
  PushStream(const grpc::CallbackServerContext& context, std::function<void(PushStream*)> on_done)
      : context_(context), on_done_(std::move(on_done)) {}

  /// Tells gRPC of the end, where there is one and nothing is under way. Once.
  void FinishIfDue() {
    std::optional<grpc::Status> status;
    {
      base::MutexLock lock(mutex_);
      if (!ending_ || finished_ || writing_ || holds_ > 0) return;
      finished_ = true;
      status = ending_;
    }
    this->Finish(*status);
  }

  /// There until OnDone.
  const grpc::CallbackServerContext& context_;
  const std::function<void(PushStream*)> on_done_;
  base::Mutex mutex_;
  /// Set before gRPC knows the stream, cleared by OnDone.
  std::shared_ptr<PushStream> self_ KGS_GUARDED_BY(mutex_);
  bool writing_ KGS_GUARDED_BY(mutex_) = false;
  /// The status to end with once nothing is under way.
  std::optional<grpc::Status> ending_ KGS_GUARDED_BY(mutex_);
  /// Calls of ours that need the context.
  int holds_ KGS_GUARDED_BY(mutex_) = 0;
  bool finished_ KGS_GUARDED_BY(mutex_) = false;
  std::optional<Message> waiting_ KGS_GUARDED_BY(mutex_);
  /// Owned by gRPC while writing_, by the thread that sets writing_ otherwise.
  Message sending_;
};

}  // namespace kgs::scaler
