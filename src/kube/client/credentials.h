// SPDX-License-Identifier: Apache-2.0
//
// Where the API server is and who we are to it: from a pod's ServiceAccount or from a kubeconfig.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>

namespace kgs::kube {

/// Certificates and keys are PEM text.
struct Credentials {
  /// "https://10.0.0.1:443", without a slash at the end.
  std::string server;
  std::string certificate_authority;
  /// The name to verify instead of the server's; empty for the server's.
  std::string tls_server_name;
  bool insecure_skip_tls_verify = false;
  std::string client_certificate;
  std::string client_key;
  /// A token that does not change; empty where there is none or a file has it.
  std::string token;
  /// Read again and again, since the kubelet renews what is in it.
  std::string token_file;
};

/// As getenv: nullptr where not set.
using Environment = std::function<const char*(const char*)>;

inline constexpr char kServiceAccountFolder[] = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Whether this process is in a pod with a ServiceAccount: both KUBERNETES_SERVICE_HOST and the
/// token in \p folder are there.
bool InCluster(const Environment& environment, const std::string& folder = kServiceAccountFolder);

/// FAILED_PRECONDITION names what is missing.
absl::StatusOr<Credentials> InClusterCredentials(const Environment& environment,
                                                 const std::string& folder = kServiceAccountFolder);

/// The current context of the kubeconfig at \p path. Relative paths in it are relative to its
/// folder. Errors name the file and the key; a user that needs a program (exec, auth-provider) or a
/// password is refused with what can be used instead.
absl::StatusOr<Credentials> LoadKubeconfig(const std::string& path);

}  // namespace kgs::kube
