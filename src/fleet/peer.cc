// SPDX-License-Identifier: Apache-2.0
#include "fleet/peer.h"

namespace kgs::fleet {
namespace {

/// gRPC writes brackets as in a URL.
void Replace(std::string& text, std::string_view what, const char* with) {
  const size_t at = text.find(what);
  if (at != std::string::npos) text.replace(at, what.size(), with);
}

}  // namespace

std::string HostOfPeer(std::string_view peer) {
  if (!peer.starts_with("ipv4:") && !peer.starts_with("ipv6:")) return std::string(peer);
  peer.remove_prefix(5);
  std::string host(peer.substr(0, peer.rfind(':')));
  Replace(host, "%5B", "[");
  Replace(host, "%5D", "]");
  return host;
}

}  // namespace kgs::fleet
