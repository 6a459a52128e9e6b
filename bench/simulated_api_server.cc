// SPDX-License-Identifier: Apache-2.0
#include "bench/simulated_api_server.h"

#include <httplib.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace kgs::bench {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kResourceVersion[] = "1000";
constexpr char kJson[] = "application/json";
constexpr auto kBookmarkInterval = seconds(5);
/// Each watch has a thread of its own.
constexpr size_t kThreads = 16;

/// One kind of object: how many there are, and the one at a place.
struct Collection {
  std::string api_version;
  std::string kind;
  int count = 0;
  std::function<json(int)> object;
};

std::string Rfc3339(std::chrono::system_clock::time_point at) {
  const time_t unix_seconds = std::chrono::system_clock::to_time_t(at);
  tm utc{};
  gmtime_r(&unix_seconds, &utc);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

/// Braces alone would leave it to the library whether a list of one is meant.
json ListOf(json only) {
  json list = json::array();
  list.push_back(std::move(only));
  return list;
}

json Metadata(const std::string& name, const std::string& uid) {
  return {{"name", name},
          {"namespace", kFleetNamespace},
          {"uid", uid},
          {"resourceVersion", kResourceVersion},
          {"generation", 1}};
}

json ScaledObject(int workload) {
  json metadata;
  for (const auto& [key, value] : kTriggerMetadata) metadata[key] = value;
  const std::string name = SimulatedFleet::WorkloadName(workload);
  return {
      {"metadata", Metadata(name, "scaledobject-" + name)},
      {"spec",
       {{"scaleTargetRef", {{"name", name}}},
        {"pollingInterval", 15},
        {"minReplicaCount", 1},
        {"maxReplicaCount", 100},
        {"triggers",
         ListOf({{"type", "external"}, {"metricType", "AverageValue"}, {"metadata", metadata}})}}},
      {"status",
       {{"scaleTargetKind", "apps/v1.Deployment"},
        {"scaleTargetGVKR",
         {{"group", "apps"},
          {"version", "v1"},
          {"kind", "Deployment"},
          {"resource", "deployments"}}}}}};
}

json Deployment(const SimulatedFleet& fleet, int workload) {
  const std::string name = SimulatedFleet::WorkloadName(workload);
  return {{"metadata", Metadata(name, "deployment-" + name)},
          {"spec",
           {{"replicas", fleet.PodsOf(workload).size()},
            {"selector", {{"matchLabels", {{"app", name}}}}},
            {"template",
             {{"metadata", {{"labels", {{"app", name}}}}},
              {"spec",
               {{"containers", ListOf({{"name", "server"}, {"image", "vllm/vllm-openai"}})}}}}}}},
          {"status", {{"replicas", fleet.PodsOf(workload).size()}}}};
}

json Pod(const SimulatedFleet& fleet, int index, const std::string& started) {
  const SimulatedPod& pod = fleet.pods()[static_cast<size_t>(index)];
  const std::string name = fleet.PodName(index);
  json metadata = Metadata(name, "pod-" + name);
  metadata["labels"] = {{"app", SimulatedFleet::WorkloadName(pod.workload)},
                        {"pod-template-hash", "7d9f8b6c54"}};
  metadata["managedFields"] =
      ListOf({{"manager", "kube-controller-manager"},
              {"operation", "Update"},
              {"fieldsV1", {{"f:metadata", {{"f:generateName", json::object()}}}}}});
  return {
      {"metadata", metadata},
      {"spec",
       {{"nodeName", SimulatedFleet::NodeName(pod.node)},
        {"containers",
         ListOf({{"name", "server"},
                 {"image", "vllm/vllm-openai"},
                 {"args", {"--model", "meta-llama/Llama-3-70B", "--tensor-parallel-size", "1"}},
                 {"resources", {{"limits", {{"nvidia.com/gpu", std::to_string(pod.gpus)}}}}}})}}},
      {"status",
       {{"phase", "Running"},
        {"startTime", started},
        {"conditions",
         ListOf({{"type", "Ready"}, {"status", "True"}, {"lastTransitionTime", started}})},
        {"containerStatuses",
         ListOf({{"name", "server"}, {"ready", true}, {"restartCount", 0}})}}}};
}

/// Bookmarks, until the client, or we, are gone.
void Watch(const Collection& collection, httplib::Server& server, httplib::Response& response) {
  const std::string bookmark = json{{"type", "BOOKMARK"},
                                    {"object",
                                     {{"apiVersion", collection.api_version},
                                      {"kind", collection.kind},
                                      {"metadata", {{"resourceVersion", kResourceVersion}}}}}}
                                   .dump() +
                               "\n";
  response.set_chunked_content_provider(
      kJson, [bookmark, &server](size_t, httplib::DataSink& sink) {
        if (!sink.write(bookmark.data(), bookmark.size())) return false;
        const auto next = std::chrono::steady_clock::now() + kBookmarkInterval;
        while (server.is_running() && std::chrono::steady_clock::now() < next) {
          std::this_thread::sleep_for(milliseconds(50));
        }
        return server.is_running();
      });
}

/// A continue token is the place of the next object.
void List(const Collection& collection, const httplib::Request& request,
          httplib::Response& response) {
  const auto parameter = [&](const char* name, int absent) {
    return static_cast<int>(base::ParseInteger(request.get_param_value(name)).value_or(absent));
  };
  const int begin = std::clamp(parameter("continue", 0), 0, collection.count);
  const int limit = std::max(parameter("limit", collection.count), 1);
  const int end = std::min(begin + limit, collection.count);
  json metadata = {{"resourceVersion", kResourceVersion}};
  if (end < collection.count) metadata["continue"] = std::to_string(end);
  json items = json::array();
  for (int i = begin; i < end; ++i) items.push_back(collection.object(i));
  response.set_content(json{{"apiVersion", collection.api_version},
                            {"kind", collection.kind + "List"},
                            {"metadata", metadata},
                            {"items", std::move(items)}}
                           .dump(),
                       kJson);
}

void Serve(httplib::Server& server, const std::string& path, Collection collection) {
  server.Get(path, [&server, collection = std::move(collection)](const httplib::Request& request,
                                                                 httplib::Response& response) {
    if (request.get_param_value("watch") == "true") {
      Watch(collection, server, response);
    } else {
      List(collection, request, response);
    }
  });
}

}  // namespace

