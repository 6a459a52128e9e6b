// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/nvml_backend.h"

#include <algorithm>
#include <thread>

#include "gpu/nvml/nvml_test_fixture.h"

namespace kgs::gpu::nvml {
namespace {

using model::DeviceState;
using model::MetricId;
using model::Missing;

bool NeedsNewProcess(const absl::Status& status) {
  return status.GetPayload(std::string(kNeedsNewProcessPayload)).has_value();
}

class BackendTest : public NvmlTest {
 protected:
  /// Opens a first session, of GPU-a, GPU-b and GPU-c.
  void KnowThreeGpus() {
    Open("gpu\n uuid GPU-a\n name A\ngpu\n uuid GPU-b\n name B\ngpu\n uuid GPU-c\n name C\n");
  }
};

TEST_F(BackendTest, ListsTheGpusOfTheDriver) {
  const Session session = Open(
      "driver 570.1\ngpu\ngpu\n uuid GPU-x\n name NVIDIA H100 80GB HBM3\n minor 7\n"
      " bus_id 00000000:65:00.0\n");
  EXPECT_EQ(session.driver_version, "570.1");
  ASSERT_EQ(session.devices.size(), 2u);
  EXPECT_EQ(session.devices[0].identity.index, 0);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-00000000-0000-0000-0000-000000000000");
  const DeviceListing& second = session.devices[1];
  EXPECT_EQ(second.identity.index, 1);
  EXPECT_EQ(second.identity.uuid, "GPU-x");
  EXPECT_EQ(second.identity.name, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(second.identity.minor_number, 7);
  EXPECT_EQ(second.identity.pci_bus_id, "00000000:65:00.0");
  EXPECT_EQ(second.state, DeviceState::kPresent);
  EXPECT_EQ(second.state_reason, "");
  EXPECT_NE(second.device, nullptr);
  EXPECT_EQ(backend_->name(), "nvml");
  EXPECT_EQ(backend_->current_call(), nullptr);
  EXPECT_TRUE(backend_->Check());
}

TEST_F(BackendTest, WithoutAPathTheDriversSonameIsLoaded) {
  // The fake is in the process by now, and the loader knows it by that name.
  Open("driver 1.2.3\ngpu\n");
  const auto by_soname = MakeNvmlBackend("");
  const auto session = by_soname->Open();
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->driver_version, "1.2.3");
  by_soname->Close();
}

TEST_F(BackendTest, WhatTheDriverDoesNotSayOfAGpuStaysEmpty) {
  const Session session = Open(
      "error nvmlSystemGetDriverVersion 999\nerror nvmlDeviceGetName 999\n"
      "error nvmlDeviceGetMinorNumber 3\nerror nvmlDeviceGetPciInfo_v3 4\ngpu\n uuid GPU-x\n");
  EXPECT_EQ(session.driver_version, "");
  ASSERT_EQ(session.devices.size(), 1u);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-x");
  EXPECT_EQ(session.devices[0].identity.name, "");
  EXPECT_FALSE(session.devices[0].identity.minor_number.has_value());
  EXPECT_EQ(session.devices[0].identity.pci_bus_id, "");
  EXPECT_THAT(Read(session, MetricId::kPowerDraw), IsValue(60));
}

TEST_F(OldNvmlTest, ListsGpusOfAnOldDriver) {
  const Session session = Open("driver 440.1\ngpu\n uuid GPU-old\n");
  EXPECT_EQ(session.driver_version, "440.1");
  ASSERT_EQ(session.devices.size(), 1u);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-old");
  EXPECT_FALSE(session.devices[0].identity.minor_number.has_value());
  EXPECT_NE(session.devices[0].device, nullptr);
}

TEST_F(BackendTest, AMissingLibraryIsLoadedOnceItIsThere) {
  // A path of its own each time: a library once loaded is found by its path for good.
  static int runs = 0;
  const auto path = fake_.directory() / ("late-" + std::to_string(++runs)) / "libnvidia-ml.so.1";
  const auto late = MakeNvmlBackend(path);
  Script("gpu\n");
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = late->Open().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(std::string(status.message()),
              "cannot load " + path.string() +
                  ": cannot open shared object file: No such file or directory; is the NVIDIA "
                  "driver installed on this node?");
    EXPECT_FALSE(NeedsNewProcess(status));
    EXPECT_TRUE(late->Check());
    late->Close();
  }
  std::filesystem::create_directory(path.parent_path());
  std::filesystem::copy_file(library_, path);
  const auto session = late->Open();
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->devices.size(), 1u);
  late->Close();
}

