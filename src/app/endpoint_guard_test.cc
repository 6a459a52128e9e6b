// SPDX-License-Identifier: Apache-2.0
#include "app/endpoint_guard.h"

#include <absl/status/status.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>

#include "base/mutex.h"

namespace kgs::app {
namespace {

using namespace std::chrono_literals;
using endpoint::Addresses;
using endpoint::IpAddress;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

IpAddress At(const std::string& text) { return IpAddress::Parse(text).value(); }

/// The network around a hub.
class Network {
 public:
  GuardSources Sources() {
    GuardSources sources;
    sources.own_ports = {6000, 6001};
    sources.api_server = "https://api.example.com:6443";
    sources.owner_namespace = [](const IpAddress& address) -> std::optional<std::string> {
      if (address == At("10.1.0.1")) return "team";
      if (address == At("10.1.0.2")) return "other";
      if (address == At("10.1.0.3")) return "";
      return std::nullopt;
    };
    sources.look_up = [this](const std::string& host) -> absl::StatusOr<Addresses> {
      base::MutexLock lock(mutex_);
      const auto found = names_.find(host);
      if (found == names_.end()) return absl::UnavailableError(host + " cannot be resolved");
      return Addresses{At(found->second)};
    };
    sources.interfaces = [this]() -> absl::StatusOr<Addresses> {
      base::MutexLock lock(mutex_);
      if (interface_.empty()) return absl::UnavailableError("no interfaces");
      return Addresses{At("127.0.0.1"), At(interface_)};
    };
    return sources;
  }
  void SetApi(const std::string& address) {
    base::MutexLock lock(mutex_);
    names_.clear();
    if (!address.empty()) names_["api.example.com"] = address;
  }
  void SetInterface(const std::string& address) {
    base::MutexLock lock(mutex_);
    interface_ = address;
  }

