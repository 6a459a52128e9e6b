// SPDX-License-Identifier: Apache-2.0
#include "kube/pod_resources/kubelet_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/support/fake_kubelet.h"
#include "tests/support/temp_folder.h"

namespace kgs::kube {
namespace {

using namespace std::chrono_literals;
using kgs::testing::FakeKubelet;
using kgs::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Answer = KubeletClient::Answer;
using Kind = Answer::Kind;

constexpr base::Duration kPatience = 30s;

class KubeletClientTest : public ::testing::Test {
 protected:
  TempFolder folder_;
  FakeKubelet kubelet_{folder_.path() / "kubelet.sock"};
};

TEST_F(KubeletClientTest, BringsThePodsOfAllContainersAndResources) {
  v1::ListPodResourcesResponse response;
  v1::PodResources& pod = *response.add_pod_resources();
  pod.set_namespace_("ml");
  pod.set_name("web-0");
  for (const char* numa_node : {"GPU-0", "GPU-1"}) {
    v1::ContainerDevices& devices =
        *(pod.containers_size() == 0 ? pod.add_containers() : pod.mutable_containers(0))
             ->add_devices();
    devices.set_resource_name("nvidia.com/gpu");
    devices.add_device_ids(numa_node);
  }
  v1::ContainerResources& second = *pod.add_containers();
  v1::ContainerDevices& nic = *second.add_devices();
  nic.set_resource_name("example.com/nic");
  nic.add_device_ids("mlx5_0");
  v1::ClaimResource& claim = *second.add_dynamic_resources()->add_claim_resources();
  claim.set_driver_name("gpu.nvidia.com");
  claim.set_pool_name("node-a");
  claim.set_device_name("gpu-2");
  response.add_pod_resources()->set_name("empty");
  kubelet_.AnswerWith(response);

  KubeletClient client(kubelet_.socket(), kPatience);
  const Answer answer = client.List();
  ASSERT_EQ(answer.kind, Kind::kOk) << answer.problem;
  EXPECT_EQ(answer.problem, "");
  ASSERT_THAT(answer.pods, SizeIs(2));
  EXPECT_EQ(answer.pods[0].pod.Text(), "ml/web-0");
  EXPECT_THAT(answer.pods[0].plugin_devices,
              ElementsAre(model::PluginDevice{"nvidia.com/gpu", "GPU-0"},
                          model::PluginDevice{"nvidia.com/gpu", "GPU-1"},
                          model::PluginDevice{"example.com/nic", "mlx5_0"}));
  EXPECT_THAT(answer.pods[0].dra_devices,
              ElementsAre(model::DraDevice{"gpu.nvidia.com", "node-a", "gpu-2"}));
  EXPECT_THAT(answer.pods[1].plugin_devices, IsEmpty());
}

TEST_F(KubeletClientTest, TakesAnswersBeyondTheUsualFourMebibytesUpToSixteen) {
  const std::vector<std::string> ids = {std::string(5 << 20, 'x')};
  kubelet_.Answer({{"ml", "a", {{"example.com/dev", ids}}, {}}});
  KubeletClient client(kubelet_.socket(), kPatience);
  const Answer long_one = client.List();
  ASSERT_EQ(long_one.kind, Kind::kOk) << long_one.problem;
  EXPECT_THAT(long_one.pods.at(0).plugin_devices.at(0).id, SizeIs(5 << 20));

  kubelet_.Answer({{"ml", "a", {{"example.com/dev", {std::string(17 << 20, 'x')}}}, {}}});
  const Answer too_long = client.List();
  EXPECT_EQ(too_long.kind, Kind::kFailed);
  EXPECT_EQ(too_long.problem,
            "the answer of the kubelet at " + kubelet_.socket() + " is longer than 16 MiB");
}

TEST_F(KubeletClientTest, SaysTheRateLimit) {
  kubelet_.FailForRate();
  const Answer answer = KubeletClient(kubelet_.socket(), kPatience).List();
  EXPECT_EQ(answer.kind, Kind::kTooOften);
  EXPECT_EQ(answer.problem, "the kubelet at " + kubelet_.socket() +
                                " is asked too often, by all its clients together (its rate "
                                "limit)");
}

TEST_F(KubeletClientTest, SaysThatItIsNoKubelet) {
  kubelet_.Fail(grpc::StatusCode::UNIMPLEMENTED, "unknown service v1.PodResourcesLister");
  const Answer answer = KubeletClient(kubelet_.socket(), kPatience).List();
  EXPECT_EQ(answer.kind, Kind::kFailed);
  EXPECT_THAT(answer.problem, HasSubstr(kubelet_.socket() + " does not know PodResources v1"));
}

TEST_F(KubeletClientTest, OtherErrorsKeepTheirWordsOnOneLine) {
  kubelet_.Fail(grpc::StatusCode::INTERNAL, "no\ncheckpoint" + std::string(1000, '.'));
  const Answer answer = KubeletClient(kubelet_.socket(), kPatience).List();
  EXPECT_EQ(answer.kind, Kind::kFailed);
  EXPECT_THAT(answer.problem, HasSubstr("the kubelet at " + kubelet_.socket() +
                                        " answers with gRPC code 13: no checkpoint"));
  EXPECT_THAT(answer.problem, EndsWith("..."));
  EXPECT_LT(answer.problem.size(), 400u);
}

TEST_F(KubeletClientTest, AHangEndsWithTheDeadline) {
  kubelet_.Hold();
  KubeletClient client(kubelet_.socket(), 50ms);
  const Answer answer = client.List();
  EXPECT_EQ(answer.kind, Kind::kFailed);
  EXPECT_EQ(answer.problem, "the kubelet at " + kubelet_.socket() + " does not answer");
}

TEST_F(KubeletClientTest, CancelEndsTheCallUnderWayAndAllLaterOnes) {
  kubelet_.Hold();
  KubeletClient client(kubelet_.socket(), 1h);
  EXPECT_FALSE(client.calling());
  std::thread canceller([&] {
    kubelet_.AwaitCalls(1);
    EXPECT_TRUE(client.calling());
    client.Cancel();
  });
  EXPECT_EQ(client.List().kind, Kind::kCancelled);
  canceller.join();
  EXPECT_FALSE(client.calling());
  EXPECT_EQ(client.List().kind, Kind::kCancelled);
  EXPECT_EQ(kubelet_.calls(), 1);
}

TEST_F(KubeletClientTest, AnAbsentSocketIsToldByItsReason) {
  const std::string absent = (folder_.path() / "absent.sock").string();
  const Answer answer = KubeletClient(absent, kPatience).List();
  EXPECT_EQ(answer.kind, Kind::kUnreachable);
  EXPECT_THAT(answer.problem, HasSubstr("no kubelet socket at " + absent));
}

TEST(KubeletClientPathTest, PathsMayBeRelativeAndHoldWhatUrisDoNot) {
  const TempFolder folder;
  const std::filesystem::path odd = folder.path() / "a b%20?";
  std::filesystem::create_directory(odd);
  const FakeKubelet kubelet(folder.path() / "kubelet.sock");
  const std::filesystem::path moved = odd / "kubelet.sock";
  std::filesystem::create_symlink(folder.path() / "kubelet.sock", moved);
  const Answer absolute = KubeletClient(moved.string(), kPatience).List();
  EXPECT_EQ(absolute.kind, Kind::kOk) << absolute.problem;

  const std::string relative =
      std::filesystem::relative(folder.path() / "kubelet.sock").lexically_normal().string();
  const Answer answer = KubeletClient(relative, kPatience).List();
  EXPECT_EQ(answer.kind, Kind::kOk) << relative << ": " << answer.problem;
}

}  // namespace
}  // namespace kgs::kube
