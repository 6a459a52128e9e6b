// SPDX-License-Identifier: Apache-2.0
#include "engine/raw_signal.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/strings.h"
#include "engine/sample_line.h"
#include "engine/signal_text.h"

namespace kgs::engine {
namespace {

using model::EngineGap;

/// By how much a share may be above 1 through rounding.
constexpr double kRounding = 1e-3;
constexpr std::string_view kBound = "le";

Gap Fault(const std::string& name, const std::string& what) {
  return {EngineGap::kFault, name + ": " + what};
}

/// Reads one alternative of one term.
class SeriesReader {
 public:
  SeriesReader(const PageQuery& query, const KeptPage& page, const Dialect* dialect,
               const Term& term)
      : query_(query), page_(page), term_(term) {
    if (dialect != nullptr) repeated_ = dialect->repeated_over;
  }

  /// Leaves \p read as it is where the page has no such series.
  void Read(const SeriesName& name, std::optional<RawTerm>& read) {
    const std::string samples_name =
        term_.kind == SeriesKind::kQuantile ? BucketName(name.name) : name.name;
    const auto samples = Picked(samples_name, name.labels);
    const auto counts =
        name.count.empty() ? std::vector<const KeptSample*>() : Picked(name.count, name.labels);
    if (gap_) {
      read = RawTerm{.gap = gap_};
      return;
    }
    if (samples.empty() || (!name.count.empty() && counts.empty())) return;
    std::map<std::string, RawSeries> series;
    if (term_.kind == SeriesKind::kQuantile) {
      TakeBuckets(samples_name, samples, series);
    } else {
      TakeValues(samples_name, samples, &RawSeries::value, series);
      if (!name.count.empty()) TakeCounts(name, counts, series);
    }
    RawTerm term;
    term.source = SeriesText(name);
    for (auto& [key, one] : series) {
      one.key = key;
      term.series.push_back(std::move(one));
    }
    if (gap_) term = RawTerm{.gap = gap_};
    read = std::move(term);
  }

  /// Why the series, though they stand there, say nothing now.
  std::optional<Gap> Closed() {
    if (term_.while_above_zero.empty()) return std::nullopt;
    for (const SeriesName& name : term_.while_above_zero) {
      const auto samples = Picked(name.name, name.labels);
      if (gap_) return gap_;
      if (samples.empty()) continue;
      const bool open = std::any_of(samples.begin(), samples.end(),
                                    [](const KeptSample* sample) { return sample->value > 0; });
      if (open) return std::nullopt;
      return Gap{EngineGap::kUnknown, base::Truncate(SeriesText(name), kLongestNames) +
                                          ": not above 0, so that what it is of is from before"};
    }
    return Gap{EngineGap::kAbsent,
               "no " + base::Truncate(NamesText(term_.while_above_zero), kLongestNames)};
  }

 private:
  void SetGap(Gap gap) {
    if (!gap_) gap_ = std::move(gap);
  }

  std::vector<const KeptSample*> Picked(const std::string& name, const LabelMatches& matches) {
    const KeptFamily& family = page_.families()[query_.FamilyOf(name).value()];
    if (family.malformed) SetGap(Fault(name, "a line that is no sample"));
    if (family.stale) SetGap(Fault(name, "its timestamp is more than 5 minutes old"));
    if (family.cut) SetGap(Fault(name, "too many series"));
    std::vector<const KeptSample*> picked;
    for (const KeptSample& sample : family.samples) {
      if (Meets(sample.labels, matches)) picked.push_back(&sample);
    }
    return picked;
  }

  void CheckValue(const std::string& name, double value) {
    if (!std::isfinite(value)) {
      SetGap(Fault(name, "not a finite number"));
    } else if (term_.kind != SeriesKind::kGauge) {
      // The sum of what was observed may be anything; nothing else that only grows is below 0.
      const bool counts = term_.kind != SeriesKind::kMean;
      if (counts && value < 0) SetGap(Fault(name, "below 0"));
    } else if (term_.least && value < *term_.least) {
      SetGap(Fault(name, "below " + base::FormatNumber(*term_.least)));
    } else if (term_.most && value > *term_.most + kRounding) {
      SetGap(Fault(name, "above " + base::FormatNumber(*term_.most)));
    }
  }

