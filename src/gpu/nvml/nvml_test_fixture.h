// SPDX-License-Identifier: Apache-2.0
//
// For this folder's tests: a backend on the fake driver of tests/fake_nvml.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "gpu/backend.h"
#include "gpu/nvml/nvml_backend.h"
#include "tests/fake_nvml/fake_nvml.h"
#include "tests/support/fake_clock.h"
#include "tests/support/reading_matchers.h"

namespace kgs::gpu::nvml {

class NvmlTest : public ::testing::Test {
 protected:
  explicit NvmlTest(std::string library = FAKE_NVML)
      : library_(std::move(library)), backend_(MakeNvmlBackend(library_)) {}
  ~NvmlTest() override { backend_->Close(); }

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
  absl::Status OpenFailure(const std::string& script) {
    Script(script);
    return backend_->Open().status();
  }

  DeviceSample Read(const Session& session, size_t index = 0) {
    return session.devices.at(index).device->Read(clock_);
  }
  /// One metric of the only GPU.
  model::Reading Read(const Session& session, model::MetricId metric) {
    return Read(session).readings[metric];
  }
  unsigned long long Calls(const std::string& symbol) const {
    return testing::FakeNvml::Calls(library_, symbol);
  }

  testing::FakeNvml& fake_ = testing::FakeNvml::Instance();
  testing::FakeClock clock_;
  const std::string library_;
  const std::unique_ptr<Backend> backend_;
};

class OldNvmlTest : public NvmlTest {
 protected:
  OldNvmlTest() : NvmlTest(FAKE_NVML_OLD) {}
};

/// Waits until \p device_or_backend is inside \p call.
template <typename Caller>
void AwaitCall(const Caller& device_or_backend, const std::string& call) {
  for (;;) {
    const char* current = device_or_backend.current_call();
    if (current != nullptr && current == call) return;
    std::this_thread::yield();
  }
}

using kgs::testing::IsAbsent;
using kgs::testing::IsValue;

}  // namespace kgs::gpu::nvml
