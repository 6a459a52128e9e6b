// SPDX-License-Identifier: Apache-2.0
#include "app/answering_side.h"

#include <utility>

#include "app/interest.h"
#include "base/log.h"
#include "fleet/view.h"
#include "scaler/decision_proto.h"
#include "scaler/workload_answers.h"
#include "tls/grpc_credentials.h"

namespace kgs::app {
namespace {

constexpr auto kLeastRefreshInterval = std::chrono::milliseconds(100);
/// Thousands of agents report at times of their own; streams are looked at no more often than this.
constexpr auto kLeastStreamInterval = std::chrono::milliseconds(50);
/// Of one connection, for calls beside its push streams.
constexpr size_t kStreamsForCalls = 10'000;

trigger::ParseOptions ParseOptionsOf(const Options& options) {
  trigger::ParseOptions parse(options.unknown_metadata);
  parse.most_keys = options.max_metadata_keys;
  parse.most_value_bytes = options.max_metadata_value_bytes;
  return parse;
}

absl::StatusOr<std::unique_ptr<EndpointSide>> MakeEndpoints(const Options& options,
                                                            const base::Clock& clock,
                                                            KubernetesSide& kubernetes,
                                                            std::function<void()> on_demand) {
  EndpointSide::Surroundings surroundings;
  surroundings.api_server = kubernetes.server();
  surroundings.owner_namespace = [&cluster =
                                      kubernetes.cluster()](const endpoint::IpAddress& address) {
    return cluster.NamespaceOfAddress(address.Text());
  };
  surroundings.on_demand = std::move(on_demand);
  return EndpointSide::Make(options, clock, std::move(surroundings));
}

}  // namespace

AnsweringSide::AnsweringSide(const Options& options, const base::Clock& clock,
                             const fleet::Store& fleet, telemetry::ScalerCounters& counters,
                             Neighbours neighbours)
    : options_(options),
      clock_(clock),
      fleet_(fleet),
      neighbours_(std::move(neighbours)),
      counters_(counters) {}

absl::Status AnsweringSide::PrepareKubernetes() {
  auto kubernetes = KubernetesSide::Make(
      options_, clock_, counters_.limits,
      {[this] { OnObjects(); }, [this](const kube::PodPtr& pod) { unlisted_pods_->OnPod(pod); }});
  if (!kubernetes.ok()) return kubernetes.status();
  auto endpoints = MakeEndpoints(options_, clock_, **kubernetes, [this] { OnReadings(); });
  if (!endpoints.ok()) return endpoints.status();
  kubernetes_ = *std::move(kubernetes);
  endpoints_ = *std::move(endpoints);
  unlisted_pods_ = std::make_unique<fleet::UnlistedPods>(fleet_, kubernetes_->store(),
                                                         neighbours_.list_pods, clock_);
  const auto problem = [this](model::ObjectKind kind, const std::string& object_namespace) {
    return kubernetes_->cluster().ProblemOf(kind, object_namespace);
  };
  triggers_ = std::make_unique<scaler::TriggerWatch>(
      scaler::TriggerWatch::Sources{
          kubernetes_->store(), problem, fleet_, neighbours_.gathers_nodes, neighbours_.on_scrapes,
          neighbours_.on_metrics, [this](const auto& targets) { endpoints_->SetTargets(targets); },
          [this](const auto& endpoint, const auto& query) {
            return endpoints_->Latest(endpoint, query);
          },
          [this](const auto& endpoint, const auto& query) {
            return endpoints_->LatestWake(endpoint, query);
          }},
      scaler::TriggerWatch::Options{ParseOptionsOf(options_), options_.decision_history}, clock_,
      counters_.limits);
  if (options_.debug_port) debug_service_ = std::make_unique<scaler::DebugService>(*triggers_);
  answers_ = std::make_unique<scaler::WorkloadAnswers>(
      scaler::WorkloadAnswers::Sources{
          kubernetes_->store(), fleet_, *triggers_, problem, [this] { Refresh(); },
          [this](const model::ObjectKey& key) { return kubernetes_->cluster().CheckTracked(key); }},
      clock_);
  return absl::OkStatus();
}

absl::Status AnsweringSide::Prepare() {
  if (KubernetesSide::IsConfigured(options_)) {
    if (absl::Status status = PrepareKubernetes(); !status.ok()) return status;
  } else {
    if (!options_.named_endpoints.empty()) {
      base::LogWarn("--named-endpoints is not used without Kubernetes");
    }
    auto answers =
        std::make_unique<scaler::NodeAnswers>(neighbours_.nodes, neighbours_.gathers_nodes, clock_);
    node_answers_ = answers.get();
    answers_ = std::move(answers);
  }
  return PrepareServer();
}

absl::Status AnsweringSide::PrepareServer() {
  scaler::ServiceOptions service;
  service.parse = ParseOptionsOf(options_);
  service.most_request_bytes = options_.max_request_bytes;
  service.streams.most_streams = options_.max_streams;
  service.streams.most_of_peer = options_.max_streams_per_peer;
  service.streams.longest_age = options_.stream_max_age;
  service.streams.least_interval = kLeastStreamInterval;
  service_ = std::make_unique<scaler::Service>(*answers_, service, clock_, counters_);
  scaler::Server::Options port;
  port.listen.address = options_.bind_address;
  port.listen.port = options_.port;
  port.longest_connection_age = options_.max_connection_age;
  port.longest_stream_age = options_.stream_max_age;
  port.most_request_bytes = 2 * options_.max_request_bytes;
  port.most_streams_of_connection = options_.max_streams_per_peer + kStreamsForCalls;
  if (options_.tls.certificate.empty()) {
    base::LogWarn("KEDA's port is plaintext and answers whoever reaches it (--tls-cert)");
  } else {
    auto files = tls::CertificateFiles::Load("keda", options_.tls);
    if (!files.ok()) return files.status();
    port.listen.credentials = tls::ServerCredentials(certificates_.Add(*std::move(files)));
  }
  auto server = scaler::Server::Start(port, *service_, debug_service_.get());
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  return absl::OkStatus();
}

void AnsweringSide::Start(std::vector<uint16_t> other_ports) {
  certificates_.Start();
  service_->streams().Start();
  service_->waiting().Start();
  if (kubernetes_ == nullptr) return;
  other_ports.push_back(static_cast<uint16_t>(port()));
  endpoints_->Start(std::move(other_ports));
  unlisted_pods_->Start();
  triggers_->Start();
  kubernetes_->Start();
}

void AnsweringSide::Stop(base::Duration patience) {
  if (server_ != nullptr) server_->Stop(patience);
  certificates_.Stop();
  if (kubernetes_ == nullptr) return;
  kubernetes_->Stop();
  unlisted_pods_->Stop();
  triggers_->Stop();
  endpoints_->Stop();
}

void AnsweringSide::Refresh() {
  // A stranger may ask as often as he likes: the loop hears of it ten times a second at most.
  const int64_t now = clock_.Now().time_since_epoch().count();
  int64_t last = last_refresh_.load();
  if (now - last < base::Duration(kLeastRefreshInterval).count()) return;
  if (last_refresh_.compare_exchange_strong(last, now)) {
    kubernetes_->cluster().RefreshObjects([] {});
  }
}

void AnsweringSide::OnObjects() {
  service_->waiting().Retry();
  service_->streams().OnSnapshot();
  if (neighbours_.on_interest)
    neighbours_.on_interest(InterestOf(kubernetes_->store().Objects(), ParseOptionsOf(options_)));
}

std::string AnsweringSide::WhyNotReady() const {
  if (kubernetes_ == nullptr || kubernetes_->cluster().Synced()) return "";
  const std::string problem = kubernetes_->cluster().Problem();
  return problem.empty() ? "Kubernetes' objects have not all been listed yet" : problem;
}

std::string AnsweringSide::KubernetesProblem() const {
  return kubernetes_ == nullptr ? "" : kubernetes_->cluster().Problem();
}

model::MetricSet AnsweringSide::AskedMetrics() const {
  return node_answers_ == nullptr ? model::MetricSet() : node_answers_->Asked();
}

std::vector<base::ThreadHealth> AnsweringSide::Health() const {
  std::vector<base::ThreadHealth> threads = {service_->streams().Health(),
                                             service_->waiting().Health()};
  for (base::ThreadHealth& health : certificates_.Health(clock_.Now())) {
    threads.push_back(std::move(health));
  }
  if (kubernetes_ != nullptr) {
    threads.push_back(unlisted_pods_->Health());
    threads.push_back(triggers_->Health());
    for (base::ThreadHealth& health : endpoints_->Health()) threads.push_back(std::move(health));
    for (base::ThreadHealth& health : kubernetes_->Health()) threads.push_back(std::move(health));
  }
  return threads;
}

std::optional<http::KubernetesMetrics> AnsweringSide::Metrics() const {
  if (kubernetes_ == nullptr) return std::nullopt;
  http::KubernetesMetrics metrics;
  metrics.problem = KubernetesProblem();
  metrics.counts = kubernetes_->store().Counts();
  metrics.watches = kubernetes_->cluster().Watches();
  const base::SteadyTime now = clock_.Now();
  for (const auto& object : kubernetes_->store().Objects()) {
    const auto workload = kubernetes_->store().Find(object->key);
    if (!workload) continue;
    for (const model::PodView& pod :
         fleet::ViewWorkload(*workload, fleet_, kubernetes_->store(), now).pods) {
      if (pod.pod->terminating || pod.pod->phase == model::PodPhase::kSucceeded ||
          pod.pod->phase == model::PodPhase::kFailed) {
        continue;
      }
      ++metrics.pods_by_reason[static_cast<size_t>(pod.unattributed)];
    }
  }
  metrics.triggers = TriggerMetrics();
  return metrics;
}

std::optional<http::EndpointMetrics> AnsweringSide::EndpointMetrics() const {
  if (endpoints_ == nullptr) return std::nullopt;
  return endpoints_->Metrics();
}

std::vector<http::TriggerMetrics> AnsweringSide::TriggerMetrics() const {
  std::vector<http::TriggerMetrics> metrics;
  for (const scaler::TriggerState& state : triggers_->States()) {
    http::TriggerMetrics& trigger = metrics.emplace_back();
    trigger.kind = model::KindName(state.key.kind);
    trigger.object_namespace = state.key.object_namespace;
    trigger.object = state.key.name;
    trigger.trigger = state.trigger_index;
    trigger.metric = state.metric;
    trigger.target = state.target;
    for (size_t i = static_cast<size_t>(decision::kFirstError); i < decision::kBranchCount; ++i) {
      trigger.errors.emplace_back(decision::BranchName(static_cast<decision::Branch>(i)),
                                  state.errors[i]);
    }
    if (!state.now) continue;
    const decision::Decision& now = *state.now;
    if (now.value.ok() && !now.value_hidden) trigger.value = *now.value;
    if (now.active.ok()) trigger.active = *now.active;
    if (now.replicas) trigger.replicas = *now.replicas;
    trigger.coverage = now.coverage;
  }
  return metrics;
}

std::string AnsweringSide::DecisionsJson() const {
  bool cut = false;
  const auto histories = triggers_->Histories("", "", scaler::kMostHistories, &cut);
  return scaler::DecisionsJson(histories, cut, scaler::Moment::Now());
}

http::DebugInput AnsweringSide::Debug() const {
  http::DebugInput input;
  input.now = clock_.Now();
  input.nodes = fleet_.All();
  if (kubernetes_ == nullptr) return input;
  input.kubernetes_problem = KubernetesProblem();
  for (const auto& object : kubernetes_->store().Objects()) {
    const auto workload = kubernetes_->store().Find(object->key);
    if (!workload) continue;
    input.workloads.push_back(
        fleet::ViewWorkload(*workload, fleet_, kubernetes_->store(), input.now));
  }
  return input;
}

}  // namespace kgs::app
