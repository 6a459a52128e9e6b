// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace kgs::base {

/// The content of the VERSION file, such as "0.1.0".
std::string_view Version();

}  // namespace kgs::base