 private:
  base::Mutex mutex_;
  std::map<std::string, std::string> names_ KGS_GUARDED_BY(mutex_) = {
      {"api.example.com", "10.9.0.1"}};
  std::string interface_ KGS_GUARDED_BY(mutex_) = "10.0.0.5";
};

/// Why \p address is refused to an object of "team"; empty where it is not.
std::string Judged(const EndpointGuard& guard, const std::string& address, uint16_t port) {
  return std::string(guard.Get()->Judge(At(address), port, "team").message());
}

TEST(InterfaceAddresses, HaveLoopback) {
  const auto addresses = InterfaceAddresses();
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  EXPECT_THAT(*addresses, Contains(At("127.0.0.1")));
}

TEST(ServerAddresses, AreThoseOfItsHost) {
  const endpoint::LookUp look_up = [](const std::string& host) -> absl::StatusOr<Addresses> {
    if (host != "api.example.com") return absl::UnavailableError(host + " cannot be resolved");
    return Addresses{At("10.9.0.1"), At("fd00::9")};
  };
  EXPECT_THAT(ServerAddresses("https://api.example.com:6443/k8s/c-1", look_up).value(),
              ElementsAre(At("10.9.0.1"), At("fd00::9")));
  EXPECT_THAT(ServerAddresses("https://10.96.0.1:443", look_up).value(),
              ElementsAre(At("10.96.0.1")));
  EXPECT_THAT(ServerAddresses("https://[fd00::1]:443", look_up).value(),
              ElementsAre(At("fd00::1")));
  EXPECT_TRUE(absl::IsUnavailable(ServerAddresses("https://gone:443", look_up).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ServerAddresses("unix:///run/api", look_up).status()));
}

TEST(EndpointGuard, KeepsEndpointsFromUsTheApiServerAndOtherNamespaces) {
  Network network;
  EndpointGuard guard(network.Sources());
  ASSERT_TRUE(guard.Refresh().ok());
  EXPECT_THAT(Judged(guard, "10.0.0.5", 6001), HasSubstr("is a port of this scaler's own"));
  EXPECT_THAT(Judged(guard, "::ffff:10.0.0.5", 6000), HasSubstr("is a port of this scaler's own"));
  EXPECT_EQ(Judged(guard, "10.0.0.5", 8000), "") << "another process of the same node";
  EXPECT_THAT(Judged(guard, "10.9.0.1", 6443), HasSubstr("is the API server"));
  EXPECT_THAT(Judged(guard, "10.9.0.1", 2379), HasSubstr("is the API server"));
  EXPECT_EQ(Judged(guard, "10.1.0.1", 8000), "");
  EXPECT_THAT(Judged(guard, "10.1.0.2", 8000), HasSubstr("belongs to another namespace"));
  EXPECT_THAT(Judged(guard, "10.1.0.3", 8000), HasSubstr("belongs to another namespace"));
  EXPECT_EQ(Judged(guard, "93.184.216.34", 443), "");
}

TEST(EndpointGuard, UntilAllIsKnownOnceOnlyTheOperatorsWordCounts) {
  constexpr char kUnknown[] =
      "cannot be judged: this scaler's own addresses or those of the API "
      "server are not known yet";
  Network network;
  network.SetApi("");
  network.SetInterface("");
  GuardSources sources = network.Sources();
  sources.allowed = endpoint::ParseAllowed({"10.9.0.0/16"}).value();
  EndpointGuard guard(std::move(sources));
  EXPECT_THAT(Judged(guard, "10.1.0.1", 8000), HasSubstr(kUnknown));
  EXPECT_EQ(Judged(guard, "10.9.0.1", 8000), "");
  EXPECT_FALSE(guard.Refresh().ok());
  network.SetApi("10.9.0.1");
  EXPECT_FALSE(guard.Refresh().ok());
  EXPECT_THAT(Judged(guard, "10.1.0.1", 8000), HasSubstr(kUnknown));
  network.SetInterface("10.0.0.5");
  EXPECT_TRUE(guard.Refresh().ok());
  EXPECT_EQ(Judged(guard, "10.1.0.1", 8000), "");
}

TEST(EndpointGuard, TheOperatorsWordCountsFirst) {
  Network network;
  GuardSources sources = network.Sources();
  sources.allowed = endpoint::ParseAllowed({"10.9.0.0/16", "10.1.0.2"}).value();
  EndpointGuard guard(std::move(sources));
  ASSERT_TRUE(guard.Refresh().ok());
  EXPECT_EQ(Judged(guard, "10.9.0.1", 6443), "");
  EXPECT_EQ(Judged(guard, "10.1.0.2", 8000), "");
  EXPECT_THAT(Judged(guard, "127.0.0.1", 8000), HasSubstr("is a loopback address"));
}

TEST(EndpointGuard, WithoutKubernetesThereIsNoApiServerAndNoOwner) {
  Network network;
  GuardSources sources = network.Sources();
  sources.api_server.clear();
  sources.owner_namespace = nullptr;
  EndpointGuard guard(std::move(sources));
  ASSERT_TRUE(guard.Refresh().ok());
  EXPECT_EQ(Judged(guard, "10.9.0.1", 6443), "");
  EXPECT_EQ(Judged(guard, "10.1.0.2", 8000), "");
}

TEST(EndpointGuard, WhatWasKnownStaysWhereItCannotBeFoundOut) {
  Network network;
  EndpointGuard guard(network.Sources());
  ASSERT_TRUE(guard.Refresh().ok());
  network.SetApi("");
  network.SetInterface("10.0.0.6");
  EXPECT_EQ(guard.Refresh().message(), "api.example.com cannot be resolved");
  EXPECT_THAT(Judged(guard, "10.9.0.1", 6443), HasSubstr("is the API server"));
  EXPECT_THAT(Judged(guard, "10.0.0.6", 6000), HasSubstr("own")) << "the rest is new";
  network.SetApi("10.9.0.2");
  network.SetInterface("");
  EXPECT_EQ(guard.Refresh().message(), "no interfaces");
  EXPECT_THAT(Judged(guard, "10.9.0.2", 6443), HasSubstr("is the API server"));
  EXPECT_THAT(Judged(guard, "10.0.0.6", 6000), HasSubstr("own"));
}

TEST(EndpointGuard, TriesAgainSoonerWhatItCouldNotFindOut) {
  Network network;
  network.SetApi("");
  EndpointGuard guard(network.Sources());
  base::SteadyTime now{1h};
  const auto closed = guard.Get();
  guard.RefreshIfDue(now);
  while (guard.Get() == closed) std::this_thread::yield();
  network.SetApi("10.9.0.2");
  const auto failed = guard.Get();
  while (guard.Get() == failed) guard.RefreshIfDue(now + EndpointGuard::kRetryEvery);
  EXPECT_EQ(Judged(guard, "10.1.0.1", 8000), "");
}

TEST(EndpointGuard, FollowsWhatChangesWhenItIsDue) {
  Network network;
  EndpointGuard guard(network.Sources());
  base::SteadyTime now{1h};
  const auto closed = guard.Get();
  guard.RefreshIfDue(now);
  while (guard.Get() == closed) std::this_thread::yield();
  network.SetApi("10.9.0.2");
  const auto before = guard.Get();
  guard.RefreshIfDue(now + EndpointGuard::kRefreshEvery - 1ms);
  EXPECT_EQ(guard.Get(), before);
  // While the lane still cleans up nothing is begun.
  while (guard.Get() == before) guard.RefreshIfDue(now + EndpointGuard::kRefreshEvery);
  EXPECT_THAT(Judged(guard, "10.9.0.2", 6443), HasSubstr("is the API server"));
  EXPECT_EQ(Judged(guard, "10.9.0.1", 6443), "");
}

}  // namespace
}  // namespace kgs::app
