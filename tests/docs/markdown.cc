// SPDX-License-Identifier: Apache-2.0
#include "tests/docs/markdown.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace kgs::testing {
namespace {

std::string Clean(std::string cell) {
  cell.erase(std::remove(cell.begin(), cell.end(), '`'), cell.end());
  const size_t first = cell.find_first_not_of(' ');
  if (first == cell.npos) return "";
  return cell.substr(first, cell.find_last_not_of(' ') - first + 1);
}

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream row(line.substr(1));
  for (std::string cell; std::getline(row, cell, '|');) cells.push_back(Clean(cell));
  return cells;
}

}  // namespace

std::string ReadDocument(const std::string& file) {
  std::ifstream in(std::string(KGS_DOCS_DIR) + "/" + file);
  EXPECT_TRUE(in.is_open()) << file;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

MarkdownTable ReadTable(const std::string& file, std::string_view heading) {
  std::istringstream text(ReadDocument(file));
  MarkdownTable table;
  bool under_heading = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("#")) {
      if (under_heading) break;
      under_heading = line == heading;
    } else if (under_heading && line.starts_with("|")) {
      table.push_back(Cells(line));
    } else if (!table.empty()) {
      break;
    }
  }
  EXPECT_GE(table.size(), 3u) << "no table under \"" << heading << "\" in " << file;
  table.erase(table.begin(), table.begin() + std::min<std::ptrdiff_t>(2, std::ssize(table)));
  return table;
}

}  // namespace kgs::testing
