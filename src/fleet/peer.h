// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kgs::fleet {

/// The address in what gRPC calls a peer, without its port: "10.0.0.7" of "ipv4:10.0.0.7:4711",
/// "[::1]" of "ipv6:%5B::1%5D:4711". What is none of these stays as it is.
std::string HostOfPeer(std::string_view peer);

}  // namespace kgs::fleet
