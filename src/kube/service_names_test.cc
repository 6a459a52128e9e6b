// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kube/cluster.h"

namespace kgs::kube {
namespace {

const std::vector<std::string> kNames = {"keda-gpu-scaler", "gpus.example.com", "::1", "10.0.0.1"};

TEST(NamesService, KnowsItsNameInAllForms) {
  for (const char* address :
       {"keda-gpu-scaler:6000", "keda-gpu-scaler", "keda-gpu-scaler.keda:6000",
        "keda-gpu-scaler.keda.svc:6000", "keda-gpu-scaler.keda.svc.cluster.local:6000",
        "keda-gpu-scaler.keda.svc.cluster.local.:6000", "KEDA-GPU-Scaler.Keda.SVC:6000",
        "dns:///keda-gpu-scaler.keda:6000", "dns://10.0.0.10/keda-gpu-scaler.keda:6000",
        "dns:keda-gpu-scaler.keda:6000", "passthrough:///keda-gpu-scaler:6000",
        "gpus.example.com:443", "gpus.example.com.:443", "[::1]:6000", "::1", "[::1]",
        "10.0.0.1:6000"}) {
    EXPECT_TRUE(NamesService(kNames, address)) << address;
  }
}

TEST(NamesService, KnowsNoOther) {
  for (const char* address :
       {"", ":6000", "keda-gpu-scaler-2:6000", "a.keda-gpu-scaler:6000",
        "keda-gpu-scaler.example.com:6000", "keda-gpu-scaler.keda.service:6000",
        "keda-gpu-scaler..svc:6000", "other:6000", "gpus.example.com.keda:443", "example.com:443",
        "dns://keda-gpu-scaler:6000", "https://keda-gpu-scaler:6000", "unix:keda-gpu-scaler",
        "[::1", "[::2]:6000", "10.0.0.10:6000", "dns:///", "keda-gpu-scaler/x:6000"}) {
    EXPECT_FALSE(NamesService(kNames, address)) << address;
  }
  EXPECT_FALSE(NamesService({}, "keda-gpu-scaler:6000"));
  EXPECT_FALSE(NamesService({""}, ".keda:6000"));
}

}  // namespace
}  // namespace kgs::kube
