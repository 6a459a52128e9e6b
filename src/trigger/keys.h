// SPDX-License-Identifier: Apache-2.0
//
// The one table of metadata keys: a key is a row here, a member of Settings, its use in combine.cc
// and a line in docs/configuration.md.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trigger/settings.h"

namespace kgs::trigger {

struct Key {
  std::string_view name;
  /// For messages and documents, after "must be" : "an integer from -1 to 1023".
  std::string (*accepted)();
  /// Keeps the entry, and its value where that is accepted. False where it is not.
  bool (*read)(const Entry& entry, Settings& settings);
  /// What the author of a value that is not accepted may have meant, or empty: did you mean "max"?
  std::string (*hint)(std::string_view value);
  /// As Entry::is_url.
  bool is_url = false;
};

/// In the order of the documents.
std::span<const Key> Keys();

/// Keys that KEDA reads itself and sends along. They say nothing to us.
std::span<const std::string_view> KedasOwnKeys();

/// Parameters that KEDA takes from a TriggerAuthentication only. In trigger metadata they have no
/// effect and show a private key to everybody who may read the object.
std::span<const std::string_view> AuthenticationKeys();

/// The key of ours or KEDA's that \p unknown most likely stands for, or empty. Ends in FromEnv
/// where
/// \p unknown does.
std::string NearestKey(std::string_view unknown);

}  // namespace kgs::trigger
