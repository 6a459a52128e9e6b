// SPDX-License-Identifier: Apache-2.0
#include "sampling/xid_ledger.h"

#include <gtest/gtest.h>

#include <string>

namespace kgs::sampling {
namespace {

using namespace std::chrono_literals;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

constexpr base::SteadyTime kStart{std::chrono::hours(1)};

size_t LinesWith(const std::string& text, const std::string& part) {
  size_t lines = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++lines;
  return lines;
}

TEST(XidLedger, CountsByGpuAndCode) {
  XidLedger ledger;
  ledger.Add({{"GPU-a", 79}, {"GPU-a", 31}, {"GPU-b", 79}, {"GPU-a", 79}}, kStart);
  ledger.Add({{"GPU-a", 31}}, kStart + 5s);
  const auto xids = ledger.Of("GPU-a");
  ASSERT_EQ(xids.size(), 2u);
  EXPECT_EQ(xids[0].code, 31u);
  EXPECT_EQ(xids[0].count, 2u);
  EXPECT_EQ(xids[0].last, kStart + 5s);
  EXPECT_EQ(xids[1].code, 79u);
  EXPECT_EQ(xids[1].count, 2u);
  EXPECT_EQ(xids[1].last, kStart);
  EXPECT_TRUE(ledger.Of("GPU-c").empty());
}

TEST(XidLedger, HoldsNoMoreCodesThanItMay) {
  XidLedger ledger;
  for (uint64_t code = 1; code <= 40; ++code) ledger.Add({{"GPU-a", code}}, kStart);
  ledger.Add({{"GPU-a", 1}, {"GPU-b", 40}}, kStart);
  EXPECT_EQ(ledger.Of("GPU-a").size(), model::kMostXidCodes);
  EXPECT_EQ(ledger.Of("GPU-a")[0].count, 2u) << "those that are known are counted on";
  EXPECT_EQ(ledger.Of("GPU-b").size(), 1u);
}

TEST(XidLedger, HoldsNoMoreGpusThanItMay) {
  XidLedger ledger;
  CaptureStderr();
  for (size_t i = 0; i <= kMostXidGpus; ++i) {
    ledger.Add({{"GPU-" + std::to_string(i), 79}}, kStart);
  }
  GetCapturedStderr();
  EXPECT_EQ(ledger.Of("GPU-" + std::to_string(kMostXidGpus - 1)).size(), 1u);
  EXPECT_TRUE(ledger.Of("GPU-" + std::to_string(kMostXidGpus)).empty());
}

TEST(XidLedger, LogsACodeOfAGpuOnceAMinute) {
  XidLedger ledger;
  CaptureStderr();
  for (int second = 0; second < 60; ++second) {
    ledger.Add({{"GPU-a", 79}, {"GPU-b", 79}, {"GPU-a", 31}}, kStart + second * 1s);
  }
  const std::string minute = GetCapturedStderr();
  EXPECT_EQ(LinesWith(minute, "GPU had an XID error"), 3u) << minute;
  CaptureStderr();
  ledger.Add({{"GPU-a", 79}}, kStart + 60s);
  const std::string next = GetCapturedStderr();
  EXPECT_EQ(LinesWith(next, R"("xid":"79")"), 1u) << next;
  EXPECT_EQ(LinesWith(next, R"("count":"61")"), 1u) << next;
}

TEST(XidLedger, SaysWhatItDropsOnceAMinute) {
  XidLedger ledger;
  CaptureStderr();
  for (uint64_t code = 1; code <= 40; ++code) ledger.Add({{"GPU-a", code}}, kStart);
  const std::string log = GetCapturedStderr();
  EXPECT_EQ(LinesWith(log, "is not counted"), 1u) << log;
}

}  // namespace
}  // namespace kgs::sampling
