// SPDX-License-Identifier: Apache-2.0
#include <absl/status/status.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "kube/json_fields.h"
#include "kube/objects.h"

namespace kgs::kube {
namespace {

/// As inet_ntop spells it; nothing where it is no address, as "None" of a headless Service. What
/// users write may be spelled in another way.
std::optional<std::string> Canonical(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  const int family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (inet_pton(family, text.c_str(), bytes.data()) != 1) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> spelled{};
  inet_ntop(family, bytes.data(), spelled.data(), spelled.size());
  return spelled.data();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadServiceAddresses(const nlohmann::json& object) {
  absl::Status problem;
  const JsonFields root(object, problem);
  const JsonFields spec = root.Object("spec");
  std::vector<std::string> texts = spec.Texts("clusterIPs");
  texts.push_back(spec.Text("clusterIP"));
  for (std::string& text : spec.Texts("externalIPs")) texts.push_back(std::move(text));
  for (const JsonFields& ingress :
       root.Object("status").Object("loadBalancer").Objects("ingress")) {
    texts.push_back(ingress.Text("ip"));
  }
  if (!problem.ok()) {
    const JsonFields meta = root.Object("metadata");
    return absl::InvalidArgumentError("Service " + meta.Text("namespace") + "/" +
                                      meta.Text("name") + ": " + std::string(problem.message()));
  }
  std::set<std::string> addresses;
  for (const std::string& text : texts) {
    if (const auto address = Canonical(text)) addresses.insert(*address);
  }
  return std::vector<std::string>(addresses.begin(), addresses.end());
}

}  // namespace kgs::kube
