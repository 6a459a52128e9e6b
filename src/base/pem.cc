// SPDX-License-Identifier: Apache-2.0
#include "base/pem.h"

#include <absl/strings/escaping.h>

#include <cstddef>
#include <string_view>
#include <vector>

namespace kgs::base {
namespace {

struct Block {
  std::string label;
  std::string body;
};

// The blocks that have a beginning and an end; text around them is allowed.
std::vector<Block> Blocks(const std::string& pem) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kDashes = "-----";
  std::vector<Block> blocks;
  size_t at = pem.find(kBegin);
  while (at != std::string::npos) {
    at += kBegin.size();
    const size_t label_end = pem.find(kDashes, at);
    if (label_end == std::string::npos) break;
    const std::string label = pem.substr(at, label_end - at);
    const size_t body = label_end + kDashes.size();
    const std::string end = "-----END " + label + "-----";
    const size_t body_end = pem.find(end, body);
    if (body_end == std::string::npos) break;
    blocks.push_back({label, pem.substr(body, body_end - body)});
    at = pem.find(kBegin, body_end + end.size());
  }
  return blocks;
}

// Whether \p body is the base64 of exactly one ASN.1 SEQUENCE, as certificates and keys are.
bool IsDerSequence(const std::string& body) {
  std::string der;
  if (!absl::Base64Unescape(body, &der) || der.size() < 2 || der[0] != '\x30') return false;
  const auto byte = [&der](size_t i) {
    return static_cast<size_t>(static_cast<unsigned char>(der[i]));
  };
  size_t length = byte(1);
  size_t header = 2;
  if (length >= 0x80) {
    const size_t count = length - 0x80;
    if (count == 0 || count > 4 || der.size() < 2 + count) return false;
    length = 0;
    for (size_t i = 0; i < count; ++i) length = length * 256 + byte(2 + i);
    header += count;
  }
  return der.size() == header + length;
}

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

absl::Status CheckCertificates(const std::string& pem, const std::string& what) {
  bool found = false;
  for (const Block& block : Blocks(pem)) {
    if (block.label != "CERTIFICATE") continue;
    if (!IsDerSequence(block.body)) {
      return absl::InvalidArgumentError(what + ": holds a PEM certificate that is broken");
    }
    found = true;
  }
  if (found) return absl::OkStatus();
  return absl::InvalidArgumentError(what + ": holds no PEM certificate");
}

absl::Status CheckPrivateKey(const std::string& pem, const std::string& what) {
  for (const Block& block : Blocks(pem)) {
    if (!EndsWith(block.label, "PRIVATE KEY")) continue;
    const bool encrypted = block.label == "ENCRYPTED PRIVATE KEY" ||
                           block.body.find("Proc-Type: 4,ENCRYPTED") != std::string::npos;
    if (encrypted) {
      return absl::InvalidArgumentError(what + ": needs a password; give the key without one");
    }
    if (IsDerSequence(block.body)) return absl::OkStatus();
    return absl::InvalidArgumentError(what + ": holds a PEM private key that is broken");
  }
  return absl::InvalidArgumentError(what + ": holds no PEM private key");
}

}  // namespace kgs::base
