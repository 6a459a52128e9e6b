// SPDX-License-Identifier: Apache-2.0
#include <absl/status/status.h>
#include <absl/strings/escaping.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/strings.h"
#include "kube/client/credentials.h"

namespace kgs::kube {
namespace {

constexpr size_t kLargestFile = size_t{4} * 1024 * 1024;

// Keys of a user or a cluster that change what a request means, and that are not honoured here:
// leaving them out silently would ask as somebody else, or elsewhere.
struct Refusal {
  std::string_view key;
  std::string_view why;
};
constexpr std::string_view kInstead =
    "; use client-certificate-data with client-key-data, token or tokenFile instead, such as the "
    "token of a ServiceAccount";
constexpr std::array<Refusal, 4> kRefusedOfUser = {
    {{"exec", "a program that makes credentials is not run"},
     {"auth-provider", "providers of credentials were removed from Kubernetes"},
     {"username", "the API server accepts no passwords"},
     {"password", "the API server accepts no passwords"}}};
constexpr std::array<std::string_view, 4> kImpersonation = {"as", "as-uid", "as-groups",
                                                            "as-user-extra"};

std::string AsText(const YAML::Node& node) {
  return node.IsDefined() && node.IsScalar() ? node.Scalar() : std::string();
}

// A map of the kubeconfig, with its place for messages: "users[admin].user".
struct Section {
  YAML::Node node;
  std::string place;

  // What is absent is a node that only IsDefined may be asked of.
  YAML::Node operator[](std::string_view key) const {
    return node.IsMap() ? node[std::string(key)] : YAML::Node(YAML::NodeType::Undefined);
  }
  bool Has(std::string_view key) const {
    const YAML::Node value = (*this)[key];
    return value.IsDefined() && !value.IsNull();
  }
};

// Reads one kubeconfig. Its functions may throw what yaml-cpp throws.
class Kubeconfig {
 public:
  Kubeconfig(std::string path, const YAML::Node& root) : path_(std::move(path)), root_{root, ""} {}

  absl::StatusOr<Credentials> Read() const;

 private:
  absl::Status Error(const std::string& place, const std::string& what) const {
    return absl::FailedPreconditionError("kubeconfig " + path_ + ": " + place + ": " + what);
  }
  // Empty where \p key is absent and not \p needed.
  absl::StatusOr<std::string> Text(const Section& section, std::string_view key,
                                   bool needed = false) const;
  absl::StatusOr<bool> Flag(const Section& section, std::string_view key) const;
  // Of KEY-data, else of the file that KEY names.
  absl::StatusOr<std::string> Pem(const Section& section, const std::string& key) const;
  // The map under \p inner of the entry of list \p list that is called \p name.
  absl::StatusOr<Section> Named(std::string_view list, std::string_view inner,
                                const std::string& name, const std::string& named_by) const;
  absl::Status ReadCluster(const Section& cluster, Credentials* credentials) const;
  absl::Status ReadUser(const Section& user, Credentials* credentials) const;
  absl::Status RefuseUnknownWays(const Section& user) const;
  std::string Relative(const std::string& file) const {
    return (std::filesystem::path(path_).parent_path() / file).string();
  }

