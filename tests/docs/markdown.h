// SPDX-License-Identifier: Apache-2.0
//
// Reads the tables of our documents, so that tests can hold them against the tables of the code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kgs::testing {

/// The cells of a table, row by row, header and rule left out. Backticks and outer blanks are taken
/// off.
using MarkdownTable = std::vector<std::vector<std::string>>;

/// The first table under the heading \p heading ("## Profiles") of docs/\p file. Empty, with a test
/// failure, where there is none.
MarkdownTable ReadTable(const std::string& file, std::string_view heading);

/// All of docs/\p file.
std::string ReadDocument(const std::string& file);

}  // namespace kgs::testing
