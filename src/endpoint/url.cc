// SPDX-License-Identifier: Apache-2.0
#include "endpoint/url.h"

#include <absl/status/status.h>

#include <algorithm>
#include <cctype>

#include "base/strings.h"

namespace kgs::endpoint {
namespace {

constexpr size_t kLongestUrl = 2048;
constexpr const char* kTooLong = "is longer than 2048 characters";
constexpr size_t kLongestName = 253;
constexpr size_t kLongestLabel = 63;
constexpr size_t kLongestShownHost = 100;
constexpr size_t kLongestShownPath = 80;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsHex(unsigned char c) { return std::isxdigit(c) != 0; }

bool IsNameCharacter(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

// What RFC 3986 lets stand in a path or query.
bool IsPathCharacter(char c) {
  constexpr std::string_view kOthers = "-._~!$&'()*+,;=:@%/?";
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || kOthers.find(c) != kOthers.npos;
}

std::string_view WithoutQuery(std::string_view text) {
  return text.substr(0, text.find_first_of("?#"));
}

// Resolvers read a name whose last label is a number, "0x7f.1" or "2130706433", as an address.
bool LooksLikeAddress(std::string_view label) {
  if (label.empty()) return false;
  if (std::all_of(label.begin(), label.end(), IsDigit)) return true;
  return label.size() >= 2 && label[0] == '0' && label[1] == 'x' &&
         std::all_of(label.begin() + 2, label.end(), IsHex);
}

// Empty where \p name is one.
std::string WhatIsWrongWithName(std::string_view name) {
  if (name.empty()) return "has no host";
  if (name.size() > kLongestName) return "has a host of more than 253 characters";
  std::string_view rest = name;
  std::string_view label;
  while (!rest.empty()) {
    label = rest.substr(0, rest.find('.'));
    rest.remove_prefix(std::min(label.size() + 1, rest.size()));
    const bool good = !label.empty() && label.size() <= kLongestLabel && label.front() != '-' &&
                      label.back() != '-' &&
                      std::all_of(label.begin(), label.end(), IsNameCharacter);
    if (!good) {
      return "has a host that is no DNS name; accepted: letters, digits, - and _ between dots";
    }
  }
  if (LooksLikeAddress(label)) {
    return "has an IPv4 address in an odd spelling; accepted: four decimal numbers as in 10.0.0.1";
  }
  return "";
}

/// Takes the host off \p authority and leaves what follows it.
std::string TakeHost(std::string_view& authority, Url& url) {
  if (!authority.empty() && authority.front() == '[') {
    const size_t end = authority.find(']');
    const auto address =
        end == authority.npos ? std::nullopt : IpAddress::Parse(authority.substr(1, end - 1));
    if (!address || address->is_v4()) return "has no IPv6 address in its brackets";
    url.address = address;
    authority.remove_prefix(end + 1);
  } else {
    url.host = base::LowerCase(authority.substr(0, authority.find(':')));
    authority.remove_prefix(url.host.size());
    url.address = IpAddress::Parse(url.host);
    if (!url.address) return WhatIsWrongWithName(url.host);
  }
  url.host = url.address->Text();
  return "";
}

std::string TakePort(std::string_view rest, Url& url) {
  url.port = url.https ? 443 : 80;
  if (rest.empty()) return "";
  const std::string_view digits = rest.substr(1);
  const auto port = base::ParseInteger(digits);
  if (rest.front() != ':' || !port || *port < 1 || *port > 65535 ||
      digits != std::to_string(*port)) {
    return "has no port from 1 to 65535 after its host";
  }
  url.port = static_cast<uint16_t>(*port);
  return "";
}

std::string TakePath(std::string_view path, Url& url) {
  if (path.find('#') != path.npos) return "has a fragment; take off what begins with #";
  if (!std::all_of(path.begin(), path.end(), IsPathCharacter)) {
    return "has a character that must be written as %XX";
  }
  for (size_t at = path.find('%'); at != path.npos; at = path.find('%', at + 1)) {
    const std::string_view digits = path.substr(at + 1, 2);
    if (digits.size() < 2 || !std::all_of(digits.begin(), digits.end(), IsHex)) {
      return "has a % without two hexadecimal digits";
    }
  }
  url.path_and_query = path;
  if (path.empty() || path.front() != '/') url.path_and_query.insert(0, 1, '/');
  return "";
}

/// Empty, or what is wrong with \p text.
std::string Read(std::string_view text, Url& url) {
  if (text.size() > kLongestUrl) return kTooLong;
  const size_t colon = text.find("://");
  const std::string scheme = colon == text.npos ? "" : base::LowerCase(text.substr(0, colon));
  if (scheme != "http" && scheme != "https") {
    return "is no URL that begins with http:// or https://";
  }
  url.https = scheme == "https";
  std::string_view rest = text.substr(colon + 3);
  std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  rest.remove_prefix(authority.size());
  if (authority.find('@') != authority.npos) {
    return "holds user information; take off what stands before the @";
  }
  std::string wrong = TakeHost(authority, url);
  if (wrong.empty()) wrong = TakePort(authority, url);
  if (wrong.empty()) wrong = TakePath(rest, url);
  // Written out, with its port and its /, it must be readable again.
  if (wrong.empty() && url.Text().size() > kLongestUrl) wrong = kTooLong;
  return wrong;
}

}  // namespace

std::string Url::OriginOf(const std::string& name) const {
  return std::string(https ? "https://" : "http://") + (address ? address->UrlText() : name) + ":" +
         std::to_string(port);
}

std::string Url::Shown() const {
  const std::string path(WithoutQuery(path_and_query));
  return OriginOf(ShownHost(host)) + base::Truncate(path, kLongestShownPath);
}

std::string ShownHost(std::string_view host) {
  return base::Truncate(std::string(host), kLongestShownHost);
}

std::string QuoteUrl(std::string_view text) {
  // A password may hold any of the characters that end a host: where there is an @, all before it
  // may be secret, and a query may be all after it.
  if (text.find('@') != text.npos) return "the URL";
  return base::QuoteForMessage(WithoutQuery(text));
}

std::string WhatIsWrongWithUrl(std::string_view text) {
  Url url;
  return Read(text, url);
}

absl::StatusOr<Url> ParseUrl(std::string_view text) {
  Url url;
  const std::string wrong = Read(text, url);
  if (wrong.empty()) return url;
  return absl::InvalidArgumentError(QuoteUrl(text) + " " + wrong);
}

}  // namespace kgs::endpoint