TEST_F(BackendTest, ADriverThatIsNotLoadedYet) {
  const absl::Status status = OpenFailure("error nvmlInit_v2 9\n");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(status.message()),
            "nvmlInit_v2: Driver Not Loaded; is the NVIDIA kernel driver loaded on this node?");
  EXPECT_FALSE(NeedsNewProcess(status));
  EXPECT_EQ(Open("gpu\n").devices.size(), 1u);
}

TEST_F(BackendTest, AStubLibrary) {
  const absl::Status status = OpenFailure("error nvmlInit_v2 12\n");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(status.message()),
            "nvmlInit_v2: NVML Shared Library Not Found; is the NVIDIA driver installed on this "
            "node?");
}

TEST_F(BackendTest, ADriverReplacedUnderTheProcessWantsANewOne) {
  for (const char* call : {"nvmlInit_v2", "nvmlDeviceGetCount_v2", "nvmlDeviceGetUUID"}) {
    const absl::Status status = OpenFailure(std::string("error ") + call + " 18\ngpu\n");
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_TRUE(NeedsNewProcess(status)) << call;
    EXPECT_EQ(std::string(status.message()),
              std::string(call) +
                  ": Driver/library version mismatch; the NVIDIA driver on this node is another "
                  "than the library loaded here: only a new process can load the matching one");
  }
}

TEST_F(BackendTest, OtherFailuresToOpenAreErrorsToo) {
  for (const char* code : {"1", "4", "17", "20", "999", "77"}) {
    for (const char* call : {"nvmlInit_v2", "nvmlDeviceGetCount_v2"}) {
      const absl::Status status =
          OpenFailure(std::string("error ") + call + " " + code + "\ngpu\n");
      EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
      EXPECT_THAT(std::string(status.message()), ::testing::StartsWith(std::string(call) + ": "));
      EXPECT_FALSE(NeedsNewProcess(status));
    }
  }
}

TEST_F(BackendTest, EachSuccessfulInitIsShutDownOnce) {
  const auto inits = Calls("nvmlInit_v2");
  const auto shutdowns = Calls("nvmlShutdown");
  Open("gpu\n");
  Reopen();
  EXPECT_FALSE(OpenFailure("error nvmlDeviceGetCount_v2 999\ngpu\n").ok());
  backend_->Close();
  backend_->Close();
  EXPECT_EQ(Calls("nvmlInit_v2") - inits, 3u);
  EXPECT_EQ(Calls("nvmlShutdown") - shutdowns, 3u);
  EXPECT_FALSE(OpenFailure("error nvmlInit_v2 999\n").ok());
  EXPECT_EQ(Calls("nvmlShutdown") - shutdowns, 3u);
}

TEST_F(BackendTest, ANodeWithoutGpusIsAStateAndLookedAtAgainNowAndThen) {
  for (const char* script : {"error nvmlInit_v2 28\n", "# no GPU\n"}) {
    const Session session = Open(script);
    EXPECT_TRUE(session.devices.empty());
    EXPECT_EQ(session.look_again, std::chrono::seconds(10)) << script;
    const auto inits = Calls("nvmlInit_v2");
    for (int look = 0; look < 100; ++look) EXPECT_TRUE(backend_->Check());
    EXPECT_EQ(Calls("nvmlInit_v2"), inits);
  }
  const Session session = Open("gpu\n");
  EXPECT_EQ(session.devices.size(), 1u);
  EXPECT_EQ(session.look_again, std::nullopt);
  EXPECT_TRUE(backend_->Check());
}

