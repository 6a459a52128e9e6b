// SPDX-License-Identifier: Apache-2.0
#include "kube/client/token_source.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/file.h"

namespace kgs::kube {
namespace {

constexpr size_t kLargestToken = size_t{64} * 1024;
// The kubelet renews a token long before it ends.
constexpr base::Duration kReadEvery = std::chrono::seconds(30);

}  // namespace

absl::StatusOr<std::string> CleanToken(const std::string& text) {
  constexpr char kBlanks[] = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string::npos) return absl::InvalidArgumentError("holds no token");
  std::string token = text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
  const auto allowed = [](unsigned char c) { return c > ' ' && c < 0x7f; };
  if (std::all_of(token.begin(), token.end(), allowed)) return token;
  return absl::InvalidArgumentError("holds something that is no token");
}

absl::StatusOr<std::string> TokenSource::Get(base::SteadyTime now) {
  if (file_.empty() || (read_ && now - *read_ < kReadEvery)) return token_;
  auto token = base::ReadFile(file_, kLargestToken);
  if (token.ok()) token = CleanToken(*token);
  if (token.ok()) {
    token_ = *std::move(token);
    read_ = now;
    return token_;
  }
  // The one from before may still be good; if not, the server says so.
  if (!token_.empty()) return token_;
  std::string message(token.status().message());
  if (message.find(file_) == std::string::npos) message = file_ + " " + message;
  return absl::FailedPreconditionError("no bearer token: " + message);
}

}  // namespace kgs::kube
