// SPDX-License-Identifier: Apache-2.0
#include "kube/pod_resources/kubelet_client.h"

#include <grpc/support/time.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <utility>

#include "base/mutex.h"
#include "base/strings.h"
#include "kube/pod_resources/socket_check.h"
#include "podresources.grpc.pb.h"

namespace kgs::kube {
namespace {

using Kind = KubeletClient::Answer::Kind;

/// gRPC's own limit of 4 MiB is below what a node of many pods and devices answers.
constexpr int kLongestAnswerMib = 16;
constexpr int kFirstReconnectMs = 100;
constexpr int kLongestReconnectMs = 1000;
constexpr size_t kLongestDetail = 200;
/// Of a wait that cannot be cancelled.
constexpr base::Duration kWaitSlice = std::chrono::milliseconds(100);

int Milliseconds(base::Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

/// Monotonic: a step of the wall clock neither ends a wait nor makes it last.
gpr_timespec After(base::Duration duration) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(Milliseconds(duration), GPR_TIMESPAN));
}

std::shared_ptr<grpc::Channel> NewChannel(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kLongestAnswerMib << 20);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestReconnectMs);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(UnixTarget(socket), grpc::InsecureChannelCredentials(),
                                   arguments);
}

model::PodAllocation FromWire(const v1::PodResources& wire) {
  model::PodAllocation pod;
  pod.pod = {wire.namespace_(), wire.name()};
  for (const v1::ContainerResources& container : wire.containers()) {
    for (const v1::ContainerDevices& devices : container.devices()) {
      for (const std::string& id : devices.device_ids()) {
        pod.plugin_devices.push_back({devices.resource_name(), id});
      }
    }
    for (const v1::DynamicResource& claim : container.dynamic_resources()) {
      for (const v1::ClaimResource& device : claim.claim_resources()) {
        pod.dra_devices.push_back({device.driver_name(), device.pool_name(), device.device_name()});
      }
    }
  }
  return pod;
}

/// The kubelet's limit and gRPC's on the length of a message share a code.
bool IsTooLong(const grpc::Status& status) {
  return status.error_message().find("larger than max") != std::string::npos;
}

KubeletClient::Answer Failure(const grpc::Status& status, const std::string& socket) {
  const std::string kubelet = "the kubelet at " + socket;
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE: {
      const std::string why = WhyNotConnected(socket);
      // In the words of a deadline that passed: a kubelet that is frozen shows both in turn.
      return {Kind::kUnreachable, {}, why.empty() ? kubelet + " does not answer" : why};
    }
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return {Kind::kFailed, {}, kubelet + " does not answer"};
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      if (IsTooLong(status)) {
        return {Kind::kFailed,
                {},
                "the answer of " + kubelet + " is longer than " +
                    std::to_string(kLongestAnswerMib) + " MiB"};
      }
      return {Kind::kTooOften,
              {},
              kubelet + " is asked too often, by all its clients together (its rate limit)"};
    case grpc::StatusCode::UNIMPLEMENTED:
      return {Kind::kFailed,
              {},
              "what listens on " + socket +
                  " does not know PodResources v1: it is no kubelet, or one before 1.20"};
    default:
      return {Kind::kFailed,
              {},
              kubelet + " answers with gRPC code " + std::to_string(status.error_code()) + ": " +
                  base::Truncate(base::OneLine(base::ReplaceInvalidUtf8(status.error_message())),
                                 kLongestDetail)};
  }
}

}  // namespace

class KubeletClient::Impl {
 public:
  Impl(std::string socket, base::Duration deadline)
      : socket_(std::move(socket)),
        deadline_(deadline),
        channel_(NewChannel(socket_)),
        stub_(v1::PodResourcesLister::NewStub(channel_)) {}

  Answer List() {
    grpc::ClientContext context;
    context.set_deadline(After(deadline_));
    if (!Begin(context)) return {Kind::kCancelled, {}, ""};
    v1::ListPodResourcesResponse response;
    const grpc::Status status = stub_->List(&context, {}, &response);
    if (!End()) return {Kind::kCancelled, {}, ""};
    if (!status.ok()) return Failure(status, socket_);

    Answer answer;
    answer.pods.reserve(static_cast<size_t>(response.pod_resources_size()));
    for (const v1::PodResources& pod : response.pod_resources()) {
      answer.pods.push_back(FromWire(pod));
    }
    return answer;
  }

  void AwaitConnection(base::Duration longest) {
    const base::SteadyTime end = std::chrono::steady_clock::now() + longest;
    while (!cancelled() && std::chrono::steady_clock::now() < end &&
           !channel_->WaitForConnected(After(kWaitSlice))) {
    }
  }

  void Cancel() {
    base::MutexLock lock(mutex_);
    cancelled_ = true;
    // Only marks the call; what follows from it happens on gRPC's threads.
    if (call_ != nullptr) call_->TryCancel();
  }

  bool calling() const {
    base::MutexLock lock(mutex_);
    return call_ != nullptr;
  }

 private:
  bool Begin(grpc::ClientContext& context) {
    base::MutexLock lock(mutex_);
    if (cancelled_) return false;
    call_ = &context;
    return true;
  }

  bool cancelled() const {
    base::MutexLock lock(mutex_);
    return cancelled_;
  }

  /// False where the call was cancelled.
  bool End() {
    base::MutexLock lock(mutex_);
    call_ = nullptr;
    return !cancelled_;
  }

  const std::string socket_;
  const base::Duration deadline_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::PodResourcesLister::Stub> stub_;
  mutable base::Mutex mutex_;
  grpc::ClientContext* call_ KGS_GUARDED_BY(mutex_) = nullptr;
  bool cancelled_ KGS_GUARDED_BY(mutex_) = false;
};

KubeletClient::KubeletClient(const std::string& socket, base::Duration deadline)
    : impl_(std::make_unique<Impl>(socket, deadline)) {}

KubeletClient::~KubeletClient() = default;

KubeletClient::Answer KubeletClient::List() { return impl_->List(); }
void KubeletClient::AwaitConnection(base::Duration longest) { impl_->AwaitConnection(longest); }
void KubeletClient::Cancel() { impl_->Cancel(); }
bool KubeletClient::calling() const { return impl_->calling(); }

}  // namespace kgs::kube