SimulatedApiServer::SimulatedApiServer(SimulatedFleet fleet)
    : fleet_(std::move(fleet)),
      started_(Rfc3339(std::chrono::system_clock::now() - std::chrono::hours(1))),
      server_(std::make_unique<httplib::Server>()) {
  server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  Route();
}

SimulatedApiServer::~SimulatedApiServer() {
  server_->stop();
  if (thread_.joinable()) thread_.join();
}

void SimulatedApiServer::Route() {
  const std::string in_namespace = std::string("/namespaces/") + kFleetNamespace;
  Serve(*server_, "/apis/keda.sh/v1alpha1/scaledobjects",
        {"keda.sh/v1alpha1", "ScaledObject", kWorkloads, &ScaledObject});
  Serve(*server_, "/apis/keda.sh/v1alpha1/scaledjobs",
        {"keda.sh/v1alpha1", "ScaledJob", 0, nullptr});
  Serve(*server_, "/apis/apps/v1" + in_namespace + "/deployments",
        {"apps/v1", "Deployment", kWorkloads, [this](int i) { return Deployment(fleet_, i); }});
  Serve(*server_, "/api/v1" + in_namespace + "/pods",
        {"v1", "Pod", kPods, [this](int i) { return Pod(fleet_, i, started_); }});
  Serve(*server_, "/api/v1/services", {"v1", "Service", 0, nullptr});
  server_->Get("/version", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(json{{"major", "1"}, {"minor", "34"}}.dump(), kJson);
  });
  server_->set_error_handler([](const httplib::Request&, httplib::Response& response) {
    response.set_content(json{{"apiVersion", "v1"},
                              {"kind", "Status"},
                              {"status", "Failure"},
                              {"message", "the server could not find the requested resource"},
                              {"reason", "NotFound"},
                              {"code", response.status}}
                             .dump(),
                         kJson);
  });
}

absl::Status SimulatedApiServer::Start() {
  port_ = server_->bind_to_any_port("127.0.0.1");
  if (port_ <= 0) return absl::UnavailableError("the API server cannot listen on any port");
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  // Before that, stop() would not stop it.
  while (!server_->is_running()) std::this_thread::sleep_for(milliseconds(1));
  return absl::OkStatus();
}

std::string SimulatedApiServer::Kubeconfig() const {
  // JSON is YAML.
  return json{{"apiVersion", "v1"},
              {"kind", "Config"},
              {"current-context", "bench"},
              {"contexts",
               ListOf({{"name", "bench"}, {"context", {{"cluster", "bench"}, {"user", "bench"}}}})},
              {"clusters",
               ListOf({{"name", "bench"},
                       {"cluster", {{"server", "http://127.0.0.1:" + std::to_string(port_)}}}})},
              {"users", ListOf({{"name", "bench"}, {"user", json::object()}})}}
      .dump(2);
}

}  // namespace kgs::bench
