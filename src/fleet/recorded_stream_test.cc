// SPDX-License-Identifier: Apache-2.0
//
// What an agent of each released wire version sent once, read by the hub of this version. Such a
// recording is a promise to the agents that run while a fleet is updated: it is never made anew.
//
// Where what is sent has changed on purpose, a new one is written by
//   KGS_RECORD_FLEET_STREAM=tests/fixtures/fleet/v4.stream fleet_test --gtest_filter=Recorded*
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "fleet/test_hub.h"
#include "fleet/test_reports.h"
#include "fleet/wire.h"
#include "tests/support/fake_clock.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using testing::kTaken;
using Report = std::shared_ptr<model::NodeReport>;

/// One a second: everything that a report can hold; the same with newer values; a pod less and a
/// driver that answers again.
std::vector<Report> ReportsWithoutEngines() {
  std::vector<Report> reports = {testing::RichReport("node-a", kTaken),
                                 testing::RichReport("node-a", kTaken + 1s),
                                 testing::RichReport("node-a", kTaken + 2s)};
  reports[1]->pods[1].listed = reports[0]->pods[1].listed;
  auto snapshot = std::make_shared<model::NodeSnapshot>(*reports[2]->snapshot);
  snapshot->gpus[1].hung_call.clear();
  snapshot->gpus[1].readings[model::MetricId::kPowerDraw] = model::Reading::Value(99, kTaken + 2s);
  reports[2]->snapshot = std::move(snapshot);
  reports[2]->pods.pop_back();
  reports[2]->listing_problem.clear();
  return reports;
}

/// The same with engines: two pods, one less, none.
std::vector<Report> Reports() {
  std::vector<Report> reports = ReportsWithoutEngines();
  reports[0]->engines = testing::RichEngines(kTaken);
  reports[1]->engines = testing::RichEngines(kTaken + 1s);
  reports[1]->engines.resize(2);
  return reports;
}

/// As an agent of versions 1 and 2 has them: seven metrics, and nothing of a GPU's health or of its
/// pods.
std::vector<Report> WithSevenMetrics(std::vector<Report> reports) {
  for (Report& report : reports) {
    auto snapshot = std::make_shared<model::NodeSnapshot>(*report->snapshot);
    for (model::GpuSnapshot& gpu : snapshot->gpus) {
      gpu.health = {};
      gpu.pod_uses.reset();
      if (gpu.identity.mig) gpu.identity.mig->profile.clear();
      for (size_t metric = 7; metric < model::kMetricCount; ++metric) {
        gpu.readings[static_cast<model::MetricId>(metric)] =
            model::Reading::Absent(model::Missing::kNotSampledYet, "the agent does not report it");
      }
    }
    report->snapshot = std::move(snapshot);
  }
  return reports;
}

base::SteadyTime SentAt(size_t report) { return kTaken + std::chrono::seconds(report) + 10ms; }

std::vector<pb::AgentMessage> ReadStream(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  google::protobuf::io::IstreamInputStream input(&file);
  std::vector<pb::AgentMessage> messages;
  bool clean_end = false;
  while (google::protobuf::util::ParseDelimitedFromZeroCopyStream(&messages.emplace_back(), &input,
                                                                  &clean_end)) {
  }
  EXPECT_TRUE(clean_end) << path;
  messages.pop_back();
  return messages;
}

/// The recording as this version makes it.
std::string StreamOfThisVersion() {
  std::ostringstream stream;
  pb::AgentMessage message;
  message.mutable_hello()->set_node("node-a");
  message.mutable_hello()->set_boot_id("0d3a4c52-7d3b-4f0e-9f0c-2f6f0c8f6a11");
  message.mutable_hello()->set_version("0.2.0");
  EXPECT_TRUE(google::protobuf::util::SerializeDelimitedToOstream(message, &stream));
  ReportWriter writer;
  size_t number = 0;
  for (const Report& report : Reports()) {
    writer.Write(*report, SentAt(number++), message.mutable_report());
    EXPECT_TRUE(google::protobuf::util::SerializeDelimitedToOstream(message, &stream));
  }
  return stream.str();
}

TEST(RecordedStream, TheNewestIsWhatThisVersionSends) {
  const std::string stream = StreamOfThisVersion();
  if (const char* path = std::getenv("KGS_RECORD_FLEET_STREAM"); path != nullptr) {
    ASSERT_FALSE(std::ifstream(path).is_open()) << path << " is a promise: write another";
    std::ofstream(path, std::ios::binary) << stream;
  }
  std::ifstream file(KGS_FIXTURES "/fleet/v3.stream", std::ios::binary);
  const std::string recorded{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(stream == recorded)
      << "what goes over the wire has changed: record it beside the older ones";
}

/// A hub of this version reads \p recording as \p reports.
void ExpectRead(const std::string& recording, const std::vector<Report>& reports) {
  const std::vector<pb::AgentMessage> messages = ReadStream(KGS_FIXTURES "/fleet/" + recording);
  ASSERT_EQ(messages.size(), reports.size() + 1);
  kgs::testing::FakeClock clock;
  testing::TestHub hub(clock);
  testing::RawAgent agent(hub);
  agent.Write(messages[0]);
  agent.Read();
  EXPECT_EQ(hub.store().Find("node-a").agent_version, "0.2.0");
  const base::Duration shift = clock.Now() - SentAt(0);
  for (size_t i = 0; i < reports.size(); ++i) {
    SCOPED_TRACE("report " + std::to_string(i));
    if (i > 0) clock.Advance(1s);
    agent.Write(messages[i + 1]);
    ASSERT_TRUE(testing::Await([&] { return hub.reports() == static_cast<int>(i) + 1; }));
    testing::ExpectSame(*hub.store().Find("node-a").report, *reports[i], shift);
  }
}

TEST(RecordedStream, AHubReadsAnAgentOfVersion1) {
  ExpectRead("v1.stream", WithSevenMetrics(ReportsWithoutEngines()));
}

TEST(RecordedStream, AHubReadsAnAgentOfVersion2) {
  ExpectRead("v2.stream", WithSevenMetrics(Reports()));
}

TEST(RecordedStream, AHubReadsAnAgentOfVersion3) { ExpectRead("v3.stream", Reports()); }

}  // namespace
}  // namespace kgs::fleet
