// SPDX-License-Identifier: Apache-2.0
//
// What the tests of Reflector share: one over a FakeTransport, and a log of what it told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "kube/client/reflector.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

namespace kgs::kube {

inline constexpr char kPath[] = "/api/v1/namespaces/team-a/pods";
inline constexpr char kListUrl[] = "/api/v1/namespaces/team-a/pods?limit=500";

inline std::string WatchUrl(const std::string& version) {
  return std::string(kPath) + "?watch=true&allowWatchBookmarks=true&resourceVersion=" + version +
         "&timeoutSeconds=300";
}

inline std::string Object(const std::string& name, const std::string& version) {
  return R"({"metadata":{"name":")" + name + R"(","resourceVersion":")" + version + R"("}})";
}
inline std::string Event(const std::string& type, const std::string& name,
                         const std::string& version) {
  return R"({"type":")" + type + R"(","object":)" + Object(name, version) + "}\n";
}
inline std::string ErrorEvent(int code, const std::string& message) {
  return R"({"type":"ERROR","object":{"kind":"Status","message":")" + message + R"(","code":)" +
         std::to_string(code) + "}}\n";
}
inline std::string List(const std::string& version, const std::vector<std::string>& names,
                        const std::string& next = "") {
  std::string items;
  for (const std::string& name : names) items += (items.empty() ? "" : ",") + Object(name, "1");
  return R"({"metadata":{"resourceVersion":")" + version + R"(","continue":")" + next +
         R"("},"items":[)" + items + "]}";
}

class ReflectorFixture : public ::testing::Test {
 protected:
  ReflectorFixture() : transport_(clock_) {
    options_.name = "pods in team-a";
    options_.path = kPath;
    // In the middle: every wait and every timeout is the one named.
    options_.random = [] { return 0.5; };
  }

  void Start() {
    Make();
    reflector_->Start();
  }
  void Make() {
    ReflectorEvents events;
    events.on_object = [this](const nlohmann::json& object) { Note("+", object); };
    events.on_deleted = [this](const nlohmann::json& object) { Note("-", object); };
    events.on_list_begin = [this] { log_.emplace_back("begin"); };
    events.on_list_end = [this] { log_.emplace_back("end"); };
    reflector_ = std::make_unique<Reflector>(options_, transport_, std::move(events), [this] {
      ++states_;
      seen_ = reflector_ ? reflector_->state() : ReflectorState();
    });
  }
  // Lists one pod at version 10, and opens the watch.
  void StartWatching() {
    Start();
    transport_.Answer(Last(), 200, List("10", {"a"}));
    transport_.Head(Last(), 200);
    log_.clear();
  }
  void Note(const std::string& what, const nlohmann::json& object) {
    log_.push_back(what + object.at("metadata").at("name").get<std::string>());
    if (on_note_) on_note_();
  }

  size_t Last() const { return transport_.requests() - 1; }
  const std::string& LastPath() const { return transport_.path(Last()); }
  const ReflectorState& state() const { return reflector_->state(); }
  // It waits for \p wait, and asks for \p path then and not before.
  void ExpectAskedAfter(base::Duration wait, const std::string& path) {
    EXPECT_THAT(transport_.OpenPaths(), ::testing::IsEmpty());
    ASSERT_EQ(transport_.NextTimer(), wait);
    const size_t before = transport_.requests();
    transport_.Advance(wait - std::chrono::nanoseconds(1));
    EXPECT_EQ(transport_.requests(), before);
    transport_.Advance(std::chrono::nanoseconds(1));
    EXPECT_THAT(transport_.OpenPaths(), ::testing::ElementsAre(path));
  }

  testing::FakeClock clock_;
  testing::FakeTransport transport_;
  ReflectorOptions options_;
  std::vector<std::string> log_;
  std::function<void()> on_note_;
  int states_ = 0;
  ReflectorState seen_;
  std::unique_ptr<Reflector> reflector_;
};

}  // namespace kgs::kube
