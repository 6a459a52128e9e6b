// SPDX-License-Identifier: Apache-2.0
#include "endpoint/cluster_name.h"

#include <gtest/gtest.h>

namespace kgs::endpoint {
namespace {

TEST(ClusterNameTest, KnowsServicesOfOtherNamespaces) {
  for (const char* host :
       {"gateway.other.svc", "gateway.other.svc.", "gateway.other.svc.cluster.local",
        "gateway.other.svc.cluster.local.", "gateway.other.svc.corp.example",
        "web-0.gateway.other.svc.cluster.local", "_http._tcp.gateway.other.svc", "svc.other.svc",
        // A Service of the namespace "svc", not one of "mine".
        "gateway.mine.svc.svc.cluster.local", "gateway.svc.svc"}) {
    EXPECT_EQ(WhatOfAnotherNamespace(host, "mine"), "a Service") << host;
  }
}

TEST(ClusterNameTest, KnowsPodsOfOtherNamespaces) {
  for (const char* host : {"10-0-0-1.other.pod", "10-0-0-1.other.pod.cluster.local",
                           "fd00--1.other.pod.cluster.local.", "x.10-0-0-1.other.pod"}) {
    EXPECT_EQ(WhatOfAnotherNamespace(host, "mine"), "a pod") << host;
  }
}

TEST(ClusterNameTest, LetsTheObjectsOwnPass) {
  for (const char* host : {"gateway.mine.svc", "gateway.mine.svc.cluster.local.",
                           "web-0.svc.mine.svc.cluster.local", "10-0-0-1.mine.pod.cluster.local"}) {
    EXPECT_EQ(WhatOfAnotherNamespace(host, "mine"), "") << host;
  }
}

TEST(ClusterNameTest, SaysNothingOfOtherNames) {
  for (const char* host : {"", ".", "gateway", "gateway.other", "other.svc", "svc", "gateway.svc",
                           "web-0.gateway.other", "metrics.example.com", "a.b.svcs",
                           "metrics.eu-west.pod.example.com", "cafe.other.pod"}) {
    EXPECT_EQ(WhatOfAnotherNamespace(host, "mine"), "") << host;
  }
}

}  // namespace
}  // namespace kgs::endpoint
