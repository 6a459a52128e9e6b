// SPDX-License-Identifier: Apache-2.0
#include "fleet/report_layout.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <utility>

#include "base/strings.h"
#include "catalogue/metrics.h"
#include "fleet/wire.h"

namespace kgs::fleet {
namespace {

using model::Missing;

Missing MissingOf(int reason) {
  switch (reason) {
    case pb::Note::NOT_SAMPLED_YET:
      return Missing::kNotSampledYet;
    case pb::Note::NOT_REQUESTED:
      return Missing::kNotRequested;
    case pb::Note::UNSUPPORTED:
      return Missing::kUnsupported;
    case pb::Note::NOT_PERMITTED:
      return Missing::kNotPermitted;
    case pb::Note::NOT_FOUND:
      return Missing::kNotFound;
    case pb::Note::NOT_READY:
      return Missing::kNotReady;
    case pb::Note::STALE:
      return Missing::kStale;
    // One of a later version is at least no value, and nothing that may be left out.
    default:
      return Missing::kDriverError;
  }
}

model::DeviceState StateOf(int state) {
  switch (state) {
    case pb::Gpu::LOST:
      return model::DeviceState::kLost;
    case pb::Gpu::NOT_PERMITTED:
      return model::DeviceState::kNotPermitted;
    // One of a later version may not be left out: its readings say what is to be had.
    default:
      return model::DeviceState::kPresent;
  }
}

/// Goes through one layout; the first thing that is wrong with it is kept.
class LayoutParser {
 public:
  LayoutParser(const pb::Layout& message, const std::string& node) : message_(message) {
    report_->node = node;
  }

  absl::StatusOr<std::shared_ptr<ReportLayout>> Parse() {
    CheckCounts();
    if (!status_.ok()) return status_;
    ParseMetrics();
    ParseSources();
    for (const pb::Gpu& gpu : message_.gpus()) ParseGpu(gpu);
    report_->max_reading_age = std::chrono::milliseconds(message_.max_reading_age_ms());
    report_->pods_listed = message_.pods_listed();
    report_->listing_problem = Text(message_.listing_problem());
    ParsePods();
    if (!status_.ok()) return status_;
    report_->snapshot = snapshot_;
    layout_->form = report_;
    return layout_;
  }

 private:
  void Refuse(const std::string& what) {
    if (status_.ok()) status_ = absl::InvalidArgumentError("layout: " + what);
  }

  std::string Text(const std::string& text) {
    if (text.size() > kLongestText) {
      Refuse("a text is too long");
      return "";
    }
    return text;
  }

  void CheckCounts() {
    size_t devices = 0;
    for (const pb::Pod& pod : message_.pods()) devices += static_cast<size_t>(pod.devices_size());
    const auto check = [this](size_t count, size_t most, const char* what) {
      if (count > most) Refuse(std::string("too many ") + what + ": " + std::to_string(count));
    };
    check(static_cast<size_t>(message_.metrics_size()), kMostMetrics, "metrics");
    check(static_cast<size_t>(message_.sources_size()), kMostSources, "sources");
    check(static_cast<size_t>(message_.gpus_size()), kMostGpus, "GPUs");
    check(static_cast<size_t>(message_.pods_size()), kMostPods, "pods");
    check(devices, kMostHeldDevices, "held devices");
    if (!message_.pods_listed() && message_.pods_size() > 0) Refuse("pods without a listing");
  }

  void ParseMetrics() {
    std::array<bool, model::kMetricCount> reported{};
    for (const std::string& name : message_.metrics()) {
      std::optional<model::MetricId>& id = layout_->metrics.emplace_back();
      for (const catalogue::Metric& metric : catalogue::Metrics()) {
        if (metric.name == name) id = metric.id;
      }
      if (!id) continue;
      if (reported[Index(*id)]) Refuse("metric " + base::QuoteForMessage(name) + " twice");
      reported[Index(*id)] = true;
    }
    for (const catalogue::Metric& metric : catalogue::Metrics()) {
      if (!reported[Index(metric.id)]) layout_->unreported.push_back(metric.id);
    }
  }

  void ParseSources() {
    for (const pb::Source& source : message_.sources()) {
      model::SourceHealth& health = snapshot_->sources.emplace_back();
      health.backend = Text(source.backend());
      health.open = source.open();
      health.problem = Text(source.problem());
      health.driver_version = Text(source.driver_version());
    }
  }

