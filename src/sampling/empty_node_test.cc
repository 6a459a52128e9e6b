// SPDX-License-Identifier: Apache-2.0
//
// A node whose driver lists no GPU, through the real backend of NVML.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu/nvml/nvml_backend.h"
#include "sampling/source.h"
#include "tests/fake_nvml/fake_nvml.h"
#include "tests/support/fake_clock.h"

namespace kgs::sampling {
namespace {

using ::testing::HasSubstr;

class EmptyNodeTest : public ::testing::Test {
 protected:
  ~EmptyNodeTest() override {
    EXPECT_TRUE(source_.StopUntil(std::chrono::steady_clock::now() + std::chrono::minutes(1)));
  }

  /// So many rounds, a second apart. What was logged meanwhile.
  std::string Rounds(int rounds) {
    ::testing::internal::CaptureStderr();
    for (int round = 0; round < rounds; ++round) {
      source_.BeginRound();
      source_.AwaitRound(std::chrono::steady_clock::now() + std::chrono::minutes(1));
      source_.FinishRound();
      clock_.Advance(std::chrono::seconds(1));
    }
    return ::testing::internal::GetCapturedStderr();
  }
  static int Count(const std::string& log, const std::string& text) {
    int count = 0;
    for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++count;
    return count;
  }

  kgs::testing::FakeNvml& fake_ = kgs::testing::FakeNvml::Instance();
  kgs::testing::FakeClock clock_;
  telemetry::SamplingCounters counters_;
  Source source_{gpu::nvml::MakeNvmlBackend(FAKE_NVML), clock_, SourceOptions{}, counters_};
};

TEST_F(EmptyNodeTest, IsSaidOnceAndLookedAtAgain) {
  for (const char* script : {"# no GPU\n", "error nvmlInit_v2 28\n"}) {
    fake_.Write(script);
    const uint64_t before = counters_.driver_opens.value();
    const std::string log = Rounds(60);
    EXPECT_EQ(Count(log, "GPU driver will be reopened"), 0) << log;
    EXPECT_LE(Count(log, "GPU driver is open"), 1) << log;
    EXPECT_GE(counters_.driver_opens.value() - before, 5u);
    EXPECT_TRUE(source_.Health().open);
  }
  fake_.Write("gpu\n");
  EXPECT_THAT(Rounds(15), HasSubstr("GPU driver is open"));
  EXPECT_EQ(source_.Gpus().size(), 1u);
  EXPECT_EQ(Rounds(60), "") << "and not looked at again for no reason";
}

}  // namespace
}  // namespace kgs::sampling
