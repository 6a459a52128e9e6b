// SPDX-License-Identifier: Apache-2.0
//
// The one table of flags: a flag is a row here, its member in Options and its line in
// docs/configuration.md.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/options.h"

namespace kgs::app {

/// Takes a flag's text into the options; says what is accepted where it is not.
using FlagReader = std::function<std::optional<std::string>(const std::string&, Options&)>;

struct FlagRow {
  const char* name;
  /// Of those that know the flag.
  std::vector<Role> roles;
  const char* default_text;
  const char* help;
  FlagReader read;
  /// May stand without a value, which then means true.
  bool is_switch = false;
};

/// In the order of the documents.
const std::vector<FlagRow>& FlagRows();

}  // namespace kgs::app
