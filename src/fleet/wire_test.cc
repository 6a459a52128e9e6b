// SPDX-License-Identifier: Apache-2.0
#include "fleet/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "fleet/test_reports.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::SteadyTime;
using model::MetricId;
using model::Missing;
using model::NodeReport;
using model::Reading;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kTaken;
using testing::PlainReport;
using testing::RichEngines;
using testing::RichReport;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Our clock is so far ahead of the agent's, and a message takes this long.
constexpr Duration kApart = 1000s;
constexpr Duration kWay = 5ms;

/// Both ends of one stream.
class WireTest : public ::testing::Test {
 protected:
  pb::Report Write(const NodeReport& report, SteadyTime sent) {
    pb::Report message;
    writer_.Write(report, sent, &message);
    return message;
  }
  absl::StatusOr<std::shared_ptr<const NodeReport>> Read(const pb::Report& message) {
    // A time that is none comes in at any time.
    const int64_t sent_ns = ClockOffset::Plausible(message.sent_ns()) ? message.sent_ns() : 0;
    offset_.Add(message.sent_ns(), SteadyTime(std::chrono::nanoseconds(sent_ns)) + kApart + kWay);
    return reader_.Read(message, offset_);
  }
  /// Over the wire, as bytes.
  std::shared_ptr<const NodeReport> Carry(const NodeReport& report, SteadyTime sent) {
    pb::Report message;
    EXPECT_TRUE(message.ParseFromString(Write(report, sent).SerializeAsString()));
    auto read = Read(message);
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? *read : nullptr;
  }

  ReportWriter writer_;
  ReportReader reader_{"node-a"};
  ClockOffset offset_;
};

TEST_F(WireTest, EverythingArrivesInOurTime) {
  const auto report = RichReport("node-a", kTaken);
  report->engines = RichEngines(kTaken);
  const auto carried = Carry(*report, kTaken + 10ms);
  ASSERT_NE(carried, nullptr);
  testing::ExpectSame(*carried, *report, kApart + kWay);
}

TEST_F(WireTest, TheLayoutGoesAlongOnlyWhenItChanges) {
  auto report = RichReport("node-a", kTaken);
  EXPECT_TRUE(Write(*report, kTaken + 10ms).has_layout());
  report = RichReport("node-a", kTaken + 1s);
  report->pods[1].listed = {kTaken - 9s, 1699999995123};
  EXPECT_FALSE(Write(*report, kTaken + 1010ms).has_layout()) << "only times have changed";
  report->pods[1].pod.name = "c";
  EXPECT_TRUE(Write(*report, kTaken + 2s).has_layout());
  EXPECT_FALSE(Write(*report, kTaken + 3s).has_layout());
}

TEST_F(WireTest, ReportsWithoutALayoutMeanTheLastOne) {
  Carry(*RichReport("node-a", kTaken), kTaken + 10ms);
  for (int i = 1; i <= 3; ++i) {
    auto report = RichReport("node-a", kTaken + i * 1s);
    report->pods[1].listed = {kTaken - 9s, 1699999995123};
    report->listed.unix_ms += i;
    report->pods[0].listed = report->listed;
    const auto carried = Carry(*report, kTaken + i * 1s + 10ms);
    ASSERT_NE(carried, nullptr);
    testing::ExpectSame(*carried, *report, kApart + kWay);
  }
}

TEST_F(WireTest, EachReportStartsFromAbsent) {
  const SteadyTime sent = kTaken + 10ms;
  Carry(*PlainReport("node-a", {80, 20}, kTaken), sent);
  pb::Report message = Write(*PlainReport("node-a", {80, 20}, kTaken), sent);
  message.clear_layout();
  message.mutable_gpus(1)->set_values(0, std::nan(""));
  const auto read = Read(message);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->snapshot->gpus[0].readings[MetricId::kGpuUtilization].value(), 80);
  EXPECT_FALSE((*read)->snapshot->gpus[1].readings[MetricId::kGpuUtilization].has_value());
}

