// SPDX-License-Identifier: Apache-2.0
//
// Which series of a page are wanted, worked out once for many pages. Pure; const use from any
// thread.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/dialect.h"
#include "engine/signal.h"

namespace kgs::engine {

struct Wanted {
  Signal signal;
  /// Whose rules hold; nullptr for a series of a user's own. Lives longer than the query.
  const Dialect* dialect = nullptr;
  /// For WakeDemand rather than for EngineValues.
  bool wake = false;
};

/// All signals of an engine or a gateway.
std::vector<Wanted> AllSignals(const Dialect& dialect);

/// \p wanted of the series with \p labels alone.
Wanted Selected(Wanted wanted, const LabelMatches& labels);

/// Whether a series with these labels, pairs of name and value, meets all of \p matches.
template <typename Labels>
bool Meets(const Labels& labels, const LabelMatches& matches) {
  return std::all_of(matches.begin(), matches.end(), [&](const auto& match) {
    for (const auto& [name, value] : labels) {
      if (name == match.first) return value == match.second;
    }
    return match.second.empty();
  });
}

class PageQuery {
 public:
  /// One name that samples have on a page.
  struct Family {
    std::string name;
    /// A sample is kept where it meets one of these. None where it only matters that there is one.
    std::vector<LabelMatches> kept;
  };

  explicit PageQuery(std::vector<Wanted> wanted);

  const std::vector<Wanted>& wanted() const { return wanted_; }
  /// Each engine of wanted(), once.
  const std::vector<const Dialect*>& dialects() const { return dialects_; }
  const std::vector<Family>& families() const { return families_; }

  /// Whether a page may also be the JSON that queue_counts.h reads.
  bool queue_counts() const;

  /// The place in families() of samples that have this name, in either spelling.
  std::optional<size_t> FamilyOf(std::string_view sample_name) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  void AddName(const std::string& name, const LabelMatches& matches);
  size_t FamilyNamed(const std::string& name);

  std::vector<Wanted> wanted_;
  std::vector<const Dialect*> dialects_;
  std::vector<Family> families_;
  std::unordered_map<std::string, size_t, Hash, std::equal_to<>> places_;
};

/// What samples of a histogram's buckets are called.
std::string BucketName(const std::string& family);

}  // namespace kgs::engine
