// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>

#include "kube/cluster.h"

namespace kgs::kube {
namespace {

/// Lower case, without brackets of IPv6 or a dot at the end.
std::string Normal(std::string_view host) {
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  std::string normal(host);
  std::transform(normal.begin(), normal.end(), normal.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return normal;
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// What gRPC would resolve: without the scheme and the authority (the DNS server) of
/// "dns://authority/endpoint".
std::string_view EndpointOf(std::string_view address) {
  if (!TakePrefix(address, "dns:") && !TakePrefix(address, "passthrough:")) return address;
  if (!TakePrefix(address, "//")) return address;
  const size_t slash = address.find('/');
  return slash == std::string_view::npos ? std::string_view() : address.substr(slash + 1);
}

std::string HostOf(std::string_view endpoint) {
  if (!endpoint.empty() && endpoint.front() == '[') {
    const size_t end = endpoint.find(']');
    return end == std::string_view::npos ? "" : Normal(endpoint.substr(0, end + 1));
  }
  const size_t colon = endpoint.find(':');
  // More than one colon: an IPv6 address without a port.
  const bool has_port = colon != std::string_view::npos && colon == endpoint.rfind(':');
  return Normal(has_port ? endpoint.substr(0, colon) : endpoint);
}

/// Whether \p rest, which stands behind the name and a dot, is NAMESPACE or NAMESPACE.svc[...].
bool IsNamespaced(std::string_view rest) {
  const size_t dot = rest.find('.');
  if (dot == 0 || rest.empty()) return false;
  if (dot == std::string_view::npos) return true;
  const std::string_view after = rest.substr(dot + 1);
  return after == "svc" || after.substr(0, 4) == "svc.";
}

}  // namespace

bool NamesService(const std::vector<std::string>& service_names,
                  const std::string& scaler_address) {
  const std::string host = HostOf(EndpointOf(scaler_address));
  if (host.empty()) return false;
  return std::any_of(service_names.begin(), service_names.end(), [&](const std::string& given) {
    const std::string name = Normal(given);
    if (host == name) return true;
    if (name.empty() || name.find('.') != std::string::npos) return false;
    return host.compare(0, name.size() + 1, name + ".") == 0 &&
           IsNamespaced(std::string_view(host).substr(name.size() + 1));
  });
}

}  // namespace kgs::kube
