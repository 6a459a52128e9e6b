// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace kgs::gpu::nvml {
namespace {

using model::Missing;

std::vector<abi::Return> CodesWith(Missing missing) {
  std::vector<abi::Return> codes;
  for (unsigned int code = 1; code <= 1000; ++code) {
    if (MissingOf(static_cast<abi::Return>(code)) == missing) {
      codes.push_back(static_cast<abi::Return>(code));
    }
  }
  return codes;
}

std::vector<abi::Return> CodesWith(Effect effect) {
  std::vector<abi::Return> codes;
  for (unsigned int code = 0; code <= 1000; ++code) {
    if (EffectOf(static_cast<abi::Return>(code)) == effect) {
      codes.push_back(static_cast<abi::Return>(code));
    }
  }
  return codes;
}

using ::testing::ElementsAre;

TEST(StatusTest, WhyAValueIsMissing) {
  EXPECT_THAT(CodesWith(Missing::kUnsupported),
              ElementsAre(abi::kNotSupported, abi::kFunctionNotFound, abi::kArgumentVersionMismatch,
                          abi::kDeprecated));
  EXPECT_THAT(CodesWith(Missing::kNotPermitted),
              ElementsAre(abi::kNoPermission, abi::kOperatingSystem));
  EXPECT_THAT(CodesWith(Missing::kNotFound), ElementsAre(abi::kNotFound));
  EXPECT_THAT(CodesWith(Missing::kNotReady),
              ElementsAre(abi::kTimeout, abi::kMemory, abi::kNoData, abi::kInsufficientResources,
                          abi::kNotReady));
  // Everything else, codes of the future too.
  EXPECT_EQ(CodesWith(Missing::kDriverError).size(), 1000u - 4 - 2 - 1 - 5);
  EXPECT_TRUE(CodesWith(Missing::kNotSampledYet).empty());
  EXPECT_TRUE(CodesWith(Missing::kStale).empty());
}

TEST(StatusTest, WhatElseACodeMeans) {
  EXPECT_THAT(CodesWith(Effect::kCallNeverWorks),
              ElementsAre(abi::kNotSupported, abi::kFunctionNotFound, abi::kArgumentVersionMismatch,
                          abi::kDeprecated));
  EXPECT_THAT(CodesWith(Effect::kGpuLost), ElementsAre(abi::kGpuIsLost, abi::kResetRequired));
  EXPECT_THAT(CodesWith(Effect::kNotPermitted),
              ElementsAre(abi::kNoPermission, abi::kOperatingSystem));
  EXPECT_THAT(CodesWith(Effect::kHandleInDoubt), ElementsAre(abi::kInvalidArgument));
  EXPECT_THAT(CodesWith(Effect::kSessionOver),
              ElementsAre(abi::kUninitialized, abi::kDriverNotLoaded, abi::kLibraryNotFound,
                          abi::kLibRmVersionMismatch));
}

TEST(StatusTest, EveryCodeHasWordsOfItsOwn) {
  std::set<std::string> texts;
  for (unsigned int code = 0; code <= 30; ++code) {
    const std::string text = Text(static_cast<abi::Return>(code));
    EXPECT_TRUE(texts.insert(text).second) << text;
    EXPECT_EQ(text.find("Unknown"), std::string::npos) << code;
  }
  EXPECT_EQ(Text(abi::kUnknown), "Unknown Error");
  EXPECT_EQ(Text(static_cast<abi::Return>(31)), "Unknown Error (code 31)");
}

TEST(StatusTest, AnAbsentReadingNamesTheCall) {
  const model::Reading reading = AbsentReading("nvmlDeviceGetPowerUsage", abi::kNotSupported);
  EXPECT_FALSE(reading.has_value());
  EXPECT_EQ(reading.reason(), Missing::kUnsupported);
  EXPECT_EQ(reading.detail(), "nvmlDeviceGetPowerUsage: Not Supported");
}

}  // namespace
}  // namespace kgs::gpu::nvml
