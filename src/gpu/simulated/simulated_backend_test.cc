// SPDX-License-Identifier: Apache-2.0
#include "gpu/simulated/simulated_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace kgs::gpu::simulated {
namespace {

using namespace std::chrono_literals;
using model::DeviceState;
using model::MetricId;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kRising[] = "gpus: [{gpu_utilization: {points: [[0s, 0], [100s, 100]]}}]\n";

class SimulatedBackendTest : public ::testing::Test {
 protected:
  // Each with a time of its own: two writes within a tick of the file system's clock look alike.
  void Write(const std::string& text) {
    std::ofstream(path_, std::ios::trunc) << text;
    std::filesystem::last_write_time(path_, first_write_ + std::chrono::seconds(++writes_));
  }

  std::unique_ptr<Backend> Make() {
    auto backend = MakeSimulatedBackend(path_.string(), clock_);
    EXPECT_TRUE(backend.ok()) << backend.status();
    return backend.ok() ? *std::move(backend) : nullptr;
  }

  std::unique_ptr<Backend> Make(const std::string& text) {
    Write(text);
    return Make();
  }

  static Session Open(Backend& backend) {
    auto session = backend.Open();
    EXPECT_TRUE(session.ok()) << session.status();
    return session.ok() ? *std::move(session) : Session{};
  }

  double UtilizationOf(const DeviceListing& listing) {
    const model::Reading reading = listing.device->Read(clock_).readings[MetricId::kGpuUtilization];
    EXPECT_TRUE(reading.has_value()) << reading.detail();
    return reading.has_value() ? reading.value() : -1;
  }

  /// Log lines of \p function.
  template <typename Function>
  static int WarningsOf(Function function) {
    ::testing::internal::CaptureStderr();
    function();
    const std::string lines = ::testing::internal::GetCapturedStderr();
    int warnings = 0;
    for (size_t at = lines.find("\"warn\""); at != std::string::npos; ++warnings) {
      at = lines.find("\"warn\"", at + 1);
    }
    return warnings;
  }

  testing::FakeClock clock_;
  const kgs::testing::TempFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "gpus.yaml";
  std::filesystem::file_time_type first_write_ = std::filesystem::file_time_type::clock::now();
  int writes_ = 0;
};

TEST_F(SimulatedBackendTest, ListsAndReadsItsGpus) {
  const auto backend =
      Make("gpus: [{name: a, gpu_utilization: 10}, {name: b, gpu_utilization: 20}]");
  EXPECT_EQ(backend->name(), "simulated");
  const Session session = Open(*backend);
  EXPECT_EQ(session.driver_version, "simulated");
  ASSERT_EQ(session.devices.size(), 2u);
  EXPECT_EQ(session.devices[1].identity.index, 1);
  EXPECT_EQ(session.devices[1].identity.name, "b");
  EXPECT_EQ(UtilizationOf(session.devices[0]), 10);
  EXPECT_EQ(UtilizationOf(session.devices[1]), 20);
  EXPECT_TRUE(backend->Check());
  EXPECT_EQ(backend->current_call(), nullptr);
  EXPECT_EQ(session.devices[0].device->current_call(), nullptr);
}

TEST_F(SimulatedBackendTest, AMistakeAtTheStartIsAnErrorWithItsLine) {
  Write("gpus:\n  - temperature: 999\n");
  const auto backend = MakeSimulatedBackend(path_.string(), clock_);
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(backend.status().message()),
              StartsWith(path_.string() + ":2: gpus[0].temperature: "));
}

