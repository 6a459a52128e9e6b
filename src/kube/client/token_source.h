// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>

#include "base/clock.h"

namespace kgs::kube {

/// The bearer token of requests: a fixed one, or one in a file that is renewed there. Not
/// thread-safe.
class TokenSource {
 public:
  /// Of both, the file counts. Both empty: no token.
  TokenSource(std::string token, std::string file)
      : token_(std::move(token)), file_(std::move(file)) {}

  /// Empty where there is none to send. FAILED_PRECONDITION where the file has none and had none
  /// before; it names the file and never shows its content.
  absl::StatusOr<std::string> Get(base::SteadyTime now);

  /// The server refused it: the next Get reads the file, however young its token.
  void Refused() { read_.reset(); }

 private:
  std::string token_;
  const std::string file_;
  std::optional<base::SteadyTime> read_;
};

/// Without blanks around it; INVALID_ARGUMENT where it cannot stand in a header.
absl::StatusOr<std::string> CleanToken(const std::string& text);

}  // namespace kgs::kube