TEST_F(WireTest, TimesOfTheirOwnGoAlongOnlyWhereTheyDiffer) {
  auto report = PlainReport("node-a", {80}, kTaken);
  EXPECT_EQ(Write(*report, kTaken).gpus(0).before_taken_ns_size(), 0);
  const pb::Report rich = Write(*RichReport("node-a", kTaken), kTaken + 10ms);
  EXPECT_THAT(rich.gpus(0).before_taken_ns(),
              ElementsAre(0, 1500000000, 700000000, 0, 0, -2000000, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

TEST_F(WireTest, WhatNoneOfTheLastMetricsHasIsLeftOut) {
  const pb::Report message = Write(*PlainReport("node-a", {80}, kTaken), kTaken);
  EXPECT_THAT(message.gpus(0).values(), ElementsAre(80));
  EXPECT_EQ(message.layout().metrics_size(), static_cast<int>(model::kMetricCount));
}

TEST_F(WireTest, NeverSendsANumberThatIsNotFinite) {
  for (const double bad : {kInfinity, -kInfinity, std::nan("")}) {
    const auto report = PlainReport("node-a", {bad}, kTaken);
    auto snapshot = std::make_shared<model::NodeSnapshot>(*report->snapshot);
    snapshot->gpus[0].readings[MetricId::kTemperature] = Reading::Value(40, kTaken);
    report->snapshot = std::move(snapshot);
    const pb::Report message = Write(*report, kTaken);
    EXPECT_TRUE(std::isnan(message.gpus(0).values(0)));
    const auto read = Read(message);
    ASSERT_TRUE(read.ok()) << read.status();
    const Reading& reading = (*read)->snapshot->gpus[0].readings[MetricId::kGpuUtilization];
    EXPECT_FALSE(reading.has_value());
    EXPECT_EQ(reading.reason(), Missing::kDriverError);
    EXPECT_THAT(reading.detail(), HasSubstr("not finite"));
  }
}

TEST_F(WireTest, ANumberThatIsNotFiniteIsAbsentWhoeverSendsIt) {
  pb::Report message = Write(*PlainReport("node-a", {80}, kTaken), kTaken);
  message.mutable_gpus(0)->set_values(0, kInfinity);
  const auto read = Read(message);
  ASSERT_TRUE(read.ok()) << read.status();
  const Reading& reading = (*read)->snapshot->gpus[0].readings[MetricId::kGpuUtilization];
  EXPECT_FALSE(reading.has_value());
  EXPECT_EQ(reading.reason(), Missing::kDriverError);
}

TEST_F(WireTest, MendsTextThatIsNotUtf8) {
  auto report = PlainReport("node-a", {80}, kTaken);
  report->listing_problem = "bad \xff byte";
  const auto carried = Carry(*report, kTaken);
  ASSERT_NE(carried, nullptr);
  EXPECT_EQ(carried->listing_problem, "bad \xEF\xBF\xBD byte");
}

TEST_F(WireTest, AReadingSeemsYoungerOnlyByTheShortestWay) {
  Carry(*PlainReport("node-a", {80}, kTaken), kTaken);
  // Waits in a buffer for 9 s.
  const pb::Report message = Write(*PlainReport("node-a", {81}, kTaken + 1s), kTaken + 1s);
  const SteadyTime received = kTaken + kApart + 10s;
  offset_.Add(message.sent_ns(), received);
  const auto read = reader_.Read(message, offset_);
  ASSERT_TRUE(read.ok()) << read.status();
  const Reading& reading = (*read)->snapshot->gpus[0].readings[MetricId::kGpuUtilization];
  EXPECT_EQ(received - reading.taken(), 9s - kWay);
}

// What a later version may send.
TEST_F(WireTest, WhatIsUnknownIsIgnored) {
  pb::Report message = Write(*RichReport("node-a", kTaken), kTaken + 10ms);
  pb::Layout& layout = *message.mutable_layout();
  layout.add_metrics("nvlink_errors");
  pb::Note* of_unknown = layout.mutable_gpus(0)->add_notes();
  of_unknown->set_metric(static_cast<uint32_t>(layout.metrics_size()) - 1);
  of_unknown->set_detail("of a metric that is not known");
  for (pb::GpuValues& values : *message.mutable_gpus()) {
    while (values.values_size() < layout.metrics_size() - 1) {
      values.add_values(std::nan(""));
      if (values.before_taken_ns_size() > 0) values.add_before_taken_ns(0);
    }
    values.add_values(99);
    if (values.before_taken_ns_size() > 0) values.add_before_taken_ns(0);
  }
  std::string bytes = message.SerializeAsString();
  bytes += "\xa2\x06\x03xyz";  // Field 100, a string.
  pb::Report later;
  ASSERT_TRUE(later.ParseFromString(bytes));
  const auto read = Read(later);
  ASSERT_TRUE(read.ok()) << read.status();
  testing::ExpectSame(**read, *RichReport("node-a", kTaken), kApart + kWay);
}

TEST_F(WireTest, UnknownReasonsAndStatesLeaveNothingOut) {
  pb::Report message = Write(*RichReport("node-a", kTaken), kTaken + 10ms);
  message.mutable_layout()->mutable_gpus(0)->mutable_notes(1)->set_reason(
      static_cast<pb::Note::Reason>(77));
  message.mutable_layout()->mutable_gpus(2)->set_state(static_cast<pb::Gpu::State>(77));
  const auto read = Read(message);
  ASSERT_TRUE(read.ok()) << read.status();
  const auto& gpus = (*read)->snapshot->gpus;
  EXPECT_FALSE(gpus[0].readings[MetricId::kMemoryTotalMib].has_value());
  EXPECT_EQ(gpus[0].readings[MetricId::kMemoryTotalMib].reason(), Missing::kDriverError);
  EXPECT_EQ(gpus[2].state, model::DeviceState::kPresent);
}

TEST_F(WireTest, AMetricThatTheAgentDoesNotKnowIsNotSampled) {
  pb::Report message = Write(*PlainReport("node-a", {80}, kTaken), kTaken);
  message.mutable_layout()->mutable_metrics()->RemoveLast();
  message.mutable_layout()->mutable_gpus(0)->mutable_notes()->RemoveLast();
  const auto read = Read(message);
  ASSERT_TRUE(read.ok()) << read.status();
  const Reading& reading = (*read)->snapshot->gpus[0].readings[MetricId::kNvlinkRxMbps];
  EXPECT_FALSE(reading.has_value());
  EXPECT_EQ(reading.reason(), Missing::kNotSampledYet);
  EXPECT_THAT(reading.detail(), HasSubstr("does not report"));
}

TEST_F(WireTest, SortsPods) {
  pb::Report message = Write(*RichReport("node-a", kTaken), kTaken + 10ms);
  message.mutable_layout()->mutable_pods()->SwapElements(0, 1);
  const auto read = Read(message);
  ASSERT_TRUE(read.ok()) << read.status();
  testing::ExpectSame(**read, *RichReport("node-a", kTaken), kApart + kWay);
}

TEST_F(WireTest, EnginesAreThoseOfThisReportAlone) {
  const auto report = RichReport("node-a", kTaken);
  report->engines = RichEngines(kTaken);
  ASSERT_NE(Carry(*report, kTaken + 10ms), nullptr);
  EXPECT_THAT(Carry(*RichReport("node-a", kTaken + 1s), kTaken + 1010ms)->engines, IsEmpty());
}

TEST_F(WireTest, NothingIsHeldForAnEngineValueThatCannotBeUnderstood) {
  const auto report = RichReport("node-a", kTaken);
  report->engines = RichEngines(kTaken);
  pb::Report message = Write(*report, kTaken + 10ms);
  message.mutable_engines(0)->set_value(kInfinity);
  message.mutable_engines(1)->set_value(std::nan(""));
  message.mutable_engines(2)->set_gap(static_cast<pb::EngineValue::Gap>(99));
  const auto read = Read(message);
  ASSERT_TRUE(read.ok()) << read.status();
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_FALSE((*read)->engines[i].reading.has_value()) << i;
    EXPECT_EQ((*read)->engines[i].reading.gap(), model::EngineGap::kFault) << i;
  }
}

TEST_F(WireTest, SortsEngines) {
  const auto report = RichReport("node-a", kTaken);
  report->engines = RichEngines(kTaken);
  const auto sorted = report->engines;
  std::reverse(report->engines.begin(), report->engines.end());
  const auto carried = Carry(*report, kTaken + 10ms);
  ASSERT_NE(carried, nullptr);
  report->engines = sorted;
  testing::ExpectSame(*carried, *report, kApart + kWay);
}

TEST_F(WireTest, CutsWhatIsSaidOfAnEngine) {
  const auto report = PlainReport("node-a", {80}, kTaken);
  report->engines = {
      {"u", "k",
       model::EngineReading::Missing(model::EngineGap::kFault, std::string(600, 'x'), kTaken), 3s}};
  const pb::Report message = Write(*report, kTaken);
  EXPECT_EQ(message.engines(0).detail().size(), kLongestEngineDetail);
}

TEST_F(WireTest, AReportBeforeAnyLayoutIsRefused) {
  pb::Report message = Write(*PlainReport("node-a", {80}, kTaken), kTaken);
  message.clear_layout();
  const auto read = Read(message);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("before any layout"));
}

TEST_F(WireTest, TheSequenceMustRise) {
  const pb::Report first = Write(*PlainReport("node-a", {80}, kTaken), kTaken);
  pb::Report third = Write(*PlainReport("node-a", {80}, kTaken), kTaken);
  third.set_sequence(3);
  EXPECT_TRUE(Read(first).ok());
  EXPECT_TRUE(Read(third).ok()) << "a number left out is no harm";
  EXPECT_THAT(std::string(Read(third).status().message()), HasSubstr("sequence does not rise"));
  pb::Report none = first;
  none.set_sequence(0);
  EXPECT_FALSE(ReportReader("node-b").Read(none, offset_).ok());
}

struct Breach {
  const char* name;
  std::function<void(pb::Report&)> make;
  const char* text;
};

class WireBreachTest : public WireTest, public ::testing::WithParamInterface<Breach> {};

TEST_P(WireBreachTest, IsRefused) {
  const auto report = RichReport("node-a", kTaken);
  report->engines = RichEngines(kTaken);
  pb::Report message = Write(*report, kTaken + 10ms);
  GetParam().make(message);
  const auto read = Read(message);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr(GetParam().text));
}

