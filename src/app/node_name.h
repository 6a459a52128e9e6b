// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include "app/options.h"

namespace kgs::app {

/// The host's name stands in for a node name that is not given, as it does for the kubelet.
inline Options WithNodeName(Options options) {
  char name[256] = "";
  if (options.node_name.empty() && gethostname(name, sizeof name - 1) == 0) {
    options.node_name = name;
  }
  return options;
}

}  // namespace kgs::app
