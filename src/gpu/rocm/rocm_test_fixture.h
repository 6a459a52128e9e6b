// SPDX-License-Identifier: Apache-2.0
//
// For this folder's tests: a backend on the fake library of tests/fake_rocm and a fake sysfs.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "gpu/backend.h"
#include "gpu/rocm/rocm_backend.h"
#include "tests/fake_rocm/fake_rocm.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sysfs.h"
#include "tests/support/reading_matchers.h"

namespace kgs::gpu::rocm {

class RocmTest : public ::testing::Test {
 protected:
  /// A node with two AMD cards: 0000:03:00.0 is card1 and 0000:04:00.0 is card2.
  explicit RocmTest(std::string library = FAKE_ROCM)
      : library_(std::move(library)),
        first_(sysfs_.AddCard(1, "0000:03:00.0")),
        second_(sysfs_.AddCard(2, "0000:04:00.0")),
        backend_(MakeRocmBackend(library_, sysfs_.root().string())) {}
  ~RocmTest() override { backend_->Close(); }

  void Script(const std::string& script) { fake_.Write(script); }

  /// Opens a session that \p script describes; the test fails where that is refused.
  Session Open(const std::string& script) {
    Script(script);
    return Reopen();
  }
  Session Reopen() {
    auto session = backend_->Open();
    EXPECT_TRUE(session.ok()) << session.status();
    return session.ok() ? *std::move(session) : Session{};
  }
  std::string OpenFailure(const std::string& script) {
    Script(script);
    const absl::Status status = backend_->Open().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    return std::string(status.message());
  }

  /// Instead of the two cards others, numbered against the order of their addresses: card3 is
  /// 0000:06:00.0, with the unique id b, and card4 is 0000:05:00.0, with a.
  void CrossCards() {
    sysfs_.RemoveCard(1);
    sysfs_.RemoveCard(2);
    testing::FakeSysfs::Write(sysfs_.AddCard(3, "0000:06:00.0") / "unique_id", "b");
    testing::FakeSysfs::Write(sysfs_.AddCard(4, "0000:05:00.0") / "unique_id", "a");
    sysfs_.AddKfdNode(1, 1, "location_id 1536\ndomain 0");
    sysfs_.AddKfdNode(2, 2, "location_id 1280\ndomain 0");
  }

  DeviceSample Read(const Session& session, size_t index = 0) {
    return session.devices.at(index).device->Read(clock_);
  }
  /// One metric of the first GPU.
  model::Reading Read(const Session& session, model::MetricId metric) {
    return Read(session).readings[metric];
  }
  unsigned long long Calls(const std::string& symbol) const {
    return testing::FakeRocm::Calls(library_, symbol);
  }

  testing::FakeRocm& fake_ = testing::FakeRocm::Instance();
  testing::FakeSysfs sysfs_;
  testing::FakeClock clock_;
  const std::string library_;
  /// The folders of the cards in sysfs.
  const std::filesystem::path first_;
  const std::filesystem::path second_;
  const std::unique_ptr<Backend> backend_;
};

class OldRocmTest : public RocmTest {
 protected:
  OldRocmTest() : RocmTest(FAKE_ROCM_OLD) {}
};

using kgs::testing::IsAbsent;
using kgs::testing::IsValue;

}  // namespace kgs::gpu::rocm