  /// The largest of those that repeat each other.
  void TakeValues(const std::string& name, const std::vector<const KeptSample*>& samples,
                  double RawSeries::* member, std::map<std::string, RawSeries>& series) {
    for (const KeptSample* sample : samples) {
      CheckValue(name, sample->value);
      const auto [place, added] = series.try_emplace(KeyOf(sample->labels, repeated_));
      double& value = place->second.*member;
      value = added ? sample->value : std::max(value, sample->value);
    }
  }

  void TakeCounts(const SeriesName& name, const std::vector<const KeptSample*>& samples,
                  std::map<std::string, RawSeries>& series) {
    std::map<std::string, RawSeries> counted;
    TakeValues(name.count, samples, &RawSeries::count, counted);
    for (auto& [key, one] : series) {
      const auto found = counted.find(key);
      if (found == counted.end()) {
        SetGap(Fault(name.name, "a series without one of " + name.count));
        return;
      }
      one.count = found->second.count;
    }
  }

  void TakeBuckets(const std::string& name, const std::vector<const KeptSample*>& samples,
                   std::map<std::string, RawSeries>& series) {
    std::vector<std::string> left_out = repeated_;
    left_out.emplace_back(kBound);
    std::map<std::string, std::map<double, double>> counts;
    for (const KeptSample* sample : samples) {
      const auto bound = std::find_if(sample->labels.begin(), sample->labels.end(),
                                      [](const auto& label) { return label.first == kBound; });
      const auto number =
          bound == sample->labels.end() ? std::nullopt : ParseSampleValue(bound->second);
      if (!number || std::isnan(*number)) {
        SetGap(Fault(name, "a bucket without a bound"));
        return;
      }
      CheckValue(name, sample->value);
      double& count = counts[KeyOf(sample->labels, left_out)].try_emplace(*number, 0).first->second;
      count = std::max(count, sample->value);
    }
    for (const auto& [key, buckets] : counts) {
      RawSeries& one = series[key];
      for (const auto& [bound, count] : buckets) one.buckets.push_back({bound, count});
      CheckBuckets(name, one.buckets);
    }
  }

  void CheckBuckets(const std::string& name, const std::vector<Bucket>& buckets) {
    if (!std::isinf(buckets.back().bound) || buckets.size() < 2) {
      SetGap(Fault(name, "no +Inf bucket, or no other"));
    }
    for (size_t i = 1; i < buckets.size(); ++i) {
      if (buckets[i].count < buckets[i - 1].count) SetGap(Fault(name, "counts that fall"));
    }
  }