TEST_F(BackendTest, AnotherNumberOfGpusWantsAnotherOpen) {
  Open("gpu\n uuid GPU-a\n");
  EXPECT_TRUE(backend_->Check());
  Script("gpu\n uuid GPU-a\ngpu\n uuid GPU-b\n");
  EXPECT_FALSE(backend_->Check());
  EXPECT_EQ(Reopen().devices.size(), 2u);
  EXPECT_TRUE(backend_->Check());
  Script("gpu\n uuid GPU-b\n");
  EXPECT_FALSE(backend_->Check());
  Script("error nvmlDeviceGetCount_v2 28\n");
  EXPECT_FALSE(backend_->Check());
}

TEST_F(BackendTest, CheckTellsABrokenSessionFromACallThatFails) {
  Open("gpu\n");
  for (const char* broken : {"1", "9", "12", "18"}) {
    Script(std::string("error nvmlDeviceGetCount_v2 ") + broken + "\ngpu\n");
    EXPECT_FALSE(backend_->Check()) << broken;
  }
  for (const char* passing : {"2", "4", "15", "20", "999", "77"}) {
    Script(std::string("error nvmlDeviceGetCount_v2 ") + passing + "\ngpu\n");
    EXPECT_TRUE(backend_->Check()) << passing;
  }
}

TEST_F(BackendTest, AGpuLostAtOpenKeepsItsName) {
  KnowThreeGpus();
  for (const char* trouble : {"lost", "error nvmlDeviceGetHandleByIndex_v2 16",
                              "error nvmlDeviceGetUUID 15", "error nvmlDeviceGetName 15"}) {
    const Session session = Open(std::string("gpu\n uuid GPU-a\ngpu\n uuid GPU-b\n ") + trouble +
                                 "\ngpu\n uuid GPU-c\n");
    ASSERT_EQ(session.devices.size(), 3u) << trouble;
    EXPECT_EQ(session.devices[1].state, DeviceState::kLost) << trouble;
    EXPECT_EQ(session.devices[1].identity.uuid, "GPU-b");
    EXPECT_EQ(session.devices[1].device, nullptr);
    EXPECT_NE(session.devices[0].device, nullptr);
    EXPECT_NE(session.devices[2].device, nullptr);
  }
  EXPECT_EQ(Open("gpu\n uuid GPU-a\ngpu\n uuid GPU-b\n error nvmlDeviceGetHandleByIndex_v2 16\n")
                .devices[1]
                .state_reason,
            "nvmlDeviceGetHandleByIndex_v2: GPU requires reset");
}

TEST_F(BackendTest, ALostGpuThatWasNeverSeenHasOnlyItsIndex) {
  const Session session = Open("gpu\ngpu\n lost\n");
  ASSERT_EQ(session.devices.size(), 2u);
  EXPECT_EQ(session.devices[1].state, DeviceState::kLost);
  EXPECT_EQ(session.devices[1].identity.index, 1);
  EXPECT_EQ(session.devices[1].identity.uuid, "");
  EXPECT_EQ(session.devices[1].state_reason, "nvmlDeviceGetHandleByIndex_v2: GPU is lost");
}

TEST_F(BackendTest, ALostGpuDoesNotTakeTheNameOfOneListedElsewhere) {
  KnowThreeGpus();
  // Indices moved: what was at index 1 is at 0 now.
  const Session session =
      Open("gpu\n uuid GPU-b\n bus_id 00000000:01:00.0\ngpu\n uuid GPU-z\n lost\n");
  ASSERT_EQ(session.devices.size(), 4u);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-b");
  EXPECT_EQ(session.devices[1].identity.uuid, "");
  EXPECT_EQ(session.devices[2].identity.uuid, "GPU-a");
  EXPECT_EQ(session.devices[3].identity.uuid, "GPU-c");
}

TEST_F(BackendTest, OfSeveralGpusSeenAtAnIndexTheLatestIsMeant) {
  Open("gpu\n uuid GPU-first\n bus_id 00000000:41:00.0\n");
  Open("gpu\n uuid GPU-second\n bus_id 00000000:42:00.0\n");
  const Session session = Open("gpu\n lost\n");
  ASSERT_EQ(session.devices.size(), 2u);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-second");
  EXPECT_EQ(session.devices[1].identity.uuid, "GPU-first");
}

