// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kgs::kube {

/// Why a transfer failed, in words that are the same from try to try: without ports, times and
/// counts. \p code is a CURLcode, \p detail what curl wrote of it, \p os_error an errno or 0.
std::string CurlCause(int code, const std::string& detail, int os_error);

}  // namespace kgs::kube