TEST_F(SimulatedBackendTest, AFileThatIsNoneIsAnError) {
  const auto error = [&](const std::filesystem::path& path) {
    const auto backend = MakeSimulatedBackend(path.string(), clock_);
    EXPECT_EQ(backend.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(backend.status().message());
  };
  EXPECT_EQ(error(path_), path_.string() + ": No such file or directory");
  EXPECT_THAT(error(folder_.path()), HasSubstr("accepted: a regular file of at most 4 MiB"));
  EXPECT_THAT(error("/dev/zero"), HasSubstr("accepted: a regular file"));
  Write("");
  EXPECT_THAT(error(path_), HasSubstr("is nothing, accepted: a map of gpus"));
  std::filesystem::resize_file(path_, (4 << 20) + 1);
  EXPECT_THAT(error(path_), HasSubstr("at most 4 MiB"));
}

TEST_F(SimulatedBackendTest, TimeCountsFromTheReadingOfTheFile) {
  const auto backend = Make(kRising);
  clock_.Advance(30s);
  const Session session = Open(*backend);
  EXPECT_EQ(UtilizationOf(session.devices[0]), 30);
  clock_.Advance(20s);
  EXPECT_EQ(UtilizationOf(session.devices[0]), 50);
  EXPECT_EQ(UtilizationOf(Open(*backend).devices[0]), 50) << "opening is not reading";
}

TEST_F(SimulatedBackendTest, NewLoadAppliesAtTheNextRead) {
  const auto backend = Make(kRising);
  const Session session = Open(*backend);
  clock_.Advance(30s);
  Write("gpus: [{gpu_utilization: {points: [[0s, 100], [100s, 0]]}}]");
  EXPECT_TRUE(backend->Check());
  EXPECT_EQ(UtilizationOf(session.devices[0]), 100);
  clock_.Advance(10s);
  EXPECT_EQ(UtilizationOf(session.devices[0]), 90);
}

TEST_F(SimulatedBackendTest, TheSameContentAgainDoesNotStartOver) {
  const auto backend = Make(kRising);
  const Session session = Open(*backend);
  clock_.Advance(30s);
  Write(kRising);
  EXPECT_TRUE(backend->Check());
  EXPECT_EQ(UtilizationOf(session.devices[0]), 30);
}

TEST_F(SimulatedBackendTest, ARenameOverTheFileIsAChange) {
  const auto backend = Make("gpus: [{gpu_utilization: 10}]");
  const Session session = Open(*backend);
  const auto time = std::filesystem::last_write_time(path_);
  const auto other = folder_.path() / "other";
  std::ofstream(other) << "gpus: [{gpu_utilization: 20}]";
  std::filesystem::last_write_time(other, time);
  std::filesystem::rename(other, path_);
  EXPECT_TRUE(backend->Check());
  EXPECT_EQ(UtilizationOf(session.devices[0]), 20);
}

TEST_F(SimulatedBackendTest, OtherGpusNeedANewSession) {
  const auto backend =
      Make("gpus: [{name: a, gpu_utilization: 10}, {name: b, gpu_utilization: 20}]");
  const Session session = Open(*backend);
  Write("gpus: [{name: c, uuid: c, gpu_utilization: 30}]");
  EXPECT_FALSE(backend->Check());
  EXPECT_FALSE(backend->Check()) << "until it is opened again";
  EXPECT_EQ(UtilizationOf(session.devices[1]), 20) << "the old session plays on";

  const Session next = Open(*backend);
  ASSERT_EQ(next.devices.size(), 3u);
  EXPECT_EQ(next.devices[0].identity.uuid, "c");
  EXPECT_EQ(UtilizationOf(next.devices[0]), 30);
  for (const size_t i : {1, 2}) {
    EXPECT_EQ(next.devices[i].identity.uuid, session.devices[i - 1].identity.uuid);
    EXPECT_EQ(next.devices[i].state, DeviceState::kLost);
    EXPECT_EQ(next.devices[i].state_reason, "no longer in the simulated GPUs file");
    EXPECT_EQ(next.devices[i].device, nullptr);
  }
  EXPECT_TRUE(backend->Check());
  EXPECT_EQ(UtilizationOf(session.devices[1]), 20) << "and reading it stays harmless";
}

TEST_F(SimulatedBackendTest, AGpuThatIsBackIsNoLongerLost) {
  const auto backend = Make("gpus: [{gpu_utilization: 1}, {gpu_utilization: 2}]");
  Open(*backend);
  Write("gpus: [{gpu_utilization: 1}]");
  ASSERT_EQ(Open(*backend).devices[1].state, DeviceState::kLost);
  Write("gpus: [{gpu_utilization: 1}, {gpu_utilization: 3}]");
  EXPECT_FALSE(backend->Check());
  const Session session = Open(*backend);
  ASSERT_EQ(session.devices.size(), 2u);
  EXPECT_EQ(UtilizationOf(session.devices[1]), 3);
}

TEST_F(SimulatedBackendTest, ABadChangeIsLoggedOnceAndTheLastGoodStays) {
  const auto backend = Make(kRising);
  const Session session = Open(*backend);
  clock_.Advance(30s);
  Write("gpus: [{gpu_utilization: 200}]");
  EXPECT_EQ(WarningsOf([&] {
              for (int i = 0; i < 3; ++i) EXPECT_TRUE(backend->Check());
            }),
            1);
  EXPECT_EQ(UtilizationOf(session.devices[0]), 30);
  Write("gpus: [{gpu_utilization: 77}]");
  EXPECT_EQ(WarningsOf([&] { EXPECT_TRUE(backend->Check()); }), 0);
  EXPECT_EQ(UtilizationOf(session.devices[0]), 77);
}

TEST_F(SimulatedBackendTest, ADeletedFileIsLoggedOnceAndTheLastGoodStays) {
  const auto backend = Make(kRising);
  Session session = Open(*backend);
  clock_.Advance(30s);
  std::filesystem::remove(path_);
  EXPECT_EQ(WarningsOf([&] {
              for (int i = 0; i < 3; ++i) EXPECT_TRUE(backend->Check());
              session = Open(*backend);
            }),
            1);
  EXPECT_EQ(UtilizationOf(session.devices[0]), 30);
  Write("gpus: [{gpu_utilization: 77}]");
  EXPECT_TRUE(backend->Check());
  EXPECT_EQ(UtilizationOf(session.devices[0]), 77);
}

TEST_F(SimulatedBackendTest, AGpuThatGetsLostAndFoundIsReadByItsDevice) {
  const auto backend = Make("gpus: [{gpu_utilization: 5, lost: {from: 30s, until: 60s}}]");
  const Session session = Open(*backend);
  EXPECT_EQ(UtilizationOf(session.devices[0]), 5);
  clock_.Advance(30s);
  EXPECT_TRUE(backend->Check());
  EXPECT_EQ(session.devices[0].device->Read(clock_).state, DeviceState::kLost);
  clock_.Advance(30s);
  EXPECT_TRUE(backend->Check());
  EXPECT_EQ(UtilizationOf(session.devices[0]), 5);
}

TEST_F(SimulatedBackendTest, AGpuThatWasLostAtOpenAndIsFoundNeedsANewSession) {
  const auto backend = Make("gpus: [{gpu_utilization: 5, lost: {until: 60s}}]");
  const Session session = Open(*backend);
  EXPECT_EQ(session.devices[0].state, DeviceState::kLost);
  EXPECT_EQ(session.devices[0].device, nullptr);
  EXPECT_TRUE(backend->Check());
  clock_.Advance(60s);
  EXPECT_FALSE(backend->Check());
  EXPECT_EQ(UtilizationOf(Open(*backend).devices[0]), 5);
  EXPECT_TRUE(backend->Check());
}

TEST_F(SimulatedBackendTest, ClosedItIsToBeOpened) {
  const auto backend = Make(kRising);
  backend->Close();
  EXPECT_FALSE(backend->Check());
  Open(*backend);
  EXPECT_TRUE(backend->Check());
  backend->Close();
  EXPECT_FALSE(backend->Check());
}

TEST_F(SimulatedBackendTest, ReadsOverlapWithEachOtherAndWithChanges) {
  const auto backend = Make("gpus: [{gpu_utilization: 1}, {gpu_utilization: 1}]");
  const Session session = Open(*backend);
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (const DeviceListing& listing : session.devices) {
    readers.emplace_back([&] {
      while (!done) EXPECT_GE(UtilizationOf(listing), 1);
    });
  }
  for (int i = 1; i <= 50; ++i) {
    std::string gpus = "gpus:\n";
    for (int gpu = 0; gpu < 2; ++gpu) gpus += "  - gpu_utilization: " + std::to_string(i) + "\n";
    Write(gpus);
    EXPECT_TRUE(backend->Check());
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(UtilizationOf(session.devices[1]), 50);
}

}  // namespace
}  // namespace kgs::gpu::simulated
