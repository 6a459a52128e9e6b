// SPDX-License-Identifier: Apache-2.0
#include "endpoint/cluster_name.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <vector>

namespace kgs::endpoint {
namespace {

std::vector<std::string_view> Labels(std::string_view host) {
  std::vector<std::string_view> labels;
  for (;;) {
    const size_t dot = host.find('.');
    labels.push_back(host.substr(0, dot));
    if (dot == host.npos) return labels;
    host.remove_prefix(dot + 1);
  }
}

/// "10-0-0-1", "2001-db8--1".
bool IsPodIp(std::string_view label) {
  return label.find('-') != label.npos &&
         std::all_of(label.begin(), label.end(),
                     [](unsigned char c) { return c == '-' || std::isxdigit(c) != 0; });
}

}  // namespace

std::string_view WhatOfAnotherNamespace(std::string_view host, std::string_view object_namespace) {
  // At any place: a pod's name may stand before its Service's, and namespaces may be called "svc".
  const std::vector<std::string_view> labels = Labels(host);
  for (size_t i = 2; i < labels.size(); ++i) {
    if (labels[i - 1] == object_namespace) continue;
    if (labels[i] == "svc") return "a Service";
    if (labels[i] == "pod" && IsPodIp(labels[i - 2])) return "a pod";
  }
  return "";
}

}  // namespace kgs::endpoint
