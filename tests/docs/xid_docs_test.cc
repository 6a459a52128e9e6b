// SPDX-License-Identifier: Apache-2.0
//
// Which XID errors are an application's own doing is said in several places: the warnings of the
// decision, the alert, the dashboard and the documents mean the same.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "decision/gpu_health.h"

namespace kgs {
namespace {

/// Those of the code, in order.
std::string Codes(const std::string& separator) {
  std::string codes;
  for (uint64_t code = 0; code < 1000; ++code) {
    if (!decision::IsApplicationXid(code)) continue;
    codes += (codes.empty() ? "" : separator) + std::to_string(code);
  }
  return codes;
}

/// What the first group of \p pattern matched in \p file of the repository, each time.
std::vector<std::string> Matches(const std::string& file, const std::string& pattern) {
  std::ifstream stream(std::string(KGS_SOURCE_DIR) + "/" + file);
  EXPECT_TRUE(stream.is_open()) << file;
  std::stringstream text;
  text << stream.rdbuf();
  const std::string all = text.str();
  const std::regex regex(pattern);
  std::vector<std::string> matches;
  for (std::sregex_iterator match(all.begin(), all.end(), regex), end; match != end; ++match) {
    matches.push_back((*match)[1]);
  }
  return matches;
}

TEST(XidDocsTest, TheAlertLeavesOutTheApplications) {
  const auto lists = Matches("deploy/prometheus/rules.yaml", R"re(xid\s*!~\s*"([^"]*)")re");
  ASSERT_FALSE(lists.empty());
  for (const std::string& list : lists) EXPECT_EQ(list, Codes("|"));
}

TEST(XidDocsTest, TheDashboardNamesThem) {
  const auto lists = Matches("deploy/grafana/keda-gpu-scaler.json",
                             R"re((\d+(?:, \d+)* and \d+) are of the application's)re");
  ASSERT_EQ(lists.size(), 1u);
  EXPECT_EQ(std::regex_replace(lists[0], std::regex(" and "), ", "), Codes(", "));
}

TEST(XidDocsTest, TheDocumentsNameThem) {
  const auto lists =
      Matches("docs/troubleshooting.md", R"re([Aa]pplication[^()|]*\((\d+(?:,\s+\d+)+)\))re");
  ASSERT_EQ(lists.size(), 2u) << "at the warning and at the alert";
  for (const std::string& list : lists) EXPECT_EQ(list, Codes(", "));
}

}  // namespace
}  // namespace kgs
