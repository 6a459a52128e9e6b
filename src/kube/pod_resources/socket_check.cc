// SPDX-License-Identifier: Apache-2.0
#include "kube/pod_resources/socket_check.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace kgs::kube {
namespace {

/// 0, or the error of connecting to \p address.
int TryConnect(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = connected ? 0 : errno;
  close(fd);
  return error;
}

bool IsOtherThanSocket(const std::string& path) {
  struct stat found{};
  return stat(path.c_str(), &found) == 0 && !S_ISSOCK(found.st_mode);
}

}  // namespace

std::string WhyNotConnected(const std::string& path) {
  if (path.empty()) return "no path of the kubelet's socket is given";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return "the path of the kubelet's socket is too long for a socket (" +
           std::to_string(sizeof address.sun_path - 1) + " bytes at most): " + path;
  }
  std::memcpy(address.sun_path, path.data(), path.size());

  const int error = TryConnect(address);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  switch (error) {
    case 0:
      return "";
    case ENOENT:
    case ENOTDIR:
      return "no kubelet socket at " + path +
             ": either the kubelet is down, or the host's folder " + folder +
             " is not mounted here (mount the folder, read-only is enough, never the file)";
    case EACCES:
    case EPERM:
      return "no permission to connect to the kubelet socket " + path + ": run as root";
    case EAGAIN:
      return "the kubelet at " + path + " accepts no connections: too many wait for it";
    case ECONNREFUSED:
      if (IsOtherThanSocket(path)) return path + " is no socket: give the kubelet's kubelet.sock";
      return "nothing listens on the kubelet socket " + path + ": the kubelet is down";
    default:
      return "cannot connect to the kubelet socket " + path + ": " +
             std::system_category().message(error);
  }
}

std::string UnixTarget(const std::string& path) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string target = path.rfind('/', 0) == 0 ? "unix://" : "unix:";
  for (const char c : path) {
    if (kPlain.find(c) != std::string_view::npos) {
      target += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    target += '%';
    target += kHex[byte >> 4];
    target += kHex[byte & 15];
  }
  return target;
}

}  // namespace kgs::kube
