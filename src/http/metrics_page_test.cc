// SPDX-License-Identifier: Apache-2.0
#include "http/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <map>
#include <regex>
#include <sstream>

#include "base/build_info.h"

namespace kgs::http {
namespace {

using namespace std::chrono_literals;
using model::DeviceState;
using model::MetricId;
using model::Missing;
using model::Reading;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr base::SteadyTime kNow{base::SteadyTime(1h)};
constexpr base::Duration kMaxAge = 3s;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in.is_open()) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

model::GpuSnapshot Gpu(int index, const std::string& name) {
  model::GpuSnapshot gpu;
  gpu.identity.index = index;
  gpu.identity.uuid = "GPU-0000000" + std::to_string(index) + "-0000-4000-8000-000000000000";
  gpu.identity.name = name;
  return gpu;
}

class MetricsPageTest : public ::testing::Test {
 protected:
  MetricsPageTest() {
    model::SourceHealth nvml;
    nvml.backend = "nvml";
    nvml.open = true;
    snapshot_.sources = {nvml};
  }

  Page PageOf(const model::NodeSnapshot* snapshot, const std::string& why_blind) const {
    MetricsInput input{kNow};
    // Not owned: the page is built before this returns.
    const std::shared_ptr<const model::NodeSnapshot> shared(std::shared_ptr<void>(), snapshot);
    input.node = NodeMetrics{shared, kMaxAge, why_blind, &sampling_, {}};
    input.node->driver_calls = driver_calls_;
    input.scaler = &scaler_;
    return MetricsPage(input);
  }
  std::string Body() const { return PageOf(&snapshot_, "").body; }

  // Every kind of GPU and counter.
  void FillEverything() {
    model::GpuSnapshot busy = Gpu(0, "NVIDIA H100 80GB HBM3");
    const auto taken = kNow - 250ms;
    busy.readings[MetricId::kGpuUtilization] = Reading::Value(87.5, taken);
    busy.readings[MetricId::kMemoryUtilization] = Reading::Value(40, taken);
    busy.readings[MetricId::kMemoryUsedMib] = Reading::Value(40960.25, taken);
    busy.readings[MetricId::kMemoryTotalMib] = Reading::Value(81559, taken);
    busy.readings[MetricId::kMemoryUsedPercent] = Reading::Value(50.22161920818107, taken);
    busy.readings[MetricId::kTemperature] = Reading::Value(61, taken);
    busy.readings[MetricId::kPowerDraw] = Reading::Value(412.337, taken);
    busy.readings[MetricId::kSmUtilization] = Reading::Value(81.5, taken);
    busy.readings[MetricId::kSmOccupancy] = Reading::Value(33.25, taken);
    busy.readings[MetricId::kTensorUtilization] = Reading::Value(21, taken);
    busy.readings[MetricId::kDramBandwidthUtilization] = Reading::Value(47, taken);
    busy.readings[MetricId::kPcieTxKbps] = Reading::Value(1500, taken);
    busy.readings[MetricId::kPcieRxKbps] = Reading::Value(2500.5, taken);
    busy.readings[MetricId::kNvlinkTxMbps] = Reading::Value(52000, taken);
    busy.readings[MetricId::kNvlinkRxMbps] = Reading::Value(51000.25, taken);
    busy.pod_uses = {
        taken,
        {{"0d3a4c52-7d3b-4f0e-9f0c-2f6f0c8f6a11", 62.5, 20480.5}, {"without-memory", 0, {}}},
        "",
        ""};

    model::GpuSnapshot ailing = Gpu(1, "NVIDIA H100 80GB HBM3");
    ailing.hung_call = "nvmlDeviceGetPowerUsage";
    ailing.readings[MetricId::kGpuUtilization] = Reading::Value(0, kNow - kMaxAge);
    ailing.readings[MetricId::kMemoryUtilization] = Reading::Value(12, kNow - kMaxAge - 1ms);
    ailing.readings[MetricId::kTemperature] = Reading::Absent(Missing::kUnsupported, "no sensor");
    ailing.readings[MetricId::kPowerDraw] = Reading::Absent(Missing::kDriverError, "unknown error");

    model::GpuSnapshot lost = Gpu(2, "NVIDIA H100 80GB HBM3");
    lost.state = DeviceState::kLost;
    lost.readings[MetricId::kGpuUtilization] = Reading::Value(99, kNow);
    lost.pod_uses = busy.pod_uses;
    lost.health.xids = {{.code = 31, .count = 12, .last = kNow},
                        {.code = 79, .count = 1, .last = kNow}};
    lost.health.recovery_action = "gpu_reset";
    lost.identity.pci_bus_id = "00000000:C1:00.0";

    model::GpuSnapshot mig = Gpu(3, "NVIDIA H100 80GB HBM3 MIG 1g.10gb");
    mig.identity.mig = model::MigPlace{.parent_uuid = busy.identity.uuid,
                                       .gpu_instance = 7,
                                       .compute_instance = 0,
                                       .profile = "1g.10gb"};

    snapshot_.gpus = {busy, ailing, lost, mig};
    driver_calls_ = {{"nvml", "nvmlDeviceGetPowerUsage", 14402, 1.5, 0.03125},
                     {"nvml", "nvmlInit_v2", 2, 0.25, 0.125}};
    sampling_.collections.Add(7201);
    sampling_.collection_errors.Add(3);
    sampling_.driver_opens.Add(2);
    for (const double seconds : {0.0004, 0.0009, 0.0009, 0.03, 2.5}) {
      sampling_.collection_duration.Observe(seconds);
    }
    for (size_t i = 0; i < scaler_.requests.size(); ++i) scaler_.requests[i].Add(10 * i);
    scaler_.errors[static_cast<size_t>(telemetry::Method::kGetMetrics)].Add(4);
    scaler_.open_streams = 6;
  }

