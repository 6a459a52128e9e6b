// SPDX-License-Identifier: Apache-2.0
//
// A kubelet's PodResources server on a unix socket, in the test's hands. Its protocol's C++ names
// are in namespace v1; link kgs_proto.
#pragma once

#include <grpc/grpc.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "model/allocation.h"
#include "podresources.grpc.pb.h"

namespace kgs::testing {

/// A pod of one container.
struct FakePod {
  std::string pod_namespace;
  std::string name;
  /// Ids by resource.
  std::map<std::string, std::vector<std::string>> devices;
  std::vector<model::DraDevice> dra;
};

/// Serves from the constructor on; all members may be called from any thread, Start and Stop from
/// one.
class FakeKubelet final : private v1::PodResourcesLister::Service {
 public:
  explicit FakeKubelet(const std::filesystem::path& socket) : socket_(socket.string()) { Start(); }
  ~FakeKubelet() override { Stop(); }

  const std::string& socket() const { return socket_; }

  /// A new socket file, as a kubelet's restart makes one. The answers are those of before.
  void Start() {
    {
      base::MutexLock lock(mutex_);
      stopping_ = false;
    }
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      std::fprintf(stderr, "FakeKubelet cannot listen on %s\n", socket_.c_str());
      std::abort();
    }
  }

  /// Ends the calls under way and all connections, and removes the socket file.
  void Stop() {
    if (server_ == nullptr) return;
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
    }
    changed_.NotifyAll();
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
    std::filesystem::remove(socket_);
  }

  void Answer(const std::vector<FakePod>& pods) {
    v1::ListPodResourcesResponse response;
    for (const FakePod& pod : pods) AddTo(response, pod);
    AnswerWith(std::move(response));
  }
  void AnswerWith(v1::ListPodResourcesResponse response) {
    base::MutexLock lock(mutex_);
    response_ = std::make_shared<const v1::ListPodResourcesResponse>(std::move(response));
    failure_ = grpc::Status::OK;
  }
  /// From now on, until the next answer is set.
  void Fail(grpc::StatusCode code, const std::string& message) {
    base::MutexLock lock(mutex_);
    failure_ = grpc::Status(code, message);
  }
  /// What a kubelet says to more than 100 calls a second.
  void FailForRate() { Fail(grpc::StatusCode::RESOURCE_EXHAUSTED, "rejected by rate limit"); }

  /// Calls are taken but not answered until Release or Stop.
  void Hold() {
    base::MutexLock lock(mutex_);
    held_ = true;
  }
  void Release() {
    {
      base::MutexLock lock(mutex_);
      held_ = false;
    }
    changed_.NotifyAll();
  }

  /// Taken so far, held and failed ones included.
  int calls() const {
    base::MutexLock lock(mutex_);
    return calls_;
  }
  void AwaitCalls(int calls) {
    base::MutexLock lock(mutex_);
    while (calls_ < calls) changed_.Wait(mutex_);
  }

 private:
  static void AddTo(v1::ListPodResourcesResponse& response, const FakePod& from) {
    v1::PodResources& pod = *response.add_pod_resources();
    pod.set_namespace_(from.pod_namespace);
    pod.set_name(from.name);
    v1::ContainerResources& container = *pod.add_containers();
    container.set_name("main");
    for (const auto& [resource, ids] : from.devices) {
      v1::ContainerDevices& devices = *container.add_devices();
      devices.set_resource_name(resource);
      for (const std::string& id : ids) devices.add_device_ids(id);
    }
    for (const model::DraDevice& device : from.dra) {
      v1::ClaimResource& claim = *container.add_dynamic_resources()->add_claim_resources();
      claim.set_driver_name(device.driver);
      claim.set_pool_name(device.pool);
      claim.set_device_name(device.device);
    }
  }

  grpc::Status List(grpc::ServerContext* /*context*/,
                    const v1::ListPodResourcesRequest* /*request*/,
                    v1::ListPodResourcesResponse* response) override {
    std::shared_ptr<const v1::ListPodResourcesResponse> answer;
    grpc::Status failure;
    {
      base::MutexLock lock(mutex_);
      ++calls_;
      changed_.NotifyAll();
      while (held_ && !stopping_) changed_.Wait(mutex_);
      answer = response_;
      failure = failure_;
    }
    if (failure.ok()) *response = *answer;
    return failure;
  }

  const std::string socket_;
  std::unique_ptr<grpc::Server> server_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::shared_ptr<const v1::ListPodResourcesResponse> response_ KGS_GUARDED_BY(mutex_) =
      std::make_shared<const v1::ListPodResourcesResponse>();
  grpc::Status failure_ KGS_GUARDED_BY(mutex_);
  bool held_ KGS_GUARDED_BY(mutex_) = false;
  bool stopping_ KGS_GUARDED_BY(mutex_) = false;
  int calls_ KGS_GUARDED_BY(mutex_) = 0;
};

}  // namespace kgs::testing
