// SPDX-License-Identifier: Apache-2.0
//
// Names of the cluster's DNS that say the namespace of what they name. Pure.
// By the Kubernetes DNS specification (github.com/kubernetes/dns, docs/specification.md) and
// CoreDNS' pod records.
#pragma once

#include <string_view>

namespace kgs::endpoint {

/// What \p host, in lower case, names of another namespace than \p object_namespace: "a Service"
/// (NAME.NS.svc, with anything before and after that) or "a pod" (POD-IP.NS.pod); empty where its
/// form says of none. Names without "svc" or "pod" are not known from others: gateway.io may be a
/// Service of namespace "io" or a public domain.
std::string_view WhatOfAnotherNamespace(std::string_view host, std::string_view object_namespace);

}  // namespace kgs::endpoint
