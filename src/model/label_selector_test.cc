// SPDX-License-Identifier: Apache-2.0
#include "model/label_selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace kgs::model {
namespace {

using Operator = LabelRequirement::Operator;
using ::testing::HasSubstr;

const Labels kWeb = {{"app", "web"}, {"tier", "front"}, {"x.io/empty", ""}};

bool Selects(const std::string& text, const Labels& labels) {
  const absl::StatusOr<LabelSelector> selector = ParseLabelSelector(text);
  EXPECT_TRUE(selector.ok()) << selector.status();
  return selector.ok() && selector->Matches(labels);
}

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<LabelSelector> selector = ParseLabelSelector(text);
  if (selector.ok()) return "accepted";
  EXPECT_EQ(selector.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(selector.status().message());
}

TEST(FindLabel, FindsWhatIsThere) {
  EXPECT_EQ(FindLabel({}, "app"), nullptr);
  EXPECT_EQ(*FindLabel(kWeb, "app"), "web");
  EXPECT_EQ(*FindLabel(kWeb, "x.io/empty"), "");
  EXPECT_EQ(FindLabel(kWeb, "ap"), nullptr);
  EXPECT_EQ(FindLabel(kWeb, "zone"), nullptr);
}

TEST(LabelSelector, MatchesAsKubernetesDoes) {
  const struct {
    const char* text;
    bool selects;
  } rows[] = {
      {"app=web", true},
      {"app==web", true},
      {"app=db", false},
      {"zone=web", false},
      {"x.io/empty=", true},
      {"app=", false},
      {"app!=db", true},
      {"app!=web", false},
      // Where the key is absent, "not" holds.
      {"zone!=a", true},
      {"zone notin (a,b)", true},
      {"app notin (db,web)", false},
      {"app notin (db,cache)", true},
      {"app in (db,web)", true},
      {"app in (db,cache)", false},
      {"zone in (a)", false},
      {"x.io/empty in ()", true},
      {"app in (,web)", true},
      {"app", true},
      {"zone", false},
      {"!zone", true},
      {"!app", false},
      {"app=web,tier=front", true},
      {"app=web,tier=back", false},
      {"app=web,app=db", false},
      {" app = web , tier in ( front , back ) , ! zone ", true},
  };
  for (const auto& row : rows) EXPECT_EQ(Selects(row.text, kWeb), row.selects) << row.text;
}

TEST(LabelSelector, WithoutRequirementsSelectsNothing) {
  EXPECT_FALSE(LabelSelector().Matches(kWeb));
  EXPECT_FALSE(LabelSelector().Matches({}));
  EXPECT_FALSE(Selects("", kWeb));
  EXPECT_FALSE(Selects("  ", kWeb));
}

TEST(LabelSelector, ReadsOperatorNamesAsKeysToo) {
  EXPECT_TRUE(Selects("in in (in,notin)", {{"in", "notin"}}));
  EXPECT_TRUE(Selects("notin=in", {{"notin", "in"}}));
  EXPECT_TRUE(Selects("notin", {{"notin", ""}}));
}

TEST(LabelSelector, SortsAndNamesEachValueOnce) {
  const absl::StatusOr<LabelSelector> selector = ParseLabelSelector("tier in (b,a,b)");
  ASSERT_TRUE(selector.ok());
  const LabelSelector wanted = {{{"tier", Operator::kIn, {"a", "b"}}}};
  EXPECT_EQ(*selector, wanted);
}

TEST(LabelSelector, TextReadsBackTheSame) {
  const LabelSelector selector = {{{"app", Operator::kIn, {"web"}},
                                   {"tier", Operator::kIn, {"a", "b"}},
                                   {"canary", Operator::kDoesNotExist, {}},
                                   {"x.io/gpu", Operator::kExists, {}},
                                   {"zone", Operator::kNotIn, {"a"}},
                                   {"rack", Operator::kNotIn, {"1", "2"}},
                                   {"empty", Operator::kIn, {""}},
                                   {"some", Operator::kIn, {"", "a"}}}};
  EXPECT_EQ(selector.Text(),
            "app=web,tier in (a,b),!canary,x.io/gpu,zone!=a,rack notin (1,2),empty=,some in (,a)");
  const absl::StatusOr<LabelSelector> again = ParseLabelSelector(selector.Text());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, selector);
}

TEST(LabelSelector, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf("app=web,"), HasSubstr("\"\" is no label key"));
  EXPECT_THAT(ErrorOf(",app=web"), HasSubstr("\"\" is no label key"));
  EXPECT_THAT(ErrorOf("app=web tier=front"), HasSubstr("',' expected at \"tier=front\""));
  EXPECT_THAT(ErrorOf("app in web"), HasSubstr("'(' expected at \"web\""));
  EXPECT_THAT(ErrorOf("app in (web"), HasSubstr("')' expected at the end"));
  EXPECT_THAT(ErrorOf("app notin"), HasSubstr("'(' expected at the end"));
  EXPECT_THAT(ErrorOf("app>3"), HasSubstr("=, ==, !=, in or notin expected at \">3\""));
  EXPECT_THAT(ErrorOf("app near (a)"), HasSubstr("in or notin expected at \"near (a)\""));
  EXPECT_THAT(ErrorOf("!app=web"), HasSubstr("',' expected"));
  EXPECT_THAT(ErrorOf("app=w$b"), HasSubstr("is no label value"));
  EXPECT_THAT(ErrorOf("app=-web"), HasSubstr("is no label value"));
  EXPECT_THAT(ErrorOf("app=" + std::string(64, 'a')), HasSubstr("is no label value"));
  EXPECT_THAT(ErrorOf("Upper.io/app=web"), HasSubstr("is no label key"));
  EXPECT_THAT(ErrorOf("a/b/c=web"), HasSubstr("is no label key"));
  EXPECT_THAT(ErrorOf("/app=web"), HasSubstr("is no label key"));
}

}  // namespace
}  // namespace kgs::model
