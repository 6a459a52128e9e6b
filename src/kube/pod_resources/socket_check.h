// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kgs::kube {

/// gRPC does not say why it could not connect: trying the same by hand tells. What is wrong with
/// the unix socket at \p path and how to mend it, in stable words that name it; empty where a
/// connection is accepted. Never waits.
std::string WhyNotConnected(const std::string& path);

/// \p path as gRPC wants it: "unix:///run/x.sock" or, not absolute, "unix:x.sock", with what would
/// mean something in a URI escaped.
std::string UnixTarget(const std::string& path);

}  // namespace kgs::kube
