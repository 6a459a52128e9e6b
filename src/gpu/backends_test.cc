// SPDX-License-Identifier: Apache-2.0
#include "gpu/backends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace kgs::gpu {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::StartsWith;

class BackendsTest : public ::testing::Test {
 protected:
  /// The names of the backends that \p options make.
  std::vector<std::string> NamesOf(const BackendOptions& options) const {
    const auto backends = MakeBackends(options, clock_);
    EXPECT_TRUE(backends.ok()) << backends.status();
    std::vector<std::string> names;
    if (!backends.ok()) return names;
    for (const auto& backend : *backends) names.emplace_back(backend->name());
    return names;
  }

  std::string ErrorOf(const BackendOptions& options) const {
    const auto backends = MakeBackends(options, clock_);
    EXPECT_EQ(backends.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(backends.status().message());
  }

  static BackendOptions Options(const std::string& backend, const std::string& simulated_gpus) {
    BackendOptions options;
    options.backend = backend;
    options.simulated_gpus = simulated_gpus;
    return options;
  }

  testing::FakeClock clock_;
  const kgs::testing::TempFolder folder_;
  const std::string file_ = (folder_.path() / "gpus.yaml").string();
};

TEST_F(BackendsTest, TheNamesOfTheFlag) {
  EXPECT_THAT(BackendNames(), ElementsAre("auto", "nvml", "rocm", "simulated"));
}

TEST_F(BackendsTest, AutoIsEveryRealVendor) {
  EXPECT_THAT(NamesOf(BackendOptions{}), ElementsAre("nvml", "rocm"));
}

TEST_F(BackendsTest, AutoNeverSimulates) {
  std::ofstream(file_) << "gpus: [{}]";
  EXPECT_THAT(NamesOf(Options("auto", file_)), Not(Contains("simulated")));
}

TEST_F(BackendsTest, OneByName) {
  std::ofstream(file_) << "gpus: [{}]";
  EXPECT_THAT(NamesOf(Options("simulated", file_)), ElementsAre("simulated"));
  EXPECT_THAT(NamesOf(Options("nvml", "")), ElementsAre("nvml"));
  EXPECT_THAT(NamesOf(Options("rocm", "")), ElementsAre("rocm"));
}

TEST_F(BackendsTest, AnUnknownNameIsRefusedWithAHint) {
  EXPECT_EQ(ErrorOf(Options("cuda", "")),
            "--gpu-backend \"cuda\": accepted are auto, nvml, rocm and simulated");
  EXPECT_EQ(
      ErrorOf(Options("NVLM", "")),
      "--gpu-backend \"NVLM\": accepted are auto, nvml, rocm and simulated; did you mean nvml?");
  EXPECT_EQ(ErrorOf(Options("simulate", "")),
            "--gpu-backend \"simulate\": accepted are auto, nvml, rocm and simulated; did you mean "
            "simulated?");
  EXPECT_EQ(ErrorOf(Options("", "")),
            "--gpu-backend \"\": accepted are auto, nvml, rocm and simulated");
}

TEST_F(BackendsTest, SimulatedNeedsItsFile) {
  EXPECT_EQ(ErrorOf(Options("simulated", "")),
            "--gpu-backend simulated needs --simulated-gpus FILE, which describes the GPUs "
            "(docs/simulated-gpus.md)");
  EXPECT_EQ(ErrorOf(Options("simulated", file_)),
            "--simulated-gpus: " + file_ + ": No such file or directory");
  std::ofstream(file_) << "gpus:\n  - {power: 1}\n";
  EXPECT_THAT(ErrorOf(Options("simulated", file_)),
              StartsWith("--simulated-gpus: " + file_ + ":2: gpus[0]: unknown key \"power\""));
}

}  // namespace
}  // namespace kgs::gpu