TEST_F(BackendTest, AGpuThatIsNotOurs) {
  for (const auto& [code, text] :
       {std::pair{"4", "Insufficient Permissions"},
        std::pair{"17", "The operating system has blocked the request"}}) {
    const Session session =
        Open(std::string("gpu\n error nvmlDeviceGetHandleByIndex_v2 ") + code + "\ngpu\n");
    ASSERT_EQ(session.devices.size(), 2u);
    EXPECT_EQ(session.devices[0].state, DeviceState::kNotPermitted);
    EXPECT_EQ(session.devices[0].state_reason,
              std::string("nvmlDeviceGetHandleByIndex_v2: ") + text);
    const DeviceSample sample = Read(session, 0);
    EXPECT_EQ(sample.state, DeviceState::kNotPermitted);
    EXPECT_FALSE(sample.session_broken) << "not before it may be opened";
    EXPECT_EQ(session.devices[1].state, DeviceState::kPresent);
    EXPECT_THAT(Read(session, 1).readings[MetricId::kPowerDraw], IsValue(60));
  }
}

TEST_F(BackendTest, AGpuThatWasOursAndIsRefusedNowFailsRatherThanVanishes) {
  KnowThreeGpus();
  const Session session = Open(
      "gpu\n uuid GPU-a\n error nvmlDeviceGetHandleByIndex_v2 4\n"
      "gpu\n uuid GPU-b\ngpu\n uuid GPU-c\n");
  ASSERT_EQ(session.devices.size(), 3u);
  EXPECT_EQ(session.devices[0].state, DeviceState::kPresent);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-a");
  const DeviceSample sample = Read(session, 0);
  EXPECT_EQ(sample.state, DeviceState::kPresent);
  EXPECT_THAT(
      sample.readings[MetricId::kPowerDraw],
      IsAbsent(Missing::kDriverError, "nvmlDeviceGetHandleByIndex_v2: Insufficient Permissions"));
}

TEST_F(BackendTest, AGpuThatDoesNotSayWhoItIsFailsRatherThanVanishes) {
  KnowThreeGpus();
  const Session session =
      Open("gpu\n uuid GPU-a\n error nvmlDeviceGetUUID 999\ngpu\n uuid GPU-b\ngpu\n uuid GPU-c\n");
  ASSERT_EQ(session.devices.size(), 3u);
  EXPECT_EQ(session.devices[0].state, DeviceState::kPresent);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-a");
  DeviceSample sample = Read(session, 0);
  EXPECT_FALSE(sample.session_broken);
  for (const model::Reading& reading : sample.readings) {
    EXPECT_THAT(reading, IsAbsent(Missing::kDriverError, "nvmlDeviceGetUUID: Unknown Error"));
  }
  EXPECT_THAT(Read(session, 1).readings[MetricId::kPowerDraw], IsValue(60));

  // It falls off the bus; then it is well again, which only a new session can use.
  Script("gpu\n uuid GPU-a\n lost\ngpu\n uuid GPU-b\ngpu\n uuid GPU-c\n");
  EXPECT_EQ(Read(session, 0).state, DeviceState::kLost);
  Script("gpu\n uuid GPU-a\n error nvmlDeviceGetUUID 4\ngpu\n uuid GPU-b\ngpu\n uuid GPU-c\n");
  EXPECT_EQ(Read(session, 0).state, DeviceState::kNotPermitted);
  Script("gpu\n uuid GPU-a\ngpu\n uuid GPU-b\ngpu\n uuid GPU-c\n");
  sample = Read(session, 0);
  EXPECT_TRUE(sample.session_broken);
  EXPECT_FALSE(sample.readings[MetricId::kPowerDraw].has_value());
  const Session again = Reopen();
  EXPECT_THAT(Read(again, 0).readings[MetricId::kPowerDraw], IsValue(60));
  EXPECT_TRUE(Read(session, 0).session_broken) << "of an earlier session";
}

TEST_F(BackendTest, AnEmptyUuidIsNoKey) {
  const Session session = Open("gpu\n uuid\n");
  ASSERT_EQ(session.devices.size(), 1u);
  EXPECT_THAT(Read(session, MetricId::kPowerDraw),
              IsAbsent(Missing::kDriverError, "nvmlDeviceGetUUID: Unknown Error"));
}

