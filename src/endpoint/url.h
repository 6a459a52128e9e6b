// SPDX-License-Identifier: Apache-2.0
//
// The URL of a metrics page, as a tenant or the operator writes it. Read strictly, so that what was
// judged and what is asked cannot be two things: one spelling of an IP address, and a host that no
// resolver takes for one unless it is. Pure.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "endpoint/ip_address.h"

namespace kgs::endpoint {

struct Url {
  bool https = false;
  /// A name in lower case, or an IP address in its canonical spelling, without brackets.
  std::string host;
  /// Where the host is an IP address.
  std::optional<IpAddress> address;
  /// 80 or 443 where the URL has none.
  uint16_t port = 0;
  /// Begins with '/', and holds printable ASCII alone. No fragment.
  std::string path_and_query;

  /// What a credential belongs to: "https://gateway:443".
  std::string Origin() const { return OriginOf(host); }
  /// The whole URL. Its query may be secret.
  std::string Text() const { return Origin() + path_and_query; }
  /// For messages, never as a key: without the query, a long host or path cut with "...", so that
  /// it leaves room for what is said of it.
  std::string Shown() const;
  /// As well, one address behind it: "http://gateway:9090/metrics at 10.0.0.7". Of a URL that has
  /// the address itself, the URL.
  std::string ShownAt(const IpAddress& at) const {
    return address ? Shown() : Shown() + " at " + at.Text();
  }

  bool operator==(const Url&) const = default;

 private:
  std::string OriginOf(const std::string& name) const;
};

/// http and https only. INVALID_ARGUMENT names what is wrong and shows the URL without its query;
/// nothing of it where it may hold user information.
absl::StatusOr<Url> ParseUrl(std::string_view text);
/// Empty, or what is wrong with \p text in words that show nothing of it: "has no host".
std::string WhatIsWrongWithUrl(std::string_view text);
/// For messages: a host, cut with "..." where it is long.
std::string ShownHost(std::string_view host);
/// What may be shown of a URL that may be no URL: without its query, and "the URL" where it may
/// hold user information.
std::string QuoteUrl(std::string_view text);

}  // namespace kgs::endpoint
