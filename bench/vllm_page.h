// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kgs::bench {

/// A metrics page as vLLM 0.16 with two data-parallel engines writes it: its families, labels and
/// buckets, with made-up values.
std::string VllmPage();

}  // namespace kgs::bench