  const std::string path_;
  const Section root_;
};

std::string Child(const Section& section, std::string_view key) {
  return section.place.empty() ? std::string(key) : section.place + "." + std::string(key);
}

absl::StatusOr<std::string> Kubeconfig::Text(const Section& section, std::string_view key,
                                             bool needed) const {
  if (!section.Has(key)) {
    if (needed) return Error(Child(section, key), "is missing");
    return std::string();
  }
  const YAML::Node value = section[key];
  if (!value.IsScalar()) return Error(Child(section, key), "is no text");
  if (needed && value.Scalar().empty()) return Error(Child(section, key), "is empty");
  return value.Scalar();
}

absl::StatusOr<bool> Kubeconfig::Flag(const Section& section, std::string_view key) const {
  const auto text = Text(section, key);
  if (!text.ok()) return text.status();
  if (*text == "true") return true;
  if (text->empty() || *text == "false") return false;
  return Error(Child(section, key), "is neither true nor false");
}

absl::StatusOr<std::string> Kubeconfig::Pem(const Section& section, const std::string& key) const {
  const auto data = Text(section, key + "-data");
  if (!data.ok()) return data.status();
  if (!data->empty()) {
    std::string pem;
    if (absl::Base64Unescape(*data, &pem)) return pem;
    return Error(Child(section, key + "-data"), "is not base64");
  }
  const auto file = Text(section, key);
  if (!file.ok() || file->empty()) return file;
  auto pem = base::ReadFile(Relative(*file), kLargestFile);
  if (pem.ok()) return pem;
  return Error(Child(section, key), std::string(pem.status().message()));
}

absl::StatusOr<Section> Kubeconfig::Named(std::string_view list, std::string_view inner,
                                          const std::string& name,
                                          const std::string& named_by) const {
  const YAML::Node entries = root_[list];
  if (entries.IsDefined() && !entries.IsNull() && !entries.IsSequence()) {
    return Error(std::string(list), "is no list");
  }
  std::vector<std::string> names;
  for (const YAML::Node& entry : entries) {
    const Section section{entry, ""};
    const std::string its_name = AsText(section["name"]);
    if (!its_name.empty()) names.push_back(base::QuoteForMessage(its_name));
    if (its_name != name) continue;
    const std::string place =
        std::string(list) + "[" + base::OneLine(name) + "]." + std::string(inner);
    if (!section.Has(inner) || !section[inner].IsMap()) return Error(place, "is no map");
    return Section{section[inner], place};
  }
  return Error(std::string(list),
               "has no " + base::QuoteForMessage(name) + ", which " + named_by + " names" +
                   (names.empty() ? "" : " (there are: " + base::JoinWithAnd(names) + ")"));
}

absl::Status Kubeconfig::ReadCluster(const Section& cluster, Credentials* credentials) const {
  auto server = Text(cluster, "server", /*needed=*/true);
  if (!server.ok()) return server.status();
  while (!server->empty() && server->back() == '/') server->pop_back();
  const bool is_url = server->rfind("https://", 0) == 0 || server->rfind("http://", 0) == 0;
  const auto allowed = [](unsigned char c) { return c > ' ' && c < 0x7f && c != '"'; };
  // Not shown: a URL may have a password in it.
  if (!is_url || !std::all_of(server->begin(), server->end(), allowed) ||
      server->find_first_of("@?#") != std::string::npos) {
    return Error(Child(cluster, "server"),
                 "accepted is https://HOST:PORT (or http://), without user, query or fragment");
  }
  if (cluster.Has("proxy-url")) {
    return Error(Child(cluster, "proxy-url"),
                 "is not used; set HTTPS_PROXY in the environment instead");
  }
  auto authority = Pem(cluster, "certificate-authority");
  if (!authority.ok()) return authority.status();
  const auto insecure = Flag(cluster, "insecure-skip-tls-verify");
  if (!insecure.ok()) return insecure.status();
  if (*insecure && !authority->empty()) {
    return Error(Child(cluster, "insecure-skip-tls-verify"),
                 "contradicts certificate-authority; remove one of them");
  }
  auto name = Text(cluster, "tls-server-name");
  if (!name.ok()) return name.status();
  credentials->server = *std::move(server);
  credentials->certificate_authority = *std::move(authority);
  credentials->insecure_skip_tls_verify = *insecure;
  credentials->tls_server_name = *std::move(name);
  return absl::OkStatus();
}

absl::Status Kubeconfig::RefuseUnknownWays(const Section& user) const {
  for (const Refusal& refusal : kRefusedOfUser) {
    if (!user.Has(refusal.key)) continue;
    return Error(Child(user, refusal.key), std::string(refusal.why) + std::string(kInstead));
  }
  for (const std::string_view key : kImpersonation) {
    if (!user.Has(key)) continue;
    return Error(Child(user, key), "impersonation is not done; use credentials of that user");
  }
  return absl::OkStatus();
}

absl::Status Kubeconfig::ReadUser(const Section& user, Credentials* credentials) const {
  if (auto refused = RefuseUnknownWays(user); !refused.ok()) return refused;
  auto certificate = Pem(user, "client-certificate");
  if (!certificate.ok()) return certificate.status();
  auto key = Pem(user, "client-key");
  if (!key.ok()) return key.status();
  if (certificate->empty() != key->empty()) {
    const std::string missing = certificate->empty() ? "client-certificate" : "client-key";
    return Error(Child(user, missing), "is missing, though its counterpart is there");
  }
  auto token = Text(user, "token");
  if (!token.ok()) return token.status();
  const auto token_file = Text(user, "tokenFile");
  if (!token_file.ok()) return token_file.status();
  credentials->client_certificate = *std::move(certificate);
  credentials->client_key = *std::move(key);
  // As kubectl has it: of both, the file counts.
  if (!token_file->empty()) {
    credentials->token_file = Relative(*token_file);
  } else {
    credentials->token = *std::move(token);
  }
  return absl::OkStatus();
}

absl::StatusOr<Credentials> Kubeconfig::Read() const {
  if (!root_.node.IsMap()) {
    return absl::FailedPreconditionError("kubeconfig " + path_ + ": is no map");
  }
  const auto current = Text(root_, "current-context", /*needed=*/true);
  if (!current.ok()) return current.status();
  const auto context = Named("contexts", "context", *current, "current-context");
  if (!context.ok()) return context.status();
  const auto cluster_name = Text(*context, "cluster", /*needed=*/true);
  if (!cluster_name.ok()) return cluster_name.status();
  const auto cluster = Named("clusters", "cluster", *cluster_name, context->place + ".cluster");
  if (!cluster.ok()) return cluster.status();
  Credentials credentials;
  if (auto read = ReadCluster(*cluster, &credentials); !read.ok()) return read;
  const auto user_name = Text(*context, "user");
  if (!user_name.ok()) return user_name.status();
  // Nobody: what the API server lets the anonymous do.
  if (user_name->empty()) return credentials;
  const auto user = Named("users", "user", *user_name, context->place + ".user");
  if (!user.ok()) return user.status();
  if (auto read = ReadUser(*user, &credentials); !read.ok()) return read;
  return credentials;
}

}  // namespace

absl::StatusOr<Credentials> LoadKubeconfig(const std::string& path) {
  const auto text = base::ReadFile(path, kLargestFile);
  if (!text.ok()) {
    return absl::FailedPreconditionError("kubeconfig: " + std::string(text.status().message()));
  }
  try {
    return Kubeconfig(path, YAML::Load(*text)).Read();
  } catch (const YAML::Exception& error) {
    return absl::FailedPreconditionError("kubeconfig " + path + ":" +
                                         std::to_string(error.mark.line + 1) +
                                         ": is no valid YAML: " + error.msg);
  } catch (const std::exception& error) {
    return absl::FailedPreconditionError("kubeconfig " + path + ": " + error.what());
  }
}

}  // namespace kgs::kube