const Breach kBreaches[] = {
    {"FewerGpus", [](pb::Report& r) { r.mutable_gpus()->RemoveLast(); }, "values of 2 GPUs"},
    {"MoreGpus", [](pb::Report& r) { r.add_gpus(); }, "values of 4 GPUs"},
    {"MoreValuesThanMetrics", [](pb::Report& r) { r.mutable_gpus(0)->add_values(1); },
     "more values than metrics"},
    {"TimesOfOtherNumber", [](pb::Report& r) { r.mutable_gpus(0)->add_before_taken_ns(1); },
     "not as many times"},
    {"ReadAfterSent", [](pb::Report& r) { r.mutable_gpus(0)->set_before_taken_ns(0, -10000001); },
     "read after it was sent"},
    {"TakenAfterSent", [](pb::Report& r) { r.set_taken_ns(r.sent_ns() + 1); },
     "taken after it was sent"},
    {"ListedAfterSent", [](pb::Report& r) { r.set_listed_ns(r.sent_ns() + 1); },
     "listed after it was sent"},
    {"PodListedAfterSent",
     [](pb::Report& r) { r.mutable_layout()->mutable_pods(1)->set_listed_ns(r.sent_ns() + 1); },
     "listed after it was sent"},
    {"TimeOfSendingOutOfRange",
     [](pb::Report& r) { r.set_sent_ns(std::numeric_limits<int64_t>::max()); }, "out of range"},
    {"TimeOfTakingOutOfRange",
     [](pb::Report& r) { r.set_taken_ns(std::numeric_limits<int64_t>::min()); }, "out of range"},
    {"TimeOfReadingOutOfRange",
     [](pb::Report& r) {
       r.mutable_gpus(0)->set_before_taken_ns(0, std::numeric_limits<int64_t>::min());
     },
     "read after it was sent"},
    {"TimeOfPodOutOfRange",
     [](pb::Report& r) {
       r.mutable_layout()->mutable_pods(1)->set_listed_ns(std::numeric_limits<int64_t>::min());
     },
     "out of range"},
    {"EngineAskedAfterSent",
     [](pb::Report& r) { r.mutable_engines(1)->set_before_taken_ns(-10000001); },
     "an engine that was asked after it was sent"},
    {"TimeOfEngineOutOfRange",
     [](pb::Report& r) {
       r.mutable_engines(1)->set_before_taken_ns(std::numeric_limits<int64_t>::min());
     },
     "an engine that was asked after it was sent"},
    {"EngineValueTwice", [](pb::Report& r) { *r.add_engines() = r.engines(0); },
     "an engine value twice"},
    {"TooManyEngineValues",
     [](pb::Report& r) {
       while (r.engines_size() <= 4096) r.add_engines();
     },
     "too many engine values"},
    {"TooLongTextOfAnEngine",
     [](pb::Report& r) { r.mutable_engines(0)->set_detail(std::string(65537, 'x')); }, "too long"},
    {"MetricTwice", [](pb::Report& r) { r.mutable_layout()->set_metrics(1, "gpu_utilization"); },
     "metric \"gpu_utilization\" twice"},
    {"NoteOnNoMetric",
     [](pb::Report& r) { r.mutable_layout()->mutable_gpus(0)->mutable_notes(0)->set_metric(15); },
     "a note on metric 15"},
    {"MoreNotesThanMetrics",
     [](pb::Report& r) {
       for (int i = 0; i < 16; ++i) r.mutable_layout()->mutable_gpus(0)->add_notes();
     },
     "more notes than metrics"},
    {"XidAfterSent",
     [](pb::Report& r) {
       r.mutable_layout()->mutable_gpus(0)->mutable_xids(0)->set_last_ns(r.sent_ns() + 1);
     },
     "an XID error after it was sent"},
    {"TooManyXids",
     [](pb::Report& r) {
       for (int i = 0; i < 33; ++i) r.mutable_layout()->mutable_gpus(0)->add_xids();
     },
     "too many XIDs"},
    {"GpuOfAPodOutOfRange",
     [](pb::Report& r) { r.mutable_layout()->mutable_pods(0)->mutable_devices(0)->set_gpu(3); },
     "a pod holds GPU 3"},
    {"PodTwice", [](pb::Report& r) { r.mutable_layout()->mutable_pods(1)->set_name("a"); },
     "pod \"default/a\" twice"},
    {"MoreSharesThanThereAre",
     [](pb::Report& r) { r.mutable_layout()->mutable_pods(0)->mutable_devices(0)->set_shares(2); },
     "2 of 1 shares"},
    {"TooManyShares",
     [](pb::Report& r) {
       r.mutable_layout()->mutable_pods(0)->mutable_devices(0)->set_all_shares(1u << 31);
     },
     "shares"},
    {"PodsWithoutAListing", [](pb::Report& r) { r.mutable_layout()->set_pods_listed(false); },
     "pods without a listing"},
    {"TooManyGpus",
     [](pb::Report& r) {
       while (r.layout().gpus_size() <= 1024) r.mutable_layout()->add_gpus();
     },
     "too many GPUs"},
    {"TooManyPods",
     [](pb::Report& r) {
       while (r.layout().pods_size() <= 4096) r.mutable_layout()->add_pods();
     },
     "too many pods"},
    {"TooManyDevices",
     [](pb::Report& r) {
       for (int i = 0; i < 16384; ++i) r.mutable_layout()->mutable_pods(0)->add_devices();
     },
     "too many held devices"},
    {"TooManyMetrics",
     [](pb::Report& r) {
       while (r.layout().metrics_size() <= 1024) r.mutable_layout()->add_metrics("x");
     },
     "too many metrics"},
    {"TooManySources",
     [](pb::Report& r) {
       while (r.layout().sources_size() <= 64) r.mutable_layout()->add_sources();
     },
     "too many sources"},
    {"TooLongText",
     [](pb::Report& r) { r.mutable_layout()->set_listing_problem(std::string(65537, 'x')); },
     "too long"},
};

INSTANTIATE_TEST_SUITE_P(All, WireBreachTest, ::testing::ValuesIn(kBreaches),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace kgs::fleet