TEST_F(BackendTest, AGpuThatIsNoLongerListedIsLostUntilItIsBack) {
  KnowThreeGpus();
  Session session = Open("gpu\n uuid GPU-a\ngpu\n uuid GPU-c\n bus_id 00000000:02:00.0\n");
  ASSERT_EQ(session.devices.size(), 3u);
  EXPECT_EQ(session.devices[1].identity.uuid, "GPU-c");
  EXPECT_EQ(session.devices[1].state, DeviceState::kPresent);
  EXPECT_EQ(session.devices[2].identity.uuid, "GPU-b");
  EXPECT_EQ(session.devices[2].identity.name, "B");
  EXPECT_EQ(session.devices[2].state, DeviceState::kLost);
  EXPECT_EQ(session.devices[2].state_reason, "no longer listed by the driver");
  EXPECT_EQ(session.devices[2].device, nullptr);

  session = Open("error nvmlInit_v2 28\n");
  ASSERT_EQ(session.devices.size(), 3u);
  for (const DeviceListing& listing : session.devices) {
    EXPECT_EQ(listing.state, DeviceState::kLost);
  }

  session = Open("gpu\n uuid GPU-a\ngpu\n uuid GPU-b\ngpu\n uuid GPU-c\n");
  ASSERT_EQ(session.devices.size(), 3u);
  for (const DeviceListing& listing : session.devices) {
    EXPECT_EQ(listing.state, DeviceState::kPresent);
  }
}

TEST_F(BackendTest, AGpuWhosePlaceHasAnotherNowWasReplaced) {
  KnowThreeGpus();
  Session session = Open("gpu\n uuid GPU-new\ngpu\n uuid GPU-b\ngpu\n uuid GPU-c\n");
  ASSERT_EQ(session.devices.size(), 3u);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-new");
  // Not where nothing is known of the one that is there now, or of its place.
  for (const char* unknown : {"error nvmlDeviceGetUUID 999", "lost", "bus_id"}) {
    const std::string place = std::string("gpu\n uuid GPU-other\n ") + unknown + "\n";
    session = Open("gpu\n uuid GPU-new\n" + place + "gpu\n uuid GPU-c\n");
    const bool missed =
        std::any_of(session.devices.begin(), session.devices.end(),
                    [](const DeviceListing& listing) { return listing.identity.uuid == "GPU-b"; });
    EXPECT_TRUE(missed) << unknown;
  }
}

TEST_F(BackendTest, EachFunctionMayBeAGpuOfItsOwn) {
  Open("gpu\n uuid GPU-a\n bus_id 00000000:05:00.0\ngpu\n uuid GPU-b\n bus_id 00000000:05:00.1\n");
  const Session session = Open("gpu\n uuid GPU-a\n bus_id 00000000:05:00.0\n");
  ASSERT_EQ(session.devices.size(), 2u) << "as some hypervisors place them";
  EXPECT_EQ(session.devices[1].identity.uuid, "GPU-b");
  EXPECT_EQ(session.devices[1].state, DeviceState::kLost);
}

TEST_F(BackendTest, AnOpenThatHangsIsNamed) {
  for (const char* call : {"nvmlInit_v2", "nvmlDeviceGetHandleByIndex_v2"}) {
    Script(std::string("hang ") + call + "\ngpu\n");
    std::thread lane([this] { EXPECT_TRUE(backend_->Open().ok()); });
    AwaitCall(*backend_, call);
    Script("gpu\n");
    lane.join();
    EXPECT_EQ(backend_->current_call(), nullptr);
  }
}

TEST_F(BackendTest, ADeviceOutlivesItsBackend) {
  auto other = MakeNvmlBackend(library_);
  Script("gpu\n");
  auto session = other->Open();
  ASSERT_TRUE(session.ok());
  other->Close();
  other.reset();
  EXPECT_TRUE(session->devices[0].device->Read(clock_).session_broken);
}

}  // namespace
}  // namespace kgs::gpu::nvml
