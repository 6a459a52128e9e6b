// SPDX-License-Identifier: Apache-2.0
//
// The hub's reader with whatever an agent may send. The input is a recorded stream, as in
// tests/fixtures/fleet: each message behind its length as a varint.
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/delimited_message_util.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "fleet.pb.h"
#include "fleet/clock_offset.h"
#include "fleet/interest.h"
#include "fleet/wire.h"

namespace {

namespace pb = kedagpuscaler::fleet::v1;
using kgs::base::SteadyTime;
using kgs::fleet::ClockOffset;
using kgs::fleet::ReportReader;
using kgs::model::NodeReport;

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// What everything behind the reader relies on.
void CheckReport(const NodeReport& report, SteadyTime received) {
  Check(report.snapshot != nullptr, "a report has a snapshot");
  for (const kgs::model::GpuSnapshot& gpu : report.snapshot->gpus) {
    for (const kgs::model::Reading& reading : gpu.readings) {
      if (!reading.has_value()) continue;
      Check(std::isfinite(reading.value()), "a value is finite");
      Check(reading.taken() <= received, "no reading is of our future");
    }
  }
  for (const kgs::model::PodDevices& pod : report.pods) {
    Check(pod.listed.steady <= received, "no listing is of our future");
    for (const kgs::model::HeldDevice& device : pod.devices) {
      Check(!device.gpu || *device.gpu < report.snapshot->gpus.size(), "a device is of the node");
      Check(device.shares >= 1 && device.all_shares >= device.shares, "shares are of all shares");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::io::ArrayInputStream input(data, static_cast<int>(size));
  ReportReader reader("node-a");
  ClockOffset offset;
  SteadyTime received(std::chrono::hours(1));
  bool clean_end = false;
  for (pb::AgentMessage message;
       google::protobuf::util::ParseDelimitedFromZeroCopyStream(&message, &input, &clean_end);
       message.Clear()) {
    if (!message.has_report()) continue;
    received += std::chrono::seconds(1);
    offset.Add(message.report().sent_ns(), received);
    const auto report = reader.Read(message.report(), offset);
    if (!report.ok()) break;
    CheckReport(**report, received);
    kgs::fleet::Interest interest;
    interest.gpus = {
        {kgs::model::MetricId::kGpuUtilization, kgs::catalogue::Aggregation::kMax, 10}};
    interest.engines = {{"vllm_demand", 0}};
    if (kgs::fleet::Crosses(interest, **report, **report)) {
      std::fprintf(stderr, "a report crosses itself\n");
      std::abort();
    }
  }
  return 0;
}