  const PageQuery& query_;
  const KeptPage& page_;
  const Term& term_;
  std::vector<std::string> repeated_;
  std::optional<Gap> gap_;
};

bool HasServed(const PageQuery& query, const Dialect& dialect, const KeptPage& page) {
  return std::any_of(dialect.served.begin(), dialect.served.end(), [&](const std::string& name) {
    return page.families()[query.FamilyOf(name).value()].seen;
  });
}

/// What becomes of series that are absent although the page has their name.
enum class Elsewhere {
  /// It does not have it.
  kNowhere,
  /// Other values of the same labels have series: these had nothing to count yet.
  kOfOthers,
  /// No series has these labels: they cannot tell.
  kUnlabelled,
};

Elsewhere LookElsewhere(const PageQuery& query, const Term& term, const KeptPage& page) {
  Elsewhere found = Elsewhere::kNowhere;
  for (const SeriesName& name : term.first_of) {
    const bool histogram = term.kind == SeriesKind::kQuantile;
    const size_t place = query.FamilyOf(histogram ? BucketName(name.name) : name.name).value();
    const KeptFamily& family = page.families()[place];
    if (!family.seen) continue;
    const std::vector<LabelMatches>& kept = query.families()[place].kept;
    const auto asked = std::find(kept.begin(), kept.end(), name.labels);
    if (family.labelled[static_cast<size_t>(asked - kept.begin())]) return Elsewhere::kOfOthers;
    found = Elsewhere::kUnlabelled;
  }
  return found;
}

RawTerm Absent(const PageQuery& query, const Wanted& wanted, const Term& term,
               const KeptPage& page) {
  const auto without = [](EngineGap reason, std::string detail) {
    return RawTerm{.gap = Gap{reason, std::move(detail)}};
  };
  const std::string looked_for = "no " + base::Truncate(NamesText(term), kLongestNames);
  const Dialect* dialect = wanted.dialect;
  const std::string advice = dialect == nullptr ? "" : " (" + dialect->switched_on + ")";
  if (dialect != nullptr && !page.HasNameOf(*dialect)) {
    if (!page.empty()) {
      return without(EngineGap::kFault,
                     looked_for + ": nothing on the page is of " + dialect->title + advice);
    }
    if (wanted.signal.absent != WhenAbsent::kZero) {
      return without(EngineGap::kFault, looked_for + ": the page is empty" + advice);
    }
  }
  switch (wanted.signal.absent) {
    case WhenAbsent::kError:
      return without(EngineGap::kAbsent, looked_for + advice);
    case WhenAbsent::kHold:
      return without(EngineGap::kUnknown, looked_for + advice);
    case WhenAbsent::kZero:
      break;
  }
  if (dialect == nullptr) return {.zero = true};
  switch (LookElsewhere(query, term, page)) {
    case Elsewhere::kOfOthers:
      return {.zero = true};
    case Elsewhere::kUnlabelled:
      return without(EngineGap::kAbsent, looked_for + ": its series have other labels");
    case Elsewhere::kNowhere:
      break;
  }
  if (HasServed(query, *dialect, page)) {
    return without(EngineGap::kAbsent,
                   looked_for + ", though requests were served: another version?");
  }
  return {.zero = true};
}

/// All of its engines sleep.
std::optional<Gap> Sleep(const PageQuery& query, const Dialect& dialect, const KeptPage& page) {
  if (!dialect.awake) return std::nullopt;
  const std::string& name = dialect.awake->name;
  const KeptFamily& family = page.families()[query.FamilyOf(name).value()];
  if (family.malformed) return Fault(name, "a line that is no sample");
  const bool sleeps = !family.samples.empty() &&
                      std::all_of(family.samples.begin(), family.samples.end(),
                                  [](const KeptSample& sample) { return sample.value == 0; });
  if (!sleeps) return std::nullopt;
  return Gap{EngineGap::kSleeping, name + ": not awake"};
}

}  // namespace

const RawSeries* FindSeries(const RawTerm& term, const std::string& key) {
  const auto found = std::lower_bound(
      term.series.begin(), term.series.end(), key,
      [](const RawSeries& series, const std::string& wanted) { return series.key < wanted; });
  return found != term.series.end() && found->key == key ? &*found : nullptr;
}

RawSignal ReadSignal(const PageQuery& query, const Wanted& wanted, const KeptPage& page) {
  std::optional<Gap> sleep;
  if (wanted.dialect != nullptr) sleep = Sleep(query, *wanted.dialect, page);
  RawSignal signal;
  for (const Term& term : wanted.signal.terms) {
    if (sleep) {
      signal.terms.push_back(RawTerm{.gap = sleep});
      continue;
    }
    SeriesReader reader(query, page, wanted.dialect, term);
    std::optional<RawTerm> read;
    for (const SeriesName& name : term.first_of) {
      reader.Read(name, read);
      if (read) break;
    }
    if (read && !read->gap) {
      if (auto closed = reader.Closed()) read = RawTerm{.gap = std::move(closed)};
    }
    signal.terms.push_back(read ? *std::move(read) : Absent(query, wanted, term, page));
  }
  return signal;
}

}  // namespace kgs::engine
