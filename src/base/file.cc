// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace kgs::base {
namespace {

absl::Status CannotRead(const std::string& path, const std::string& why) {
  return absl::FailedPreconditionError("cannot read " + path + ": " + why);
}

std::string LastError() { return std::generic_category().message(errno); }

absl::StatusOr<std::string> ReadAll(int fd, const std::string& path, size_t largest) {
  struct stat about{};
  if (fstat(fd, &about) != 0) return CannotRead(path, LastError());
  if (S_ISDIR(about.st_mode)) return CannotRead(path, std::generic_category().message(EISDIR));
  if (!S_ISREG(about.st_mode)) return CannotRead(path, "not a regular file");
  std::string content;
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return CannotRead(path, LastError());
    if (n == 0) return content;
    content.append(buffer.data(), static_cast<size_t>(n));
    if (content.size() > largest) {
      return CannotRead(path, "larger than " + std::to_string(largest) + " bytes");
    }
  }
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t largest) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return CannotRead(path, LastError());
  auto content = ReadAll(fd, path, largest);
  close(fd);
  return content;
}

}  // namespace kgs::base
