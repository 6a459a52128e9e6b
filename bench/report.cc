// SPDX-License-Identifier: Apache-2.0
#include "bench/report.h"

#include <functional>

#include "base/build_info.h"
#include "bench/figures.h"
#include "bench/percentile.h"

namespace kgs::bench {
namespace {

using nlohmann::ordered_json;

constexpr double kLeastThroughputRatio = 0.9;
constexpr double kMostP99Ratio = 1.2;
constexpr double kMostRssOverFloorMib = 8;
constexpr double kMostSamplerCpuPercent = 1;

using RoundValue = std::function<double(const Round&)>;

double MedianOf(const std::vector<Round>& rounds, const RoundValue& value) {
  std::vector<double> values;
  values.reserve(rounds.size());
  for (const Round& round : rounds) values.push_back(value(round));
  return Median(std::move(values));
}

ordered_json ServerJson(const LoadResult& result, double cpu_us) {
  return {{"rps", result.calls_per_second},
          {"p50_ms", result.p50_ms},
          {"p99_ms", result.p99_ms},
          {"cpu_us_per_call", cpu_us},
          {"client_cpu_percent", result.client_cpu_percent},
          {"calls", result.calls}};
}

ordered_json MedianJson(const std::vector<Round>& rounds, LoadResult Round::* side,
                        double Round::* cpu_us) {
  const auto median = [&](double LoadResult::* member) {
    return MedianOf(rounds, [&](const Round& round) { return round.*side.*member; });
  };
  return {{"rps", median(&LoadResult::calls_per_second)},
          {"p50_ms", median(&LoadResult::p50_ms)},
          {"p99_ms", median(&LoadResult::p99_ms)},
          {"cpu_us_per_call", MedianOf(rounds, [&](const Round& round) { return round.*cpu_us; })},
          {"client_cpu_percent", median(&LoadResult::client_cpu_percent)}};
}

ordered_json LoadJson(int concurrent_calls, const std::vector<Round>& rounds) {
  const auto ratio = [&](double LoadResult::* member) {
    return MedianOf(rounds,
                    [&](const Round& round) { return round.real.*member / round.empty.*member; });
  };
  ordered_json json = {{"concurrent_calls", concurrent_calls},
                       {"throughput_ratio", ratio(&LoadResult::calls_per_second)},
                       {"p50_ratio", ratio(&LoadResult::p50_ms)},
                       {"p99_ratio", ratio(&LoadResult::p99_ms)},
                       {"real", MedianJson(rounds, &Round::real, &Round::real_cpu_us)},
                       {"empty", MedianJson(rounds, &Round::empty, &Round::empty_cpu_us)},
                       {"rounds", ordered_json::array()}};
  for (const Round& round : rounds) {
    json["rounds"].push_back({{"real", ServerJson(round.real, round.real_cpu_us)},
                              {"empty", ServerJson(round.empty, round.empty_cpu_us)}});
  }
  return json;
}

ordered_json MemoryJson(const Memory& memory) {
  return {{"rss_mib", memory.rss_mib},
          {"anonymous_mib", memory.anonymous_mib},
          {"file_mib", memory.file_mib}};
}

std::string Pair(const char* format, const ordered_json& real, const ordered_json& empty) {
  return Format(format, real.get<double>()) + " / " + Format(format, empty.get<double>());
}

void AddLoadRows(const ordered_json& load, std::vector<Figure>& rows) {
  const std::string at = " at " + std::to_string(load["concurrent_calls"].get<int>());
  const ordered_json& real = load["real"];
  const ordered_json& empty = load["empty"];
  rows.push_back({"calls per second" + at, Pair("%.0f", real["rps"], empty["rps"]), ""});
  rows.push_back({"p50 ms" + at, Pair("%.3f", real["p50_ms"], empty["p50_ms"]), ""});
  rows.push_back({"p99 ms" + at, Pair("%.3f", real["p99_ms"], empty["p99_ms"]), ""});
  rows.push_back({"server CPU us per call" + at,
                  Pair("%.1f", real["cpu_us_per_call"], empty["cpu_us_per_call"]), ""});
  const double throughput = load["throughput_ratio"].get<double>();
  const double p99 = load["p99_ratio"].get<double>();
  rows.push_back({"throughput ratio" + at, Format("%.3f", throughput), "at least 0.9",
                  throughput >= kLeastThroughputRatio});
  rows.push_back({"p99 ratio" + at, Format("%.3f", p99), "at most 1.2", p99 <= kMostP99Ratio});
}

std::vector<Figure> Rows(const ordered_json& report) {
  std::vector<Figure> rows;
  for (const ordered_json& load : report["loads"]) AddLoadRows(load, rows);
  const ordered_json& memory = report["memory"];
  rows.push_back({"resident MiB after the load",
                  Pair("%.1f", memory["real"]["rss_mib"], memory["empty"]["rss_mib"]), ""});
  const double over = report["rss_over_floor_mib"].get<double>();
  rows.push_back({"resident MiB over the floor", Format("%.1f", over), "at most 8",
                  over <= kMostRssOverFloorMib});
  const double sampler = report["sampler_cpu_percent"].get<double>();
  rows.push_back({"sampler, % of one core", Format("%.2f", sampler), "under 1",
                  sampler < kMostSamplerCpuPercent});
  return rows;
}

}  // namespace

ordered_json Report(const Measurements& measurements, bool quick) {
  ordered_json report;
  ordered_json loads = ordered_json::array();
  for (const auto& [concurrent_calls, rounds] : measurements.rounds) {
    loads.push_back(LoadJson(concurrent_calls, rounds));
  }
  const SamplerCpu& sampler = measurements.sampler;
  report["throughput_ratio"] = loads.back()["throughput_ratio"];
  report["p99_ratio"] = loads.back()["p99_ratio"];
  report["rss_over_floor_mib"] =
      measurements.real_memory.rss_mib - measurements.empty_memory.rss_mib;
  report["sampler_cpu_percent"] = sampler.percent;
  report["quick"] = quick;
  report["version"] = base::Version();
  report["loads"] = std::move(loads);
  report["memory"] = {{"real", MemoryJson(measurements.real_memory)},
                      {"empty", MemoryJson(measurements.empty_memory)}};
  report["sampler"] = {{"window_seconds", sampler.window_seconds},
                       {"process_cpu_percent", sampler.process_percent},
                       {"threads_cpu_percent", sampler.threads}};
  report["machine"] = MachineJson();
  report["goals"] = GoalsJson(Rows(report));
  return report;
}

std::string Table(const ordered_json& report) {
  return FigureTable("GetMetrics, concurrent calls", "scaler / empty", Rows(report));
}

}  // namespace kgs::bench
