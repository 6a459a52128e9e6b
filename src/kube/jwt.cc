// SPDX-License-Identifier: Apache-2.0
#include "kube/jwt.h"

#include <absl/strings/escaping.h>

#include <nlohmann/json.hpp>
#include <string>

namespace kgs::kube {
namespace {

constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
// The end of the year 9999: beyond it is no time.
constexpr double kLastSecond = 253'402'300'799.0;

absl::Status NoJwt(const std::string& why) {
  return absl::InvalidArgumentError("the token is no ServiceAccount token (a JWT): " + why);
}

bool IsPart(std::string_view part) {
  return !part.empty() && part.find_first_not_of(kBase64Url) == std::string_view::npos;
}

}  // namespace

absl::Status CheckJwt(std::string_view token) {
  if (token.size() > kLargestJwt) {
    return NoJwt("it is longer than " + std::to_string(kLargestJwt) + " bytes");
  }
  const size_t first = token.find('.');
  const size_t last = token.rfind('.');
  const bool has_parts = first != last && IsPart(token.substr(0, first)) &&
                         IsPart(token.substr(first + 1, last - first - 1)) &&
                         IsPart(token.substr(last + 1));
  return has_parts ? absl::OkStatus() : NoJwt("it is not three parts of base64url");
}

absl::StatusOr<int64_t> ExpiryOfJwt(std::string_view token) {
  if (absl::Status possible = CheckJwt(token); !possible.ok()) return possible;
  const size_t begin = token.find('.') + 1;
  const std::string_view payload = token.substr(begin, token.rfind('.') - begin);
  std::string text;
  if (!absl::WebSafeBase64Unescape({payload.data(), payload.size()}, &text)) {
    return NoJwt("its claims are no base64url");
  }
  const auto claims = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!claims.is_object()) return NoJwt("its claims are no JSON object");
  const auto expiry = claims.find("exp");
  if (expiry == claims.end()) return NoJwt("it has no claim exp, and so would never end");
  const double seconds = expiry->is_number() ? expiry->get<double>() : -1;
  if (seconds >= 0 && seconds <= kLastSecond) return static_cast<int64_t>(seconds);
  return NoJwt("its claim exp is no time");
}

}  // namespace kgs::kube
