// SPDX-License-Identifier: Apache-2.0
//
// ParseUrl, Cidr::Parse and IpAddress::Parse with any text. What they take for a URL must be the
// same to whoever reads it next: no resolver may see an address where they saw a name.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "endpoint/address_guard.h"
#include "endpoint/ip_address.h"
#include "endpoint/url.h"

namespace {

using kgs::endpoint::AddressGuard;
using kgs::endpoint::Cidr;
using kgs::endpoint::EmbeddedV4;
using kgs::endpoint::GuardRules;
using kgs::endpoint::IpAddress;
using kgs::endpoint::ParseUrl;
using kgs::endpoint::Url;

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

void CheckMessage(const absl::Status& status) {
  const std::string message(status.message());
  Check(absl::IsInvalidArgument(status), "code");
  Check(!message.empty() && message.size() < 512, "a short message");
  Check(message.find('\n') == std::string::npos, "one line");
}

void CheckUrl(const Url& url) {
  const auto again = ParseUrl(url.Text());
  Check(again.ok() && *again == url, "the URL as text is the same URL");
  Check(IsPrintable(url.Text()), "printable");
  Check(url.port != 0 && !url.host.empty() && url.path_and_query.front() == '/', "parts");
  Check(url.host.find_first_of("/?#@\\%[]") == std::string::npos, "the host is one");
  Check(url.Shown().find('?') == std::string::npos, "no query");
  if (url.address) {
    Check(url.address->Text() == url.host, "the host is the address");
    return;
  }
  // What getaddrinfo takes for an address besides four decimal numbers.
  in_addr address{};
  Check(inet_aton(url.host.c_str(), &address) == 0, "a name that is an address");
  Check(url.host.find(':') == std::string::npos, "a name without colon");
}

void CheckAddress(const IpAddress& address) {
  Check(IpAddress::Parse(address.Text()) == address, "the address as text is the same address");
  const AddressGuard guard((GuardRules()));
  const bool passes = guard.Judge(address, 80, "mine").ok();
  for (const IpAddress& embedded : EmbeddedV4(address)) {
    Check(embedded.is_v4(), "IPv4 is embedded");
    Check(!passes || guard.Judge(embedded, 80, "mine").ok(), "what it leads to is judged");
  }
  Check(Cidr::Parse("::/0")->Contains(address) != address.is_v4(), "all of a family");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto url = ParseUrl(text);
  if (url.ok()) {
    CheckUrl(*url);
    if (url->address) CheckAddress(*url->address);
  } else {
    CheckMessage(url.status());
  }
  const auto block = Cidr::Parse(text);
  if (block.ok()) {
    const auto again = Cidr::Parse(block->Text());
    Check(again.ok() && again->Text() == block->Text(), "the block as text is the same block");
    Check(block->Contains(block->base()), "a block holds its first address");
    CheckAddress(block->base());
  } else {
    CheckMessage(block.status());
  }
  return 0;
}
