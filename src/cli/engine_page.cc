// SPDX-License-Identifier: Apache-2.0
#include "cli/engine_page.h"

#include <absl/status/status.h>

#include <utility>

#include "base/strings.h"
#include "engine/dialects.h"
#include "engine/engine_rates.h"

namespace kgs::cli {
namespace {

using engine::Dialect;
using engine::PageQuery;
using engine::PageReading;

/// A saved page has no Content-Type: it is OpenMetrics where it ends as only that does.
engine::Format FormatOf(std::string_view page) {
  while (!page.empty() && (page.back() == '\n' || page.back() == '\r')) page.remove_suffix(1);
  const bool open_metrics = page == "# EOF" || page.ends_with("\n# EOF");
  return open_metrics ? engine::Format::kOpenMetrics : engine::Format::kText;
}

absl::StatusOr<const Dialect*> Recognised(const PageReading& page) {
  if (page.recognised.size() == 1) return page.recognised.front();
  if (page.recognised.empty()) {
    return absl::NotFoundError(
        page.samples > 0 ? "the page has no name of a known engine"
                         : "the page has no samples. If its engine has served nothing yet, say "
                           "which it is with --engine");
  }
  std::vector<std::string> engines;
  for (const Dialect* dialect : page.recognised) {
    engines.push_back(dialect->name + " (" + base::JoinWithAnd(dialect->prefixes) + "...)");
  }
  return absl::FailedPreconditionError("the page has names of several engines, " +
                                       base::JoinWithAnd(engines) + ": say which with --engine");
}

std::string SourceText(const engine::Term& term, const engine::RawTerm& read) {
  if (read.series.size() == 1) return read.source;
  const char* how = "sum";
  switch (term.combine) {
    case engine::Combine::kSum:
      break;
    case engine::Combine::kMax:
      how = "largest";
      break;
    case engine::Combine::kMean:
      how = "mean";
      break;
    case engine::Combine::kMin:
      how = "smallest";
      break;
  }
  return std::string(how) + " of " + std::to_string(read.series.size()) + ": " + read.source;
}

std::vector<std::string> Sources(const engine::Signal& signal, const engine::RawSignal& read) {
  std::vector<std::string> sources;
  for (size_t i = 0; i < signal.terms.size(); ++i) {
    if (read.terms[i].source.empty()) continue;
    sources.push_back(SourceText(signal.terms[i], read.terms[i]));
  }
  return sources;
}

}  // namespace

PageQuery EngineQuery(const Dialect* chosen) {
  if (chosen != nullptr) return PageQuery(engine::AllSignals(*chosen));
  std::vector<engine::Wanted> wanted;
  for (const Dialect* dialect : engine::Dialects()) {
    for (engine::Wanted& one : engine::AllSignals(*dialect)) wanted.push_back(std::move(one));
  }
  return PageQuery(std::move(wanted));
}

absl::StatusOr<EnginePage> ExplainPage(const PageQuery& query, const Dialect* chosen,
                                       const PageReading* before, const PageReading& now) {
  if (chosen == nullptr) {
    const auto recognised = Recognised(now);
    if (!recognised.ok()) return recognised.status();
    chosen = *recognised;
  }
  EnginePage page{chosen, {}, now.samples, now.malformed, now.duplicates};
  if (before != nullptr) page.compared_over = now.taken - before->taken;
  const auto values = engine::EngineValues(query, before, now);
  for (size_t i = 0; i < values.size(); ++i) {
    const engine::Signal& signal = query.wanted()[i].signal;
    if (query.wanted()[i].dialect != chosen) continue;
    page.metrics.push_back({signal.name, signal.unit, values[i], Sources(signal, now.signals[i])});
  }
  return page;
}

absl::StatusOr<EnginePage> ReadEnginePage(std::string_view page, const Dialect* chosen) {
  const PageQuery query = EngineQuery(chosen);
  engine::PageReader reader(query, FormatOf(page), std::nullopt);
  if (absl::Status status = reader.Feed(page); !status.ok()) return status;
  const auto reading = reader.Finish(engine::BodyEnd::kKnown, base::SteadyTime{});
  if (!reading.ok()) return reading.status();
  return ExplainPage(query, chosen, nullptr, *reading);
}

}  // namespace kgs::cli
