// SPDX-License-Identifier: Apache-2.0
//
// The server side of one stream on which only the latest message matters: while a write is under
// way a newer message replaces the one that waits, so nothing queues behind a slow client.
#pragma once

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
  /// \p on_done is called once, on a gRPC thread, when nothing more can be sent.
  static std::shared_ptr<PushStream> Make(std::function<void(PushStream*)> on_done) {
    auto stream = std::shared_ptr<PushStream>(new PushStream(std::move(on_done)));
    base::MutexLock lock(stream->mutex_);
    stream->self_ = stream;
    return stream;
  }

  /// Sends \p message, or replaces the one that waits. Nothing once the stream is ending.
  void Send(Message message) {
    {
      base::MutexLock lock(mutex_);
      if (ending_ || finished_) return;
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
      if (ending_ || finished_) return;
      if (writing_) {
        ending_ = std::move(status);
        return;
      }
      finished_ = true;
    }
    this->Finish(status);
  }

  void OnWriteDone(bool ok) override {
    std::optional<grpc::Status> finish;
    {
      base::MutexLock lock(mutex_);
      writing_ = false;
      if (!ok) {
        finish = grpc::Status(grpc::StatusCode::CANCELLED, "the client went away");
      } else if (ending_) {
        finish = ending_;
      } else if (waiting_) {
        writing_ = true;
        sending_ = std::move(*waiting_);
        waiting_.reset();
      } else {
        return;
      }
      finished_ = finish.has_value();
    }
    if (finish) {
      this->Finish(*finish);
    } else {
      this->StartWrite(&sending_);
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
  explicit PushStream(std::function<void(PushStream*)> on_done) : on_done_(std::move(on_done)) {}

  const std::function<void(PushStream*)> on_done_;
  base::Mutex mutex_;
  /// Set before gRPC knows the stream, cleared by OnDone.
  std::shared_ptr<PushStream> self_ KGS_GUARDED_BY(mutex_);
  bool writing_ KGS_GUARDED_BY(mutex_) = false;
  bool finished_ KGS_GUARDED_BY(mutex_) = false;
  /// The status to end with once the write under way is done.
  std::optional<grpc::Status> ending_ KGS_GUARDED_BY(mutex_);
  std::optional<Message> waiting_ KGS_GUARDED_BY(mutex_);
  /// Owned by gRPC while writing_, by the thread that sets writing_ otherwise.
  Message sending_;
};

}  // namespace kgs::scaler