  void ParseGpu(const pb::Gpu& message) {
    model::GpuSnapshot& gpu = snapshot_->gpus.emplace_back();
    gpu.identity.index = message.index();
    gpu.identity.uuid = Text(message.uuid());
    gpu.identity.name = Text(message.name());
    if (message.has_minor_number()) gpu.identity.minor_number = message.minor_number();
    gpu.identity.pci_bus_id = Text(message.pci_bus_id());
    if (message.has_drm_card()) gpu.identity.drm_card = message.drm_card();
    if (message.has_mig()) {
      gpu.identity.mig = {Text(message.mig().parent_uuid()), message.mig().gpu_instance(),
                          message.mig().compute_instance(), Text(message.mig().profile())};
    }
    gpu.state = StateOf(message.state());
    gpu.state_reason = Text(message.state_reason());
    gpu.hung_call = Text(message.hung_call());
    gpu.health.recovery_action = Text(message.recovery_action());
    ParseXids(message);
    if (static_cast<size_t>(message.notes_size()) > layout_->metrics.size()) {
      Refuse("more notes than metrics");
      return;
    }
    for (const pb::Note& note : message.notes()) {
      if (note.metric() >= layout_->metrics.size()) {
        Refuse("a note on metric " + std::to_string(note.metric()) + ", which is none");
        return;
      }
      const auto metric = layout_->metrics[note.metric()];
      if (!metric) continue;
      layout_->notes.push_back(
          {snapshot_->gpus.size() - 1, *metric, MissingOf(note.reason()), Text(note.detail())});
    }
  }

  void ParseXids(const pb::Gpu& message) {
    if (static_cast<size_t>(message.xids_size()) > model::kMostXidCodes) Refuse("too many XIDs");
    for (const pb::Xid& xid : message.xids()) {
      if (!ClockOffset::Plausible(xid.last_ns())) Refuse("a time is out of range");
      layout_->xids.push_back({snapshot_->gpus.size() - 1, xid.code(), xid.count(), xid.last_ns()});
    }
  }

  void ParsePods() {
    std::vector<const pb::Pod*> by_name;
    for (const pb::Pod& pod : message_.pods()) by_name.push_back(&pod);
    std::sort(by_name.begin(), by_name.end(), [](const pb::Pod* a, const pb::Pod* b) {
      return std::tie(a->namespace_(), a->name()) < std::tie(b->namespace_(), b->name());
    });
    for (const pb::Pod* pod : by_name) ParsePod(*pod);
  }

  void ParsePod(const pb::Pod& message) {
    const size_t place = report_->pods.size();
    model::PodDevices& pod = report_->pods.emplace_back();
    pod.pod = {Text(message.namespace_()), Text(message.name())};
    if (place > 0 && report_->pods[place - 1].pod == pod.pod) {
      Refuse("pod " + base::QuoteForMessage(pod.pod.Text()) + " twice");
    }
    for (const pb::HeldDevice& device : message.devices()) {
      pod.devices.push_back(ParseDevice(device));
    }
    if (!message.has_listed_ns()) return;
    if (!ClockOffset::Plausible(message.listed_ns())) Refuse("a time is out of range");
    layout_->own_listings.push_back({place, message.listed_ns(), message.listed_unix_ms()});
  }

  model::HeldDevice ParseDevice(const pb::HeldDevice& message) {
    constexpr uint32_t kMostShares = std::numeric_limits<int>::max();
    model::HeldDevice device;
    if (message.has_gpu()) {
      if (message.gpu() >= snapshot_->gpus.size()) {
        Refuse("a pod holds GPU " + std::to_string(message.gpu()) + ", which is none");
      }
      device.gpu = message.gpu();
    }
    device.problem = Text(message.problem());
    if (message.has_dra()) {
      device.dra = {Text(message.dra().driver()), Text(message.dra().pool()),
                    Text(message.dra().device())};
    }
    const uint32_t shares = std::max<uint32_t>(message.shares(), 1);
    const uint32_t all_shares = std::max<uint32_t>(message.all_shares(), 1);
    if (all_shares < shares || all_shares > kMostShares) {
      Refuse(std::to_string(shares) + " of " + std::to_string(all_shares) + " shares");
    }
    device.shares = static_cast<int>(shares);
    device.all_shares = static_cast<int>(all_shares);
    return device;
  }

  const pb::Layout& message_;
  absl::Status status_;
  const std::shared_ptr<ReportLayout> layout_ = std::make_shared<ReportLayout>();
  const std::shared_ptr<model::NodeReport> report_ = std::make_shared<model::NodeReport>();
  const std::shared_ptr<model::NodeSnapshot> snapshot_ = std::make_shared<model::NodeSnapshot>();
};

}  // namespace

absl::StatusOr<std::shared_ptr<ReportLayout>> ParseLayout(const pb::Layout& message,
                                                          const std::string& node) {
  return LayoutParser(message, node).Parse();
}

}  // namespace kgs::fleet