  model::NodeSnapshot snapshot_;
  std::vector<DriverCallMetrics> driver_calls_;
  telemetry::SamplingCounters sampling_;
  telemetry::ScalerCounters scaler_;
};

TEST_F(MetricsPageTest, IsTheGoldenPage) {
  FillEverything();
  const std::string golden = std::regex_replace(
      ReadFile(KGS_FIXTURES "/metrics.prom"), std::regex("VERSION"), std::string(base::Version()));
  EXPECT_EQ(Body(), golden);
}

TEST_F(MetricsPageTest, IsTextFormat004) {
  EXPECT_EQ(PageOf(&snapshot_, "").content_type, "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(MetricsPageTest, WhatPodsUseHasNoSeriesWhereItIsNotKnown) {
  const std::string utilization = "pod_gpu_utilization_percent{";
  const std::string memory = "pod_gpu_memory_used_bytes{";
  snapshot_.gpus = {Gpu(0, "A100")};
  model::PodUses& uses = snapshot_.gpus[0].pod_uses.emplace();
  uses = {kNow - kMaxAge, {{"uid", 1, 1}}, "nvmlX: no", ""};
  EXPECT_THAT(Body(), AllOf(HasSubstr(utilization), Not(HasSubstr(memory))));
  uses = {kNow - kMaxAge, {{"uid", 1, 1}}, "", "nvmlX: no"};
  EXPECT_THAT(Body(), AllOf(Not(HasSubstr(utilization)), HasSubstr(memory)));
  uses = {kNow, {{"uid", 1, 1}}, "", "", kNow - kMaxAge - 1ms};
  EXPECT_THAT(Body(), AllOf(Not(HasSubstr(utilization)), HasSubstr(memory))) << "it stood in";
  uses = {kNow - kMaxAge - 1ms, {{"uid", 1, 1}}, "", ""};
  EXPECT_THAT(Body(), AllOf(Not(HasSubstr(utilization)), Not(HasSubstr(memory))));
}

TEST_F(MetricsPageTest, BeforeTheFirstSampleThereIsNothingOfGpus) {
  const std::string body = PageOf(nullptr, "nothing sampled yet").body;
  EXPECT_THAT(body, Not(HasSubstr("keda_gpu_scaler_gpu_")));
  EXPECT_THAT(body, HasSubstr("\nkeda_gpu_scaler_blind 1\n"));
  EXPECT_THAT(body, HasSubstr("\nkeda_gpu_scaler_collections_total 0\n"));
}

TEST_F(MetricsPageTest, ANodeWithoutGpusCountsNone) {
  EXPECT_THAT(Body(), HasSubstr("\nkeda_gpu_scaler_gpu_device_count 0\n"));
  EXPECT_THAT(Body(), HasSubstr("\nkeda_gpu_scaler_driver_open{backend=\"nvml\"} 1\n"));
}

TEST_F(MetricsPageTest, WhatAMigDeviceHasInCommonWithItsGpuIsNotThereTwice) {
  model::GpuSnapshot gpu = Gpu(0, "H100");
  gpu.readings[MetricId::kPowerDraw] = Reading::Value(300, kNow);
  model::GpuSnapshot mig = gpu;
  mig.identity.uuid = "MIG-1";
  mig.identity.mig = {gpu.identity.uuid, 7, 0, "1g.10gb"};
  mig.readings[MetricId::kMemoryUsedMib] = Reading::Value(1, kNow);
  snapshot_.gpus = {gpu, mig};
  const std::string body = Body();
  EXPECT_THAT(body, HasSubstr("\nkeda_gpu_scaler_gpu_device_count 1\n"));
  EXPECT_THAT(body, HasSubstr("gpu_memory_used_bytes{gpu_index=\"0\",gpu_uuid=\"MIG-1\""));
  EXPECT_THAT(body, Not(HasSubstr("gpu_power_draw_watts{gpu_index=\"0\",gpu_uuid=\"MIG-1\"")));
  EXPECT_THAT(body, HasSubstr("gpu_power_draw_watts{"));
}

TEST_F(MetricsPageTest, AnAbsentVendorHasNoSeries) {
  model::SourceHealth rocm;
  rocm.backend = "rocm";
  rocm.absent = true;
  snapshot_.sources.push_back(rocm);
  EXPECT_THAT(Body(), Not(HasSubstr("backend=\"rocm\"")));
  EXPECT_THAT(Body(), HasSubstr("\nkeda_gpu_scaler_driver_open{backend=\"nvml\"} 1\n"));
}

TEST_F(MetricsPageTest, WithADriverClosedTheCountIsNotKnown) {
  snapshot_.sources[0].open = false;
  snapshot_.gpus = {Gpu(0, "A100")};
  EXPECT_THAT(Body(), Not(HasSubstr("gpu_device_count")));
  EXPECT_THAT(Body(), HasSubstr("\nkeda_gpu_scaler_driver_open{backend=\"nvml\"} 0\n"));
}

TEST_F(MetricsPageTest, AFailedReadingsSeriesDisappears) {
  snapshot_.gpus = {Gpu(0, "A100")};
  Reading& power = snapshot_.gpus[0].readings[MetricId::kPowerDraw];
  power = Reading::Value(100, kNow);
  EXPECT_THAT(Body(), HasSubstr("gpu_power_draw_watts{"));
  for (const Missing reason :
       {Missing::kNotSampledYet, Missing::kUnsupported, Missing::kNotPermitted, Missing::kNotFound,
        Missing::kNotReady, Missing::kDriverError, Missing::kStale}) {
    power = Reading::Absent(reason, "reason");
    EXPECT_THAT(Body(), Not(HasSubstr("gpu_power_draw_watts")));
    EXPECT_THAT(Body(), Not(HasSubstr("power_draw")));
  }
}

TEST_F(MetricsPageTest, AStaleReadingLeavesItsAgeOnly) {
  snapshot_.gpus = {Gpu(0, "A100")};
  Reading& temperature = snapshot_.gpus[0].readings[MetricId::kTemperature];
  temperature = Reading::Value(50, kNow - kMaxAge);
  EXPECT_THAT(Body(), HasSubstr("gpu_temperature_celsius{"));
  temperature = Reading::Value(50, kNow - 10s);
  EXPECT_THAT(Body(), Not(HasSubstr("gpu_temperature_celsius")));
  EXPECT_THAT(Body(), HasSubstr("gpu_name=\"A100\",metric=\"temperature\"} 10\n"));
}

TEST_F(MetricsPageTest, AReadingOfLaterThanNowIsNotOfNegativeAge) {
  snapshot_.gpus = {Gpu(0, "A100")};
  snapshot_.gpus[0].readings[MetricId::kTemperature] = Reading::Value(50, kNow + 1s);
  EXPECT_THAT(Body(), HasSubstr("metric=\"temperature\"} 0\n"));
}

TEST_F(MetricsPageTest, ALostGpuHasNoReadings) {
  snapshot_.gpus = {Gpu(0, "A100")};
  snapshot_.gpus[0].readings[MetricId::kGpuUtilization] = Reading::Value(99, kNow);
  snapshot_.gpus[0].state = DeviceState::kLost;
  const std::string body = Body();
  EXPECT_THAT(body, Not(HasSubstr("utilization")));
  EXPECT_THAT(body, HasSubstr("gpu_name=\"A100\"} 1\n"));
  EXPECT_THAT(body, HasSubstr("\nkeda_gpu_scaler_gpu_device_count 0\n"));
}

TEST_F(MetricsPageTest, HostileNamesAreEscaped) {
  snapshot_.gpus = {Gpu(0, "a\"b\\c\nd\xff\xc3\xa9")};
  EXPECT_THAT(Body(), HasSubstr("gpu_name=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\xc3\xa9\"} 0\n"));
}

TEST_F(MetricsPageTest, NeverSaysNan) {
  FillEverything();
  const double not_a_number = std::numeric_limits<double>::quiet_NaN();
  for (model::GpuSnapshot& gpu : snapshot_.gpus) {
    gpu.readings[MetricId::kGpuUtilization] = Reading::Value(not_a_number, kNow);
    gpu.readings[MetricId::kPowerDraw] =
        Reading::Value(std::numeric_limits<double>::infinity(), kNow);
  }
  const std::string body = Body();
  EXPECT_THAT(body, Not(::testing::ContainsRegex(" ([Nn]a[Nn]|[+-]?[Ii]nf)\n")));
  EXPECT_THAT(body, Not(HasSubstr("gpu_power_draw_watts")));
}

/// Family to "type; label, label" as the page has it.
std::map<std::string, std::string> FamiliesOfPage(const std::string& body) {
  std::map<std::string, std::string> families;
  std::istringstream lines(body);
  const std::regex type_line("# TYPE (\\w+) (\\w+)");
  const std::regex series_line("(\\w+?)(?:_bucket|_sum|_count)?(?:\\{(.*)\\})? \\S+");
  const std::regex label("(\\w+)=\"[^\"]*\"");
  std::smatch match;
  std::string family;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, match, type_line)) {
      family = match[1];
      families[family] = match[2].str() + ";";
    } else if (line[0] != '#' && families[family].back() == ';' &&
               std::regex_match(line, match, series_line)) {
      const std::string labels = match[2];
      for (std::sregex_iterator it(labels.begin(), labels.end(), label), end; it != end; ++it) {
        if ((*it)[1] != "le") families[family] += " " + (*it)[1].str();
      }
    }
  }
  return families;
}

