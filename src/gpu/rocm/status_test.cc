// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/status.h"

#include <gtest/gtest.h>

#include <set>

namespace kgs::gpu::rocm {
namespace {

using model::Missing;

TEST(RocmStatusTest, EveryStatusHasWordsOfItsOwn) {
  std::set<std::string> texts;
  for (uint32_t status = 0; status <= abi::kRestartError; ++status) {
    texts.insert(Text(static_cast<abi::Status>(status)));
  }
  EXPECT_EQ(texts.size(), abi::kRestartError + 1U);
  EXPECT_EQ(Text(static_cast<abi::Status>(4711)), "Unknown error (status 4711)");
  EXPECT_EQ(Text(abi::kUnknown), "Unknown error");
}

TEST(RocmStatusTest, WhatAMissingValueMeans) {
  EXPECT_EQ(MissingOf(abi::kNotSupported), Missing::kUnsupported);
  EXPECT_EQ(MissingOf(abi::kNotYetImplemented), Missing::kUnsupported);
  EXPECT_EQ(MissingOf(abi::kNoSuchFunction), Missing::kUnsupported);
  EXPECT_EQ(MissingOf(abi::kPermission), Missing::kNotPermitted);
  EXPECT_EQ(MissingOf(abi::kBusy), Missing::kNotReady);
  EXPECT_EQ(MissingOf(abi::kNoData), Missing::kNotReady);
  EXPECT_EQ(MissingOf(abi::kFileError), Missing::kDriverError);
  EXPECT_EQ(MissingOf(abi::kInvalidArguments), Missing::kDriverError);
  EXPECT_EQ(MissingOf(static_cast<abi::Status>(4711)), Missing::kDriverError);
}

}  // namespace
}  // namespace kgs::gpu::rocm
