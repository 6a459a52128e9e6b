// SPDX-License-Identifier: Apache-2.0
//
// The samples of one page that a query wants, and what else must be known of the page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/exposition_reader.h"
#include "engine/page_query.h"

namespace kgs::engine {

/// By name.
using SortedLabels = std::vector<std::pair<std::string, std::string>>;

/// What tells one set of labels from another. Labels of \p left_out do not count.
std::string KeyOf(const SortedLabels& labels, const std::vector<std::string>& left_out);

struct KeptSample {
  SortedLabels labels;
  double value = 0;
};

struct KeptFamily {
  /// There is a sample of that name, kept or not.
  bool seen = false;
  /// A line of that name was no sample.
  bool malformed = false;
  /// A sample with a timestamp so old that Prometheus would no longer serve it.
  bool stale = false;
  /// There were more than are kept.
  bool cut = false;
  /// Of each of PageQuery::Family::kept: there is a sample with all of its labels, of whatever
  /// value.
  std::vector<bool> labelled;
  std::vector<KeptSample> samples;
};

/// Not thread-safe. One page each.
class KeptPage final : public ExpositionVisitor {
 public:
  /// Far more than any engine has; a page beyond them is cut, and its signals are faults.
  static constexpr size_t kMostSamples = 20'000;
  static constexpr size_t kMostLabelBytes = size_t{4} << 20;

  /// \p now_unix_ms is what timestamps are compared with; without it none is old. \p query must
  /// outlive the page.
  KeptPage(const PageQuery& query, std::optional<int64_t> now_unix_ms);

  void OnFamily(std::string_view name, FamilyType type) override;
  void OnSample(const Sample& sample) override;
  void OnMalformed(std::string_view name, size_t line, const char* what) override;

  /// In the order of the query's.
  const std::vector<KeptFamily>& families() const { return families_; }
  /// Whether the page has a name of that engine, which is one of the query's.
  bool HasNameOf(const Dialect& dialect) const;
  /// The page says nothing at all.
  bool empty() const { return empty_; }
  size_t malformed() const { return malformed_; }
  /// Series that stood twice: the last was kept.
  size_t duplicates() const { return duplicates_; }

 private:
  void TakeName(std::string_view name);
  void Keep(const Sample& sample, KeptFamily& family, size_t place);

  const PageQuery& query_;
  const std::optional<int64_t> now_unix_ms_;
  std::vector<KeptFamily> families_;
  /// Of each family, the place of each key in its samples.
  std::vector<std::unordered_map<std::string, size_t>> places_;
  std::vector<bool> dialect_seen_;
  /// The name seen last, and its family: samples of one name stand together.
  std::string name_;
  std::optional<size_t> family_of_name_;
  bool empty_ = true;
  size_t kept_ = 0;
  size_t kept_bytes_ = 0;
  size_t malformed_ = 0;
  size_t duplicates_ = 0;
};

}  // namespace kgs::engine