/// The same as docs/metrics.md has it: | `name` | type | `label`, `label` | meaning |.
std::map<std::string, std::string> FamiliesOfDocument() {
  std::map<std::string, std::string> families;
  std::istringstream lines(ReadFile(KGS_DOCS "/metrics.md"));
  const std::regex row(R"(\| `(keda_gpu_scaler_\w+)` \| (\w+) \|([^|]*)\| [^|]+ \|)");
  const std::regex label("`(\\w+)`");
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (!std::regex_match(line, match, row)) continue;
    std::string& entry = families[match[1]];
    EXPECT_EQ(entry, "") << match[1] << " is listed twice";
    entry = match[2].str() + ";";
    const std::string labels = match[3];
    for (std::sregex_iterator it(labels.begin(), labels.end(), label), end; it != end; ++it) {
      entry += " " + (*it)[1].str();
    }
  }
  return families;
}

/// What a process that was all roles at once would show.
class FleetMetricsTest : public MetricsPageTest {
 protected:
  FleetMetricsTest() {
    FillEverything();
    auto listing = std::make_shared<model::PodListing>();
    listing->listed.steady = kNow - 2s;
    listing->pods.resize(3);
    state_->listing = listing;
    kubernetes_.counts = {4, 1, 6, 200, 120};
    kubernetes_.watches = {{"pods in team-a", true, true, kNow - 5s, "", 2, 7, 300},
                           {"scaledobjects", false, false, std::nullopt, "refused", 1, 0, 0}};
    kubernetes_.pods_by_reason[static_cast<size_t>(model::Unattributed::kNone)] = 110;
    kubernetes_.pods_by_reason[static_cast<size_t>(model::Unattributed::kNoAgent)] = 10;
    TriggerMetrics& trigger =
        kubernetes_.triggers.emplace_back(TriggerMetrics{"ScaledObject", "team-a", "web"});
    trigger.target = trigger.replicas = trigger.value = trigger.coverage = 1;
    trigger.active = true;
    trigger.errors = {{"blind", 1}};
  }
  std::string Body() {
    MetricsInput input{kNow};
    const std::shared_ptr<const model::NodeSnapshot> shared(std::shared_ptr<void>(), &snapshot_);
    input.node = NodeMetrics{shared,
                             kMaxAge,
                             "",
                             &sampling_,
                             PodMetrics{state_, &pod_counters_},
                             ScrapeMetrics{12, &scrape_counters_},
                             {{"nvml", "nvmlInit_v2", 2, 0.25, 0.125}}};
    input.publisher = PublisherMetrics{2, 1, &publisher_counters_};
    input.receiver = ReceiverMetrics{3, report_ages_, &receiver_counters_, &review_counters_};
    input.kubernetes = kubernetes_;
    input.endpoints = EndpointMetrics{7, &endpoint_counters_};
    input.scaler = &scaler_;
    input.tls = {{"agents", 1'800'000'000, &tls_failures_}, {"hubs", std::nullopt, &tls_failures_}};
    return MetricsPage(input).body;
  }

  telemetry::Counter tls_failures_;
  telemetry::TokenReviewCounters review_counters_;
  std::shared_ptr<kube::PodResourcesState> state_ = std::make_shared<kube::PodResourcesState>();
  telemetry::PodResourcesCounters pod_counters_;
  telemetry::ScrapeCounters scrape_counters_;
  telemetry::PublisherCounters publisher_counters_;
  telemetry::ReceiverCounters receiver_counters_;
  std::vector<double> report_ages_ = {0.5, 1.25, 0.75};
  KubernetesMetrics kubernetes_;
  telemetry::EndpointCounters endpoint_counters_;
};

TEST_F(FleetMetricsTest, TheDocumentListsEveryFamilyAndNoOther) {
  EXPECT_EQ(FamiliesOfDocument(), FamiliesOfPage(Body()));
}

TEST_F(FleetMetricsTest, ShowsTheFleet) {
  const std::string body = Body();
  for (const char* line : {"kubelet_up 1\n",
                           "pod_listing_age_seconds 2\n",
                           "pods_with_devices 3\n",
                           "hubs 2\n",
                           "engine_targets 12\n",
                           "hubs_connected 1\n",
                           "agents_connected 3\n",
                           "oldest_report_age_seconds 1.25\n",
                           "tracked_objects{kind=\"ScaledObject\"} 4\n",
                           "tracked_objects{kind=\"ScaledJob\"} 1\n",
                           "tracked_triggers 6\n",
                           "watched_pods 200\n",
                           "workload_pods{devices=\"known\"} 110\n",
                           "workload_pods{devices=\"no_agent\"} 10\n",
                           "workload_pods{devices=\"no_device\"} 0\n",
                           "watch_up{watch=\"pods in team-a\"} 1\n",
                           "watch_up{watch=\"scaledobjects\"} 0\n",
                           "watch_age_seconds{watch=\"pods in team-a\"} 5\n",
                           "watch_events_total{watch=\"pods in team-a\"} 300\n",
                           "kubernetes_up 1\n"}) {
    EXPECT_THAT(body, HasSubstr(std::string("\nkeda_gpu_scaler_") + line));
  }
  EXPECT_THAT(body, Not(HasSubstr("watch_age_seconds{watch=\"scaledobjects\"}")))
      << "of what never was no age is known";
}

TEST_F(FleetMetricsTest, ShowsWhoIsRefusedAndWhenCertificatesEnd) {
  receiver_counters_.refusals[static_cast<size_t>(telemetry::RefusalReason::kUnauthenticated)]
      .Add();
  review_counters_.reviews.Add(3);
  scaler_.limits.Add(telemetry::Limit::kAgents);
  tls_failures_.Add(2);
  const std::string body = Body();
  for (const char* line :
       {"agent_refusals_total{reason=\"unauthenticated\"} 1\n",
        "agent_refusals_total{reason=\"permission_denied\"} 0\n", "token_reviews_total 3\n",
        "token_review_failures_total 0\n", "limit_exceeded_total{limit=\"agents\"} 1\n",
        "tls_certificate_expiry_timestamp_seconds{of=\"agents\"} 1800000000\n",
        "tls_reload_failures_total{of=\"hubs\"} 2\n"}) {
    EXPECT_THAT(body, HasSubstr(std::string("\nkeda_gpu_scaler_") + line));
  }
  EXPECT_THAT(body, Not(HasSubstr("expiry_timestamp_seconds{of=\"hubs\"}")));
}

TEST_F(FleetMetricsTest, TroubleIsSeen) {
  state_->problem = "the kubelet does not answer";
  kubernetes_.problem = "the API server is out of reach";
  report_ages_.clear();
  const std::string body = Body();
  EXPECT_THAT(body, HasSubstr("\nkeda_gpu_scaler_kubelet_up 0\n"));
  EXPECT_THAT(body, HasSubstr("\nkeda_gpu_scaler_kubernetes_up 0\n"));
  EXPECT_THAT(body, Not(HasSubstr("keda_gpu_scaler_oldest_report_age_seconds")));
}

}  // namespace
}  // namespace kgs::http
