// SPDX-License-Identifier: Apache-2.0
#include "kube/server_contact.h"

#include <algorithm>

#include "base/strings.h"
#include "kube/api_call.h"

namespace kgs::kube {

ServerContact::ServerContact(Transport& transport, base::Duration longest_silence)
    : transport_(transport),
      longest_silence_(longest_silence),
      last_heard_(transport.Now()),
      last_probe_(transport.Now()) {}

void ServerContact::Heard(base::SteadyTime at) { last_heard_ = std::max(last_heard_, at); }

void ServerContact::Tick() {
  const base::SteadyTime now = transport_.Now();
  if (probe_ != nullptr || now - last_heard_ < kProbeInterval) return;
  if (now - last_probe_ >= kProbeInterval) Probe();
}

void ServerContact::Probe() {
  last_probe_ = transport_.Now();
  probe_ = ApiGet(transport_, "/version", [this](const ApiAnswer& answer) {
    probe_.reset();
    if (answer.proves_contact()) {
      Heard(transport_.Now());
      failure_.clear();
    } else {
      failure_ = std::string(answer.object.status().message());
    }
  });
}

std::string ServerContact::Problem() const {
  if (transport_.Now() - last_heard_ <= longest_silence_) return "";
  const std::string text = "nothing has been heard of the API server for more than " +
                           base::FormatDuration(longest_silence_);
  return failure_.empty() ? text : text + ": " + failure_;
}

}  // namespace kgs::kube
