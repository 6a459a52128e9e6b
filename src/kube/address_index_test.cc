// SPDX-License-Identifier: Apache-2.0
#include "kube/address_index.h"

#include <gtest/gtest.h>

namespace kgs::kube {
namespace {

TEST(AddressIndex, KnowsWhoseAnAddressIs) {
  AddressIndex index;
  EXPECT_EQ(index.NamespaceOf("10.0.0.1"), std::nullopt);
  index.Add("10.0.0.1", "a");
  index.Add("10.0.0.2", "b");
  EXPECT_EQ(index.NamespaceOf("10.0.0.1"), "a");
  EXPECT_EQ(index.NamespaceOf("10.0.0.2"), "b");
  index.Remove("10.0.0.1", "a");
  EXPECT_EQ(index.NamespaceOf("10.0.0.1"), std::nullopt);
  EXPECT_EQ(index.size(), 1);
}

TEST(AddressIndex, WhatSeveralNamespacesHaveIsNoOnesOwn) {
  AddressIndex index;
  index.Add("10.0.0.1", "a");
  index.Add("10.0.0.1", "a");
  EXPECT_EQ(index.NamespaceOf("10.0.0.1"), "a") << "two of one namespace";
  index.Add("10.0.0.1", "b");
  EXPECT_EQ(index.NamespaceOf("10.0.0.1"), "");
  index.Remove("10.0.0.1", "a");
  EXPECT_EQ(index.NamespaceOf("10.0.0.1"), "");
  index.Remove("10.0.0.1", "a");
  EXPECT_EQ(index.NamespaceOf("10.0.0.1"), "b");
}

TEST(AddressIndex, WhatWasNotAddedIsNotRemoved) {
  AddressIndex index;
  index.Add("", "a");
  EXPECT_EQ(index.size(), 0) << "a pod without an address has none";
  index.Add("10.0.0.1", "a");
  index.Remove("10.0.0.1", "b");
  index.Remove("", "a");
  EXPECT_EQ(index.NamespaceOf("10.0.0.1"), "a");
}

}  // namespace
}  // namespace kgs::kube
